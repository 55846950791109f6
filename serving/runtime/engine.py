"""A tagger in the three steps that the service needs apart: prepare a document, run windows of many, write rows.

Documents are cut into windows exactly as the tagger does it, and a window's result does not depend on what else is in
a batch, so an answer is the one that `Tagger.tag_document` gives, whatever it was batched with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from clausetag.data.corpora.five import text_sha256
from clausetag.data.records import Document, Sentence
from clausetag.model.decision import calibrate, decide
from clausetag.model.provenance import package_version
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import FloatArray, SubwordTokenizer, encode_sentences
from clausetag.model.windows import EncodedSentence, Window, pack

LICENCE = "Code: MIT. Weights: as their card says; the shipped ones are for non-commercial research (OPP-115's terms)."


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document's sentences, and the windows that they are read in."""

    document: Document
    sentences: tuple[Sentence, ...]
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the answer shall hold."""

    head: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    """Labels to answer with; none: all."""
    scores: bool = True


class Engine:
    """Not tied to a thread; calls share no state."""

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger
        self._tokenizer = SubwordTokenizer.of(Tokenizer.from_file(str(tagger.artifact.folder / "tokenizer.json")))

    @property
    def heads(self) -> tuple[str, ...]:
        """Names that a request can choose from."""
        return tuple(self.tagger.artifact.settings)

    def prepare(self, document: Document, sentences: Sequence[Sentence], *, context: bool = True) -> Prepared:
        """Tokenise and cut into windows; with ``context=False`` every sentence stands in a window of its own."""
        encoded = encode_sentences(sentences, self._tokenizer, context=context and self.tagger.artifact.context)
        windows = tuple(window for policy in encoded.policies for window in self._windows(policy))
        return Prepared(document, tuple(sentences), windows)

    def _windows(self, policy: tuple[EncodedSentence, ...]) -> Iterator[Window]:
        for window in pack(policy, self.tagger.artifact.window, self._tokenizer.cls_id, self._tokenizer.sep_id):
            # Passages have said where to cut; from here on nobody asks for them.
            yield replace(window, passages=())

    def infer(self, windows: Sequence[Window]) -> list[FloatArray]:
        """Raw logits float [sentences, heads, labels] of each window, which may come from any documents."""
        return self.tagger.run(windows)

    def answer(self, prepared: Prepared, logits: Sequence[FloatArray], wanted: Wanted) -> dict[str, Any]:
        """The JSON object for one document; `logits` are those of its windows, in order."""
        known = self.tagger.labels
        scores = self._scores(prepared, logits, wanted.head)
        limits = self.tagger.thresholds(wanted.head).copy()
        for label, limit in wanted.thresholds.items():
            limits[known.index(label)] = limit
        decided = decide(scores, limits, self.tagger.min_labels(wanted.head))
        rows: list[dict[str, Any]] = []
        summary = dict.fromkeys(wanted.categories or known, 0)
        for sentence, values, chosen in zip(prepared.sentences, scores.tolist(), decided.tolist(), strict=True):
            labels = [label for label, has in zip(known, chosen, strict=True) if has and label in summary]
            for label in labels:
                summary[label] += 1
            named = {label: round(value, 4) for label, value in zip(known, values, strict=True) if label in summary}
            tagged = sentence.with_prediction(labels, named if wanted.scores else None, prepared.document.flags)
            rows.append(tagged.row())
        text = prepared.document.text
        return {
            "model": self.name(wanted.head),
            "text": text,
            "sha256": text_sha256(text),
            "flags": list(prepared.document.flags),
            "sentences": rows,
            "summary": summary,
        }

    def _scores(self, prepared: Prepared, logits: Sequence[FloatArray], head: str) -> npt.NDArray[np.float64]:
        settings = self.tagger.head(head)
        output = self.tagger.artifact.heads.index(settings.output)
        own = np.zeros((len(prepared.sentences), len(self.tagger.labels)))
        for window, values in zip(prepared.windows, logits, strict=True):
            own[[unit.row for unit in window.sentences]] = values[:, output]
        return calibrate(own, settings.slope, settings.intercept)

    def name(self, head: str) -> dict[str, str]:
        """The "model" of an answer."""
        config = self.tagger.config
        return {
            "name": str(config.get("name", "")),
            "hash": self.tagger.hash,
            "head": head,
            "version": package_version(),
        }

    def info(self) -> dict[str, Any]:
        """The "model" of `/info`."""
        config = self.tagger.config
        heads = {
            name: {
                "thresholds": dict(zip(self.tagger.labels, self.tagger.thresholds(name).tolist(), strict=True)),
                "min_labels": self.tagger.min_labels(name),
            }
            for name in self.heads
        }
        return {
            "name": str(config.get("name", "")),
            "hash": self.tagger.hash,
            "backbone": str(config.get("backbone", "")),
            "default_head": self.tagger.artifact.default_head,
            "heads": heads,
            "licence": LICENCE,
            "figures": [
                {key: value for key, value in figure.items() if key != "per_category"}
                for figure in config.get("figures", ())
            ],
        }

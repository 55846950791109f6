"""The tagger: text in, labelled sentences out, by ONNX Runtime on the CPU; no torch.

The same code serves batch prediction, the HTTP service and the evaluation, so a text gets the same answer through
every door.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from clausetag.data.errors import ArtifactError, first_line
from clausetag.data.records import Document, Sentence
from clausetag.model.artifact import Artifact, HeadSettings, TrainedOn, load_artifact
from clausetag.model.decision import calibrate, decide
from clausetag.model.runtime import Runtime
from clausetag.model.tagged import Tagged
from clausetag.model.tokenise import EncodedPolicies, FloatArray, SubwordTokenizer, encode_sentences, encode_texts
from clausetag.model.windows import Window


class Tagger:
    """A loaded model. Not tied to a thread; calls do not share state."""

    def __init__(self, artifact: Artifact, threads: int | None = None) -> None:
        """Load the network and tokenizer of a checked folder.

        Raises:
            ArtifactError: it has no ONNX file, or its parts do not belong together.
        """
        path = artifact.folder / "model.onnx"
        if not path.is_file():
            raise ArtifactError(
                f"{artifact.folder}: has no model.onnx; write it with `clausetag export {artifact.folder}`"
            )
        try:
            self._runtime = Runtime(path, threads)
            self.tokenizer = SubwordTokenizer.of(Tokenizer.from_file(str(artifact.folder / "tokenizer.json")))
            self.tokenizer.encode(["a word, and \u4e2d"])  # a vocabulary without an unknown piece fails here
        except Exception as error:  # the runtime and the tokenizer raise bare exceptions of their own
            reason = first_line(error)
            raise ArtifactError(f"{artifact.folder}: cannot be loaded ({reason[:200]})") from None
        shape, expected = self._runtime.shape, (len(artifact.heads), len(artifact.labels))
        if shape != expected:
            raise ArtifactError(f"{artifact.folder}: model.onnx gives {shape} values, config.json says {expected}")
        self.artifact = artifact

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, *, threads: int | None = None) -> Tagger:
        """Load a model folder, a shipped model by name, or (None) CLAUSETAG_MODEL or the default one.

        Raises:
            ArtifactError: it is missing, incomplete, foreign or changed.
        """
        return cls(load_artifact(model), threads)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of all arrays."""
        return self.artifact.labels

    @property
    def hash(self) -> str:
        """Names exactly this model's files."""
        return self.artifact.hash

    @property
    def config(self) -> Mapping[str, Any]:
        """The artifact's config.json."""
        return self.artifact.config

    @cached_property
    def trained_on(self) -> TrainedOn:
        """Policies and text hashes that training saw."""
        return self.artifact.trained_on()

    def head(self, name: str | None = None) -> HeadSettings:
        """Settings of a head (default: the artifact's default head).

        Raises:
            ArtifactError: the model has no such head; the message lists those it has.
        """
        wanted = name or self.artifact.default_head
        if wanted not in self.artifact.settings:
            raise ArtifactError(f"this model has no head {wanted!r}; it has {', '.join(self.artifact.settings)}")
        return self.artifact.settings[wanted]

    def thresholds(self, head: str | None = None) -> npt.NDArray[np.float64]:
        """Thresholds of a head, float [labels]."""
        return self.head(head).thresholds

    def min_labels(self, head: str | None = None) -> int:
        """1 where every sentence gets a label, else 0."""
        return self.head(head).min_labels

    def logits(self, encoded: EncodedPolicies) -> tuple[FloatArray, FloatArray]:
        """Raw logits float [sentences, heads, labels] and float [passages, heads, labels].

        Every window is computed alone, so a result depends on nothing that stands beside it.
        """
        return self._runtime.logits(encoded, self.artifact.window, self.tokenizer)

    def run(self, windows: Sequence[Window]) -> list[FloatArray]:
        """Raw logits float [units, heads, labels] of each window; its units are its sentences, then its passages."""
        return list(self._runtime.run(windows))

    def score(self, sentences: Sequence[Sentence], *, head: str | None = None) -> npt.NDArray[np.float64]:
        """Calibrated probabilities float [n, labels] of sentences, which stand grouped by policy and in order."""
        if not sentences:
            return np.zeros((0, len(self.labels)))
        encoded = encode_sentences(sentences, self.tokenizer, context=self.artifact.context)
        return self._calibrated(self.logits(encoded)[0], head)

    def score_passages(self, sentences: Sequence[Sentence]) -> tuple[list[tuple[str, int]], npt.NDArray[np.float64]]:
        """(policy, passage) pairs and their probabilities float [m, labels], pooled over the passage in context."""
        encoded = encode_sentences(sentences, self.tokenizer)
        return list(encoded.passages), self._calibrated(self.logits(encoded)[1], "passage")

    def score_texts(self, texts: Sequence[str], head: str | None = "passage") -> npt.NDArray[np.float64]:
        """Probabilities float [n, labels] of isolated texts, each read as one passage."""
        if not texts:
            return np.zeros((0, len(self.labels)))
        return self._calibrated(self.logits(encode_texts(texts, self.tokenizer))[0], head)

    def _calibrated(self, logits: FloatArray, head: str | None) -> npt.NDArray[np.float64]:
        settings = self.head(head)
        own = logits[:, self.artifact.heads.index(settings.output)]
        return calibrate(own, settings.slope, settings.intercept)

    def tag_sentences(self, sentences: Sequence[Sentence], *, head: str | None = None) -> list[Sentence]:
        """The same sentences with predicted `labels` and `scores` (all labels, rounded to 4 digits)."""
        scores = self.score(sentences, head=head)
        decided = decide(scores, self.thresholds(head), self.min_labels(head))
        tagged: list[Sentence] = []
        for sentence, row, chosen in zip(sentences, scores, decided, strict=True):
            named = {label: round(float(value), 4) for label, value in zip(self.labels, row, strict=True)}
            tagged.append(sentence.with_prediction([self.labels[i] for i in np.flatnonzero(chosen)], named))
        return tagged

    def tag_document(self, document: Document, *, head: str | None = None) -> Tagged:
        """Segment an extracted document and tag its sentences, in order."""
        from clausetag.data.segment import segment

        return Tagged(self.tag_sentences(segment(document), head=head), self.labels)

    def tag(self, text: str, *, policy: str = "text") -> Tagged:
        """Tag the sentences of a text (plain or Markdown)."""
        from clausetag.data.documents.inputs import extract_text

        return self.tag_document(extract_text(policy, text))

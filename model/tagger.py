"""The tagger: text in, labelled sentences out. It runs on the CPU with ONNX Runtime and needs no torch.

Batch prediction, the HTTP service and the evaluation all use it, so the same text gets the same labels everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from clausetag.data.errors import ArtifactError, DocumentError, first_line
from clausetag.data.records import Document, Sentence
from clausetag.model.artifact import Artifact, HeadSettings, TrainedOn, load_artifact
from clausetag.model.decision import calibrate, decide, decide_values, value_scores
from clausetag.model.runtime import Runtime
from clausetag.model.tagged import Tagged
from clausetag.model.tokenise import EncodedPolicies, FloatArray, SubwordTokenizer, encode_sentences, encode_texts
from clausetag.model.windows import Window

Scores = npt.NDArray[np.float64]


class Tagger:
    """A loaded model. It may be used from several threads at once."""

    def __init__(self, artifact: Artifact, threads: int | None = None, *, attributes: bool = True) -> None:
        """Load the network and tokenizer of a checked model folder.

        Args:
            artifact: what `load_artifact` returned.
            threads: windows computed at the same time (default: one per core).
            attributes: whether sentences get attributes, if the model has heads for them.

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
            self.tokenizer.encode(["a word, and \u4e2d"])  # fails here if the vocabulary has no unknown token
        except Exception as error:  # ONNX Runtime and tokenizers raise exceptions of their own
            raise ArtifactError(f"{artifact.folder}: cannot be loaded ({first_line(error)[:200]})") from None
        shape, expected = self._runtime.shape, (len(artifact.heads), len(artifact.labels))
        if shape != expected:
            raise ArtifactError(f"{artifact.folder}: model.onnx gives {shape} values, config.json says {expected}")
        if bool(artifact.values) != bool(self._runtime.value_shape[0]):
            raise ArtifactError(f"{artifact.folder}: model.onnx and config.json disagree about attributes")
        self.artifact = artifact
        self.attributes = attributes and bool(artifact.values)

    @classmethod
    def load(
        cls, model: str | os.PathLike[str] | None = None, *, threads: int | None = None, attributes: bool = True
    ) -> Tagger:
        """Load a model folder, a shipped model by name, or (None) what CLAUSETAG_MODEL names or the default model.

        Raises:
            ArtifactError: the folder is missing, incomplete, changed, or not a clausetag model.
        """
        return cls(load_artifact(model), threads, attributes=attributes)

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels, in the order of all arrays."""
        return self.artifact.labels

    @property
    def hash(self) -> str:
        """An id of exactly this model's files, 12 hexadecimal digits."""
        return self.artifact.hash

    @property
    def config(self) -> Mapping[str, Any]:
        """The content of the model's config.json."""
        return self.artifact.config

    @property
    def width(self) -> int:
        """Number of the network's outputs for each unit."""
        return self._runtime.width

    @cached_property
    def trained_on(self) -> TrainedOn:
        """The policies and text hashes that training saw."""
        return self.artifact.trained_on()

    def head(self, name: str | None = None) -> HeadSettings:
        """Thresholds and calibration of a head (default: the model's default head).

        Raises:
            ArtifactError: the model has no such head; the message lists those it has.
        """
        wanted = name or self.artifact.default_head
        if wanted not in self.artifact.settings:
            raise ArtifactError(f"this model has no head {wanted!r}; it has {', '.join(self.artifact.settings)}")
        return self.artifact.settings[wanted]

    def thresholds(self, head: str | None = None) -> Scores:
        """Thresholds of a head, float [labels]."""
        return self.head(head).thresholds

    def min_labels(self, head: str | None = None) -> int:
        """1 if every sentence gets at least one label, else 0."""
        return self.head(head).min_labels

    def logits(self, encoded: EncodedPolicies) -> tuple[FloatArray, FloatArray]:
        """Raw logits float [sentences, heads, labels] and float [passages, heads, labels].

        Each window is computed on its own, so a policy's logits do not depend on the other policies.
        """
        return self._runtime.logits(encoded, self.artifact.window, self.tokenizer)

    def outputs(self, encoded: EncodedPolicies) -> FloatArray:
        """Raw outputs float [sentences, width] of the network, for `label`."""
        return self._runtime.outputs(encoded, self.artifact.window, self.tokenizer)[0]

    def run(self, windows: Sequence[Window]) -> list[FloatArray]:
        """Raw outputs float [units, width] of each window, for `label`; its units are its sentences, then passages."""
        return list(self._runtime.run(windows))

    def score(self, sentences: Sequence[Sentence], *, head: str | None = None) -> Scores:
        """Calibrated probabilities float [n, labels] of sentences that are grouped by policy and in order."""
        if not sentences:
            return np.zeros((0, len(self.labels)))
        encoded = encode_sentences(sentences, self.tokenizer, context=self.artifact.context)
        return self._calibrated(self.logits(encoded)[0], head)

    def value_logits(self, sentences: Sequence[Sentence]) -> FloatArray:
        """Raw logits float [n, sources, values] of attributes, of sentences that are grouped by policy and in order."""
        encoded = encode_sentences(sentences, self.tokenizer, context=self.artifact.context)
        return self._runtime.split(self.outputs(encoded))[1]

    def score_passages(self, sentences: Sequence[Sentence]) -> tuple[list[tuple[str, int]], Scores]:
        """(policy, passage) pairs and their probabilities float [m, labels], pooled over each passage in context."""
        encoded = encode_sentences(sentences, self.tokenizer)
        return list(encoded.passages), self._calibrated(self.logits(encoded)[1], "passage")

    def score_texts(self, texts: Sequence[str], head: str | None = "passage") -> Scores:
        """Probabilities float [n, labels] of independent texts, each read as one passage."""
        if not texts:
            return np.zeros((0, len(self.labels)))
        return self._calibrated(self.logits(encode_texts(texts, self.tokenizer))[0], head)

    def _calibrated(self, logits: FloatArray, head: str | None) -> Scores:
        settings = self.head(head)
        return calibrate(logits[:, self.artifact.heads.index(settings.output)], settings.slope, settings.intercept)

    def tag_sentences(self, sentences: Sequence[Sentence], *, head: str | None = None) -> list[Sentence]:
        """The same sentences with predicted `labels`, `scores` (all labels, rounded to 4 digits) and `attributes`.

        They are grouped by policy and in order.
        """
        if not sentences:
            return []
        encoded = encode_sentences(sentences, self.tokenizer, context=self.artifact.context)
        return self.label(sentences, self.outputs(encoded), head=head)

    def label(
        self,
        sentences: Sequence[Sentence],
        outputs: FloatArray,
        *,
        head: str | None = None,
        thresholds: Mapping[str, float] | None = None,
        only: Collection[str] = (),
        scores: bool = True,
        attributes: bool = True,
    ) -> list[Sentence]:
        """The sentences with the labels, scores and attributes that the network's outputs give them.

        Args:
            sentences: n sentences.
            outputs: what `run` returned for them, float [n, width].
            head: which head's labels (default: the model's default head).
            thresholds: thresholds in place of the head's, by label.
            only: labels to give; empty for all.
            scores: whether sentences get scores.
            attributes: whether they get attributes, if the model has them.

        Raises:
            ArtifactError: the model has no such head.
        """
        settings = self.head(head)
        logits, value_logits = self._runtime.split(outputs)
        probabilities = self._calibrated(logits, head)
        limits = settings.thresholds.copy()
        for name, threshold in (thresholds or {}).items():
            limits[self.labels.index(name)] = threshold
        decided = decide(probabilities, limits, settings.min_labels)
        values = self.artifact.values_of(settings.output) if attributes and self.attributes else None
        if values:
            place, value_settings = values
            by_value = value_scores(value_logits[:, place], value_settings)
        tagged: list[Sentence] = []
        for row, (sentence, found, chosen) in enumerate(
            zip(sentences, probabilities.tolist(), decided.tolist(), strict=True)
        ):
            by_label = zip(self.labels, found, strict=True)
            named = {label: round(value, 4) for label, value in by_label if not only or label in only}
            given = [label for label, has in zip(self.labels, chosen, strict=True) if has and label in named]
            one = sentence.with_prediction(given, named if scores else None)
            if values:
                stated, its_scores = decide_values(by_value[row], given, value_settings.thresholds)
                one = replace(one, attributes=stated, attribute_scores=its_scores if scores else None)
            tagged.append(one)
        return tagged

    def tag_document(self, document: Document, *, head: str | None = None) -> Tagged:
        """Split an extracted document into sentences and tag them, in order."""
        from clausetag.data.segment import segment

        return Tagged(self.tag_sentences(segment(document), head=head), self.labels)

    def tag(self, text: str, *, policy: str = "text") -> Tagged:
        """Tag the sentences of a text (plain or Markdown); `policy` is the id that the sentences get."""
        from clausetag.data.documents.sniff import extract_text

        return self.tag_document(extract_text(policy, text))

    def tag_path(self, path: str | os.PathLike[str]) -> Tagged:
        """Tag the sentences of one document file: HTML, PDF, Word, Markdown or plain text.

        Raises:
            DocumentError: the file holds no readable document; `code` is the machine-readable reason.
            OSError: the file cannot be opened.
        """
        from clausetag.data.documents.formats import LIMITS, is_table, refuse_suffix, stem, suffix_of

        path = Path(path)
        suffix = suffix_of(path.name)
        if suffix == ".zip" or is_table(path.name):
            raise DocumentError("unsupported", f"{path}: may hold several policies; tag it with `clausetag predict`")
        refuse_suffix(suffix)
        with path.open("rb") as file:
            return self.tag_bytes(file.read(LIMITS.document + 1), policy=stem(path.name), suffix=suffix)

    def tag_bytes(self, data: bytes, *, policy: str = "document", suffix: str = "") -> Tagged:
        """Tag the sentences of one document given as bytes; its format (as in `tag_path`) is found from its content.

        Args:
            data: the document.
            policy: the id that the sentences get.
            suffix: the suffix of the file's name (".md"), which helps to recognise the format.

        Raises:
            DocumentError: the bytes are no readable document; `code` is the machine-readable reason.
        """
        from clausetag.data.documents.sniff import document_from_bytes

        return self.tag_document(document_from_bytes(policy, data, suffix))

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

from clausetag.data.errors import ArtifactError
from clausetag.data.labels import LABELS
from clausetag.data.schema import Document, Sentence
from clausetag.model.artifact import Artifact, Head, TrainedOn, load_artifact
from clausetag.model.decision import calibrate, decide
from clausetag.model.encode import Encoded, FloatArray, Pieces, collect, empty_logits, encode_sentences, encode_texts
from clausetag.model.windows import batches, collate, pack

_BATCH_TOKENS = 4096
"""Padded word pieces given to the runtime at once: memory stays small, and larger is not faster on two cores."""


def available_cores() -> int:
    """Cores that this process may use: its affinity, cut by a cgroup's quota where one is set."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as stream:
            quota, period = stream.read().split()
        if quota != "max":
            cores = min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return cores


class Tagger:
    """A loaded model. Not tied to a thread; calls do not share state."""

    def __init__(self, artifact: Artifact, threads: int | None = None) -> None:
        """Load the network and tokenizer of a checked folder.

        Raises:
            ArtifactError: it has no ONNX file, or its parts do not belong together.
        """
        import onnxruntime as ort

        path = artifact.folder / "model.onnx"
        if not path.is_file():
            raise ArtifactError(
                f"{artifact.folder}: has no model.onnx; write it with `clausetag export {artifact.folder}`"
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or available_cores()
        options.inter_op_num_threads = 1
        # Weights are stored as int8 and unfolded to float once, at load.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self._pieces = Pieces.of(Tokenizer.from_file(str(artifact.folder / "tokenizer.json")))
            self._pieces.encode(["a word, and \u4e2d"])  # a vocabulary without an unknown piece fails here
        except Exception as error:  # the runtime and the tokenizer raise bare exceptions of their own
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ArtifactError(f"{artifact.folder}: cannot be loaded ({reason[:200]})") from None
        shape = self._session.get_outputs()[0].shape
        expected = [len(artifact.heads), len(artifact.labels)]
        if list(shape[-2:]) != expected:
            raise ArtifactError(f"{artifact.folder}: model.onnx gives {shape[-2:]} values, config.json says {expected}")
        if artifact.labels != LABELS:
            raise ArtifactError(
                f"{artifact.folder}: has other labels, or another label order, than this version ({', '.join(LABELS)})"
            )
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

    def head(self, name: str | None = None) -> Head:
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

    def logits(self, encoded: Encoded) -> tuple[FloatArray, FloatArray]:
        """Raw logits float [sentences, heads, labels] and float [passages, heads, labels].

        A result does not depend on what else is in a batch: windows are padded, never mixed.
        """
        n_heads, n_labels = len(self.artifact.heads), len(self.artifact.labels)
        sentences = empty_logits(encoded.n_sentences, n_heads, n_labels)
        passages = empty_logits(len(encoded.passages), n_heads, n_labels)
        pieces = self._pieces
        windows = [
            w for policy in encoded.policies for w in pack(policy, self.artifact.window, pieces.cls_id, pieces.sep_id)
        ]
        windows.sort(key=lambda window: len(window.ids))
        for run in batches(windows, _BATCH_TOKENS):
            batch = collate(run, pieces.pad_id)
            inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask, "pool": batch.pool}
            collect(batch, self._session.run(None, inputs)[0], sentences, passages)
        return sentences, passages

    def score(self, sentences: Sequence[Sentence], *, head: str | None = None) -> npt.NDArray[np.float64]:
        """Calibrated probabilities float [n, labels] of sentences, which stand grouped by policy and in order."""
        if not sentences:
            return np.zeros((0, len(self.labels)))
        encoded = encode_sentences(sentences, self._pieces, context=self.artifact.context)
        return self._calibrated(self.logits(encoded)[0], head)

    def score_passages(self, sentences: Sequence[Sentence]) -> tuple[list[tuple[str, int]], npt.NDArray[np.float64]]:
        """(policy, passage) pairs and their probabilities float [m, labels], pooled over the passage in context."""
        encoded = encode_sentences(sentences, self._pieces)
        return list(encoded.passages), self._calibrated(self.logits(encoded)[1], "passage")

    def score_texts(self, texts: Sequence[str], head: str | None = "passage") -> npt.NDArray[np.float64]:
        """Probabilities float [n, labels] of isolated texts, each read as one passage."""
        if not texts:
            return np.zeros((0, len(self.labels)))
        return self._calibrated(self.logits(encode_texts(texts, self._pieces))[0], head)

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

    def tag_document(self, document: Document, *, head: str | None = None) -> list[Sentence]:
        """Segment an extracted document and tag its sentences, in order."""
        from clausetag.data.segment import segment

        return self.tag_sentences(segment(document), head=head)

    def tag(self, text: str, *, policy: str = "text") -> list[Sentence]:
        """Tag the sentences of a text (plain or Markdown)."""
        from clausetag.data.extract import extract_text

        return self.tag_document(extract_text(policy, text))

"""What evaluation needs of a model: the `Scorer` protocol, which `clausetag.model.tagger.Tagger` satisfies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from clausetag.data.records import Sentence
from clausetag.model.artifact import TrainedOn
from clausetag.model.decision import FloatArray


class Calibrated(Protocol):
    """Platt scaling of one head: slope and intercept, float[k] each."""

    @property
    def slope(self) -> FloatArray: ...
    @property
    def intercept(self) -> FloatArray: ...


class Scorer(Protocol):
    """A model that gives each text a probability for each of its k labels."""

    @property
    def labels(self) -> Sequence[str]:
        """The columns of all arrays."""

    @property
    def trained_on(self) -> TrainedOn:
        """Hashes of the texts, and ids of the policies, that training has seen."""

    @property
    def hash(self) -> str:
        """Identifies the model's files."""

    @property
    def config(self) -> Mapping[str, Any]:
        """Name, recipe and whatever else the model records of itself."""

    def score(self, sentences: Sequence[Sentence], *, head: str | None = None) -> FloatArray:
        """Probabilities float[n, k] of sentences, read in the context of their policies."""

    def score_passages(self, sentences: Sequence[Sentence]) -> tuple[list[tuple[str, int]], FloatArray]:
        """(policy, passage) keys of the sentences' passages, and probabilities float[m, k]."""

    def score_texts(self, texts: Sequence[str], head: str = "passage") -> FloatArray:
        """Probabilities float[n, k] of texts that have no policy around them."""

    def head(self, name: str | None = None) -> Calibrated:
        """The calibration of one head."""

    def thresholds(self, head: str) -> FloatArray:
        """float[k]: a label is given if its probability reaches its threshold."""

    def min_labels(self, head: str) -> int:
        """1 if every sentence gets at least one label, else 0."""

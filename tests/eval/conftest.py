"""A do-nothing back end: a tagger that looks scores up, so that evaluation is tested without any model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.baselines import embedding


@dataclass(frozen=True)
class SeenNothing:
    policies: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()
    context: frozenset[str] = frozenset()
    validation_policies: frozenset[str] = frozenset()
    validation: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Straight:
    """No calibration."""

    slope: np.ndarray = field(default_factory=lambda: np.ones(len(LABELS)))
    intercept: np.ndarray = field(default_factory=lambda: np.zeros(len(LABELS)))


@dataclass
class FakeTagger:
    """Scores every text by the table `by_text`: text to {label: score}, everything else 0."""

    by_text: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    label_thresholds: Mapping[str, float] = field(default_factory=dict)
    least: int = 0
    labels: tuple[str, ...] = LABELS
    trained_on: SeenNothing = SeenNothing()
    hash: str = "0123456789ab"
    config: Mapping[str, Any] = field(default_factory=lambda: {"name": "fake", "recipe": {"name": "none", "seed": 7}})
    slope: float = 1.0
    calls: list[tuple[str, tuple[str, ...], str | None]] = field(default_factory=list)

    def _rows(self, texts: Sequence[str]) -> np.ndarray:
        given = [self.by_text.get(text, {}) for text in texts]
        return np.array([[row.get(label, 0.0) for label in LABELS] for row in given]).reshape(-1, len(LABELS))

    def score(self, sentences: Sequence[Sentence], *, head: str | None = None) -> np.ndarray:
        texts = tuple(sentence.text for sentence in sentences)
        self.calls.append(("score", texts, head))
        return self._rows(texts)

    def score_passages(self, sentences: Sequence[Sentence]) -> tuple[list[tuple[str, int]], np.ndarray]:
        self.calls.append(("score_passages", tuple(sentence.text for sentence in sentences), "passage"))
        joined: dict[tuple[str, int], np.ndarray] = {}
        for sentence, row in zip(sentences, self._rows([s.text for s in sentences]), strict=True):
            assert sentence.passage is not None
            key = (sentence.policy, sentence.passage)
            joined[key] = np.maximum(joined.get(key, np.zeros(len(LABELS))), row)
        # In another order than the sentences', so that rows must be matched by key.
        keys = list(reversed(joined))
        return keys, np.array([joined[key] for key in keys])

    def score_texts(self, texts: Sequence[str], head: str = "passage") -> np.ndarray:
        self.calls.append(("score_texts", tuple(texts), head))
        return self._rows(texts)

    def head(self, name: str | None = None) -> Straight:
        return Straight(slope=np.full(len(LABELS), self.slope))

    def thresholds(self, head: str) -> np.ndarray:
        return np.array([self.label_thresholds.get(label, 0.5) for label in LABELS])

    def min_labels(self, head: str) -> int:
        return self.least


@pytest.fixture
def fake_tagger() -> Callable[..., FakeTagger]:
    return FakeTagger


@pytest.fixture
def seen() -> Callable[..., SeenNothing]:
    return SeenNothing


@pytest.fixture(autouse=True)
def no_corpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Tests read OPP-115 only where they ask for it, whatever the environment says."""
    if "corpus" not in request.fixturenames:
        monkeypatch.setenv("OPP115_DIR", "/nonexistent/opp115")


@pytest.fixture(autouse=True)
def tiny_embedding(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedding baseline reads a tiny random encoder: what it is worth is not the question here."""
    monkeypatch.setattr(embedding, "backbone_path", lambda name: str(tiny_backbone))

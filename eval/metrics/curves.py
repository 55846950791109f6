"""Precision-recall curves, thinned for drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clausetag.data.labels import LABELS

POINTS = 200


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """One category's curve, with recall rising from 0 to 1."""

    recall: tuple[float, ...]
    precision: tuple[float, ...]
    rate: float
    """Share of positives: the precision of random guesses."""


def precision_recall(
    scores: ArrayLike, gold: ArrayLike, labels: Sequence[str] = LABELS, *, points: int = POINTS
) -> Mapping[str, PrecisionRecall | None]:
    """Curves of scores float[n, k] against gold labels bool[n, k]; None for a category without positives."""
    from sklearn.metrics import precision_recall_curve

    curves: dict[str, PrecisionRecall | None] = {}
    for label, values, truth in zip(labels, np.asarray(scores).T, np.asarray(gold, dtype=bool).T, strict=True):
        if not truth.any():
            curves[label] = None
            continue
        precision, recall, _ = (part[::-1] for part in precision_recall_curve(truth, values))
        kept = _thinned(recall, points)
        curves[label] = PrecisionRecall(tuple(recall[kept].tolist()), tuple(precision[kept].tolist()), truth.mean())
    return curves


def _thinned(recall: NDArray[np.float64], points: int) -> NDArray[np.int64]:
    """Positions of about `points` entries at even steps of rank, with both ends."""
    if len(recall) <= points:
        return np.arange(len(recall))
    # While recall stays the same, precision only falls until the next positive: the first point of each step shapes
    # the curve, and average precision is computed from those.
    steps = np.flatnonzero(np.diff(recall, prepend=-1.0) > 0)
    chosen = steps[np.linspace(0, len(steps) - 1, min(points, len(steps))).round().astype(int)]
    return np.unique(np.concatenate([[0], chosen, [len(recall) - 1]]))

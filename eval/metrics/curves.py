"""Precision-recall curves, thinned for drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS

POINTS = 200


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """One category's curve, recall rising from 0 to 1, and its rate of positives (the precision of no skill)."""

    recall: tuple[float, ...]
    precision: tuple[float, ...]
    rate: float


def precision_recall(
    scores: ArrayLike, gold: ArrayLike, labels: Sequence[str] = LABELS, *, points: int = POINTS
) -> Mapping[str, PrecisionRecall | None]:
    """Curves of float[n, k] scores against bool[n, k]; None for a category without a positive."""
    from sklearn.metrics import precision_recall_curve

    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(gold, dtype=bool)
    curves: dict[str, PrecisionRecall | None] = {}
    for column, label in enumerate(labels):
        if not truth[:, column].any():
            curves[label] = None
            continue
        precision, recall, _ = precision_recall_curve(truth[:, column], values[:, column])
        kept = _thinned(recall[::-1], points)
        curves[label] = PrecisionRecall(
            tuple(recall[::-1][kept].tolist()), tuple(precision[::-1][kept].tolist()), float(truth[:, column].mean())
        )
    return curves


def _thinned(recall: Any, points: int) -> Any:
    """Positions of at most about `points` entries, even steps of rank, both ends kept."""
    if len(recall) <= points:
        return np.arange(len(recall))
    # Where recall stands still precision only falls until the next positive: the first point of each step carries the
    # curve, and average precision is made of those.
    steps = np.flatnonzero(np.diff(recall, prepend=-1.0) > 0)
    chosen = steps[np.linspace(0, len(steps) - 1, min(points, len(steps))).round().astype(int)]
    return np.unique(np.concatenate([[0], chosen, [len(recall) - 1]]))

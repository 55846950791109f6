"""Whether a score of 0.7 is right seven times in ten: reliability bins, expected calibration error and Brier score.

Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017 (ECE, bins of equal width); Brier 1950. Each category
is a yes/no question of its own; `overall` pools the decisions of all categories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.eval.statistics.resample import Interval, Resampler, as_interval
from clausetag.model.decision import BoolArray, FloatArray

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Scores from `low` to `high`: how many, their mean, and the share of them whose label is right."""

    low: float
    high: float
    count: int
    mean_score: float
    observed: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """One category (or all decisions): its bins, empty ones left out, and two errors with 95 % intervals.

    `ece` is the mean over all scores of |mean score - share right| of their bin; `brier` the mean of the squared
    difference between score and truth. Both 0 at best. ECE cannot be negative, so on few rows it is above 0 even for
    perfect scores, and its interval leans the same way.
    """

    bins: tuple[Bin, ...]
    ece: float
    ece_ci95: Interval | None
    brier: float
    brier_ci95: Interval | None
    positives: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "ece": self.ece,
            "ece_ci95": None if self.ece_ci95 is None else list(self.ece_ci95),
            "brier": self.brier,
            "brier_ci95": None if self.brier_ci95 is None else list(self.brier_ci95),
            "positives": self.positives,
            "bins": [
                {
                    "low": own.low,
                    "high": own.high,
                    "count": own.count,
                    "mean_score": own.mean_score,
                    "observed": own.observed,
                }
                for own in self.bins
            ],
        }


@dataclass(frozen=True, slots=True)
class Calibration:
    """Reliability of every category and over all."""

    per_category: Mapping[str, Reliability]
    overall: Reliability
    mean_ece: float
    """Mean of the categories' ECE."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "overall": self.overall.to_dict(),
            "mean_ece": self.mean_ece,
            "per_category": {label: own.to_dict() for label, own in self.per_category.items()},
        }


def calibration(
    scores: ArrayLike, gold: ArrayLike, drawn: Resampler, labels: Sequence[str] = LABELS, *, bins: int = BINS
) -> Calibration:
    """Reliability of probabilities float[n, k] against bool[n, k], intervals over the groups of `drawn`.

    Raises:
        ValueError: shapes differ, there is no row, or a score is outside 0 to 1.
    """
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(gold, dtype=bool)
    if values.ndim != 2 or values.shape != truth.shape or not values.size or len(values) != len(drawn.rows):
        raise ValueError(f"need scores and gold of the same shape [n, k], found {values.shape} and {truth.shape}")
    if not (np.isfinite(values).all() and (values >= 0).all() and (values <= 1).all()):
        raise ValueError("scores must lie between 0 and 1")
    places = np.minimum((values * bins).astype(int), bins - 1)
    tables = [_table(values[:, c], truth[:, c], places[:, c], drawn, bins) for c in range(values.shape[1])]
    per_category = {label: _reliability(table, drawn) for label, table in zip(labels, tables, strict=True)}
    overall = _reliability(np.sum(tables, axis=0), drawn)
    return Calibration(per_category, overall, float(np.mean([own.ece for own in per_category.values()])))


def _table(scores: FloatArray, gold: BoolArray, places: Any, drawn: Resampler, bins: int) -> FloatArray:
    """By group and bin: count, sum of scores, sum of truths, sum of squared errors: float[g, bins, 4]."""
    cells = np.zeros((len(scores), bins, 4))
    cells[np.arange(len(scores)), places] = np.stack([np.ones_like(scores), scores, gold, (scores - gold) ** 2], axis=1)
    return drawn.sums(cells)


def _reliability(table: FloatArray, drawn: Resampler) -> Reliability:
    groups, bins, _ = table.shape

    def statistic(weights: FloatArray) -> FloatArray:
        count, mean, truth, squared = np.moveaxis((weights @ table.reshape(groups, -1)).reshape(-1, bins, 4), 2, 0)
        total = np.maximum(count.sum(axis=1), 1e-9)
        return np.stack([np.abs(mean - truth).sum(axis=1) / total, squared.sum(axis=1) / total], axis=1)

    ece, brier = statistic(np.ones((1, groups)))[0]
    bounds = drawn.interval(statistic)
    found = []
    for place, (count, mean, truth, _) in enumerate(table.sum(axis=0)):
        if count:
            found.append(Bin(place / bins, (place + 1) / bins, int(count), float(mean / count), float(truth / count)))
    positives = round(float(table[:, :, 2].sum()))
    return Reliability(
        tuple(found), float(ece), as_interval(*bounds[:, 0]), float(brier), as_interval(*bounds[:, 1]), positives
    )

"""Calibration: is a score of 0.7 right seven times in ten? Reliability bins, expected calibration error, Brier score.

Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017 (ECE, bins of equal width); Brier 1950. Each category
is a yes/no question of its own; `overall` pools the decisions of all categories.

Everything comes from sums per policy and bin, so that the intervals need no pass over the rows for each draw;
scikit-learn's `calibration_curve` and `brier_score_loss` give the same values (tested) but only for whole arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clausetag.data.labels import LABELS
from clausetag.eval.statistics.resample import Interval, Resampler, as_interval
from clausetag.model.decision import BoolArray, FloatArray

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """The scores from `low` to `high`: their number, their mean, and the share whose label is right."""

    low: float
    high: float
    count: int
    mean_score: float
    observed: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """One category (or all decisions): two errors with 95 % intervals, and the bins that are not empty.

    `ece` is the mean over all scores of |mean score - share right| of their bin, `brier` the mean squared difference
    between score and truth; both are 0 at best. ECE cannot be negative, so with few rows it is above 0 even for
    perfect scores, and so is its interval.
    """

    ece: float
    ece_ci95: Interval | None
    brier: float
    brier_ci95: Interval | None
    positives: int
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Reliability over all decisions and of every category."""

    overall: Reliability
    mean_ece: float
    """Mean of the categories' ECE."""
    per_category: Mapping[str, Reliability]


def calibration(
    scores: ArrayLike, gold: ArrayLike, drawn: Resampler, labels: Sequence[str] = LABELS, *, bins: int = BINS
) -> Calibration:
    """Reliability of probabilities float[n, k] against gold labels bool[n, k], with intervals over `drawn`'s groups.

    Raises:
        ValueError: shapes differ, there is no row, or a score is not between 0 and 1.
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
    return Calibration(overall, float(np.mean([own.ece for own in per_category.values()])), per_category)


def _table(scores: FloatArray, gold: BoolArray, places: NDArray[np.int64], drawn: Resampler, bins: int) -> FloatArray:
    """Per group and bin: count, sum of scores, positives, sum of squared errors: float[g, bins, 4]."""
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
    found = [
        Bin(place / bins, (place + 1) / bins, int(count), float(mean / count), float(truth / count))
        for place, (count, mean, truth, _) in enumerate(table.sum(axis=0))
        if count
    ]
    return Reliability(
        ece=float(ece),
        ece_ci95=as_interval(*bounds[:, 0]),
        brier=float(brier),
        brier_ci95=as_interval(*bounds[:, 1]),
        positives=round(float(table[:, :, 2].sum())),
        bins=tuple(found),
    )

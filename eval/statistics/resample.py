"""Resampling by policy: the draws behind every interval and every comparison of two systems.

Sentences of one policy are alike, so whole policies are drawn (with replacement), never sentences: intervals from drawn
sentences would be too narrow for the question how the model does on the next policies.

A metric is given as a *statistic*: a function from weights of the policies, float[m, g], to its value for each row of
weights, float[m, …]; NaN where it is undefined. A draw is a row of weights: how often each policy was drawn.

Intervals. Percentiles of the draws, the usual choice, cover too little if there are few policies: 79 to 83 % instead of
95 with five policies, 90 to 92 % with twenty (simulated, docs/LOG.md). A bootstrap of g groups underestimates the
variance by (g - 1) / g, and it knows nothing of Student's t. So the interval is: metric plus or minus t(g - 1) times
the standard deviation of the draws around the metric (root mean square, which includes their bias), times
sqrt(g / (g - 1)). Metrics between 0 and 1 are transformed by arcsin(sqrt(x)) first, which makes the deviation nearly
independent of the metric's height and keeps the bounds within 0 and 1. `scipy.stats.bootstrap` has none of this, and
resamples rows, not weights of groups.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clausetag.model.decision import FloatArray

DRAWS = 2000
CHUNK = 500
"""Draws that a statistic computes at once, which bounds its memory."""
FLAT = 1e-9
"""A smaller standard deviation is rounding."""
Statistic = Callable[[FloatArray], FloatArray]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Resampler:
    """Draws of g groups (policies) of rows."""

    names: tuple[str, ...]
    """The groups, sorted."""
    rows: NDArray[np.int64]
    """int[n]: the group of each row."""
    times: FloatArray
    """float[draws, g]: how often each group was drawn."""
    seed: int

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.names)

    @property
    def draws(self) -> int:
        """Number of draws."""
        return len(self.times)

    def sums(self, values: ArrayLike) -> FloatArray:
        """Sum of float[n, …] over the rows of each group: float[g, …]."""
        numbers = np.asarray(values, dtype=np.float64)
        totals = np.zeros((self.groups, *numbers.shape[1:]))
        np.add.at(totals, self.rows, numbers)
        return totals

    def values(self, statistic: Statistic) -> FloatArray:
        """The statistic of every draw: float[draws, …]."""
        return np.concatenate([statistic(self.times[at : at + CHUNK]) for at in range(0, self.draws, CHUNK)])

    def interval(self, statistic: Statistic, *, share: bool = True) -> FloatArray:
        """95 % interval of a statistic: float[2, …], low then high.

        NaN if there is no evidence of how far the metric could vary: it is undefined, or fewer than two groups have
        it on their own (all positives of a category in one policy), or (for a share) all draws are equal.

        Args:
            statistic: the metric as a function of the groups' weights.
            share: whether it lies between 0 and 1 (F1, precision); False for a difference of two.
        """
        from scipy.stats import t

        value = statistic(np.ones((1, self.groups)))[0]
        if self.groups < 2:
            return np.full((2, *value.shape), np.nan)
        drawn = self.values(statistic)
        centre = _angle(value) if share else value
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a metric that is undefined in every draw
            spread = np.sqrt(np.nanmean(((_angle(drawn) if share else drawn) - centre) ** 2, axis=0))
        alone = np.isfinite(statistic(np.eye(self.groups))).sum(axis=0)
        spread = np.where((alone < 2) | (share & (spread < FLAT)), np.nan, spread)
        half = t.ppf(0.975, self.groups - 1) * spread * np.sqrt(self.groups / (self.groups - 1))
        if not share:
            return np.stack([value - half, value + half])
        bounds = np.stack([np.maximum(centre - half, 0.0), np.minimum(centre + half, np.pi / 2)])
        interval: FloatArray = np.sin(bounds) ** 2
        return interval


def resampler(groups: Sequence[str], *, draws: int = DRAWS, seed: int = 0) -> Resampler:
    """Draw groups with replacement; `groups` names the group (policy id) of each of the n rows."""
    # Sorted, so that the intervals do not depend on the order of the rows.
    names = tuple(sorted(set(groups)))
    position = {name: index for index, name in enumerate(names)}
    rows = np.array([position[name] for name in groups], dtype=np.int64)
    if not names:
        return Resampler(names, rows, np.zeros((draws, 0)), seed)
    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    times = np.apply_along_axis(np.bincount, 1, drawn, minlength=len(names)).astype(np.float64)
    return Resampler(names, rows, times, seed)


def _angle(values: FloatArray) -> FloatArray:
    angle: FloatArray = np.arcsin(np.sqrt(np.clip(values, 0.0, 1.0)))
    return angle


def as_interval(low: float, high: float) -> Interval | None:
    """A pair of plain numbers; None for an undefined interval."""
    return None if np.isnan(low) or np.isnan(high) else (float(low), float(high))

"""Resampling by policy: the draws behind every interval and every comparison of two systems.

Sentences of one policy resemble each other, so the policy is what is drawn (with replacement), never the sentence:
drawing sentences would give intervals that are too narrow for the question "and on the next policies?".

A figure is given as a *statistic*: a function from weights of the policies, float[m, g], to its value under each row
of weights, float[m, …]; NaN where it is undefined. A draw is the row of how often each policy was drawn.

Intervals. Percentiles of the draws, the usual choice, cover too little where policies are few: 79 to 83 % instead of 95
with five policies, 90 to 92 % with twenty (simulated, docs/LOG.md), since a bootstrap of g groups underestimates the
spread by (g - 1) / g and knows nothing of Student's t. So the spread of the draws around the figure is used (root mean
square, which takes their bias in): figure plus or minus t(g - 1) times it, widened by g / (g - 1); for figures between
0 and 1 on the scale arcsin(sqrt(x)), where their spread depends little on their height and no bound leaves the scale.
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
"""Draws that a statistic is given at once: what keeps a row for each draw and sentence stays small."""
FLAT = 1e-9
"""A spread below this is none at all."""
Statistic = Callable[[FloatArray], FloatArray]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Resampler:
    """Draws of policies (groups of rows).

    `names` are the groups, sorted; `rows` int[n] says which group each row belongs to; `times` float[draws, g] how
    often each group was drawn.
    """

    names: tuple[str, ...]
    rows: NDArray[np.int64]
    times: FloatArray
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
        """The statistic under every draw: float[draws, …]."""
        return np.concatenate([statistic(self.times[at : at + CHUNK]) for at in range(0, self.draws, CHUNK)])

    def interval(self, statistic: Statistic, *, share: bool = True) -> FloatArray:
        """95 % interval of a statistic: float[2, …], low then high.

        NaN where there is nothing to base one on: the figure is undefined, or fewer than two groups have it by
        themselves (all positives of a category in one policy), or, for a share, no draw differs from another.

        Args:
            statistic: the figure under weights of the groups.
            share: whether it lies between 0 and 1 (F1, precision), else on no fixed scale (a difference of two).
        """
        value = statistic(np.ones((1, self.groups)))[0]
        if self.groups < 2:
            return np.full((2, *value.shape), np.nan)
        drawn = self.values(statistic)
        centre = _angle(value) if share else value
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a figure undefined in every draw has no spread
            spread = np.sqrt(np.nanmean(((_angle(drawn) if share else drawn) - centre) ** 2, axis=0))
        alone = np.isfinite(statistic(np.eye(self.groups))).sum(axis=0)
        spread = np.where((alone < 2) | (share & (spread < FLAT)), np.nan, spread)
        half = student_t(self.groups - 1) * spread * np.sqrt(self.groups / (self.groups - 1))
        if not share:
            return np.stack([value - half, value + half])
        angle = centre
        low, high = np.maximum(angle - half, 0.0), np.minimum(angle + half, np.pi / 2)
        return np.stack([np.sin(low) ** 2, np.sin(high) ** 2])


def resampler(groups: Sequence[str], *, draws: int = DRAWS, seed: int = 0) -> Resampler:
    """Draw groups with replacement; `groups` names the group of each of the n rows (its policy id)."""
    # Sorted, so that the intervals don't depend on the order of the rows.
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


def student_t(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))


def as_interval(low: float, high: float) -> Interval | None:
    """A pair of plain numbers; None for an undefined interval."""
    return None if np.isnan(low) or np.isnan(high) else (float(low), float(high))

"""Is one system better than another? Paired tests over policies.

Approximate randomisation (Noreen 1989; Yeh 2000, *More accurate tests for the statistical significance of result
differences*): if the systems were equally good, it would not matter which of the two answers to a policy came from
which system. So answers are swapped at random, policy by policy; p is the share of swaps that give a difference at
least as large. If there are few policies, all swaps are tried. The interval of the difference is a paired bootstrap
over policies. Several tests are corrected by Holm's method (Holm 1979). Beside the test for a difference stands one
for non-inferiority: is a loss of more than a margin excluded (Piaggio et al., *Reporting of noninferiority and
equivalence randomized trials*, JAMA 2012)?

scipy's `permutation_test` is not used: its two-sided p is twice the smaller tail, not the share of |difference|, and it
would swap rows of a matrix where here a few sums per policy are enough. scipy has no Holm correction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.eval.statistics.f1 import f1_columns, f1_statistic
from clausetag.eval.statistics.resample import CHUNK, Interval, Resampler, as_interval
from clausetag.model.decision import BoolArray, FloatArray

RANDOMISATIONS = 10_000
LEVEL = 0.05
MARGIN = 0.02
"""A system that is worse by less than this counts as no worse (non-inferior)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of two systems; undefined parts are None. `verdict` is about the first system."""

    first: float | None
    second: float | None
    difference: float | None
    """First minus second."""
    ci95: Interval | None
    p: float | None
    p_holm: float | None
    verdict: str
    """"better", "worse" or "no evidence"."""
    non_inferior: bool | None = None
    """Whether the interval excludes that the first is worse by the margin or more; None if there is no interval."""


def paired_tests(
    first: ArrayLike,
    second: ArrayLike,
    gold: ArrayLike,
    drawn: Resampler,
    labels: Sequence[str] = LABELS,
    *,
    randomisations: int = RANDOMISATIONS,
    level: float = LEVEL,
    margin: float = MARGIN,
) -> dict[str, Difference]:
    """Compare the F1 of two systems' labels bool[n, k] on the same rows: macro_f1, micro_f1, then every category.

    Holm's correction is made over the two overall metrics, and separately over the categories. A verdict needs both:
    a corrected p below `level`, and an interval of the difference without 0. No evidence of a difference does not mean
    that there is none; `non_inferior` says whether one that matters, of `margin`, is excluded.

    Raises:
        ValueError: shapes differ.
    """
    a, b, truth = (np.asarray(values, dtype=bool) for values in (first, second, gold))
    if not a.shape == b.shape == truth.shape or len(truth) != len(drawn.rows):
        raise ValueError(f"systems of shapes {a.shape} and {b.shape} for gold of shape {truth.shape}")
    counts = [_Counts.of(values, truth, drawn) for values in (a, b)]
    of_a, of_b = (f1_statistic(own.hits, own.sizes, own.support) for own in counts)
    everything = np.ones((1, drawn.groups))
    values = [of_a(everything)[0], of_b(everything)[0]]
    bounds = drawn.interval(lambda weights: of_a(weights) - of_b(weights), share=False)
    p = _randomisation(counts[0], counts[1], drawn, randomisations)
    corrected = np.concatenate([holm(p[:2]), holm(p[2:])])
    found: dict[str, Difference] = {}
    for column, name in enumerate(("macro_f1", "micro_f1", *labels)):
        x, y = (float(value[column]) for value in values)
        if np.isnan(x) or np.isnan(y):
            found[name] = Difference(None, None, None, None, None, None, "no evidence")
            continue
        interval = as_interval(*bounds[:, column])
        verdict = "no evidence"
        if corrected[column] < level and interval is not None and not interval[0] <= 0.0 <= interval[1]:
            verdict = "better" if x > y else "worse"
        no_worse = None if interval is None else interval[0] > -margin
        found[name] = Difference(x, y, x - y, interval, float(p[column]), float(corrected[column]), verdict, no_worse)
    return found


def holm(p: ArrayLike) -> FloatArray:
    """Holm's step-down correction of p values float[m]; NaN (nothing to test) stays NaN and is not counted."""
    values = np.asarray(p, dtype=np.float64)
    corrected = np.full(values.shape, np.nan)
    order = [place for place in np.argsort(values, kind="stable") if np.isfinite(values[place])]
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * values[place]))
        corrected[place] = largest
    return corrected


@dataclass(frozen=True, slots=True)
class _Counts:
    """By group, float[g, k]: hits, predicted plus gold labels (the denominator of F1), and gold labels."""

    hits: FloatArray
    sizes: FloatArray
    support: FloatArray

    @classmethod
    def of(cls, predicted: BoolArray, gold: BoolArray, drawn: Resampler) -> _Counts:
        support = drawn.sums(gold)
        return cls(drawn.sums(predicted & gold), drawn.sums(predicted) + support, support)


def _randomisation(a: _Counts, b: _Counts, drawn: Resampler, randomisations: int) -> FloatArray:
    """Two-sided p of each metric, float[k + 2]; NaN where it is undefined."""
    hits, sizes = b.hits - a.hits, b.sizes - a.sizes
    support = a.support.sum(axis=0, keepdims=True)

    def difference(swaps: FloatArray) -> FloatArray:
        """First minus second, where `swaps` float[m, g] is 1 for each policy whose answers are swapped."""
        wide = np.repeat(support, len(swaps), axis=0)
        first = f1_columns(a.hits.sum(axis=0) + swaps @ hits, a.sizes.sum(axis=0) + swaps @ sizes, wide)
        second = f1_columns(b.hits.sum(axis=0) - swaps @ hits, b.sizes.sum(axis=0) - swaps @ sizes, wide)
        return first - second

    observed = np.abs(difference(np.zeros((1, drawn.groups)))[0])
    every = 2**drawn.groups <= randomisations
    total = 2**drawn.groups if every else randomisations
    rng = np.random.default_rng(drawn.seed + 1)
    reached = np.zeros_like(observed)
    for at in range(0, total, CHUNK):
        size = min(CHUNK, total - at)
        if every:
            swaps = (np.arange(at, at + size)[:, None] >> np.arange(drawn.groups)) & 1
        else:
            swaps = rng.integers(2, size=(size, drawn.groups))
        # With some slack, so that rounding does not exclude swaps that give the very same difference.
        reached += (np.abs(difference(swaps.astype(np.float64))) >= observed - 1e-12).sum(axis=0)
    p = reached / total if every else (reached + 1) / (total + 1)
    return np.where(np.isfinite(observed), p, np.nan)


def smallest_p(groups: int, randomisations: int = RANDOMISATIONS) -> float:
    """The smallest p possible with so many policies: 1/16 with five, which can never show anything at 5 %."""
    return 2.0 / 2**groups if 2**groups <= randomisations else 1.0 / (randomisations + 1)


def as_rows(tests: Mapping[str, Difference]) -> list[dict[str, object]]:
    """Plain values for JSON, one row per metric."""
    return [{"figure": name, **asdict(own)} for name, own in tests.items()]

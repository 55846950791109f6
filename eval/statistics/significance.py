"""Is one system better than another? Paired tests over policies.

Approximate randomisation (Noreen 1989; Yeh 2000, *More accurate tests for the statistical significance of result
differences*): were the systems the same, it would not matter which of two answers to a policy came from which; so
answers are swapped, policy by policy at random, and p is how often the difference becomes at least as large. All swaps
are tried where there are few enough. The interval of the difference is a paired bootstrap over policies. Several tests
at once are corrected by Holm's method (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.eval.statistics.resample import CHUNK, Interval, Resampler, Statistic, as_interval
from clausetag.model.decision import BoolArray, FloatArray

RANDOMISATIONS = 10_000
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two systems; undefined parts None. `verdict` is of the first system against the second."""

    first: float | None
    second: float | None
    difference: float | None
    """First minus second."""
    ci95: Interval | None
    p: float | None
    p_holm: float | None
    verdict: str
    """"better", "worse" or "no evidence"."""


def paired_tests(
    first: ArrayLike,
    second: ArrayLike,
    gold: ArrayLike,
    drawn: Resampler,
    labels: Sequence[str] = LABELS,
    *,
    randomisations: int = RANDOMISATIONS,
    level: float = LEVEL,
) -> dict[str, Difference]:
    """F1 of two systems' labels bool[n, k] on the same rows: macro_f1, micro_f1, then every category.

    Holm's correction is made over the two overall figures, and over the categories. A verdict needs both: a corrected
    p below `level`, and an interval of the difference without 0.

    Raises:
        ValueError: shapes differ.
    """
    a, b, truth = (np.asarray(values, dtype=bool) for values in (first, second, gold))
    if not a.shape == b.shape == truth.shape or len(truth) != len(drawn.rows):
        raise ValueError(f"systems of shapes {a.shape} and {b.shape} for gold of shape {truth.shape}")
    names = ("macro_f1", "micro_f1", *labels)
    counts = [_Counts.of(values, truth, drawn) for values in (a, b)]
    one = np.ones((1, drawn.groups))
    values = [_f1(own.hits, own.sizes, own.support)(one)[0] for own in counts]
    bounds = drawn.interval(_minus(*(_f1(own.hits, own.sizes, own.support) for own in counts)), share=False)
    p = _randomisation(counts[0], counts[1], drawn, randomisations)
    corrected = np.concatenate([holm(p[:2]), holm(p[2:])])
    found: dict[str, Difference] = {}
    for column, name in enumerate(names):
        x, y = values[0][column], values[1][column]
        if np.isnan(x) or np.isnan(y):
            found[name] = Difference(None, None, None, None, None, None, "no evidence")
            continue
        interval = as_interval(*bounds[:, column])
        verdict = "no evidence"
        if corrected[column] < level and interval is not None and not interval[0] <= 0.0 <= interval[1]:
            verdict = "better" if x > y else "worse"
        found[name] = Difference(
            float(x), float(y), float(x - y), interval, float(p[column]), float(corrected[column]), verdict
        )
    return found


def holm(p: ArrayLike) -> FloatArray:
    """Holm's step-down correction of p values float[m]; NaN (nothing to test) stays and does not count."""
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
    """By group: hits, predicted plus right (the denominator of F1), and right labels, float[g, k]."""

    hits: FloatArray
    sizes: FloatArray
    support: FloatArray

    @classmethod
    def of(cls, predicted: BoolArray, gold: BoolArray, drawn: Resampler) -> _Counts:
        support = drawn.sums(gold)
        return cls(drawn.sums(predicted & gold), drawn.sums(predicted) + support, support)


def _f1(hits: FloatArray, sizes: FloatArray, support: FloatArray) -> Statistic:
    """Macro, micro, then each category: float[m, k + 2]."""

    def statistic(weights: FloatArray) -> FloatArray:
        return _figures(weights @ hits, weights @ sizes, weights @ support)

    return statistic


def _figures(hits: FloatArray, sizes: FloatArray, support: FloatArray) -> FloatArray:
    f1 = np.where(support > 0, 2.0 * hits / np.maximum(sizes, 1.0), np.nan)
    known = np.isfinite(f1)
    macro = np.where(known.any(axis=1), np.nansum(f1, axis=1) / np.maximum(known.sum(axis=1), 1), np.nan)
    total = support.sum(axis=1)
    micro = np.where(total > 0, 2.0 * hits.sum(axis=1) / np.maximum(sizes.sum(axis=1), 1.0), np.nan)
    return np.column_stack([macro, micro, f1])


def _minus(first: Statistic, second: Statistic) -> Statistic:
    return lambda weights: first(weights) - second(weights)


def _randomisation(a: _Counts, b: _Counts, drawn: Resampler, randomisations: int) -> FloatArray:
    """Two-sided p of each figure, float[k + 2]; NaN where it is undefined."""
    support = a.support.sum(axis=0, keepdims=True)

    def difference(swaps: FloatArray) -> FloatArray:
        """Under swaps 0 or 1, float[m, g]."""
        wide = np.repeat(support, len(swaps), axis=0)
        own = _figures(
            a.hits.sum(axis=0) + swaps @ (b.hits - a.hits), a.sizes.sum(axis=0) + swaps @ (b.sizes - a.sizes), wide
        )
        other = _figures(
            b.hits.sum(axis=0) + swaps @ (a.hits - b.hits), b.sizes.sum(axis=0) + swaps @ (a.sizes - b.sizes), wide
        )
        return own - other

    observed = np.abs(difference(np.zeros((1, drawn.groups)))[0])
    every = 2**drawn.groups <= randomisations
    total = 2**drawn.groups if every else randomisations
    draw = np.random.default_rng(drawn.seed + 1)
    reached = np.zeros_like(observed)
    for at in range(0, total, CHUNK):
        size = min(CHUNK, total - at)
        if every:
            swaps = (np.arange(at, at + size)[:, None] >> np.arange(drawn.groups)) & 1
        else:
            swaps = draw.integers(2, size=(size, drawn.groups))
        # A hair below, so that a swap that gives the very same difference counts in spite of rounding.
        reached += (np.abs(difference(swaps.astype(np.float64))) >= observed - 1e-12).sum(axis=0)
    p = reached / total if every else (reached + 1) / (total + 1)
    return np.where(np.isfinite(observed), p, np.nan)


def smallest_p(groups: int, randomisations: int = RANDOMISATIONS) -> float:
    """The smallest p that so many policies can give: with five it is 1/16, so nothing can be shown at 5 %."""
    return 2.0 / 2**groups if 2**groups <= randomisations else 1.0 / (randomisations + 1)


def as_rows(tests: Mapping[str, Difference]) -> list[dict[str, object]]:
    """Plain values for JSON, one row a figure."""
    return [
        {
            "figure": name,
            "first": own.first,
            "second": own.second,
            "difference": own.difference,
            "ci95": None if own.ci95 is None else list(own.ci95),
            "p": own.p,
            "p_holm": own.p_holm,
            "verdict": own.verdict,
        }
        for name, own in tests.items()
    ]

"""95 % intervals of F1 by a bootstrap over policies.

Sentences of one policy resemble each other, so the policy is what is drawn (with replacement), never the sentence:
drawing sentences would give intervals that are too narrow for the question "and on the next policies?".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clausetag.data.labels import LABELS
from clausetag.model.decision import FloatArray

DRAWS = 2000
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Percentile intervals; None where F1 is undefined or there are fewer than two policies (groups)."""

    per_category: Mapping[str, Interval | None]
    macro_f1: Interval | None
    micro_f1: Interval | None
    groups: int
    draws: int
    seed: int


def bootstrap_intervals(
    predictions: ArrayLike,
    references: ArrayLike,
    groups: Sequence[str],
    *,
    labels: Sequence[str] = LABELS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Intervals:
    """95 % intervals of per-category, macro and micro F1.

    A draw without a positive of a category says nothing about its F1: it is left out of that category's interval and
    of that draw's macro.

    Args:
        predictions, references: 0/1 of shape [n, k].
        groups: what is drawn as a whole, for each of the n rows: its policy id.

    Raises:
        ValueError: lengths differ.
    """
    predicted = np.asarray(predictions, dtype=bool).reshape(-1, len(labels))
    gold = np.asarray(references, dtype=bool).reshape(-1, len(labels))
    if not len(predicted) == len(gold) == len(groups):
        raise ValueError(f"{len(predicted)} predictions, {len(gold)} references, {len(groups)} groups")
    # Sorted, so that the intervals don't depend on the order of the rows.
    names = sorted(set(groups))
    if len(names) < 2:
        return Intervals(dict.fromkeys(labels), None, None, len(names), draws, seed)
    position = {name: index for index, name in enumerate(names)}
    rows = np.array([position[name] for name in groups])
    hits = _per_group(predicted & gold, rows, len(names))
    support = _per_group(gold, rows, len(names))
    sizes = support + _per_group(predicted, rows, len(names))

    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    times = np.apply_along_axis(np.bincount, 1, drawn, minlength=len(names)).astype(np.float64)
    hits_drawn, support_drawn, sizes_drawn = times @ hits, times @ support, times @ sizes
    f1 = _f1(hits_drawn, sizes_drawn, support_drawn)
    defined = np.isfinite(f1)
    macro = np.where(defined.any(axis=1), np.nansum(f1, axis=1) / np.maximum(defined.sum(axis=1), 1), np.nan)
    micro = _f1(hits_drawn.sum(axis=1), sizes_drawn.sum(axis=1), support_drawn.sum(axis=1))
    return Intervals(
        {label: _interval(f1[:, column]) for column, label in enumerate(labels)},
        _interval(macro),
        _interval(micro),
        len(names),
        draws,
        seed,
    )


def _per_group(marks: NDArray[np.bool_], rows: NDArray[np.int64], groups: int) -> FloatArray:
    counts = np.zeros((groups, marks.shape[1]))
    np.add.at(counts, rows, marks)
    return counts


def _f1(hits: FloatArray, sizes: FloatArray, support: FloatArray) -> FloatArray:
    f1: FloatArray = np.where(support > 0, 2.0 * hits / np.maximum(sizes, 1.0), np.nan)
    return f1


def _interval(values: FloatArray) -> Interval | None:
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)

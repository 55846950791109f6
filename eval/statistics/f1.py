"""F1 from counts that a bootstrap draw has summed up: one row for each draw, one column for each category."""

from __future__ import annotations

import numpy as np

from clausetag.eval.statistics.resample import Statistic
from clausetag.model.decision import FloatArray


def f1_statistic(hits: FloatArray, sizes: FloatArray, support: FloatArray) -> Statistic:
    """Macro F1, micro F1, then each category's F1, float[m, k + 2], from each group's counts float[g, k].

    Args:
        hits: labels that both sides gave.
        sizes: labels that the first side gave, plus labels that the second gave.
        support: labels of the reference; a category without any has no F1 and is left out of the macro mean.
    """
    return lambda weights: f1_columns(weights @ hits, weights @ sizes, weights @ support)


def f1_columns(hits: FloatArray, sizes: FloatArray, support: FloatArray) -> FloatArray:
    """As `f1_statistic`, from the counts of each draw, float[m, k]."""
    f1 = f1_of(hits, sizes, support)
    return np.column_stack([mean_of_defined(f1), f1_of(hits.sum(1), sizes.sum(1), support.sum(1)), f1])


def f1_of(hits: FloatArray, sizes: FloatArray, support: FloatArray) -> FloatArray:
    """``2 * hits / sizes``; NaN where the reference has no label."""
    f1: FloatArray = np.where(support > 0, 2.0 * hits / np.maximum(sizes, 1.0), np.nan)
    return f1


def mean_of_defined(values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Mean of the entries of each row that are not NaN, float[m]; NaN where there is none."""
    known = np.isfinite(values)
    heavy = known.astype(np.float64) if weights is None else weights * known
    total = heavy.sum(axis=1)
    weighted = (np.where(known, values, 0.0) * heavy).sum(axis=1)
    mean: FloatArray = np.where(total > 0, weighted / np.maximum(total, 1e-9), np.nan)
    return mean

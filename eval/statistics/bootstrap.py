"""95 % intervals of every metric by a bootstrap over policies, computed for many draws at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.eval.metrics.classification import SUMMARY, row_f1
from clausetag.eval.statistics.f1 import f1_of, mean_of_defined
from clausetag.eval.statistics.resample import Interval, Resampler, Statistic, as_interval
from clausetag.model.decision import BoolArray, FloatArray

CATEGORY_METRICS = ("precision", "recall", "f1", "average_precision")
_COUNTED = tuple(name for name in SUMMARY if name != "macro_average_precision")
RankIntervals = FloatArray
"""float[2, k + 1]: bounds of the average precision of each category and of their mean."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals by metric; None if the metric is undefined or there are fewer than two groups (policies)."""

    per_category: Mapping[str, Mapping[str, Interval | None]]
    """By label, then by `CATEGORY_METRICS`."""
    summary: Mapping[str, Interval | None]
    """By `clausetag.eval.metrics.classification.SUMMARY`."""
    groups: int
    draws: int
    seed: int


def rank_intervals(scores: ArrayLike, references: ArrayLike, drawn: Resampler) -> RankIntervals:
    """Intervals of average precision. It does not depend on thresholds: compute it once for all of them.

    Raises:
        ValueError: scores float[n, k] and references bool[n, k] differ in shape.
    """
    values, gold = np.asarray(scores, dtype=np.float64), np.asarray(references, dtype=bool)
    if not len(gold):
        return np.full((2, gold.shape[1] + 1), np.nan)
    return drawn.interval(average_precision_statistic(values, gold, drawn))


def bootstrap_intervals(
    predictions: ArrayLike,
    references: ArrayLike,
    drawn: Resampler,
    *,
    ranks: RankIntervals | None = None,
    labels: Sequence[str] = LABELS,
) -> Intervals:
    """95 % intervals of all metrics of `clausetag.eval.metrics.classification.multilabel_metrics`.

    A draw without positives of a category says nothing about its F1: the draw is left out of that category's
    intervals, and the category out of that draw's means.

    Args:
        predictions, references: 0/1 of shape [n, k].
        drawn: the draws of policies, for the same n rows.
        ranks: from `rank_intervals`; None: no interval for average precision.

    Raises:
        ValueError: lengths differ.
    """
    predicted = np.asarray(predictions, dtype=bool).reshape(-1, len(labels))
    gold = np.asarray(references, dtype=bool).reshape(-1, len(labels))
    if not len(predicted) == len(gold) == len(drawn.rows):
        raise ValueError(f"{len(predicted)} predictions, {len(gold)} references, {len(drawn.rows)} groups")
    k = len(labels)
    bounds = drawn.interval(metrics_statistic(predicted, gold, drawn))
    if ranks is None:
        ranks = np.full((2, k + 1), np.nan)
    by_metric = [*(bounds[:, at * k : (at + 1) * k] for at in range(3)), ranks[:, :k]]
    per_category = {
        label: {
            metric: as_interval(*columns[:, column])
            for metric, columns in zip(CATEGORY_METRICS, by_metric, strict=True)
        }
        for column, label in enumerate(labels)
    }
    summary = {metric: as_interval(*bounds[:, 3 * k + place]) for place, metric in enumerate(_COUNTED)}
    summary["macro_average_precision"] = as_interval(*ranks[:, k])
    return Intervals(per_category, {name: summary[name] for name in SUMMARY}, drawn.groups, drawn.draws, drawn.seed)


def metrics_statistic(predicted: BoolArray, gold: BoolArray, drawn: Resampler) -> Statistic:
    """Precision, recall and F1 of each category, then the means named in `_COUNTED`: float[m, 3 k + 10]."""
    hits, support, guesses = drawn.sums(predicted & gold), drawn.sums(gold), drawn.sums(predicted)
    right = (predicted == gold).all(axis=1)
    wrong = (predicted != gold).mean(axis=1) if gold.shape[1] else np.zeros(len(gold))
    by_row = drawn.sums(np.stack([np.ones(len(gold)), row_f1(predicted, gold), right, wrong], axis=1))

    def statistic(weights: FloatArray) -> FloatArray:
        n_hits, n_support, n_guesses = weights @ hits, weights @ support, weights @ guesses
        precision, recall, f1 = _precision_recall_f1(n_hits, n_support, n_guesses)
        micro = _precision_recall_f1(n_hits.sum(axis=1), n_support.sum(axis=1), n_guesses.sum(axis=1))
        rows = weights @ by_row
        with np.errstate(invalid="ignore", divide="ignore"):
            samples, subset, hamming = (rows[:, column] / rows[:, 0] for column in (1, 2, 3))
        means = {
            "macro_f1": mean_of_defined(f1),
            "micro_f1": micro[2],
            "weighted_f1": mean_of_defined(f1, n_support),
            "samples_f1": samples,
            "macro_precision": mean_of_defined(precision),
            "macro_recall": mean_of_defined(recall),
            "micro_precision": micro[0],
            "micro_recall": micro[1],
            "subset_accuracy": subset,
            "hamming_loss": hamming,
        }
        return np.column_stack([precision, recall, f1, *(means[name] for name in _COUNTED)])

    return statistic


def average_precision_statistic(scores: FloatArray, gold: BoolArray, drawn: Resampler) -> Statistic:
    """Average precision of each category, then their mean: float[m, k + 1]; a row counts as often as it is drawn.

    scikit-learn's `average_precision_score` has the same values, but would sort all rows again for each draw.

    Raises:
        ValueError: shapes differ.
    """
    if scores.shape != gold.shape:
        raise ValueError(f"scores of shape {scores.shape} for references of shape {gold.shape}")
    tables = [_counts_down_to_positives(scores[:, column], gold[:, column], drawn) for column in range(scores.shape[1])]

    def statistic(weights: FloatArray) -> FloatArray:
        values = np.full((len(weights), len(tables)), np.nan)
        for column, (hits_down_to, guesses_down_to) in enumerate(tables):
            hits, guesses = weights @ hits_down_to, weights @ guesses_down_to
            total = hits[:, -1:].sum(axis=1)
            area = (np.diff(hits, axis=1, prepend=0.0) * hits / np.maximum(guesses, 1.0)).sum(axis=1)
            values[:, column] = np.where(total > 0, area / np.maximum(total, 1.0), np.nan)
        return np.column_stack([values, mean_of_defined(values)])

    return statistic


def _counts_down_to_positives(scores: FloatArray, gold: BoolArray, drawn: Resampler) -> tuple[FloatArray, FloatArray]:
    """Positives and rows of each group that score at least as high as each distinct score of a positive: float[g, d].

    Scores fall from left to right; rows with equal scores are counted together. Recall changes at these scores only.
    """
    levels = np.unique(scores[gold])[::-1]
    # The first level that is not above the row's score: the row is counted from there on.
    first = np.searchsorted(-levels, -scores, side="left")
    hits = np.zeros((drawn.groups, len(levels) + 1))
    guesses = np.zeros_like(hits)
    np.add.at(guesses, (drawn.rows, first), 1.0)
    np.add.at(hits, (drawn.rows[gold], first[gold]), 1.0)
    return hits.cumsum(axis=1)[:, :-1], guesses.cumsum(axis=1)[:, :-1]


def _precision_recall_f1(
    hits: FloatArray, support: FloatArray, guesses: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """With the conventions of `multilabel_metrics`: undefined without a positive, 0 without a prediction."""
    precision = np.where(support > 0, hits / np.maximum(guesses, 1.0), np.nan)
    recall = np.where(support > 0, hits / np.maximum(support, 1.0), np.nan)
    return precision, recall, f1_of(hits, support + guesses, support)

"""95 % intervals of every figure by a bootstrap over policies, vectorised over draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.eval.metrics.multilabel_scores import SUMMARY
from clausetag.eval.statistics.resample import DRAWS, Interval, Resampler, Statistic, as_interval, resampler
from clausetag.model.decision import BoolArray, FloatArray

CATEGORY_FIGURES = ("precision", "recall", "f1", "average_precision")


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals by figure; None where the figure is undefined or there are fewer than two policies (groups)."""

    per_category: Mapping[str, Mapping[str, Interval | None]]
    """By label, then by `CATEGORY_FIGURES`."""
    summary: Mapping[str, Interval | None]
    """By `clausetag.eval.metrics.multilabel_scores.SUMMARY`."""
    groups: int
    draws: int
    seed: int


RankIntervals = FloatArray
"""float[2, k + 1]: bounds of the average precision of each category and of their mean."""


def rank_intervals(scores: ArrayLike, references: ArrayLike, drawn: Resampler) -> RankIntervals:
    """Intervals of average precision, which no threshold touches: made once for all ways to decide.

    Raises:
        ValueError: shapes differ.
    """
    values, gold = np.asarray(scores, dtype=np.float64), np.asarray(references, dtype=bool)
    if not len(gold):
        return np.full((2, gold.shape[1] + 1), np.nan)
    return drawn.interval(average_precision_statistic(values, gold, drawn))


def bootstrap_intervals(
    predictions: ArrayLike,
    references: ArrayLike,
    groups: Sequence[str] | Resampler,
    *,
    ranks: RankIntervals | None = None,
    labels: Sequence[str] = LABELS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Intervals:
    """95 % intervals of all figures of `clausetag.eval.metrics.multilabel_scores.multilabel_scores`.

    A draw without a positive of a category says nothing about its F1: it is left out of that category's intervals,
    and the category out of that draw's means.

    Args:
        predictions, references: 0/1 of shape [n, k].
        groups: what is drawn as a whole, for each of the n rows (its policy id), or the draws made before.
        ranks: from `rank_intervals`; None: no interval for average precision.

    Raises:
        ValueError: lengths differ.
    """
    predicted = np.asarray(predictions, dtype=bool).reshape(-1, len(labels))
    gold = np.asarray(references, dtype=bool).reshape(-1, len(labels))
    drawn = groups if isinstance(groups, Resampler) else resampler(groups, draws=draws, seed=seed)
    if not len(predicted) == len(gold) == len(drawn.rows):
        raise ValueError(f"{len(predicted)} predictions, {len(gold)} references, {len(drawn.rows)} groups")
    k = len(labels)
    bounds = drawn.interval(figures_statistic(predicted, gold, drawn))
    if ranks is None:
        ranks = np.full((2, k + 1), np.nan)
    per_category = {
        label: {
            **{
                figure: as_interval(*bounds[:, place * k + column]) for place, figure in enumerate(CATEGORY_FIGURES[:3])
            },
            "average_precision": as_interval(*ranks[:, column]),
        }
        for column, label in enumerate(labels)
    }
    summary = {figure: as_interval(*bounds[:, 3 * k + place]) for place, figure in enumerate(_COUNTED)}
    summary["macro_average_precision"] = as_interval(*ranks[:, k])
    return Intervals(per_category, {name: summary[name] for name in SUMMARY}, drawn.groups, drawn.draws, drawn.seed)


_COUNTED = tuple(name for name in SUMMARY if name != "macro_average_precision")


def figures_statistic(predicted: BoolArray, gold: BoolArray, drawn: Resampler) -> Statistic:
    """Precision, recall and F1 of each category, then the means that `_COUNTED` names: float[m, 3 k + 9]."""
    hits, support = drawn.sums(predicted & gold), drawn.sums(gold)
    guesses = drawn.sums(predicted)
    row_sizes = predicted.sum(axis=1) + gold.sum(axis=1)
    row_f1 = np.where(row_sizes == 0, 1.0, 2.0 * (predicted & gold).sum(axis=1) / np.maximum(row_sizes, 1))
    right = (predicted == gold).all(axis=1)
    wrong = (predicted != gold).mean(axis=1) if gold.shape[1] else np.zeros(len(gold))
    by_row = drawn.sums(np.stack([np.ones(len(gold)), row_f1, right, wrong], axis=1))

    def statistic(weights: FloatArray) -> FloatArray:
        n_hits, n_support, n_guesses = weights @ hits, weights @ support, weights @ guesses
        precision, recall, f1 = _precision_recall_f1(n_hits, n_support, n_guesses)
        micro = _precision_recall_f1(n_hits.sum(axis=1), n_support.sum(axis=1), n_guesses.sum(axis=1))
        rows = weights @ by_row
        with np.errstate(invalid="ignore", divide="ignore"):
            samples, subset, hamming = (rows[:, column] / rows[:, 0] for column in (1, 2, 3))
        means = {
            "macro_f1": _mean(f1),
            "micro_f1": micro[2],
            "weighted_f1": _mean(f1, n_support),
            "samples_f1": samples,
            "macro_precision": _mean(precision),
            "macro_recall": _mean(recall),
            "micro_precision": micro[0],
            "micro_recall": micro[1],
            "subset_accuracy": subset,
            "hamming_loss": hamming,
        }
        return np.concatenate([precision, recall, f1, np.stack([means[name] for name in _COUNTED], axis=1)], axis=1)

    return statistic


def average_precision_statistic(scores: FloatArray, gold: BoolArray, drawn: Resampler) -> Statistic:
    """Average precision of each category, then their mean: float[m, k + 1]; a row weighs as often as it is drawn.

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
        return np.concatenate([values, _mean(values)[:, None]], axis=1)

    return statistic


def _counts_down_to_positives(scores: FloatArray, gold: BoolArray, drawn: Resampler) -> tuple[FloatArray, FloatArray]:
    """Positives and rows of each group that score at least as high as each distinct score of a positive: float[g, d].

    Distinct scores in falling order, rows of one score counted together; recall changes at no others.
    """
    levels = np.unique(scores[gold])[::-1]
    # The first level that is not above the row's score, i.e. from which on the row is counted.
    first = np.searchsorted(-levels, -scores, side="left")
    hits = np.zeros((drawn.groups, len(levels) + 1))
    guesses = np.zeros_like(hits)
    np.add.at(guesses, (drawn.rows, first), 1.0)
    np.add.at(hits, (drawn.rows[gold], first[gold]), 1.0)
    return hits.cumsum(axis=1)[:, :-1], guesses.cumsum(axis=1)[:, :-1]


def _precision_recall_f1(
    hits: FloatArray, support: FloatArray, guesses: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """By the conventions of `multilabel_scores`: all undefined without a positive, 0 without a guess."""
    defined = support > 0
    precision = np.where(defined, hits / np.maximum(guesses, 1.0), np.nan)
    recall = np.where(defined, hits / np.maximum(support, 1.0), np.nan)
    f1 = np.where(defined, 2.0 * hits / np.maximum(support + guesses, 1.0), np.nan)
    return precision, recall, f1


def _mean(values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Mean over the defined entries of each row; NaN where there is none."""
    known = np.isfinite(values)
    heavy = known.astype(np.float64) if weights is None else weights * known
    total = heavy.sum(axis=1)
    mean: FloatArray = np.where(
        total > 0, (np.where(known, values, 0.0) * heavy).sum(axis=1) / np.maximum(total, 1e-9), np.nan
    )
    return mean

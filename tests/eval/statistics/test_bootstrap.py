"""Intervals: seeded, over policies, and honest about what is undefined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from clausetag.eval.metrics.classification import SUMMARY, multilabel_metrics
from clausetag.eval.statistics.bootstrap import (
    CATEGORY_METRICS,
    average_precision_statistic,
    bootstrap_intervals,
    metrics_statistic,
    rank_intervals,
)
from clausetag.eval.statistics.resample import resampler

NAMES = ("a", "b")


def data(policies: int, rows: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """A model whose quality differs from policy to policy."""
    rng = np.random.default_rng(0)
    names = [f"p{policy}" for policy in range(policies) for _ in range(rows)]
    quality = np.repeat(np.linspace(0.4, 1.0, policies), rows)[:, None]
    gold = rng.random((len(names), 2)) < 0.4
    predicted = np.where(rng.random(gold.shape) < quality, gold, ~gold)
    return predicted, gold, names


def test_figures_lie_inside_their_intervals() -> None:
    predicted, gold, names = data(20, 30)
    scores = np.clip(predicted * 0.5 + np.random.default_rng(1).random(gold.shape) * 0.5, 0, 1)
    drawn = resampler(names)
    ranks = rank_intervals(scores, gold, drawn)
    found = bootstrap_intervals(predicted, gold, drawn, ranks=ranks, labels=NAMES)
    figures = multilabel_metrics(predicted, gold, NAMES, scores=scores)
    pairs = [(getattr(figures, name), found.summary[name]) for name in SUMMARY]
    for label in NAMES:
        own = figures.per_category[label]
        pairs += [(getattr(own, name), found.per_category[label][name]) for name in CATEGORY_METRICS]
    assert len(pairs) == len(SUMMARY) + 2 * len(CATEGORY_METRICS)
    for value, interval in pairs:
        assert value is not None and interval is not None
        assert 0 <= interval[0] < value < interval[1] <= 1


def test_policies_are_drawn_not_rows() -> None:
    predicted, gold, names = data(20, 30)
    by_policy = bootstrap_intervals(predicted, gold, resampler(names), labels=NAMES).summary["micro_f1"]
    rows = [str(row) for row in range(len(names))]
    by_row = bootstrap_intervals(predicted, gold, resampler(rows), labels=NAMES).summary["micro_f1"]
    assert by_policy is not None and by_row is not None
    assert by_policy[1] - by_policy[0] > 1.5 * (by_row[1] - by_row[0])


def test_same_seed_same_intervals_in_any_order_of_rows() -> None:
    predicted, gold, names = data(6, 10)
    first = bootstrap_intervals(predicted, gold, resampler(names, seed=3), labels=NAMES)
    again = bootstrap_intervals(predicted[::-1], gold[::-1], resampler(names[::-1], seed=3), labels=NAMES)
    assert first == again
    assert first != bootstrap_intervals(predicted, gold, resampler(names, seed=4), labels=NAMES)


def test_every_figure_under_a_draw_is_that_of_the_drawn_rows() -> None:
    """The vectorised sums against the plain metric on rows copied by hand, ties among scores included."""
    predicted, gold, names = data(5, 8)
    gold[:, 1] &= np.array(names) == "p2"  # a category that most draws have no positive of
    scores = np.round(np.clip(predicted * 0.3 + np.random.default_rng(2).random(gold.shape) * 0.7, 0, 1), 1)
    drawn = resampler(names, draws=40, seed=1)
    values = drawn.values(metrics_statistic(predicted, gold, drawn))
    ranks = drawn.values(average_precision_statistic(scores, gold, drawn))
    undefined = 0
    for draw, times in enumerate(drawn.times):
        rows = np.repeat(np.arange(len(names)), times[drawn.rows].astype(int))
        expected = multilabel_metrics(predicted[rows], gold[rows], NAMES, scores=scores[rows])
        for column, label in enumerate(NAMES):
            own = expected.per_category[label]
            undefined += own.f1 is None
            precision = own.precision if own.f1 is not None else None
            for place, value in enumerate((precision, own.recall, own.f1)):
                assert _same(values[draw, 2 * place + column], value)
            assert _same(ranks[draw, column], own.average_precision)
        counted = [name for name in SUMMARY if name != "macro_average_precision"]
        for place, name in enumerate(counted):
            assert _same(values[draw, 6 + place], getattr(expected, name)), name
        assert _same(ranks[draw, 2], expected.macro_average_precision)
    assert 0 < undefined < 40


def _same(value: float, expected: float | None) -> bool:
    return bool(np.isnan(value)) if expected is None else value == pytest.approx(expected)


def test_undefined_has_no_interval() -> None:
    gold = np.array([[1, 0], [1, 0], [0, 0], [1, 0]], dtype=bool)
    predicted = np.array([[1, 1], [0, 1], [0, 1], [1, 1]], dtype=bool)
    found = bootstrap_intervals(predicted, gold, resampler(["p", "q", "r", "s"]), labels=NAMES)
    assert found.per_category["a"]["f1"] is not None
    assert found.per_category["b"]["f1"] is None
    assert found.per_category["a"]["average_precision"] is None  # no scores were given
    alone = bootstrap_intervals(gold, gold, resampler(["p"] * 4), labels=NAMES)
    assert (alone.summary["micro_f1"], alone.per_category["a"]["f1"], alone.groups) == (None, None, 1)


def test_no_interval_of_no_width() -> None:
    """All positives in one policy, or the same figure in every draw: nothing says how far the figure could move."""
    names = [f"p{row // 5}" for row in range(40)]
    gold = np.zeros((40, 2), dtype=bool)
    gold[:3, 0] = True  # one policy has them all
    gold[::5, 1] = True
    predicted = gold.copy()
    predicted[7, 0] = predicted[2, 0] = True
    found = bootstrap_intervals(predicted, gold, resampler(names), labels=NAMES)
    assert found.per_category["a"]["f1"] is None
    assert found.per_category["b"]["f1"] is None  # perfect throughout
    predicted[5, 1] = False
    wide = bootstrap_intervals(predicted, gold, resampler(names), labels=NAMES).per_category["b"]["f1"]
    assert wide is not None and wide[1] - wide[0] > 0.05


@pytest.mark.parametrize("values", [[0.30, 0.42, 0.38, 0.55, 0.45], [0.41, 0.52, 0.47]])
def test_the_interval_of_a_mean_is_students(values: list[float]) -> None:
    """For the mean of one value per policy the exact answer is known: mean plus or minus t(g - 1) * s / sqrt(g)."""
    g = len(values)
    drawn = resampler([f"p{row}" for row in range(g)], draws=20_000)
    low, high = drawn.interval(lambda weights: weights @ np.array(values)[:, None] / g, share=False)
    half = t.ppf(0.975, g - 1) * np.std(values, ddof=1) / np.sqrt(g)
    assert (low[0], high[0]) == pytest.approx((np.mean(values) - half, np.mean(values) + half), abs=0.03 * half)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2 groups"):
        bootstrap_intervals([[1, 0]], [[1, 0]], resampler(["p", "q"]), labels=NAMES)

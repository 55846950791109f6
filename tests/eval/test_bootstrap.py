"""Intervals: seeded, over policies, and honest about what is undefined."""

from __future__ import annotations

import numpy as np
import pytest

from clausetag.eval.bootstrap import bootstrap_intervals
from clausetag.eval.metrics import multilabel_scores

NAMES = ("a", "b")


def data(policies: int, rows: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """A model whose quality differs from policy to policy."""
    rng = np.random.default_rng(0)
    names = [f"p{policy}" for policy in range(policies) for _ in range(rows)]
    quality = np.repeat(np.linspace(0.4, 1.0, policies), rows)[:, None]
    gold = rng.random((len(names), 2)) < 0.4
    predicted = np.where(rng.random(gold.shape) < quality, gold, ~gold)
    return predicted, gold, names


def test_figure_lies_inside_its_interval() -> None:
    predicted, gold, names = data(20, 30)
    found = bootstrap_intervals(predicted, gold, names, labels=NAMES)
    scores = multilabel_scores(predicted, gold, NAMES)
    for value, interval in [
        (scores.macro_f1, found.macro_f1),
        (scores.micro_f1, found.micro_f1),
        *[(scores.per_category[label].f1, found.per_category[label]) for label in NAMES],
    ]:
        assert value is not None and interval is not None
        assert interval[0] < value < interval[1]


def test_policies_are_drawn_not_rows() -> None:
    predicted, gold, names = data(20, 30)
    by_policy = bootstrap_intervals(predicted, gold, names, labels=NAMES).micro_f1
    by_row = bootstrap_intervals(predicted, gold, [str(row) for row in range(len(names))], labels=NAMES).micro_f1
    assert by_policy is not None and by_row is not None
    assert by_policy[1] - by_policy[0] > 1.5 * (by_row[1] - by_row[0])


def test_same_seed_same_intervals_in_any_order_of_rows() -> None:
    predicted, gold, names = data(6, 10)
    first = bootstrap_intervals(predicted, gold, names, labels=NAMES, seed=3)
    again = bootstrap_intervals(predicted[::-1], gold[::-1], names[::-1], labels=NAMES, seed=3)
    assert first == again
    assert first != bootstrap_intervals(predicted, gold, names, labels=NAMES, seed=4)


def test_matches_drawing_rows_by_hand() -> None:
    predicted, gold, names = data(5, 8)
    found = bootstrap_intervals(predicted, gold, names, labels=NAMES, draws=200, seed=1)
    ids = sorted(set(names))
    values = []
    for draw in np.random.default_rng(1).integers(5, size=(200, 5)):
        rows = np.concatenate([[row for row, name in enumerate(names) if name == ids[pick]] for pick in draw])
        values.append(multilabel_scores(predicted[rows], gold[rows], NAMES).macro_f1)
    assert found.macro_f1 == pytest.approx(tuple(np.percentile(np.array(values, dtype=float), (2.5, 97.5))))


def test_undefined_has_no_interval() -> None:
    gold = np.array([[1, 0], [1, 0], [0, 0]], dtype=bool)
    found = bootstrap_intervals(gold | np.array([[0, 1]] * 3, dtype=bool), gold, ["p", "q", "r"], labels=NAMES)
    assert found.per_category["a"] == (1.0, 1.0)
    assert found.per_category["b"] is None
    assert found.macro_f1 == (1.0, 1.0)
    alone = bootstrap_intervals(gold, gold, ["p"] * 3, labels=NAMES)
    assert (alone.micro_f1, alone.macro_f1, alone.per_category["a"], alone.groups) == (None, None, None, 1)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2 groups"):
        bootstrap_intervals([[1, 0]], [[1, 0]], ["p", "q"], labels=NAMES)

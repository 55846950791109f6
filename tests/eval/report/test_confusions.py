"""Confusions counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from clausetag.data.labels import LABELS
from clausetag.eval.report.confusions import confusions

NAMES = ("a", "b", "c")


def rows(*names: str) -> np.ndarray:
    """One row of marks for each word: "ab" gives a and b, "-" nothing."""
    return np.array([[label in name for label in NAMES] for name in names]).reshape(-1, len(NAMES))


# Unit by unit: right; a missed for b; a missed, b and c alarmed; a and b missed for c; a missed alone; c alarmed
# alone; c alarmed beside the right b.
GOLD = rows("ab", "a", "a", "ab", "a", "-", "b")
PREDICTED = rows("ab", "b", "bc", "c", "-", "c", "bc")


def test_confusions_by_hand() -> None:
    found = confusions(GOLD, PREDICTED, NAMES)
    assert found.pairs.tolist() == [[0, 2, 2], [0, 0, 1], [0, 0, 0]]
    assert found.nothing_instead.tolist() == [1, 0, 0]
    assert found.out_of_nothing.tolist() == [0, 0, 2]
    assert (found.units, found.wrong_units) == (7, 6)


def test_matrix_has_a_column_and_a_row_for_nothing() -> None:
    assert confusions(GOLD, PREDICTED, NAMES).matrix.tolist() == [
        [0, 2, 2, 1],
        [0, 0, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 2, 0],
    ]


def test_confusions_turn_round_with_gold_and_predictions() -> None:
    rng = np.random.default_rng(0)
    gold, predicted = rng.random((2, 200, len(LABELS))) < 0.2
    forth, back = confusions(gold, predicted), confusions(predicted, gold)
    assert forth.matrix.tolist() == back.matrix.T.tolist()
    # One label at most on either side: every miss has its one alarm or none, so that rows do add up.
    one, other = (np.eye(3, dtype=bool)[rng.integers(3, size=50)] for _ in range(2))
    single = confusions(one, other, NAMES)
    assert single.matrix.sum(axis=1)[:3].tolist() == (one & ~other).sum(axis=0).tolist()
    assert single.matrix.sum(axis=0)[:3].tolist() == (other & ~one).sum(axis=0).tolist()


def test_largest_confusions_come_first() -> None:
    found = confusions(GOLD, PREDICTED, NAMES)
    assert found.largest(2) == [("a", "b", 2), ("a", "c", 2)]
    assert found.largest(9) == [("a", "b", 2), ("a", "c", 2), ("b", "c", 1)]


def test_nothing_to_count() -> None:
    found = confusions(rows(), rows(), NAMES)
    assert not found.matrix.any() and found.units == found.wrong_units == 0 and found.largest(3) == []


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="found"):
        confusions(GOLD, PREDICTED[:3], NAMES)
    with pytest.raises(ValueError, match=r"\[n, 12\]"):
        confusions(GOLD, PREDICTED)

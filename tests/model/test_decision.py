"""Calibration and the rule from scores to labels."""

from __future__ import annotations

import numpy as np
import pytest

from clausetag.model.decision import calibrate, decide, sigmoid


def test_each_label_has_its_own_threshold() -> None:
    scores = [[0.4, 0.4, 0.4], [0.6, 0.2, 0.3]]
    decided = decide(scores, [0.5, 0.3, 0.4])
    assert decided.tolist() == [[False, True, True], [True, False, False]]
    assert decide(scores, [0.3, 0.5, 0.4]).tolist() != decided.tolist()


def test_bare_rows_get_the_label_nearest_to_its_threshold() -> None:
    scores = [[0.40, 0.28], [0.1, 0.1], [0.7, 0.29]]
    assert not decide(scores[:2], [0.6, 0.3]).any()
    assert decide(scores, [0.6, 0.3], 1).tolist() == [[False, True], [False, True], [True, False]]


def test_equal_margins_go_to_the_first_label() -> None:
    assert decide([[0.25, 0.25]], [0.5, 0.5], 1).tolist() == [[True, False]]


def test_no_rows() -> None:
    assert decide(np.zeros((0, 3)), [0.5] * 3, 1).shape == (0, 3)


@pytest.mark.parametrize(("thresholds", "least"), [([0.5], 0), ([0.5, 0.5], 2)])
def test_wrong_arguments(thresholds: list[float], least: int) -> None:
    with pytest.raises(ValueError):
        decide([[0.1, 0.2]], thresholds, least)


def test_calibration_is_per_label() -> None:
    found = calibrate([[1.0, 1.0]], [2.0, 1.0], [0.0, -1.0])
    assert found[0] == pytest.approx([1 / (1 + np.exp(-2)), 0.5])


def test_sigmoid_does_not_overflow() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert sigmoid([-1e4, 0.0, 1e4]).tolist() == [0.0, 0.5, 1.0]

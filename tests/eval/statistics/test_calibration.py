"""Calibration figures against counting by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from clausetag.eval.statistics.calibration import calibration
from clausetag.eval.statistics.resample import resampler
from clausetag.model.decision import calibrate, sigmoid, uncalibrate

NAMES = ("a", "b")


def test_bins_and_ece_by_hand() -> None:
    scores = np.array([[0.05, 1.0], [0.15, 1.0], [0.15, 1.0], [0.95, 1.0]])
    gold = np.array([[0, 1], [1, 1], [0, 1], [1, 1]], dtype=bool)
    found = calibration(scores, gold, resampler(["p", "p", "q", "q"], draws=50), NAMES)
    own = found.per_category["a"]
    assert [(bin.count, bin.observed) for bin in own.bins] == [(1, 0.0), (2, 0.5), (1, 1.0)]
    assert own.bins[1].mean_score == pytest.approx(0.15)
    assert own.ece == pytest.approx((0.05 + 2 * 0.35 + 0.05) / 4)
    assert own.brier == pytest.approx(np.mean((scores[:, 0] - gold[:, 0]) ** 2))
    sure = found.per_category["b"]
    assert (sure.ece, sure.brier, sure.positives) == (0.0, 0.0, 4)
    assert sure.bins[0].low == 0.9  # a score of 1 belongs to the last bin
    assert found.mean_ece == pytest.approx(own.ece / 2)


def test_brier_is_that_of_scikit_learn_and_pooling_is_over_all_decisions() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((300, 2))
    gold = rng.random((300, 2)) < scores
    drawn = resampler([str(row // 30) for row in range(300)], draws=300)
    found = calibration(scores, gold, drawn, NAMES)
    for column, label in enumerate(NAMES):
        assert found.per_category[label].brier == pytest.approx(brier_score_loss(gold[:, column], scores[:, column]))
    assert found.overall.brier == pytest.approx(np.mean((scores - gold) ** 2))
    assert found.overall.positives == gold.sum()
    interval = found.overall.brier_ci95
    assert interval is not None and interval[0] < found.overall.brier < interval[1]


def test_overconfident_scores_have_the_larger_error() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random((2000, 2))
    gold = rng.random((2000, 2)) < scores
    sharper = sigmoid(3 * np.log(scores / (1 - scores)))
    drawn = resampler([str(row // 100) for row in range(2000)], draws=50)
    right, wrong = (calibration(values, gold, drawn, NAMES) for values in (scores, sharper))
    assert right.mean_ece < 0.04 < 0.1 < wrong.mean_ece
    assert right.overall.brier < wrong.overall.brier


def test_before_calibration_is_the_inverse_of_after() -> None:
    logits = np.random.default_rng(2).normal(0, 4, (50, 2))
    slope, intercept = np.array([0.7, 1.3]), np.array([-0.4, 0.9])
    assert uncalibrate(calibrate(logits, slope, intercept), slope, intercept) == pytest.approx(sigmoid(logits))
    assert np.isfinite(uncalibrate(np.array([[0.0, 1.0]]), slope, intercept)).all()


@pytest.mark.parametrize("bad", [np.full((2, 2), 1.2), np.full((2, 2), np.nan), np.zeros((3, 2)), np.zeros((2, 1))])
def test_bad_scores(bad: np.ndarray) -> None:
    with pytest.raises(ValueError):
        calibration(bad, np.zeros((2, 2), dtype=bool), resampler(["p", "q"], draws=5), NAMES)

"""Threshold search against brute force, shrinking, and calibration that calibrates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clausetag.eval.metrics.classification import multilabel_metrics
from clausetag.eval.metrics.thresholds import MIN_SLOPE, expected_f1_thresholds, fit_calibration, tune_thresholds
from clausetag.model.decision import calibrate, decide

NAMES = ("a", "b", "c")


def sample(seed: int, rows: int, rates: tuple[float, ...] = (0.5, 0.2, 0.05)) -> tuple[np.ndarray, np.ndarray]:
    """Logits that separate well but are too large by a factor of 3, and gold."""
    rng = np.random.default_rng(seed)
    gold = rng.random((rows, len(rates))) < np.array(rates)
    logits = 3.0 * (3.0 * gold - 2.0 + rng.normal(size=gold.shape))
    return logits, gold


def f1_of(scores: np.ndarray, gold: np.ndarray, threshold: float) -> float:
    predicted = scores >= threshold
    return float(2 * (predicted & gold).sum() / max(1, predicted.sum() + gold.sum()))


@given(st.integers(0, 10_000), st.integers(2, 40))
@settings(max_examples=60, deadline=None)
def test_unshrunk_thresholds_reach_the_best_f1(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 12, (rows, 3)) / 11  # few values, so many ties
    gold = rng.random((rows, 3)) < 0.3
    thresholds = tune_thresholds(scores, gold, shrink=0)
    for column in np.flatnonzero(gold.any(axis=0)):
        best = max(f1_of(scores[:, column], gold[:, column], value) for value in [0, *scores[:, column]])
        assert f1_of(scores[:, column], gold[:, column], thresholds[column]) == pytest.approx(best)


def test_thresholds_lie_between_scores() -> None:
    scores = np.array([[0.1], [0.2], [0.6], [0.8]])
    gold = np.array([[False], [False], [True], [True]])
    assert tune_thresholds(scores, gold) == pytest.approx([0.4])


def test_thresholds_follow_their_label() -> None:
    scores = np.tile(np.linspace(0.05, 0.95, 19)[:, None], (1, 2))
    gold = np.stack([scores[:, 0] > 0.22, scores[:, 1] > 0.72], axis=1)
    low, high = tune_thresholds(scores, gold, shrink=0)
    assert (low, high) == pytest.approx((0.225, 0.725))
    assert tune_thresholds(scores[:, ::-1], gold[:, ::-1], shrink=0) == pytest.approx([high, low])


def test_rare_labels_are_shrunk_by_their_support() -> None:
    scores = np.tile(np.linspace(0.005, 0.995, 100)[:, None], (1, 3))
    gold = np.zeros((100, 3), dtype=bool)
    gold[40:, 0] = True  # 60 positives above 0.4
    gold[95:, 1] = True  # 5 positives above 0.95; none of the third label
    own = tune_thresholds(scores, gold, shrink=0)
    shrunk = tune_thresholds(scores, gold, shrink=20)
    shared = shrunk[2]
    assert own[:2] == pytest.approx([0.4, 0.95])
    assert shrunk[0] == pytest.approx((60 * own[0] + 20 * shared) / 80)
    assert shrunk[1] == pytest.approx((5 * own[1] + 20 * shared) / 25)


def test_order_of_rows_does_not_matter() -> None:
    logits, gold = sample(1, 300)
    scores = calibrate(logits, [1.0] * 3, [0.0] * 3)
    order = np.random.default_rng(2).permutation(300)
    assert tune_thresholds(scores, gold).tolist() == tune_thresholds(scores[order], gold[order]).tolist()


def test_no_positive_at_all_leaves_one_half() -> None:
    assert tune_thresholds(np.full((3, 2), 0.2), np.zeros((3, 2))).tolist() == [0.5, 0.5]


def test_tuned_thresholds_beat_one_half_on_other_rows() -> None:
    logits, gold = sample(3, 4000)
    scores = calibrate(logits - 4.0, [1.0] * 3, [0.0] * 3)
    thresholds = tune_thresholds(scores[:2000], gold[:2000])
    tuned = multilabel_metrics(decide(scores[2000:], thresholds), gold[2000:], NAMES)
    half = multilabel_metrics(decide(scores[2000:], [0.5] * 3), gold[2000:], NAMES)
    assert tuned.macro_f1 is not None and half.macro_f1 is not None
    assert tuned.macro_f1 > half.macro_f1 + 0.05


def test_calibrated_probabilities_match_frequencies_on_other_rows() -> None:
    logits, gold = sample(4, 12_000)
    slope, intercept = fit_calibration(logits[:6000], gold[:6000])
    scores = calibrate(logits[6000:], slope, intercept)
    assert (slope > 0).all()
    for column in range(3):
        assert scores[:, column].mean() == pytest.approx(gold[6000:, column].mean(), abs=0.02)
        sure = scores[:, column] > 0.8
        assert gold[6000:, column][sure].mean() == pytest.approx(scores[:, column][sure].mean(), abs=0.06)


def test_calibration_of_a_rare_label_leans_on_the_others() -> None:
    logits, gold = sample(5, 4000, (0.5, 0.2, 0.1, 0.0))
    gold[:3, 2], gold[3:, 2] = True, False
    _, before = fit_calibration(logits, gold)
    logits[:, :2] += 5.0  # the common labels' logits are now too high, so the shared intercept falls
    _, after = fit_calibration(logits, gold)
    assert after[3] < before[3] - 0.2  # no positive: the shared intercept itself
    assert before[3] - after[3] > before[2] - after[2] > 0.0


def test_a_strong_prior_changes_nothing() -> None:
    slope, intercept = fit_calibration(*sample(5, 400), prior=1e9)
    assert slope == pytest.approx(np.ones(3), abs=1e-3)
    assert intercept == pytest.approx(np.zeros(3), abs=1e-3)


def test_calibration_never_turns_a_ranking_round() -> None:
    logits, gold = sample(6, 4000)
    slope, _ = fit_calibration(-logits, gold)
    assert slope.tolist() == [MIN_SLOPE] * 3


def test_extreme_logits_are_fitted() -> None:
    logits = np.array([[-500.0], [-300.0], [300.0], [500.0]])
    slope, intercept = fit_calibration(logits, logits > 0)
    assert np.isfinite(slope).all() and np.isfinite(intercept).all()


@pytest.mark.parametrize("function", [tune_thresholds, fit_calibration])
@pytest.mark.parametrize("scores", [np.zeros((0, 2)), np.zeros((3, 3)), np.array([[np.nan, 0.0]] * 3)])
def test_bad_arrays_are_refused(function: object, scores: np.ndarray) -> None:
    with pytest.raises(ValueError):
        function(scores, np.zeros((3, 2)))  # type: ignore[operator]


def test_expected_thresholds_are_the_best_on_gold_that_follows_the_scores() -> None:
    """Many draws of gold from the scores themselves: no other threshold has a higher F1 over all of them."""
    rng = np.random.default_rng(8)
    scores = rng.beta(0.4, 1.2, size=(200, 2))
    found = expected_f1_thresholds(scores)
    gold = rng.random((3000, *scores.shape)) < scores
    for label in range(2):

        def f1(threshold: float, label: int = label) -> float:
            predicted = scores[:, label] >= threshold
            hits = (gold[:, :, label] & predicted).sum()
            return float(2 * hits / (predicted.sum() * len(gold) + gold[:, :, label].sum()))

        assert f1(found[label]) >= max(f1(t) for t in np.linspace(0.02, 0.98, 60)) - 1e-3


def test_expected_thresholds_stay_in_bounds_and_refuse_what_is_no_score() -> None:
    assert expected_f1_thresholds(np.zeros((5, 2))).tolist() == [0.02, 0.02]
    assert expected_f1_thresholds(np.ones((5, 1))).tolist() == [0.98]
    for wrong in (np.zeros((0, 2)), np.zeros(3), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match="finite"):
            expected_f1_thresholds(wrong)


def test_the_shared_threshold_is_best_for_macro_and_micro_together() -> None:
    """With boundless shrinking every label has the shared threshold; another that only macro or micro prefer loses."""
    rng = np.random.default_rng(54)
    gold = rng.random((150, 3)) < [0.5, 0.1, 0.05]
    shift = np.array([0.15, -0.15, -0.3]) + [0.1, 0.2, 0.3] * gold
    scores = np.clip(rng.normal(0.5, 0.12, gold.shape) + shift, 0.0, 1.0)

    def quality(threshold: float) -> tuple[float, float]:
        found = multilabel_metrics(scores >= threshold, gold, ("a", "b", "c"))
        assert found.macro_f1 is not None and found.micro_f1 is not None
        return found.macro_f1, found.micro_f1

    shared = tune_thresholds(scores, gold, shrink=1e12)[0]
    values = np.array([quality(threshold) for threshold in np.unique(scores)])
    assert sum(quality(shared)) == pytest.approx(values.sum(axis=1).max())
    for alone in values.T:  # neither of the two alone would have chosen it
        assert values[alone.argmax()].sum() < sum(quality(shared)) - 0.02

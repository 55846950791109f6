"""Doubtful gold labels: reference numbers, the definitions by hand, and planted errors found in simulated data."""

from __future__ import annotations

import numpy as np
import pytest

from clausetag.data.labels import LABELS
from clausetag.eval.people.label_quality import label_quality
from clausetag.model.decision import sigmoid

NAMES = ("a", "b", "c")
GOLD = np.array(
    [[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 0, 1], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
)
SCORES = np.array(
    [
        [0.92, 0.11, 0.03],
        [0.85, 0.77, 0.21],
        [0.83, 0.05, 0.40],
        [0.10, 0.66, 0.58],
        [0.07, 0.30, 0.71],
        [0.12, 0.91, 0.64],
        [0.33, 0.08, 0.02],
        [0.61, 0.45, 0.72],
        [0.04, 0.02, 0.09],
        [0.55, 0.72, 0.31],
    ]
)


def simulated(
    seed: int, *, rows: int = 3000, flipped: float = 0.05, sharpness: float = 4.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True labels, calibrated scores of a model, and which of the [rows, 12] decisions to turn round."""
    rng = np.random.default_rng(seed)
    scores = sigmoid(sharpness * (rng.normal(size=(rows, len(LABELS))) - 1.25))
    return rng.random(scores.shape) < scores, scores, rng.random(scores.shape) < flipped


def test_scores_and_suspects_are_those_of_cleanlab() -> None:
    """Numbers that cleanlab 2.9.0 gives: get_label_quality_scores, and find_multilabel_issues_per_class with
    filter_by="confident_learning"."""
    found = label_quality(GOLD, SCORES, NAMES)
    expected = [0.898, 0.7764, 0.27, 0.6056, 0.1964, 0.2096, 0.2104, 0.3364, 0.9208, 0.4992]
    assert found.scores == pytest.approx(expected, abs=1e-12)
    assert np.argwhere(found.suspect).tolist() == [[2, 0], [4, 0], [5, 1], [6, 1], [7, 2]]


def test_a_row_is_pooled_from_its_highest_to_its_lowest() -> None:
    found = label_quality([[1, 0, 0]], [[0.9, 0.4, 0.8]], NAMES)
    assert found.self_confidence.tolist() == [pytest.approx([0.9, 0.6, 0.2])]
    assert found.scores == pytest.approx([0.8 * 0.2 + 0.2 * (0.8 * 0.6 + 0.2 * 0.9)])
    # The lowest weighs most: one doubtful label outweighs two that are beyond doubt.
    good, bad = label_quality([[1, 1, 1]] * 2, [[0.6, 0.6, 0.6], [1.0, 1.0, 0.3]], NAMES).scores
    assert bad < good


def test_an_unsure_contrary_is_no_suspect() -> None:
    # 0.6 is above one half, but positives score 0.9 on average; 0.9 reaches that.
    scores = np.array([[0.9], [0.9], [0.9], [0.05], [0.1], [0.6], [0.9]])
    found = label_quality([[1], [1], [1], [0], [0], [0], [0]], scores, ("a",))
    assert np.flatnonzero(found.suspect).tolist() == [6]
    # A label that the model considers more likely than not is no suspect, even far below the mean of its side.
    low = np.array([[0.3], [0.2], [0.1], [0.05], [0.45]])
    assert not label_quality([[1], [1], [0], [0], [0]], low, ("a",)).suspect[2:].any()


@pytest.mark.parametrize("score", [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
def test_a_score_equal_to_the_mean_reaches_it(score: float) -> None:
    # Whichever way the mean of equal numbers is rounded.
    scores = np.array([[score]] * 8 + [[0.1]] * 5)
    assert np.flatnonzero(label_quality([[1]] * 7 + [[0]] * 6, scores, ("a",)).suspect).tolist() == [7]


def test_labels_always_or_never_given_are_never_suspect() -> None:
    gold = GOLD.astype(bool)
    gold[:, 0], gold[:, 1] = False, True
    found = label_quality(gold, SCORES, NAMES)
    assert not found.suspect[:, :2].any()
    assert found.suspect[:, 2].sum() == 1


@pytest.mark.parametrize("seed", range(3))
def test_planted_errors_are_found(seed: int) -> None:
    truth, scores, planted = simulated(seed)
    found = label_quality(truth ^ planted, scores)
    for side, share, by_chance in ((truth ^ planted, 0.95, 0.4), (~(truth ^ planted), 0.45, 0.01)):
        suspects = np.where(found.suspect & side, found.self_confidence, 1.0)
        top = np.argsort(suspects, axis=None)[:100]
        assert planted[side].mean() < by_chance
        assert planted.ravel()[top].mean() > share
    rows = planted.any(axis=1)
    worst = np.argsort(found.scores)[:200]
    assert rows[worst].mean() > 0.95 > 2 * rows.mean()


def test_suspects_follow_the_number_of_planted_errors() -> None:
    counts = []
    for flipped in (0.0, 0.02, 0.05, 0.1):
        truth, scores, planted = simulated(7, flipped=flipped, sharpness=20.0)
        counts.append(int(label_quality(truth ^ planted, scores).suspect.sum()))
        # The errors of a model that is nearly always sure come on top: about 30 of the 36,000 decisions.
        assert abs(counts[-1] - planted.sum()) < 60
    assert counts == sorted(counts)


def test_a_weak_model_takes_its_own_errors_for_errors_of_gold() -> None:
    truth, scores, _ = simulated(7)
    assert label_quality(truth, scores).suspect.sum() > 400


@pytest.mark.parametrize(
    ("gold", "scores"),
    [
        (GOLD, SCORES[:4]),
        (GOLD[:, :2], SCORES[:, :2]),
        (GOLD, SCORES + 0.2),
        (GOLD, SCORES - 0.2),
        (GOLD, np.where(SCORES == 0.92, np.nan, SCORES)),
    ],
)
def test_bad_arrays_are_refused(gold: np.ndarray, scores: np.ndarray) -> None:
    with pytest.raises(ValueError):
        label_quality(gold, scores, NAMES)


def test_no_rows() -> None:
    found = label_quality(np.zeros((0, 3)), np.zeros((0, 3)), NAMES)
    assert found.scores.shape == (0,) and not found.suspect.any()

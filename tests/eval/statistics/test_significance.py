"""Paired tests: nothing between equals, something between unequals, and a known p where it can be counted."""

from __future__ import annotations

import numpy as np
import pytest

from clausetag.eval.metrics.classification import multilabel_metrics
from clausetag.eval.statistics.resample import resampler
from clausetag.eval.statistics.significance import holm, paired_tests, smallest_p

NAMES = ("a", "b")


def systems(policies: int, first: float, second: float, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Two systems that are right in so many of a hundred decisions, 25 rows a policy, two categories."""
    rng = np.random.default_rng(seed)
    gold = rng.random((policies * 25, 2)) < 0.4
    given = [np.where(rng.random(gold.shape) < quality, gold, ~gold) for quality in (first, second)]
    return (*given, gold)


def names(policies: int) -> list[str]:
    return [f"p{policy}" for policy in range(policies) for _ in range(25)]


def test_a_system_against_itself() -> None:
    first, _, gold = systems(20, 0.8, 0.8)
    found = paired_tests(first, first, gold, resampler(names(20), draws=200), NAMES, randomisations=500)
    assert {own.verdict for own in found.values()} == {"no evidence"}
    assert all(own.p == 1.0 and own.difference == 0.0 for own in found.values())


def test_a_better_system_is_better_and_the_other_worse() -> None:
    first, second, gold = systems(20, 0.95, 0.7)
    drawn = resampler(names(20), draws=500)
    found = paired_tests(first, second, gold, drawn, NAMES, randomisations=2000)
    assert {own.verdict for own in found.values()} == {"better"}
    own = found["macro_f1"]
    expected = [multilabel_metrics(values, gold, NAMES).macro_f1 for values in (first, second)]
    assert (own.first, own.second) == (pytest.approx(expected[0]), pytest.approx(expected[1]))
    assert own.p == pytest.approx(1 / 2001)  # never 0: the observed difference counts as one of the randomisations
    assert own.ci95 is not None and own.difference is not None
    assert 0 < own.ci95[0] < own.difference < own.ci95[1]
    turned = paired_tests(second, first, gold, drawn, NAMES, randomisations=2000)
    assert {other.verdict for other in turned.values()} == {"worse"}
    assert turned["micro_f1"].difference == pytest.approx(-found["micro_f1"].difference)  # type: ignore[operator]


def test_false_alarms_are_as_rare_as_the_level_says() -> None:
    """Equal systems on 150 simulated corpora: p below 0.05 about one time in twenty."""
    reached = 0
    for seed in range(150):
        first, second, gold = systems(12, 0.8, 0.8, seed)
        p = paired_tests(first, second, gold, resampler(names(12), draws=100), NAMES, randomisations=400)["micro_f1"].p
        assert p is not None
        reached += p < 0.05
    assert reached / 150 < 0.11


def test_policies_that_point_one_way_by_count() -> None:
    """In each of eight policies the first has one hit more: only swapping all or none gives as much, p = 2 / 256."""
    gold = np.ones((16, 1), dtype=bool)
    first = np.ones((16, 1), dtype=bool)
    second = np.array([[True], [False]] * 8)
    drawn = resampler([f"p{row // 2}" for row in range(16)], draws=100)
    own = paired_tests(first, second, gold, drawn, ("a",))["a"]
    assert own.p == pytest.approx(2 / 256)
    assert smallest_p(8) == pytest.approx(2 / 256)
    assert smallest_p(5) > 0.05


def test_a_category_without_positives_has_no_test_and_does_not_count() -> None:
    first, second, gold = systems(20, 0.95, 0.7)
    gold[:, 1] = False
    found = paired_tests(first, second, gold, resampler(names(20), draws=200), NAMES, randomisations=500)
    assert (found["b"].p, found["b"].first, found["b"].verdict) == (None, None, "no evidence")
    assert found["a"].p_holm == found["a"].p


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    corrected = holm([0.01, np.nan, 0.9])
    assert corrected[[0, 2]] == pytest.approx([0.02, 0.9])
    assert np.isnan(corrected[1])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes"):
        paired_tests([[1, 0]], [[1, 0], [0, 1]], [[1, 0]], resampler(["p"], draws=5), NAMES)


def test_a_verdict_needs_an_interval_without_zero_too() -> None:
    """Six policies all point one way, so p is 2 / 64; but one of them makes up most of the difference."""
    gold = np.ones((120, 1), dtype=bool)
    second = gold.copy()
    for policy, missed in enumerate((14, 1, 1, 1, 1, 1)):
        second[20 * policy : 20 * policy + missed] = False
    drawn = resampler([f"p{row // 20}" for row in range(120)], draws=500)
    own = paired_tests(gold, second, gold, drawn, ("a",))["a"]
    assert own.p_holm == pytest.approx(2 / 64)
    assert own.ci95 is not None and own.ci95[0] < 0 < own.ci95[1]
    assert own.verdict == "no evidence"


def test_a_verdict_needs_the_corrected_p() -> None:
    """The same p of 2 / 64 in each of two categories is no evidence once it is corrected."""
    gold = np.ones((12, 2), dtype=bool)
    second = np.array([[True, True], [False, False]] * 6)
    drawn = resampler([f"p{row // 2}" for row in range(12)], draws=500)
    found = paired_tests(gold, second, gold, drawn, NAMES)
    assert (found["a"].p, found["a"].p_holm) == (pytest.approx(2 / 64), pytest.approx(4 / 64))
    assert {own.verdict for own in found.values()} == {"no evidence"}

"""Thresholds and calibration from validation rows: what moves them, and what must not."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from clausetag.eval.metrics.thresholds import expected_f1_thresholds, fit_calibration
from clausetag.model.decision import calibrate
from clausetag.train.validate import HeldOut, cross_fitted, fit_settings

POLICIES = 6


def held_out(seed: int = 3, rates: tuple[float, ...] = (0.4, 0.1, 0.02)) -> HeldOut:
    """Sixty rows a policy, labels of different frequency."""
    rng = np.random.default_rng(seed)
    gold = rng.random((60 * POLICIES, len(rates))) < np.array(rates)
    logits = (2.5 * gold + np.log(np.array(rates)) - 0.5 + rng.normal(size=gold.shape)).astype(np.float32)
    return HeldOut(logits, gold, tuple(f"policy {row // 60}" for row in range(len(gold))), gold)


def test_a_label_stands_halfway_between_its_own_threshold_and_the_shared_one() -> None:
    rows = held_out()
    found = fit_settings(rows, 1)
    scores = calibrate(rows.logits, *fit_calibration(rows.logits, rows.gold))
    own = expected_f1_thresholds(scores)
    assert own.max() - own.min() > 0.02
    shared = 2 * found.thresholds - own
    assert shared == pytest.approx(np.full(3, shared[0]))
    assert np.isclose(scores, shared[0]).any() and own.min() < shared[0] < own.max()
    assert found.min_labels == 1


def test_a_policys_own_gold_labels_do_not_decide_about_it() -> None:
    rows = held_out()
    fit = partial(fit_settings, min_labels=0)
    before = cross_fitted(rows, fit)
    inside = np.array(rows.policies) == "policy 2"
    gold = np.where(inside[:, None], ~rows.gold, rows.gold)
    after = cross_fitted(HeldOut(rows.logits, gold, rows.policies, gold), fit)
    assert np.array_equal(before[inside], after[inside])
    assert not np.array_equal(before[~inside], after[~inside])

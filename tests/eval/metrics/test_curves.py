"""Precision-recall curves keep their shape when thinned."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from clausetag.eval.metrics.curves import precision_recall


def test_a_thinned_curve_has_about_the_same_area_and_both_ends() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random((3000, 2)) < 0.3
    gold[:, 1] = False
    scores = np.clip(gold * 0.2 + rng.random((3000, 2)) * 0.8, 0, 1)
    found = precision_recall(scores, gold, ("a", "b"))
    curve = found["a"]
    assert curve is not None and found["b"] is None
    assert len(curve.recall) <= 203
    assert (curve.recall[0], curve.recall[-1]) == (0.0, 1.0)
    assert all(np.diff(curve.recall) >= 0)
    area = float(np.sum(np.diff(curve.recall) * np.array(curve.precision[1:])))
    assert area == pytest.approx(average_precision_score(gold[:, 0], scores[:, 0]), abs=0.003)
    assert curve.rate == pytest.approx(gold[:, 0].mean())


def test_few_points_stay_as_they_are() -> None:
    curve = precision_recall([[0.9], [0.5], [0.1]], [[1], [0], [1]], ("a",))["a"]
    assert curve is not None
    assert list(zip(curve.recall, curve.precision, strict=True)) == [
        (0.0, 1.0),
        (0.5, 1.0),
        (0.5, 0.5),
        (1.0, pytest.approx(2 / 3)),
    ]

"""Figures against scikit-learn, and the cases on which definitions differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    hamming_loss,
    precision_recall_fscore_support,
)

from clausetag.data.labels import CHOICE, DO_NOT_TRACK, FIRST_PARTY, LABELS, THIRD_PARTY
from clausetag.eval.metrics.classification import MultilabelMetrics, multilabel_metrics


@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0.02, 0.6))
@settings(max_examples=40, deadline=None)
def test_agrees_with_scikit_learn(seed: int, rows: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    gold = rng.random((rows, 12)) < rate
    predicted = np.where(rng.random((rows, 12)) < 0.7, gold, rng.random((rows, 12)) < rate)
    values = rng.random((rows, 12))
    scores = multilabel_metrics(predicted, gold, scores=values)
    precision, recall, f1, support = precision_recall_fscore_support(gold, predicted, zero_division=0)
    present = support > 0
    for column, label in enumerate(LABELS):
        own = scores.per_category[label]
        assert own.support == support[column]
        if present[column]:
            assert (own.precision, own.recall, own.f1) == pytest.approx((precision[column], recall[column], f1[column]))
            ranked = average_precision_score(gold[:, column], values[:, column])
            assert own.average_precision == pytest.approx(ranked)
        else:
            assert own.f1 is None and own.recall is None
    if present.any():
        assert scores.macro_f1 == pytest.approx(f1[present].mean())
        assert scores.weighted_f1 == pytest.approx(f1_score(gold, predicted, average="weighted", zero_division=0))
        assert scores.micro_f1 == pytest.approx(f1_score(gold, predicted, average="micro", zero_division=0))
    assert scores.samples_f1 == pytest.approx(f1_score(gold, predicted, average="samples", zero_division=1))
    assert scores.subset_accuracy == pytest.approx(accuracy_score(gold, predicted))
    assert scores.hamming_loss == pytest.approx(hamming_loss(gold, predicted))


def rows(*sets: tuple[str, ...]) -> list[list[int]]:
    return [[int(label in names) for label in LABELS] for names in sets]


def test_category_absent_from_gold_is_undefined_but_its_false_alarms_count() -> None:
    gold = rows((FIRST_PARTY,), (FIRST_PARTY,))
    predicted = rows((FIRST_PARTY, DO_NOT_TRACK), (FIRST_PARTY,))
    scores = multilabel_metrics(predicted, gold)
    absent = scores.per_category[DO_NOT_TRACK]
    assert (absent.f1, absent.recall, absent.precision) == (None, None, 0.0)
    assert (absent.support, absent.predicted) == (0, 1)
    assert scores.macro_f1 == 1.0
    assert scores.micro_f1 == pytest.approx(2 * 2 / 5)
    assert any(DO_NOT_TRACK in note and "1 false alarm:" in note for note in scores.notes)


def test_category_never_predicted_is_zero_and_inside_the_macro() -> None:
    scores = multilabel_metrics(rows((FIRST_PARTY,), ()), rows((FIRST_PARTY,), (THIRD_PARTY,)))
    assert scores.per_category[THIRD_PARTY].f1 == 0.0
    assert scores.per_category[THIRD_PARTY].precision == 0.0
    assert scores.macro_f1 == pytest.approx(0.5)


def test_figures_stand_under_their_own_label() -> None:
    gold = rows((FIRST_PARTY,), (THIRD_PARTY,), (CHOICE,), (CHOICE,))
    predicted = rows((FIRST_PARTY,), (FIRST_PARTY,), (CHOICE,), ())
    scores = multilabel_metrics(predicted, gold)
    assert scores.per_category["First Party Collection/Use"].precision == 0.5
    assert scores.per_category["Third Party Sharing/Collection"].f1 == 0.0
    assert scores.per_category["User Choice/Control"].recall == 0.5


def test_nothing_given_and_nothing_due_is_right() -> None:
    scores = multilabel_metrics(rows((), ()), rows((), (CHOICE,)))
    assert (scores.samples_f1, scores.subset_accuracy) == (0.5, 0.5)


def test_without_rows_everything_is_undefined() -> None:
    scores = multilabel_metrics([], [])
    assert (scores.n, scores.macro_f1, scores.micro_f1, scores.samples_f1, scores.hamming_loss) == (0, *[None] * 4)


def test_round_trip_through_a_dictionary() -> None:
    scores = multilabel_metrics(rows((FIRST_PARTY, DO_NOT_TRACK), (CHOICE,)), rows((FIRST_PARTY,), (CHOICE,)))
    assert MultilabelMetrics.from_dict(scores.to_dict()) == scores


@pytest.mark.parametrize(
    ("predicted", "gold", "reason"),
    [
        (rows(()), rows((), ()), "1 predictions for 2 references"),
        ([[0, 1]], [[0, 1]], "length 12"),
        ([[2] * 12], [[0] * 12], "0 and 1 only"),
    ],
)
def test_wrong_shapes_are_named(predicted: list[list[int]], gold: list[list[int]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        multilabel_metrics(predicted, gold)

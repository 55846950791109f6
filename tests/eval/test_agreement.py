"""Annotators against each other and the model against them, on examples small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score

from clausetag.data.labels import CHOICE, DO_NOT_TRACK, FIRST_PARTY, LABELS, SECURITY
from clausetag.data.schema import Sentence
from clausetag.eval.agreement import (
    annotator_f1,
    annotator_matrices,
    cohen_kappa,
    masi_alpha,
    masi_distance,
    model_f1,
    pass_agreement,
)
from clausetag.eval.gold import label_matrix


def unit(index: int, annotators: dict[str, list[str]] | None, policy: str = "p", labelled: bool = True) -> Sentence:
    extra = {} if annotators is None else {"annotators": annotators}
    return Sentence(policy, index, "Invented.", labels=() if labelled else None, extra=extra)


UNITS = [
    unit(0, {"1": [FIRST_PARTY], "2": [FIRST_PARTY], "3": [FIRST_PARTY, CHOICE]}),
    unit(1, {"1": [CHOICE], "2": []}),  # 3 left no row here
    unit(2, None, labelled=False),
]


def test_each_annotator_against_each_other() -> None:
    found = annotator_f1(UNITS)
    assert found.pairs == 6
    assert found.per_category[FIRST_PARTY] == 1.0
    assert found.per_category[CHOICE] == 0.0
    assert found.per_category[SECURITY] is None
    assert found.macro_f1 == 0.5
    # Sizes over the three pairs: 2 + 3 + 3 at the first unit, 1 + 1 + 0 at the second; 3 hits.
    assert found.micro_f1 == pytest.approx(2 * 3 / 10)


def test_a_shifted_vote_changes_the_figure() -> None:
    shifted = [unit(0, {"1": [FIRST_PARTY], "2": [CHOICE], "3": [FIRST_PARTY, CHOICE]}), *UNITS[1:]]
    assert annotator_f1(shifted).micro_f1 != annotator_f1(UNITS).micro_f1


def test_annotator_without_a_row_gave_nothing() -> None:
    marks = annotator_matrices(UNITS)
    assert sorted(marks[1]) == ["1", "2", "3"]
    assert not marks[1]["3"].any()
    assert marks[2] == {}


def test_teams_are_per_policy() -> None:
    marks = annotator_matrices([unit(0, {"1": [CHOICE], "2": []}), unit(0, {"8": [CHOICE], "9": []}, policy="q")])
    assert [sorted(row) for row in marks] == [["1", "2"], ["8", "9"]]


def test_model_against_single_annotators() -> None:
    predicted = label_matrix([(FIRST_PARTY,), (CHOICE,), (CHOICE,)])
    found = model_f1(predicted, UNITS)
    assert found.pairs == 6
    assert found.per_category[FIRST_PARTY] == 1.0
    # Choice: the model gives it to three readers of the second unit, one of whom gave it; a fourth mark is missed.
    assert found.per_category[CHOICE] == pytest.approx(2 * 1 / (3 + 2))
    with pytest.raises(ValueError, match="1 predictions for 3 units"):
        model_f1(predicted[:1], UNITS)


def test_pooled_f1_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    marks = rng.random((3, 50, 12)) < 0.3
    units = [
        unit(row, {str(who): [LABELS[c] for c in np.flatnonzero(marks[who, row])] for who in range(3)})
        for row in range(50)
    ]
    first = np.concatenate([marks[0], marks[0], marks[1]])
    second = np.concatenate([marks[1], marks[2], marks[2]])
    found = annotator_f1(units)
    assert found.macro_f1 == pytest.approx(f1_score(first, second, average="macro"))
    assert found.micro_f1 == pytest.approx(f1_score(first, second, average="micro"))


def test_no_annotators_no_figure() -> None:
    found = annotator_f1([unit(0, None)])
    assert (found.macro_f1, found.micro_f1, found.pairs) == (None, None, 0)


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    first = rng.random((80, 12)) < 0.3
    second = np.where(rng.random((80, 12)) < 0.8, first, ~first)
    expected = [cohen_kappa_score(first[:, column], second[:, column]) for column in range(12)]
    assert cohen_kappa(first, second) == pytest.approx(expected)
    assert np.isnan(cohen_kappa(np.zeros((3, 1)), np.zeros((3, 1)))[0])
    assert cohen_kappa([[1], [0]], [[0], [0]])[0] == 0.0
    with pytest.raises(ValueError):
        cohen_kappa(np.zeros((0, 2)), np.zeros((0, 2)))


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("", "", 0.0),
        ("a", "a", 0.0),
        ("", "a", 1.0),
        ("a", "b", 1.0),
        ("a", "ab", 1 - 1 / 2 * 2 / 3),
        ("abc", "a", 1 - 1 / 3 * 2 / 3),
        ("ab", "bc", 1 - 1 / 3 * 1 / 3),
    ],
)
def test_masi_distance(first: str, second: str, distance: float) -> None:
    assert masi_distance(frozenset(first), frozenset(second)) == pytest.approx(distance)
    assert masi_distance(frozenset(second), frozenset(first)) == pytest.approx(distance)


def test_alpha_by_hand() -> None:
    # Two rows, sets a/a and a/b. Observed: mean distance of the pairs (0 + 1) / 2. Expected: among the four values
    # a, a, a, b two drawn without replacement differ with probability 1/2.
    assert masi_alpha([["a", "a"], ["a", "b"]]) == pytest.approx(1 - 0.5 / 0.5)
    assert masi_alpha([["a", "b"], ["a", "b"]]) == 1.0
    assert masi_alpha([["a", ""], ["a", ""]]) == 1.0
    assert masi_alpha([["a", "a"], ["a", "a"]]) is None
    with pytest.raises(ValueError):
        masi_alpha([["a"], ["a", "b"]])


def test_pass_agreement_by_label() -> None:
    first = [(FIRST_PARTY,), (CHOICE,), (CHOICE, SECURITY), ()]
    second = [(FIRST_PARTY,), (CHOICE,), (SECURITY,), ()]
    found = pass_agreement(first, second)
    assert found.n == 4
    assert found.kappa[FIRST_PARTY] == 1.0
    assert found.kappa[CHOICE] == pytest.approx(0.5)
    assert found.kappa[DO_NOT_TRACK] is None
    assert found.alpha is not None and 0.5 < found.alpha < 1.0

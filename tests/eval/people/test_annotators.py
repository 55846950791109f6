"""Annotators against each other and the model in their place, on examples small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from clausetag.data.labels import CHOICE, FIRST_PARTY, LABELS, SECURITY
from clausetag.data.records import Sentence
from clausetag.eval.metrics.gold import label_matrix
from clausetag.eval.people.annotators import People, annotator_marks, compare_with_people
from clausetag.eval.statistics.resample import resampler


def unit(index: int, annotators: dict[str, list[str]] | None, policy: str = "p", labelled: bool = True) -> Sentence:
    extra = {} if annotators is None else {"annotators": annotators}
    return Sentence(policy, index, "Invented.", labels=() if labelled else None, extra=extra)


UNITS = [
    unit(0, {"1": [FIRST_PARTY], "2": [FIRST_PARTY], "3": [FIRST_PARTY, CHOICE]}),
    unit(1, {"1": [CHOICE], "2": []}),  # 3 left no row here
    unit(2, None, labelled=False),
]
NOTHING = np.zeros((3, 12), dtype=bool)


def compared(units: list[Sentence], predicted: np.ndarray) -> People:
    found = compare_with_people(units, predicted, resampler([own.policy for own in units], draws=50))
    assert found is not None
    return found


def test_each_annotator_against_each_other() -> None:
    found = compared(UNITS, NOTHING).pairwise
    assert found.comparisons == 6
    assert found.annotators.per_category[FIRST_PARTY] == 1.0
    assert found.annotators.per_category[CHOICE] == 0.0
    assert found.annotators.per_category[SECURITY] is None
    assert found.annotators.macro_f1 == 0.5
    # Sizes over the three pairs: 2 + 3 + 3 at the first unit, 1 + 1 + 0 at the second; 3 hits.
    assert found.annotators.micro_f1 == pytest.approx(2 * 3 / 10)


def test_a_shifted_vote_changes_the_figure() -> None:
    shifted = [unit(0, {"1": [FIRST_PARTY], "2": [CHOICE], "3": [FIRST_PARTY, CHOICE]}), *UNITS[1:]]
    before, after = (compared(units, NOTHING).pairwise.annotators.micro_f1 for units in (UNITS, shifted))
    assert before != after


def test_annotator_without_a_row_gave_nothing() -> None:
    marks = annotator_marks(UNITS)
    assert sorted(marks[1]) == ["1", "2", "3"]
    assert not marks[1]["3"].any()
    assert marks[2] == {}


def test_teams_are_per_policy() -> None:
    marks = annotator_marks([unit(0, {"1": [CHOICE], "2": []}), unit(0, {"8": [CHOICE], "9": []}, policy="q")])
    assert [sorted(row) for row in marks] == [["1", "2"], ["8", "9"]]


def test_model_against_single_annotators() -> None:
    predicted = label_matrix([(FIRST_PARTY,), (CHOICE,), (CHOICE,)])
    found = compared(UNITS, predicted).pairwise
    assert found.model.per_category[FIRST_PARTY] == 1.0
    # Choice: the model gives it to three readers of the second unit, one of whom gave it; a fourth mark is missed.
    assert found.model.per_category[CHOICE] == pytest.approx(2 * 1 / (3 + 2))
    assert found.lead.per_category[CHOICE] == pytest.approx(0.4 - 0.0)
    with pytest.raises(ValueError, match="1 predictions"):
        compare_with_people(UNITS, predicted[:1], resampler(["p"] * 3, draws=5))


def test_an_annotator_left_out_against_what_both_others_gave() -> None:
    predicted = label_matrix([(FIRST_PARTY, CHOICE), (), ()])
    found = compared(UNITS, predicted).left_out
    assert found is not None and found.comparisons == 6
    assert found.annotators.per_category[FIRST_PARTY] == 1.0
    # No two annotators agree on Choice anywhere: two marks against nothing, and the model's three times one.
    assert found.annotators.per_category[CHOICE] is None
    assert found.model.per_category[CHOICE] is None
    # First party: each agreed pair gave it at the first unit, and so did the model.
    assert found.model.per_category[FIRST_PARTY] == 1.0
    # Hits 3; sizes 2 * 3 of First Party, 1 + 1 of Choice.
    assert found.annotators.micro_f1 == pytest.approx(2 * 3 / (6 + 2))


def test_a_better_model_leads_and_a_copied_annotator_less() -> None:
    """A model that knows what annotators see through noise is above a person, and the interval says so."""
    rng = np.random.default_rng(0)
    units, predicted = [], []
    for policy in range(8):
        for index in range(30):
            truth = rng.random(12) < 0.2
            marks = {str(who): truth ^ (rng.random(12) < 0.1) for who in range(3)}
            named = {who: [LABELS[column] for column in np.flatnonzero(mark)] for who, mark in marks.items()}
            units.append(unit(index, named, policy=f"p{policy}"))
            predicted.append(truth)
    drawn = resampler([own.policy for own in units])
    good = compare_with_people(units, np.array(predicted), drawn)
    assert good is not None
    interval = good.pairwise.lead.ci95["micro_f1"]
    assert interval is not None and interval[0] > 0.02
    copies = np.array([annotator_marks([own])[0]["0"] for own in units])
    same = compare_with_people(units, copies ^ (rng.random(copies.shape) < 0.05), drawn)
    assert same is not None and same.pairwise.lead.micro_f1 is not None
    assert good.pairwise.lead.micro_f1 is not None
    assert same.pairwise.lead.micro_f1 < good.pairwise.lead.micro_f1


def test_pooled_f1_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    marks = rng.random((3, 50, 12)) < 0.3
    units = [
        unit(row, {str(who): [LABELS[c] for c in np.flatnonzero(marks[who, row])] for who in range(3)})
        for row in range(50)
    ]
    first = np.concatenate([marks[0], marks[0], marks[1]])
    second = np.concatenate([marks[1], marks[2], marks[2]])
    found = compared(units, marks[0])
    assert found.pairwise.annotators.macro_f1 == pytest.approx(f1_score(first, second, average="macro"))
    assert found.pairwise.annotators.micro_f1 == pytest.approx(f1_score(first, second, average="micro"))
    assert found.left_out is not None
    agreed = np.concatenate([marks[1] & marks[2], marks[0] & marks[2], marks[0] & marks[1]])
    owners = np.concatenate([marks[0], marks[1], marks[2]])
    assert found.left_out.annotators.micro_f1 == pytest.approx(f1_score(owners, agreed, average="micro"))
    model = np.concatenate([marks[0]] * 3)
    assert found.left_out.model.macro_f1 == pytest.approx(f1_score(model, agreed, average="macro"))


def test_what_nobody_gave_is_undefined_for_the_model_too() -> None:
    units = [unit(row, {"1": [CHOICE], "2": [CHOICE], "3": [CHOICE]}) for row in range(4)]
    predicted = label_matrix([(CHOICE, SECURITY)] * 4)
    found = compared(units, predicted)
    assert found.left_out is not None
    for kind in (found.pairwise, found.left_out):
        assert kind.model.per_category[SECURITY] is None
        assert kind.annotators.macro_f1 == kind.model.macro_f1 == 1.0
        assert kind.lead.macro_f1 == 0.0
    assert found.pairwise.model.micro_f1 is not None and found.pairwise.model.micro_f1 < 1.0


def test_no_annotators_no_comparison() -> None:
    assert compare_with_people([unit(0, None)], NOTHING[:1], resampler(["p"], draws=5)) is None
    alone = [unit(0, {"1": [CHOICE]})]
    assert compare_with_people(alone, NOTHING[:1], resampler(["p"], draws=5)) is None
    two = compare_with_people([unit(0, {"1": [CHOICE], "2": [CHOICE]})], NOTHING[:1], resampler(["p"], draws=5))
    assert two is not None and two.left_out is None

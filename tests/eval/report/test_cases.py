"""Lists of errors and of suspect gold labels: their order and the surroundings of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clausetag.data.records import Sentence
from clausetag.eval.people.label_quality import label_quality
from clausetag.eval.report.cases import (
    CONTEXT_CHARACTERS,
    ErrorCase,
    Surroundings,
    list_errors,
    list_suspects,
    surroundings,
)

NAMES = ("a", "b", "c")


def rows(*names: str) -> np.ndarray:
    """One row of marks for each word: "ab" gives a and b, "-" nothing."""
    return np.array([[label in name for label in NAMES] for name in names]).reshape(-1, len(NAMES))


def text(policy: str, index: int, passage: int | None = None, heading: str | None = None, **extra: object) -> Sentence:
    words = f"Sentence {index} of {policy}."
    return Sentence(policy, index, words, passage=passage, heading=heading, labels=(), extra=extra)


def listed(gold: np.ndarray, scores: list[list[float]], predicted: np.ndarray) -> list[ErrorCase]:
    units = [text("p", index) for index in range(len(gold))]
    return list_errors(units, units, gold, scores, predicted, [0.5] * 3, NAMES)


GOLD = rows("ab", "a", "a", "ab", "a", "-", "b")
PREDICTED = rows("ab", "b", "bc", "c", "-", "c", "bc")


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="6 units"):
        list_errors([text("p", 0)] * 6, [], GOLD, GOLD, PREDICTED, [0.5] * 3, NAMES)
    with pytest.raises(ValueError, match="thresholds"):
        list_errors([text("p", 0)] * 7, [], GOLD, GOLD, PREDICTED, [0.5] * 2, NAMES)


def test_errors_are_listed_surest_first() -> None:
    scores = [[0.9, 0.1, 0.1], [0.3, 0.6, 0.0], [0.1, 0.2, 0.0], [0.0, 0.0, 0.9], [0.45, 0.0, 0.1]]
    items = listed(rows("a", "a", "a", "-", "a"), scores, np.array(scores) >= 0.5)
    assert [item.index for item in items] == [2, 3, 1, 4]
    miss, alarm, both, unsure = items
    assert (miss.missed, miss.false_alarms, miss.confidence) == (("a",), (), pytest.approx(0.9))
    assert (alarm.missed, alarm.false_alarms, alarm.confidence) == ((), ("c",), pytest.approx(0.9))
    assert (both.missed, both.false_alarms) == (("a",), ("b",))
    assert both.confidence == pytest.approx(0.7)
    assert (both.gold, both.predicted) == (("a",), ("b",))
    assert unsure.confidence == pytest.approx(0.55)
    assert both.scores == {"a": 0.3, "b": 0.6, "c": 0.0}


def test_equal_confidence_goes_by_policy_and_index() -> None:
    units = [text("q", 3), text("p", 10), text("p", 9), text("q", 0)]
    items = list_errors(units, [], rows(*"----"), [[0.7, 0, 0]] * 4, rows(*"aaaa"), [0.5] * 3, NAMES)
    assert [(item.policy, item.index) for item in items] == [("p", 9), ("p", 10), ("q", 0), ("q", 3)]


def test_labels_given_for_want_of_any_are_told() -> None:
    item, other = listed(rows("a", "-"), [[0.2, 0.3, 0.1], [0.1, 0.3, 0.5]], rows("b", "bc"))
    assert (item.index, item.forced) == (0, ("b",))
    assert (other.index, other.forced) == (1, ("b",))


def test_sentences_stand_between_their_neighbours() -> None:
    # Of policy q the row 1 is missing, and p's rows come in between and out of order.
    around = [text("q", 0, heading="Q"), text("p", 1), text("q", 2, heading="Two"), text("p", 0), text("q", 3)]
    found = surroundings([around[0], around[2], around[4], around[1], text("r", 0, heading="R")], around)
    assert [(place.before, place.after) for place in found] == [
        (None, "Sentence 2 of q."),
        ("Sentence 0 of q.", "Sentence 3 of q."),
        ("Sentence 2 of q.", None),
        ("Sentence 0 of p.", None),
        (None, None),
    ]
    assert [place.heading for place in found] == ["Q", "Two", None, None, "R"]
    # A heading that is the sentence before is shown once.
    headed = [text("p", 0), replace(text("p", 1), heading="Sentence 0 of p.")]
    assert surroundings(headed[1:], headed)[0].before is None


def test_passages_stand_between_shortened_passages() -> None:
    long = [
        Sentence("p", index, f"start{index} " + "word " * 60 + f"end{index}", passage=index // 2, heading=f"H{index}")
        for index in range(6)
    ]
    middle = Sentence("p", 1, "the passage", passage=1, labels=())
    (place,) = surroundings([middle], long, unit="passage")
    assert place.heading == "H2"
    assert place.before is not None and place.after is not None
    assert place.before.startswith("… word") and place.before.endswith("word end1")
    assert place.after.startswith("start4 word") and place.after.endswith("word …")
    assert max(len(place.before), len(place.after)) <= CONTEXT_CHARACTERS + 2
    assert "start" not in place.before and "end" not in place.after
    # A passage without a sentence of its own stands between its neighbours none the less, and has no heading.
    gap = [row for row in long if row.passage != 1]
    (place,) = surroundings([middle], gap, unit="passage")
    assert place.heading is None and place.before is not None and place.before.endswith("end1")
    short = [text("p", 0, 0), text("p", 1, 0), text("p", 2, 1)]
    (place,) = surroundings([Sentence("p", 1, "passage", passage=1)], short, unit="passage")
    assert (place.before, place.after) == ("Sentence 0 of p. Sentence 1 of p.", None)


def test_a_case_has_everything_that_a_reader_needs() -> None:
    unit = Sentence(
        "p",
        4,
        "We keep logs for a year.",
        heading="Logs",
        votes={"a": 2 / 3, "c": 1 / 3},
        extra={"annotators": {"12": ["a"], "7": ["a", "c"], "30": []}},
    )
    (case,) = list_errors([unit], [text("p", 3), unit], rows("a"), [[0.12, 0.0, 0.7]], rows("c"), [0.5] * 3, NAMES)
    assert (case.policy, case.index, case.text) == ("p", 4, "We keep logs for a year.")
    assert case.around == Surroundings("Logs", "Sentence 3 of p.", None)
    assert (case.gold, case.predicted, case.missed, case.false_alarms) == (("a",), ("c",), ("a",), ("c",))
    assert case.scores == {"a": 0.12, "b": 0.0, "c": 0.7} and case.confidence == pytest.approx(0.88)
    assert case.votes == {"a": 2 / 3, "c": 1 / 3}
    assert case.annotators == {"12": ("a",), "7": ("a", "c"), "30": ()}
    bare = listed(rows("a"), [[0.0, 0.0, 0.0]], rows("-"))[0]
    assert bare.votes is None and bare.annotators is None


def test_right_units_are_no_errors() -> None:
    assert listed(GOLD, GOLD.astype(float).tolist(), GOLD) == []
    assert list_errors([], [], rows(), rows(), rows(), [0.5] * 3, NAMES) == []


def test_suspects_are_listed_lowest_label_quality_first() -> None:
    gold, scores = rows("c", "ac", "a"), np.array([[0.12, 0.91, 0.64], [0.07, 0.30, 0.71], [0.92, 0.05, 0.03]])
    given = {"annotators": {"1": ["c"], "2": ["c"], "3": []}}
    units = [
        Sentence("p", 5, "Five.", votes={"c": 2 / 3}, extra=given),
        *(Sentence("p", index, f"{index}.") for index in (4, 6)),
    ]
    quality = label_quality(gold, scores, NAMES)
    suspect = np.array([[False, True, False], [True, False, False], [False, False, False]])
    quality = replace(quality, suspect=suspect, scores=np.array([0.3, 0.12346, 0.9]))
    four, five = list_suspects(units, units, quality)
    assert (four.index, four.gold, four.wrong, four.missing) == (4, ("a", "c"), {"a": 0.07}, {})
    assert (four.score, four.votes, four.annotators) == (0.1235, None, None)
    assert (five.index, five.gold, five.wrong, five.missing) == (5, ("c",), {}, {"b": 0.09})
    assert five.around == Surroundings(None, "4.", "6.")
    assert five.annotators == {"1": ("c",), "2": ("c",), "3": ()} and five.votes == {"c": 2 / 3}
    assert list_suspects(units, units, quality, limit=1) == [four]
    with pytest.raises(ValueError, match="2 units"):
        list_suspects(units[:2], units, quality)

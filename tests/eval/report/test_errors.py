"""Confusions counted by hand, and the list of errors: order and the surroundings of each."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.report.errors import CONTEXT_CHARACTERS, ErrorItem, confusions, error_list, surroundings

NAMES = ("a", "b", "c")


def rows(*names: str) -> np.ndarray:
    """One row of marks for each word: "ab" gives a and b, "-" nothing."""
    return np.array([[label in name for label in NAMES] for name in names]).reshape(-1, len(NAMES))


def text(policy: str, index: int, passage: int | None = None, heading: str | None = None, **extra: object) -> Sentence:
    words = f"Sentence {index} of {policy}."
    return Sentence(policy, index, words, passage=passage, heading=heading, labels=(), extra=extra)


def listed(gold: np.ndarray, scores: list[list[float]], predicted: np.ndarray) -> list[ErrorItem]:
    units = [text("p", index) for index in range(len(gold))]
    return error_list(units, units, gold, scores, predicted, [0.5] * 3, NAMES)


# Unit by unit: right; a missed for b; a missed, b and c alarmed; a and b missed for c; a missed alone; c alarmed
# alone; c alarmed beside the right b.
GOLD = rows("ab", "a", "a", "ab", "a", "-", "b")
PREDICTED = rows("ab", "b", "bc", "c", "-", "c", "bc")


def test_confusions_by_hand() -> None:
    found = confusions(GOLD, PREDICTED, NAMES)
    assert found.pairs.tolist() == [[0, 2, 2], [0, 0, 1], [0, 0, 0]]
    assert found.nothing_instead.tolist() == [1, 0, 0]
    assert found.out_of_nothing.tolist() == [0, 0, 2]
    assert found.missed.tolist() == [4, 1, 0]
    assert found.false_alarms.tolist() == [0, 2, 4]
    assert found.hits.tolist() == [1, 2, 0]
    assert (found.units, found.wrong_units) == (7, 6)


def test_matrix_has_a_column_and_a_row_for_nothing() -> None:
    assert confusions(GOLD, PREDICTED, NAMES).matrix.tolist() == [
        [0, 2, 2, 1],
        [0, 0, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 2, 0],
    ]


def test_confusions_turn_round_with_gold_and_predictions() -> None:
    rng = np.random.default_rng(0)
    gold, predicted = rng.random((2, 200, len(LABELS))) < 0.2
    forth, back = confusions(gold, predicted), confusions(predicted, gold)
    assert forth.matrix.tolist() == back.matrix.T.tolist()
    assert (forth.missed + forth.hits).tolist() == gold.sum(axis=0).tolist()
    assert (forth.false_alarms + forth.hits).tolist() == predicted.sum(axis=0).tolist()
    # One label at most on either side: every miss has its one alarm or none, so that rows do add up.
    one, other = (np.eye(3, dtype=bool)[rng.integers(3, size=50)] for _ in range(2))
    single = confusions(one, other, NAMES)
    assert single.matrix.sum(axis=1)[:3].tolist() == single.missed.tolist()
    assert single.matrix.sum(axis=0)[:3].tolist() == single.false_alarms.tolist()


def test_largest_confusions_come_first() -> None:
    found = confusions(GOLD, PREDICTED, NAMES)
    assert found.largest(2) == [("a", "b", 2), ("a", "c", 2)]
    assert found.largest(9) == [("a", "b", 2), ("a", "c", 2), ("b", "c", 1)]
    assert json.loads(json.dumps(found.to_dict()))["pairs"] == [[0, 2, 2], [0, 0, 1], [0, 0, 0]]


def test_nothing_to_count() -> None:
    found = confusions(rows(), rows(), NAMES)
    assert not found.matrix.any() and found.units == found.wrong_units == 0 and found.largest(3) == []


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="found"):
        confusions(GOLD, PREDICTED[:3], NAMES)
    with pytest.raises(ValueError, match=r"\[n, 12\]"):
        confusions(GOLD, PREDICTED)
    with pytest.raises(ValueError, match="6 units"):
        error_list([text("p", 0)] * 6, [], GOLD, GOLD, PREDICTED, [0.5] * 3, NAMES)
    with pytest.raises(ValueError, match="thresholds"):
        error_list([text("p", 0)] * 7, [], GOLD, GOLD, PREDICTED, [0.5] * 2, NAMES)


def test_errors_are_listed_surest_first() -> None:
    scores = [[0.9, 0.1, 0.1], [0.3, 0.6, 0.0], [0.1, 0.2, 0.0], [0.0, 0.0, 0.9], [0.45, 0.0, 0.1]]
    items = listed(rows("a", "a", "a", "-", "a"), scores, np.array(scores) >= 0.5)
    assert [item.index for item in items] == [2, 3, 1, 4]
    miss, alarm, both, unsure = items
    assert (miss.missed, miss.false_alarms, miss.wrong) == (("a",), (), {"a": pytest.approx(0.9)})
    assert (alarm.missed, alarm.false_alarms, alarm.wrong) == ((), ("c",), {"c": pytest.approx(0.9)})
    assert both.wrong == {"a": pytest.approx(0.7), "b": pytest.approx(0.6)}
    assert both.confidence == pytest.approx(0.7)
    assert (both.gold, both.predicted) == (("a",), ("b",))
    assert unsure.confidence == pytest.approx(0.55)
    assert both.scores == {"a": 0.3, "b": 0.6, "c": 0.0}


def test_equal_confidence_goes_by_policy_and_index() -> None:
    units = [text("q", 3), text("p", 10), text("p", 9), text("q", 0)]
    items = error_list(units, [], rows(*"----"), [[0.7, 0, 0]] * 4, rows(*"aaaa"), [0.5] * 3, NAMES)
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


def test_an_item_is_ready_for_json() -> None:
    unit = Sentence(
        "p",
        4,
        "We keep logs — for a year.",
        heading="Logs",
        votes={"a": 2 / 3, "c": 1 / 3},
        extra={"annotators": {"12": ["a"], "7": ["a", "c"], "30": []}},
    )
    (item,) = error_list([unit], [text("p", 3), unit], rows("a"), [[0.123456, 0.0, 0.7]], rows("c"), [0.5] * 3, NAMES)
    assert json.loads(json.dumps(item.to_dict())) == {
        "policy": "p",
        "index": 4,
        "text": "We keep logs — for a year.",
        "heading": "Logs",
        "before": "Sentence 3 of p.",
        "after": None,
        "gold": ["a"],
        "predicted": ["c"],
        "missed": ["a"],
        "false_alarms": ["c"],
        "forced": [],
        "scores": {"a": 0.1235, "b": 0.0, "c": 0.7},
        "votes": {"a": 0.6667, "c": 0.3333},
        "annotators": {"12": ["a"], "7": ["a", "c"], "30": []},
        "wrong": {"a": 0.8765, "c": 0.7},
        "confidence": 0.8765,
    }
    bare = listed(rows("a"), [[0.0, 0.0, 0.0]], rows("-"))[0].to_dict()
    assert bare["votes"] is None and bare["annotators"] is None


def test_right_units_are_no_errors() -> None:
    assert listed(GOLD, GOLD.astype(float).tolist(), GOLD) == []
    assert error_list([], [], rows(), rows(), rows(), [0.5] * 3, NAMES) == []

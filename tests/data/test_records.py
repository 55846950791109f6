"""Rows of labelled JSONL: what is read, what is written, and what is refused with which message."""

from __future__ import annotations

from typing import Any

import pytest

from clausetag.data.labels import CHOICE, FIRST_PARTY
from clausetag.data.records import Sentence, sentence_from_row

ROW: dict[str, Any] = {"policy": "p", "index": 3, "text": "We ask."}


def test_a_row_survives_reading_and_writing() -> None:
    row = {
        "policy": "p",
        "index": 3,
        "passage": 1,
        "start": 10,
        "end": 17,
        "text": "We ask.",
        "heading": "Data",
        "labels": [FIRST_PARTY, CHOICE],
        "votes": {FIRST_PARTY: 1.0},
        "scores": {FIRST_PARTY: 0.5},
        "flags": ["not_english"],
        "split": "train",
    }
    assert list(sentence_from_row(row).row().items()) == list(row.items())
    assert sentence_from_row({**ROW, "labels": [CHOICE, FIRST_PARTY]}).labels == (FIRST_PARTY, CHOICE)  # in label order


def test_only_labels_or_votes_make_a_row_labelled() -> None:
    assert not sentence_from_row(ROW).labelled and not sentence_from_row({**ROW, "scores": {}}).labelled
    assert sentence_from_row({**ROW, "labels": []}).labelled and sentence_from_row({**ROW, "votes": {}}).labelled


def test_a_prediction_replaces_gold_labels_and_votes() -> None:
    gold = Sentence("p", 0, "We ask.", labels=(CHOICE,), votes={CHOICE: 1.0}, flags=("old",))
    predicted = gold.with_prediction([FIRST_PARTY], {FIRST_PARTY: 0.9})
    assert (predicted.labels, predicted.votes, predicted.flags) == ((FIRST_PARTY,), None, ("old",))
    assert gold.with_prediction([], None, ("new",)).flags == ("new",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([], "expected a JSON object, found list"),
        ({"policy": "p", "index": 0}, "the key 'text' is missing"),
        ({**ROW, "index": True}, "'index' must be an integer, found True"),
        ({**ROW, "policy": 3}, "'policy' must be a string, found 3"),
        ({**ROW, "text": "  "}, "'text' is empty"),
        ({**ROW, "passage": "1"}, "'passage' must be an integer"),
        ({**ROW, "start": 1}, "'start' and 'end' must be given together"),
        ({**ROW, "start": 1, "end": 9}, "offsets 1 to 9 do not match a text of 7 characters"),
        ({**ROW, "start": -1, "end": 6}, "offsets -1 to 6 do not match"),
        ({**ROW, "labels": "x"}, "'labels' must be a list of strings"),
        ({**ROW, "labels": ["x"]}, "unknown label 'x'"),
        ({**ROW, "votes": [1]}, "'votes' must map labels to numbers"),
        ({**ROW, "votes": {"x": 1}}, "unknown label 'x' in 'votes'"),
        ({**ROW, "votes": {CHOICE: 1.01}}, "must be a number from 0 to 1, found 1.01"),
        ({**ROW, "scores": {CHOICE: -0.1}}, "must be a number from 0 to 1, found -0.1"),
        ({**ROW, "scores": {CHOICE: True}}, "must be a number from 0 to 1, found True"),
    ],
)
def test_a_bad_row_is_refused(row: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        sentence_from_row(row)
    assert message in str(caught.value) and "\n" not in str(caught.value)

"""Attributes: their values, and rows that carry them."""

from __future__ import annotations

from pathlib import Path

import pytest

from clausetag.data.attributes import ATTRIBUTES, VALUES, grouped, possible_values, read_values
from clausetag.data.labels import CHOICE, FIRST_PARTY, LABELS, SECURITY
from clausetag.data.records import sentence_from_row


def test_there_are_eleven_attributes_of_known_categories_and_66_values() -> None:
    assert len(ATTRIBUTES) == 11 and len(VALUES) == len(set(VALUES)) == 66
    assert {category for attribute in ATTRIBUTES for category in attribute.categories} <= set(LABELS)


def test_a_sentence_can_have_the_values_of_its_categories() -> None:
    possible = dict(zip(VALUES, possible_values([CHOICE]), strict=True))
    assert possible["Choice Type", "Opt-in"] and possible["Purpose", "Marketing"]
    assert not possible["Does/Does Not", "Does"] and not possible["Security Measure", "Generic"]
    assert not any(possible_values(["Introductory/Generic"]))


def test_values_are_read_in_order() -> None:
    row = {"Purpose": ["Marketing", "Advertising"], "Does/Does Not": ["Does"], "Choice Type": []}
    assert list(read_values(row, [FIRST_PARTY]).items()) == [
        ("Does/Does Not", ("Does",)),
        ("Purpose", ("Advertising", "Marketing")),
    ]
    assert grouped([]) == {}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["Does"], "must map each attribute"),
        ({"Purpose": "Marketing"}, "must be a list of strings"),
        ({"Purposes": ["Marketing"]}, "unknown attribute 'Purposes'"),
        ({"Purpose": ["Profit"]}, "unknown value 'Profit' of Purpose"),
        ({"Security Measure": ["Generic"]}, "needs one of the labels Data Security"),
    ],
)
def test_bad_values_are_named(row: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_values(row, [FIRST_PARTY])
    if isinstance(row, dict) and "Security Measure" in row:
        assert read_values(row, [SECURITY])


def test_rows_carry_attributes_and_their_scores() -> None:
    row = {
        "policy": "a",
        "index": 0,
        "text": "We sell your name.",
        "labels": [FIRST_PARTY],
        "attributes": {"Does/Does Not": ["Does"], "Personal Information Type": ["Contact"]},
        "attribute_scores": {"Does/Does Not": {"Does": 0.9}},
    }
    sentence = sentence_from_row(row)
    assert sentence.attributes == {"Does/Does Not": ("Does",), "Personal Information Type": ("Contact",)}
    assert sentence.row() == row
    assert sentence.with_prediction([SECURITY], None).attributes is None


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("attributes", {"Security Measure": ["Generic"]}, "needs one of the labels"),
        ("attribute_scores", {"Purpose": ["Marketing"]}, "must map each attribute"),
        ("attribute_scores", {"Purpose": {"Profit": 0.5}}, "unknown value"),
        ("attribute_scores", {"Purpose": {"Marketing": 1.5}}, "from 0 to 1"),
    ],
)
def test_bad_attributes_of_a_row_are_named(key: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sentence_from_row({"policy": "a", "index": 0, "text": "We.", "labels": [FIRST_PARTY], key: value})


def test_the_guide_lists_every_value_in_order() -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "ATTRIBUTE_GUIDE.md").read_text(encoding="utf-8")
    table = guide.partition("## Values")[2].partition("## Rules")[0]
    listed: dict[str, list[str]] = {}
    for line in [line for line in table.splitlines() if line.startswith("|")][2:]:
        name, _, value, _ = (cell.strip() for cell in line.split("|")[1:-1])
        listed.setdefault(name or list(listed)[-1], []).append(value)
    assert listed == {attribute.name: list(attribute.values) for attribute in ATTRIBUTES}

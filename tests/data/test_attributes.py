"""Attributes: their values, and rows that carry them."""

from __future__ import annotations

import pytest

from clausetag.data.attributes import ATTRIBUTES, VALUES, grouped, possible_values, read_values
from clausetag.data.labels import CHOICE, FIRST_PARTY, LABELS, SECURITY


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

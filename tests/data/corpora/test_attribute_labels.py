"""Attribute labels without texts, joined to sentences."""

from __future__ import annotations

from dataclasses import replace

from clausetag.data.corpora.attribute_labels import attribute_readings, with_attributes
from clausetag.data.corpora.five import FIVE, read_five
from clausetag.data.labels import CHANGE


def test_every_sentence_of_the_five_has_adjudicated_attributes_between_both_readings() -> None:
    readings = attribute_readings()
    for policy in FIVE:
        gold, first, second = (dict(enumerate(readings[policy, name])) for name in ("gold", "a", "b"))
        assert len(gold) == len(first) == len(second)
        for place, (key, values) in gold.items():
            assert first[place][0] == second[place][0] == key
            assert set(first[place][1]) & set(second[place][1]) <= set(values) <= {*first[place][1], *second[place][1]}
    assert all(sentence.attributes is not None for sentence in with_attributes(read_five()))


def test_labels_are_found_by_text_and_order() -> None:
    rows = [row for row in read_five() if row.policy == "001_samanage"]
    selling = next(row for row in rows if "acquired by merger" in row.text)
    (found,) = [row for row in with_attributes(rows) if row.index == selling.index]
    assert found.attributes == {
        "Does/Does Not": ("Does",),
        "Personal Information Type": ("Generic personal information",),
        "Purpose": ("Merger/Acquisition",),
    }
    other = replace(selling, text=selling.text + " Really.")
    assert with_attributes([other]) == [other]
    assert with_attributes([replace(selling, policy="elsewhere")])[0].attributes is None


def test_values_that_the_labels_cannot_have_are_left_out() -> None:
    row = next(row for row in with_attributes(read_five()) if row.attributes)
    (found,) = with_attributes([replace(row, labels=(CHANGE,), attributes=None)])
    assert found.attributes == {}

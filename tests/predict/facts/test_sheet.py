"""Fact sheets: what sentences state, and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from clausetag.data.attributes import ATTRIBUTES, BY_NAME, INFORMATION, PURPOSE, RECIPIENT, VALUES, grouped
from clausetag.data.labels import ACCESS, CHOICE, FIRST_PARTY, LABELS, RETENTION, THIRD_PARTY
from clausetag.data.labels import CONTACT as ASKING
from clausetag.data.records import Link, Sentence
from clausetag.predict.facts.build import fact_sheet
from clausetag.predict.facts.sheet import FactSheet
from tests.predict.facts.policy import (
    ADS,
    CONTACT,
    DOES,
    DOES_NOT,
    LOCATION,
    MARKETING,
    PARTNERS,
    ours,
    stated,
    theirs,
)


def sheet(*sentences: Sentence) -> FactSheet:
    found = fact_sheet("shop", sentences)
    assert found is not None
    return found


def cells(found: FactSheet, party: str = "company") -> list[dict[str, Any]]:
    return found.row()[party]["cells"]  # type: ignore[no-any-return]


def test_a_cell_joins_the_data_and_purposes_of_one_sentence() -> None:
    found = sheet(
        ours(3, "We use your e-mail address for offers.", DOES, CONTACT, MARKETING),
        ours(5, "We use your place and address for ads and offers.", DOES, CONTACT, LOCATION, ADS, MARKETING),
        ours(8, "We collect your place.", DOES, LOCATION),
        ours(9, "We send offers.", DOES, MARKETING),
    )
    assert cells(found) == [
        {"data": "Contact", "purpose": "Advertising", "does": [5]},
        {"data": "Contact", "purpose": "Marketing", "does": [3, 5]},
        {"data": "Location", "purpose": "Advertising", "does": [5]},
        {"data": "Location", "purpose": "Marketing", "does": [5]},
        {"data": "Location", "purpose": None, "does": [8]},
        {"data": None, "purpose": "Marketing", "does": [9]},
    ]
    assert cells(found, "third_parties") == []


def test_a_denial_is_no_statement_and_a_statement_no_denial() -> None:
    found = sheet(
        theirs(0, "We never sell your address for ads.", DOES_NOT, CONTACT, ADS, PARTNERS),
        theirs(1, "Partners get your place.", DOES, LOCATION, PARTNERS),
    )
    others = found.row()["third_parties"]
    assert others["cells"] == [{"data": "Location", "purpose": None, "does": [1]}]
    assert others["recipients"] == [{"value": "Unnamed third party", "does": [1]}]
    assert others["denials"] == [
        {"sentence": 0, "data": ["Contact"], "purposes": ["Advertising"], "recipients": ["Unnamed third party"]}
    ]
    missing = others["not_found"]
    assert "Contact" not in missing["data"] and "Advertising" not in missing["purposes"], "it was denied, and so found"
    assert "Location" not in missing["data"] and "Health" in missing["data"] and "Marketing" in missing["purposes"]


def test_a_recipient_that_is_only_denied_is_no_recipient() -> None:
    found = sheet(theirs(0, "We give nothing to partners.", DOES_NOT, PARTNERS))
    assert found.parties["third_parties"].recipients == {}
    assert found.summary()["recipients"] == [] and found.summary()["denials"] == 1


def test_a_sentence_that_says_both_is_kept_apart() -> None:
    found = sheet(ours(0, "We do not keep your place, but your address.", DOES, DOES_NOT, CONTACT, LOCATION))
    assert cells(found) == [
        {"data": "Contact", "purpose": None, "does_and_does_not": [0]},
        {"data": "Location", "purpose": None, "does_and_does_not": [0]},
    ]
    assert found.row()["company"]["denials"] == []
    assert found.row()["company"]["does_and_does_not"] == [{"sentence": 0, "data": ["Contact", "Location"]}]
    assert found.summary()["data_collected"] == []


def test_a_sentence_that_says_neither_only_mentions() -> None:
    found = sheet(ours(0, "Use of your place", LOCATION), ours(1, "We use your place.", DOES, LOCATION))
    assert cells(found) == [{"data": "Location", "purpose": None, "does": [1], "mentioned": [0]}]
    assert found.summary()["data_collected"] == ["Location"]
    alone = sheet(ours(0, "Use of your place", LOCATION))
    assert alone.summary()["data_collected"] == []
    assert "Location" not in alone.parties["company"].missing(INFORMATION)


def test_data_of_a_choice_are_not_collected() -> None:
    found = sheet(stated(0, "You may refuse ads based on your place.", CHOICE, LOCATION, ADS))
    assert cells(found) == [] and cells(found, "third_parties") == []


def test_a_topic_has_its_values_addresses_and_other_sentences() -> None:
    link = Link(9, 13, "https://shop.example/optout")
    found = sheet(
        stated(0, "Opt out: here or here.", CHOICE, ("Choice Type", "Opt-out link"), links=(link,)),
        stated(1, "Opt out: here again.", CHOICE, ("Choice Type", "Opt-out link"), links=(link,)),
        stated(2, "You have choices.", CHOICE),
        stated(3, "We keep it for 30 days.", RETENTION, ("Retention Period", "Stated Period")),
        stated(4, "Ask us.", ASKING, links=(Link(0, 3, "mailto:us@shop.example"),)),
    ).row()
    address = {"text": "here", "href": "https://shop.example/optout", "sentence": 0}
    assert found["choices"]["found"] == [{"value": "Opt-out link", "sentences": [0, 1], "addresses": [address]}]
    assert found["choices"]["other_sentences"] == [2]
    assert "Opt-in" in found["choices"]["not_found"] and "Opt-out link" not in found["choices"]["not_found"]
    assert found["retention"]["found"] == [{"value": "Stated Period", "sentences": [3]}]
    assert found["rights"] == {"found": [], "other_sentences": [], "not_found": list(BY_NAME["Access Type"].values)}
    assert found["contacts"] == [{"text": "Ask", "href": "mailto:us@shop.example", "sentence": 4}]


def test_a_choice_within_a_statement_belongs_to_the_choices() -> None:
    found = sheet(theirs(0, "We share it if you agree.", DOES, ("Choice Type", "Opt-in"))).row()
    assert found["choices"]["found"] == [{"value": "Opt-in", "sentences": [0]}]


def test_without_attributes_there_is_no_sheet() -> None:
    bare = Sentence("shop", 0, "We keep it.", labels=(RETENTION,))
    assert fact_sheet("shop", [bare]) is None
    assert fact_sheet("shop", []) is None
    assert fact_sheet("shop", [stated(0, "We keep it.", RETENTION)]) is not None


def test_nothing_is_stated_that_no_sentence_states() -> None:
    """Sentences with random labels and values: each fact leads to sentences with exactly its values, and back."""
    rng = random.Random(5)
    for _ in range(40):
        rows = [
            Sentence("p", n, "x", labels=tuple(rng.sample(LABELS, 2)), attributes=grouped(rng.sample(VALUES, 6)))
            for n in range(12)
        ]
        found = sheet(*rows)
        for name, label in (("company", FIRST_PARTY), ("third_parties", THIRD_PARTY)):
            party = found.parties[name]
            carriers = [row for row in rows if label in (row.labels or ())]
            for attribute, place in ((INFORMATION, 0), (PURPOSE, 1)):
                pure = {
                    value
                    for row in carriers
                    for value in (row.attributes or {}).get(attribute.name, ())
                    if (row.attributes or {}).get("Does/Does Not") == ("Does",)
                }
                assert set(party.stated(attribute)) == pure
                for key, fact in party.cells.items():
                    for number in fact.does + fact.both + fact.unsaid:
                        values = (rows[number].attributes or {}).get(attribute.name, ())
                        assert key[place] in values if key[place] else not values
            for saying in party.denials:
                assert (rows[saying.sentence].attributes or {})["Does/Does Not"] == ("Does Not",)
            named = (
                {value for row in carriers for value in (row.attributes or {}).get(RECIPIENT.name, ())}
                if name == "third_parties"
                else set()
            )
            assert set(party.missing(RECIPIENT)) == set(RECIPIENT.values) - named
        for topic in found.topics.values():
            for value, numbers in topic.found.items():
                assert all(value in (rows[n].attributes or {})[topic.attribute.name] for n in numbers)


def test_each_attribute_is_on_the_sheet() -> None:
    found = sheet(stated(0, "x", ACCESS))
    used = {INFORMATION, PURPOSE, RECIPIENT, *(topic.attribute for topic in found.topics.values())}
    assert {attribute.name for attribute in ATTRIBUTES} - {one.name for one in used} == {"Does/Does Not"}


def scored(sentence: Sentence, category: float, **values: float) -> Sentence:
    """The sentence with scores of its category and of some of its values; 0.99 of the others."""
    attributes = {
        name: {value: values.get(value.lower().replace(" ", "_"), 0.99) for value in found}
        for name, found in (sentence.attributes or {}).items()
    }
    scores = dict.fromkeys(sentence.labels or (), category)
    return replace(sentence, scores=scores, attribute_scores=attributes)


def test_what_the_model_is_not_certain_of_is_only_mentioned() -> None:
    one = ours(0, "We use your place and address for ads.", DOES, CONTACT, LOCATION, ADS)
    found = sheet(scored(one, 0.9, location=0.6, contact=0.9))
    assert cells(found) == [
        {"data": "Contact", "purpose": "Advertising", "does": [0]},
        {"data": "Location", "purpose": "Advertising", "mentioned": [0]},
    ]
    assert found.summary()["data_collected"] == ["Contact"]
    assert cells(sheet(scored(one, 0.6))) == [
        {"data": "Contact", "purpose": "Advertising", "mentioned": [0]},
        {"data": "Location", "purpose": "Advertising", "mentioned": [0]},
    ]
    given = sheet(scored(theirs(0, "Partners get it.", DOES, PARTNERS), 0.9, unnamed_third_party=0.5))
    assert given.row()["third_parties"]["recipients"] == [{"value": "Unnamed third party", "mentioned": [0]}]


def test_a_denial_of_which_the_model_is_not_certain_is_none() -> None:
    denial = ours(0, "Cookies run no programs.", DOES_NOT, LOCATION)
    assert sheet(scored(denial, 0.9)).row()["company"]["denials"] == [{"sentence": 0, "data": ["Location"]}]
    for unsure in (scored(denial, 0.7), scored(denial, 0.9, does_not=0.85)):
        found = sheet(unsure)
        assert found.row()["company"]["denials"] == [] and found.summary()["denials"] == 0
        assert cells(found) == [{"data": "Location", "purpose": None, "mentioned": [0]}]


def test_of_what_is_said_both_ways_one_must_be_certain() -> None:
    both = ours(0, "We do not keep your place for long.", DOES, DOES_NOT, LOCATION)
    for values, way in (({"does": 0.6}, "does_and_does_not"), ({"does": 0.6, "does_not": 0.6}, "mentioned")):
        found = sheet(scored(both, 0.9, **values))
        assert cells(found) == [{"data": "Location", "purpose": None, way: [0]}]
        assert bool(found.parties["company"].both) is (way == "does_and_does_not")


def test_a_value_of_a_topic_needs_one_sentence_that_is_certain() -> None:
    kept = ("Retention Period", "Limited")
    first, second = (scored(stated(n, "We keep it.", RETENTION, kept), 0.9, limited=0.6 + n / 5) for n in (0, 1))
    alone = sheet(first)
    assert alone.row()["retention"]["found"] == [{"value": "Limited", "sentences": [0], "uncertain": True}]
    assert alone.summary()["retention"] == []
    both = sheet(first, second)
    assert both.row()["retention"]["found"] == [{"value": "Limited", "sentences": [0, 1]}]
    assert both.summary()["retention"] == ["Limited"]

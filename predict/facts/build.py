"""Fact sheets from tagged sentences.

Every fact has the sentences that state it, and nothing is stated that no sentence states. A sentence of which the
model says "Does" is a statement, and one with "Does Not" a denial. A sentence with both says both: which of its
values belong to which half is not known, and often the model is certain of one of them alone, so that it counts neither
as the one nor as the other. One with neither,
such as the heading "Use of cookies", only speaks of its subject; so does, for a sheet, one of whose category and values
the model is not `CERTAIN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from clausetag.data.attributes import DOES, DOES_NOT, INFORMATION, PURPOSE, RECIPIENT, STATEMENT, Attribute
from clausetag.data.labels import CONTACT, THIRD_PARTY
from clausetag.data.records import Sentence
from clausetag.predict.facts.sheet import (
    PARTIES,
    TOPICS,
    Address,
    Fact,
    FactSheet,
    Mode,
    PartyFacts,
    Saying,
    TopicFacts,
)

CERTAIN = 0.7
"""The least product of the scores of a category and of the values that one sentence must state together.

On the validation policies of today, whose labels chose it, 77 % of the fields of the matrix of the company agree with
the annotation at the values' own thresholds, and 93 % from here on.
"""
CERTAIN_DENIAL = 0.8
"""The same for a denial: on those policies, 3 of 24 are none by the annotation, 1 of 20 from here on."""


def fact_sheet(policy: str, sentences: Sequence[Sentence]) -> FactSheet | None:
    """The fact sheet of a policy from its tagged sentences; None if the model that tagged them has no attributes."""
    if all(sentence.attributes is None for sentence in sentences):
        return None
    parties = {name: _party(sentences, category) for name, category in PARTIES.items()}
    topics = {name: _topic(sentences, attribute) for name, attribute in TOPICS.items()}
    contacts = _distinct(
        address for sentence in sentences if CONTACT in (sentence.labels or ()) for address in _addresses(sentence)
    )
    return FactSheet(policy, parties, topics, contacts)


def mode_of(sentence: Sentence) -> Mode:
    """What a sentence says of its practice."""
    said = values_of(sentence, STATEMENT)
    if DOES in said:
        return "both" if DOES_NOT in said else "does"
    return "does_not" if DOES_NOT in said else "unsaid"


def values_of(sentence: Sentence, attribute: Attribute) -> tuple[str, ...]:
    """The values of one attribute that a sentence has."""
    return tuple((sentence.attributes or {}).get(attribute.name, ()))


def _party(sentences: Sequence[Sentence], category: str) -> PartyFacts:
    cells: dict[tuple[str, str], dict[Mode, list[int]]] = {}
    recipients: dict[str, dict[Mode, list[int]]] = {}
    sayings: dict[Mode, list[Saying]] = {"does": [], "does_not": [], "both": [], "unsaid": []}
    for sentence in sentences:
        if category not in (sentence.labels or ()):
            continue
        mode = mode_of(sentence)
        by_value = [_certainty(sentence, category, (STATEMENT, value)) for value in (DOES, DOES_NOT)]
        if (mode == "does_not" and by_value[1] < CERTAIN_DENIAL) or (mode == "both" and max(by_value) < CERTAIN):
            mode = "unsaid"
        data, purposes = values_of(sentence, INFORMATION), values_of(sentence, PURPOSE)
        given = values_of(sentence, RECIPIENT) if category == THIRD_PARTY else ()
        sayings[mode].append(Saying(sentence.index, data, purposes, given))
        if mode == "does_not":
            continue
        # A statement that names neither data nor purpose says nothing for the matrix.
        for key in [(one, purpose) for one in data or ("",) for purpose in purposes or ("",) if one or purpose]:
            certain = _certain(sentence, category, (INFORMATION, key[0]), (PURPOSE, key[1]))
            cells.setdefault(key, {}).setdefault(mode if certain else "unsaid", []).append(sentence.index)
        for value in given:
            certain = _certain(sentence, category, (RECIPIENT, value))
            recipients.setdefault(value, {}).setdefault(mode if certain else "unsaid", []).append(sentence.index)
    kinds, aims = (*INFORMATION.values, ""), (*PURPOSE.values, "")
    order = sorted(cells, key=lambda key: (kinds.index(key[0]), aims.index(key[1])))
    return PartyFacts(
        {key: _fact(cells[key]) for key in order},
        {value: _fact(recipients[value]) for value in RECIPIENT.values if value in recipients},
        tuple(sayings["does"]),
        tuple(sayings["does_not"]),
        tuple(sayings["both"]),
    )


def _certainty(sentence: Sentence, category: str, *values: tuple[Attribute, str]) -> float:
    """The product of the scores of a category and of values; 1 for annotators, who give none."""
    found = (sentence.scores or {}).get(category, 1.0)
    for attribute, value in values:
        found *= (sentence.attribute_scores or {}).get(attribute.name, {}).get(value, 1.0)
    return found


def _certain(sentence: Sentence, category: str, *values: tuple[Attribute, str]) -> bool:
    return _certainty(sentence, category, *values) >= CERTAIN


def _fact(by_mode: Mapping[Mode, Sequence[int]]) -> Fact:
    return Fact(*(tuple(by_mode.get(mode, ())) for mode in ("does", "both", "unsaid")))


def _topic(sentences: Sequence[Sentence], attribute: Attribute) -> TopicFacts:
    carriers: dict[str, list[Sentence]] = {}
    other: list[int] = []
    for sentence in sentences:
        values = values_of(sentence, attribute)
        if not values and attribute.categories[0] in (sentence.labels or ()):
            other.append(sentence.index)
        for value in values:
            carriers.setdefault(value, []).append(sentence)
    found = {value: carriers[value] for value in attribute.values if value in carriers}
    stated = (
        value
        for value, those in found.items()
        if any(
            _certain(sentence, category, (attribute, value))
            for sentence in those
            for category in attribute.categories
            if category in (sentence.labels or ())
        )
    )
    return TopicFacts(
        attribute,
        {value: tuple(sentence.index for sentence in those) for value, those in found.items()},
        tuple(stated),
        tuple(other),
        {value: _distinct(a for sentence in those for a in _addresses(sentence)) for value, those in found.items()},
    )


def _addresses(sentence: Sentence) -> Iterator[Address]:
    start = sentence.start or 0
    for link in sentence.links:
        yield Address(" ".join(sentence.text[link.start - start : link.end - start].split()), link.href, sentence.index)


def _distinct(addresses: Iterable[Address]) -> tuple[Address, ...]:
    """The first of those that lead to the same."""
    by_href: dict[str, Address] = {}
    for address in addresses:
        by_href.setdefault(address.href, address)
    return tuple(by_href.values())

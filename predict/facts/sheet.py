"""The fact sheet of a policy: which data for which purposes, who gets them, how long, what one can do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from clausetag.data.attributes import (
    ACCESS_TYPE,
    AUDIENCE_TYPE,
    CHOICE_TYPE,
    INFORMATION,
    NOTIFICATION,
    PURPOSE,
    RECIPIENT,
    RETENTION_PERIOD,
    SECURITY_MEASURE,
    TRACKING_SIGNAL,
    Attribute,
)
from clausetag.data.labels import FIRST_PARTY, THIRD_PARTY

Mode = Literal["does", "does_not", "both", "unsaid"]
PARTIES: Mapping[str, str] = {"company": FIRST_PARTY, "third_parties": THIRD_PARTY}
"""Who does something with the data, and the category of such sentences."""
TOPICS: Mapping[str, Attribute] = {
    "retention": RETENTION_PERIOD,
    "choices": CHOICE_TYPE,
    "rights": ACCESS_TYPE,
    "security": SECURITY_MEASURE,
    "audiences": AUDIENCE_TYPE,
    "changes": NOTIFICATION,
    "do_not_track": TRACKING_SIGNAL,
}
"""What a policy says beside that, each with the attribute of its values."""

SUMMARY = (
    *("data_collected", "purposes", "data_shared", "sharing_purposes", "recipients", *TOPICS),
    "denials",
)
"""What a summary tells of a fact sheet: lists of values, and the number of sentences that deny something."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Sentences by what they say: that it is so, both that it is and that it is not, or only that they speak of it."""

    does: tuple[int, ...] = ()
    both: tuple[int, ...] = ()
    unsaid: tuple[int, ...] = ()

    @property
    def sentences(self) -> tuple[int, ...]:
        """The strongest ones: those that state it, else those that say both, else those that speak of it."""
        return self.does or self.both or self.unsaid

    @property
    def mode(self) -> Mode:
        """What `sentences` say."""
        return "does" if self.does else "both" if self.both else "unsaid"

    def row(self) -> dict[str, Any]:
        """The JSON object; ways without a sentence are left out."""
        found = (("does", self.does), ("does_and_does_not", self.both), ("mentioned", self.unsaid))
        return {name: list(sentences) for name, sentences in found if sentences}


@dataclass(frozen=True, slots=True)
class Saying:
    """A sentence that states or denies something, or says both, with what it is about."""

    sentence: int
    data: tuple[str, ...]
    purposes: tuple[str, ...]
    recipients: tuple[str, ...]

    @property
    def about(self) -> tuple[tuple[str, ...], ...]:
        """What it is about, without the sentence."""
        return self.data, self.purposes, self.recipients

    def row(self) -> dict[str, Any]:
        """The JSON object; empty lists are left out."""
        lists = {"data": self.data, "purposes": self.purposes, "recipients": self.recipients}
        return {"sentence": self.sentence} | {name: list(values) for name, values in lists.items() if values}


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """What the company does itself, or what third parties get."""

    cells: Mapping[tuple[str, str], Fact] = field(default_factory=dict)
    """By kind of data and purpose, in their order; "" stands for one that the sentence does not name."""
    recipients: Mapping[str, Fact] = field(default_factory=dict)
    statements: tuple[Saying, ...] = ()
    denials: tuple[Saying, ...] = ()
    both: tuple[Saying, ...] = ()

    @property
    def data(self) -> tuple[str, ...]:
        """The kinds of data in the cells, in their order, "" last."""
        return _in_order((data for data, _ in self.cells), INFORMATION)

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purposes in the cells, in their order, "" last."""
        return _in_order((purpose for _, purpose in self.cells), PURPOSE)

    def missing(self, attribute: Attribute) -> tuple[str, ...]:
        """The values that no sentence names, not even to deny them."""
        data = {INFORMATION: self.data, PURPOSE: self.purposes, RECIPIENT: tuple(self.recipients)}[attribute]
        denied = {INFORMATION: "data", PURPOSE: "purposes", RECIPIENT: "recipients"}[attribute]
        named = {*data, *(value for saying in self.denials for value in getattr(saying, denied))}
        return tuple(value for value in attribute.values if value not in named)

    def stated(self, attribute: Attribute) -> tuple[str, ...]:
        """The values that at least one sentence states, in their order."""
        place = {INFORMATION: 0, PURPOSE: 1}.get(attribute)
        if place is None:
            return tuple(value for value, fact in self.recipients.items() if fact.does)
        found = {key[place] for key, fact in self.cells.items() if fact.does}
        return tuple(value for value in attribute.values if value in found)

    def row(self) -> dict[str, Any]:
        """The JSON object; a kind of data or purpose that a sentence does not name is null."""
        return {
            "cells": [
                {"data": data or None, "purpose": purpose or None, **fact.row()}
                for (data, purpose), fact in self.cells.items()
            ],
            "recipients": [{"value": value, **fact.row()} for value, fact in self.recipients.items()],
            "denials": [saying.row() for saying in self.denials],
            "does_and_does_not": [saying.row() for saying in self.both],
        }


@dataclass(frozen=True, slots=True)
class Address:
    """A link or written address in a sentence: a web address, or one for e-mail or telephone."""

    text: str
    """What the sentence has in its place."""
    href: str
    sentence: int

    def row(self) -> dict[str, Any]:
        """The JSON object."""
        return {"text": self.text, "href": self.href, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """The values of one topic."""

    attribute: Attribute
    found: Mapping[str, tuple[int, ...]]
    """The sentences of each value that occurs."""
    stated: tuple[str, ...]
    """The values of which the model is certain in at least one sentence."""
    other: tuple[int, ...]
    """Sentences of the topic's category that state none of its values."""
    addresses: Mapping[str, tuple[Address, ...]]
    """Addresses in the sentences of each value."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The values that no sentence states."""
        return tuple(value for value in self.attribute.values if value not in self.found)

    def row(self) -> dict[str, Any]:
        """The JSON object."""
        rows: list[dict[str, Any]] = []
        for value, sentences in self.found.items():
            row: dict[str, Any] = {"value": value, "sentences": list(sentences)}
            if value not in self.stated:
                row["uncertain"] = True
            if self.addresses.get(value):
                row["addresses"] = [address.row() for address in self.addresses[value]]
            rows.append(row)
        return {"found": rows, "other_sentences": list(self.other), "not_found": list(self.missing)}


@dataclass(frozen=True, slots=True)
class FactSheet:
    """What a policy says, with the `index` of the sentences that say it."""

    policy: str
    parties: Mapping[str, PartyFacts]
    """By `PARTIES`."""
    topics: Mapping[str, TopicFacts]
    """By `TOPICS`."""
    contacts: tuple[Address, ...]
    """Addresses in sentences that say whom to ask."""

    def summary(self) -> dict[str, Any]:
        """The values that sentences state, by `SUMMARY`; what is only denied, or said and denied at once, is not."""
        company, others = (self.parties[name] for name in PARTIES)
        stated = [company.stated(INFORMATION), company.stated(PURPOSE)]
        stated += [others.stated(attribute) for attribute in (INFORMATION, PURPOSE, RECIPIENT)]
        stated += [topic.stated for topic in self.topics.values()]
        denials = len({saying.sentence for party in self.parties.values() for saying in party.denials})
        return dict(zip(SUMMARY, [*map(list, stated), denials], strict=True))

    def row(self) -> dict[str, Any]:
        """The JSON object, as in a line of `facts.jsonl`."""
        found: dict[str, Any] = {"policy": self.policy}
        for name, party in self.parties.items():
            missing = {"data": party.missing(INFORMATION), "purposes": party.missing(PURPOSE)}
            if name == "third_parties":
                missing["recipients"] = party.missing(RECIPIENT)
            found[name] = party.row() | {"not_found": {key: list(values) for key, values in missing.items()}}
        found |= {name: topic.row() for name, topic in self.topics.items()}
        return found | {"contacts": [address.row() for address in self.contacts]}


def _in_order(values: Iterable[str], attribute: Attribute) -> tuple[str, ...]:
    found = set(values)
    return tuple(value for value in (*attribute.values, "") if value in found)

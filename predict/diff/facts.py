"""What a new version of a policy says that the old one did not, and the reverse, a line for each fact.

A fact counts as new if no sentence of the old version states it and an added or changed sentence of the new one does;
a denial, if the old version has none of the same data, purposes and recipients.
A sentence with the same text, which the model reads differently in new surroundings, makes no fact new or lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from clausetag.data.attributes import RECIPIENT
from clausetag.predict.diff.diff import Change
from clausetag.predict.facts.build import fact_sheet
from clausetag.predict.facts.sheet import FactSheet, PartyFacts
from clausetag.predict.terminal import shorten

_SAYS = {"company": "the company collects or uses", "third_parties": "third parties get or collect"}
_KEPT = ("unchanged", "moved")
_QUOTE = 90
_ANY = "data (no kind named)"


class FactChange(NamedTuple):
    """A fact that only one version states."""

    sign: str
    """"+" if it is the new one, "-" if it is the old one."""
    text: str
    sentences: tuple[int, ...]
    """Those that state it, in their version."""

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.sentences))
        return f"{self.sign} {self.text} (sentence{'s' if len(self.sentences) > 1 else ''} {numbers})"

    def row(self) -> dict[str, object]:
        """The JSON object."""
        return {"sign": self.sign, "fact": self.text, "sentences": list(self.sentences)}


def fact_changes(changes: Sequence[Change]) -> list[FactChange]:
    """The facts that the new version gained, then those it lost; none if the model has no attributes."""
    old, new = ([s for c in changes if (s := getattr(c, side)) is not None] for side in ("old", "new"))
    before, after = fact_sheet("", old), fact_sheet("", new)
    if before is None or after is None:
        return []
    fresh = {c.new.index: c.new.text for c in changes if c.new and c.status not in _KEPT}
    gone = {c.old.index: c.old.text for c in changes if c.old and c.status not in _KEPT}
    return [*_only_in(after, before, fresh, "+"), *_only_in(before, after, gone, "-")]


def _only_in(this: FactSheet, other: FactSheet, touched: Mapping[int, str], sign: str) -> Iterator[FactChange]:
    """The facts of `this` version alone; `touched` are the texts of its sentences that the other one doesn't have."""

    def fact(text: str, sentences: Iterable[int]) -> Iterator[FactChange]:
        numbers = tuple(number for number in sentences if number in touched)
        if numbers:
            yield FactChange(sign, text, numbers)

    denied: dict[int, None] = {}
    for name, party in this.parties.items():
        for text, sentences in _practices(party, other.parties[name], _SAYS[name]):
            yield from fact(text, sentences)
        known = {saying.about for saying in other.parties[name].denials}
        denied |= dict.fromkeys(saying.sentence for saying in party.denials if saying.about not in known)
    for number in denied:
        if number in touched:
            quote = shorten(" ".join(touched[number].split()), _QUOTE)
            yield from fact(f"it says that it does not: “{quote}”", [number])
    others, theirs = this.parties["third_parties"], other.parties["third_parties"].stated(RECIPIENT)
    for value in others.stated(RECIPIENT):
        if value not in theirs:
            yield from fact(f"recipients: {value}", others.recipients[value].does)
    for name, topic in this.topics.items():
        for value in topic.stated:
            if value not in other.topics[name].found:
                yield from fact(f"{name.replace('_', ' ')}: {value}", topic.found[value])


def _practices(this: PartyFacts, other: PartyFacts, says: str) -> Iterator[tuple[str, list[int]]]:
    """For each kind of data, the purposes that only `this` states, with the sentences that do."""
    stated = {key for key, fact in other.cells.items() if fact.does}
    for data in this.data:
        purposes = [
            purpose
            for purpose in this.purposes
            if (fact := this.cells.get((data, purpose))) and fact.does and (data, purpose) not in stated
        ]
        # Without a purpose it is news only if nothing was said about these data before.
        if any(data == key for key, _ in stated):
            purposes = [purpose for purpose in purposes if purpose]
        if purposes:
            named = ", ".join(purpose for purpose in purposes if purpose)
            sentences = sorted({number for purpose in purposes for number in this.cells[data, purpose].does})
            yield f"{says} {data or _ANY}{f' for {named}' if named else ''}", sentences

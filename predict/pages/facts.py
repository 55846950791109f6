"""The fact sheet on a page: its tables and lists, as the template `facts.html` and the service's page show them.

Printed, it is one page of paper: only what is found has rows and columns, and lists of sentences are cut to the first
few, with the numbers of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from clausetag.data.attributes import INFORMATION, PURPOSE, RECIPIENT, Attribute
from clausetag.data.records import Sentence
from clausetag.predict.facts.sheet import Address, Fact, FactSheet, PartyFacts, Saying, TopicFacts
from clausetag.predict.pages.rendering import macro
from clausetag.predict.terminal import shorten

_QUOTE = 110
"""Characters of a quoted sentence."""
_QUOTES = 5
"""Sentences of one list that are quoted."""
_ADDRESSES = 3
_SIGNS = {"does": "", "both": "±", "unsaid": "?"}
_NAMES = {
    "Basic service/feature": "Basic service",
    "Additional service/feature": "Extra features",
    "Analytics/Research": "Analytics, research",
    "Personalization/Customization": "Personalization",
    "Service operation and security": "Operation, security",
    "Merger/Acquisition": "Merger, sale",
    "Generic personal information": "Data in general",
    "Dont use service/feature": "Not giving data, not using it",
    "Other part of company/affiliate": "Affiliates",
    "Citizens from other countries": "Other countries",
}
"""Names that are shorter or plainer than the values."""
_PARTIES = {
    "company": ("What the company collects and uses", "the company"),
    "third_parties": ("What third parties get or collect", "third parties"),
}
_TOPICS = {
    "retention": "How long data are kept",
    "choices": "Choices",
    "rights": "Rights",
    "security": "Security",
    "audiences": "Groups it speaks of",
    "changes": "Notice of changes",
    "do_not_track": "Do Not Track",
}
_BRIEF = ("rights", "security", "audiences", "changes")
"""Topics whose values say it all."""


class Cell(NamedTuple):
    """A number that leads to sentences; the sign says that they say both ("±"), or only speak of it ("?")."""

    sign: str
    sentences: Sequence[int]


class Row(NamedTuple):
    """A kind of data with a cell for each purpose, None where no sentence names both."""

    name: str
    cells: Sequence[Cell | None]


class Matrix(NamedTuple):
    """Kinds of data by purposes."""

    title: str
    purposes: Sequence[str]
    rows: Sequence[Row]
    missing: Sequence[tuple[str, str]]
    """What is not found, as ("data", "Health, Location")."""


class Item(NamedTuple):
    """A value, or a denial, with its sentences, the first of them quoted."""

    name: str
    cell: Cell
    quote: str
    addresses: Sequence[Address] = ()


class Listing(NamedTuple):
    """The items of one subject."""

    title: str
    items: Sequence[Item]
    more: Sequence[int] = ()
    """Further sentences of the kind, or those of the subject that state no value."""
    more_says: str = ""
    missing: str = ""
    brief: bool = False
    """On paper it has no quotes."""


class _Drawn(NamedTuple):
    matrices: Sequence[Matrix]
    listings: Sequence[Listing]


class _Quotes:
    """Sentences by their index, of which the one that states a value most clearly is quoted."""

    def __init__(self, sentences: Sequence[Sentence], headings: Collection[int]) -> None:
        self._sentences = {sentence.index: sentence for sentence in sentences}
        self._headings = headings

    def ranked(self, numbers: Sequence[int], attribute: Attribute, value: str) -> list[int]:
        """The clearest first, and the others in their order. A heading is the clearest only if there is no other."""

        def clearness(number: int) -> tuple[bool, float]:
            sentence = self._sentences[number]
            scores = (sentence.attribute_scores or {}).get(attribute.name, {})
            return sentence.passage not in self._headings, scores.get(value, 0.0)

        best = max(numbers, key=clearness)
        return [best, *(number for number in numbers if number != best)]

    def of(self, number: int) -> str:
        return shorten(" ".join(self._sentences[number].text.split()), _QUOTE)


def render_facts(
    sheet: FactSheet, sentences: Sequence[Sentence], anchor: str, headings: Collection[int] = ()
) -> Markup:
    """The fact sheet of a policy whose sentences have the ids `anchor` and their index.

    `headings` are the passages that are headings.
    """
    drawn = _drawn(sheet, _Quotes(sentences, headings))
    return macro("facts.html", "facts")(drawn.matrices, drawn.listings, anchor)


def drawn_row(sheet: FactSheet, sentences: Sequence[Sentence], headings: Collection[int] = ()) -> dict[str, Any]:
    """The JSON object of what a page shows, for a page that draws it itself; `headings` as for `render_facts`."""
    row: dict[str, Any] = _plain(_drawn(sheet, _Quotes(sentences, headings)))
    return row


def _plain(value: Any) -> Any:
    """Objects in place of named tuples, which would become lists."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(member) for name, member in value._asdict().items()}
    if isinstance(value, Address):
        return value.row()
    return [_plain(member) for member in value] if isinstance(value, list | tuple) else value


def _drawn(sheet: FactSheet, quotes: _Quotes) -> _Drawn:
    return _Drawn(
        [_matrix(_PARTIES[name][0], party) for name, party in sheet.parties.items()], _listings(sheet, quotes)
    )


def _named(value: str) -> str:
    return _NAMES.get(value, value)


def _names(values: Sequence[str]) -> str:
    return ", ".join(map(_named, values))


def _cell(fact: Fact | None) -> Cell | None:
    return Cell(_SIGNS[fact.mode], fact.sentences) if fact else None


def _matrix(title: str, party: PartyFacts) -> Matrix:
    rows = [
        Row(_named(data) or "no kind named", [_cell(party.cells.get((data, purpose))) for purpose in party.purposes])
        for data in party.data
    ]
    missing = [
        (what, _names(values))
        for what, attribute in (("data", INFORMATION), ("purposes", PURPOSE))
        if (values := party.missing(attribute))
    ]
    return Matrix(title, [_named(purpose) or "no purpose named" for purpose in party.purposes], rows, missing)


def _listings(sheet: FactSheet, quotes: _Quotes) -> list[Listing]:
    found = [
        _sayings("Says it does not", {name: party.denials for name, party in sheet.parties.items()}, quotes),
        _sayings(
            "Says both, or it is not sure which", {name: party.both for name, party in sheet.parties.items()}, quotes
        ),
    ]
    others = sheet.parties["third_parties"]
    items = []
    for value, fact in others.recipients.items():
        ranked = quotes.ranked(fact.sentences, RECIPIENT, value)
        items.append(Item(_named(value), Cell(_SIGNS[fact.mode], ranked), quotes.of(ranked[0])))
    found.append(Listing("Recipients", items, missing=_names(others.missing(RECIPIENT))))
    found += [_topic(_TOPICS[name], topic, quotes, name in _BRIEF) for name, topic in sheet.topics.items()]
    contacts = sheet.contacts[:_ADDRESSES]
    asked = [Item("", Cell("", (one.sentence,)), "", (one,)) for one in contacts]
    return [*found, Listing("Whom to ask", asked, missing="" if asked else "an address")]


def _sayings(title: str, by_party: Mapping[str, Sequence[Saying]], quotes: _Quotes) -> Listing:
    """One item for each sentence, which may concern both the company and third parties."""
    about: dict[int, list[str]] = {}
    for name, sayings in by_party.items():
        for saying in sayings:
            about.setdefault(saying.sentence, []).append(_PARTIES[name][1])
    items = [
        Item(" and ".join(parties).capitalize(), Cell("", (number,)), quotes.of(number))
        for number, parties in sorted(about.items())
    ]
    more = [number for item in items[_QUOTES:] for number in item.cell.sentences]
    return Listing(title, items[:_QUOTES], more, "further sentences")


def _topic(title: str, topic: TopicFacts, quotes: _Quotes, brief: bool) -> Listing:
    items = []
    for value, numbers in topic.found.items():
        ranked = quotes.ranked(numbers, topic.attribute, value)
        addresses = topic.addresses.get(value, ())[:_ADDRESSES]
        sign = _SIGNS["does" if value in topic.stated else "unsaid"]
        items.append(Item(_named(value), Cell(sign, ranked), quotes.of(ranked[0]), addresses))
    return Listing(title, items, topic.other, "other sentences on this", _names(topic.missing), brief)

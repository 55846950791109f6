"""Sentences with attributes, written by hand, for tests of what is made of them."""

from __future__ import annotations

from clausetag.data.attributes import grouped
from clausetag.data.labels import FIRST_PARTY, THIRD_PARTY
from clausetag.data.records import Link, Sentence

DOES, DOES_NOT = ("Does/Does Not", "Does"), ("Does/Does Not", "Does Not")
LOCATION, CONTACT = ("Personal Information Type", "Location"), ("Personal Information Type", "Contact")
ADS, MARKETING = ("Purpose", "Advertising"), ("Purpose", "Marketing")
PARTNERS = ("Third Party Entity", "Unnamed third party")


def stated(
    index: int, text: str, labels: str | tuple[str, ...], *values: tuple[str, str], links: tuple[Link, ...] = ()
) -> Sentence:
    """A sentence that stands at 100 times its index."""
    given = (labels,) if isinstance(labels, str) else labels
    start = 100 * index
    return Sentence(
        "shop",
        index,
        text,
        start=start,
        end=start + len(text),
        labels=given,
        attributes=grouped(values),
        links=tuple(link._replace(start=link.start + start, end=link.end + start) for link in links),
    )


def ours(index: int, text: str, *values: tuple[str, str]) -> Sentence:
    """A sentence on what the company does."""
    return stated(index, text, FIRST_PARTY, *values)


def theirs(index: int, text: str, *values: tuple[str, str]) -> Sentence:
    """A sentence on what third parties get."""
    return stated(index, text, THIRD_PARTY, *values)

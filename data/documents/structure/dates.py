"""Dates: lines that only say when a policy was changed or came into force, and texts that differ only in a date."""

from __future__ import annotations

import re
from itertools import groupby

_MONTHS = (
    "jan january feb february mar march apr april may jun june jul july aug august sep sept september oct october nov "
    "november dec december"
)
MONTHS = frozenset(_MONTHS.split())
_OCCASIONS = (
    "updated update updates modified modification revised revision reviewed effective dated date version posted "
    "published created changed amended force enforced valid release"
)
_OCCASION = frozenset(_OCCASIONS.split())
_OTHERS = (
    "last latest most recent recently this the our current privacy cookie policy notice statement document page was is "
    "has been became becomes since as of on in from at and into to by st nd rd th a an am pm gmt utc est pst est cet v "
    "monday tuesday wednesday thursday friday saturday sunday"
)
_KNOWN = frozenset((*_OCCASION, *MONTHS, *_OTHERS.split()))
_MAX_LENGTH = 120
_WORD = re.compile(r"\d+|[^\W\d_]+")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d\d(?!\d)")


def is_date_line(line: str) -> bool:
    """Whether a line is a date, such as "March 7, 2024" or "Last updated: 03/07/24", and says no more than that."""
    if len(line) > _MAX_LENGTH or not _YEAR.search(line):
        return False
    words = [word.lower() for word in _WORD.findall(line)]
    if not all(word.isdigit() or word in _KNOWN for word in words):
        return False
    return not _OCCASION.isdisjoint(words) or all(word.isdigit() or word in MONTHS for word in words)


def without_date(text: str) -> tuple[str, ...] | None:
    """The words of a text with a date, "#" in place of numbers and months; None if it has no date."""
    if not _YEAR.search(text):
        return None
    words = ("#" if word[0].isdigit() or word in MONTHS else word for word in _WORD.findall(text.lower()))
    return tuple(word for word, _ in groupby(words))

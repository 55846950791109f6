"""Lists in running text: "You agree to: • one; • two." becomes a lead-in and its items."""

from __future__ import annotations

import re

_BULLET = re.compile(r"(?:^|(?<=\s))[•▪▫◦‣⁃■□●○➢➤✓✔\uf0b7]\s*")
_MIN_WORDS = 2
"""Words that the items have on average; names with bullets between them are no list."""


def split_inline_list(text: str) -> list[int]:
    """Where the items of a list within a block begin, at their bullets; empty if there is none.

    A list has two bullets at least, and what comes before the first one ends with a punctuation mark.
    """
    found = list(_BULLET.finditer(text))
    if found and found[0].start() == 0:
        found = found[1:]
    if len(found) < 1 + (not _BULLET.match(text)):
        return []
    before = text[: found[0].start()].rstrip()
    words = len(text[found[0].start() :].split()) - len(found)
    if before[-1:] not in ":;,." or words < _MIN_WORDS * len(found):
        return []
    return [match.start() for match in found]

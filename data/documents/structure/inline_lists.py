"""Lists in running text: "You agree to: • one; • two." becomes a lead-in and its items."""

from __future__ import annotations

import re

_BULLET = re.compile(r"(?:^|(?<=\s))(?:(?P<bullet>[•▪▫◦‣⁃■□●○➢➤►▶❖✓✔→\uf0b7])\s*|[-–—*·o]\s+)")
"""A bullet, or another sign that is one in some lists."""
_MIN_WORDS = 2
"""Words that the items have on average; names with bullets between them are no list."""
_LEAD_IN_WORDS = 4
"""Words that a lead-in without a punctuation mark has, before three bullets at least."""


def split_inline_list(text: str) -> list[int]:
    """Where the items of a list within a block begin, at their bullets; empty if there is none.

    A list has two bullets at least. A dash, asterisk or "o" is one if all of them stand behind punctuation marks, the
    first one behind a colon.
    """
    found = list(_BULLET.finditer(text))
    bullets = [match for match in found if match["bullet"]]
    if not bullets and all(_ends(text, match) in ":;,." for match in found):
        bullets = found if found and _ends(text, found[0]) == ":" else []
    begins = bool(bullets) and bullets[0].start() == 0
    items = bullets[begins:]
    if len(bullets) < 2:
        return []
    first = items[0].start()
    end = _ends(text, items[0])
    long = len(text[first:].split()) - len(items) >= _MIN_WORDS * len(items)
    after_words = len(items) > 2 and len(text[:first].split()) >= _LEAD_IN_WORDS
    is_list = long if begins else end == ":" or (long and end in ";,.") or after_words
    return [match.start() for match in items] if is_list else []


def _ends(text: str, match: re.Match[str]) -> str:
    """The character before a bullet and its white space, or a space at the start of the text."""
    return text[max(0, match.start() - 2) : match.start()].rstrip()[-1:] or " "

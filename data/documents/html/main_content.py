"""Main-content selection: the policy and its title, from a page without boilerplate.

This is own code, not a library, because it was measured to be better: on 58 policy pages it keeps 0.998 of the
reference's words, and trafilatura 0.933 to 0.973 (docs/EXTRACTION.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from clausetag.data.documents.blocks import normalise
from clausetag.data.documents.html.boilerplate import COOKIE_BANNER_TEXT
from clausetag.data.documents.html.tree import TextBlock, prose_in_elements

_MAIN_SHARE = 0.95
"""Share of the prose that the main element has. With 0.9, sections that a page puts beside its main text are lost."""
_FRAGMENT_WORDS = 40
"""A page with less prose is a fragment; it is kept as a whole."""
_CONTAINERS = frozenset({"html", "body", "main", "article", "section", "div", "td", "form", "center"})
"""Elements that contain paragraphs. All others are paragraphs or parts of one."""
_NEAR_LEVELS = 3
"""How many elements around the main one are searched for text that belongs to it."""
_TAIL_SHARE = 0.1
"""Share of the prose that is cut off at most after a copyright line at the end."""
_BELOW_TITLE = 3
"""Blocks below the title that are searched for the policy's date."""
_DATE_WORDS = 12

_COPYRIGHT = re.compile(r"(?:©|\(c\) ?\d{4}|copyright (?:©|\(c\)|\d{4}))", re.IGNORECASE)
_EDGE = re.compile(rf"{_COPYRIGHT.pattern}|copyright\b|all rights reserved", re.IGNORECASE)
_WIDGET = re.compile(
    r"(?>\W*+(?:(?:back|return|go|jump) (?:up )?to (?:the )?"
    r"(?:[\w ’'.,&-]{1,60} (?:index|contents|top)|top(?: of (?:the )?page)?|index|contents?|table of contents|start)"
    r"|to (?:the )?top(?: of (?:the )?page)?|top of (?:the )?page|skip to [\w ]++)\W*+)++"
    r"|advertisement(?:\W+(?:continue reading|story continues|article continues)[\w ]*)?"
    r"|(?:sponsored|we recommend|recommended for you|custom search)"
    r"|(?:print|e-?mail|share|download) (?:this|the|a)? ?(?:page|policy|article|pdf|copy)\W*|print|share|tweet"
    r"|(?:read|show|see|view|learn) (?:more|less)\W*|(?:expand|collapse|open|close|show|hide) all\W*|close|menu|[x×]"
    r"|was this (?:page|article|answer|information|content)? ?(?:helpful|useful)\W*(?:yes\W*no\W*)?",
    re.IGNORECASE,
)
"""Blocks that are controls of the page, as a whole."""
_TITLE = re.compile(r"privacy|polic(?:y|ies)|cookies?\b|notice|statement|data protection|terms", re.IGNORECASE)
_DATED = re.compile(r"\b(?:updated?|effective|revis\w+|modified|version|date[ds]?|posted|changed)\b", re.IGNORECASE)
_TITLE_PARTS = re.compile(r" [|–—:»·•-]++ | ?[|»] ?")


def main_blocks(root: Any, kept: list[TextBlock], everything: Sequence[TextBlock]) -> list[TextBlock]:
    """The blocks of the smallest element with nearly all prose, and the text right before and after it.

    `kept` are the visible blocks without boilerplate, `everything` all blocks of the page.
    """
    prose = prose_in_elements(root, kept)
    if prose[root] < _FRAGMENT_WORDS:
        return kept
    main = root
    # At most one child can have so much prose, so each match is inside the one before.
    for element in root.iter():
        if prose[element] >= _MAIN_SHARE * prose[root]:
            main = element
    places = _places_in(main, kept)
    # If a single paragraph has all the prose, the text beside it belongs to it.
    while main is not root and (len(places) == 1 or main.tag not in _CONTAINERS):
        main = main.getparent()
        places = _places_in(main, kept)
    near = _elements_near(main)
    order = {(id(block.element), block.text): number for number, block in enumerate(everything)}
    first = _extended(kept, places[0], -1, near, order)
    last = _extended(kept, places[-1], 1, near, order)
    return kept[first : last + 1]


def _places_in(element: Any, blocks: Sequence[TextBlock]) -> list[int]:
    inside = set(element.iter())
    return [number for number, block in enumerate(blocks) if block.element in inside]


def _elements_near(main: Any) -> set[Any]:
    """All elements in the ancestors next to the main element, below the page's body."""
    outer = main
    for parent, _ in zip(main.iterancestors(), range(_NEAR_LEVELS), strict=False):
        if parent.tag in ("html", "body"):
            break
        outer = parent
    return set(outer.iter())


def _extended(
    kept: Sequence[TextBlock], start: int, step: int, near: set[Any], order: dict[tuple[int, str], int]
) -> int:
    """The index of the last block before (step -1) or after (step 1) `start` that belongs to the main content.

    That is prose, or before the main content a heading, as long as no link or boilerplate separates it.
    """
    last = start
    place = start + step
    while 0 <= place < len(kept):
        block, previous = kept[place], kept[place - step]
        position, neighbour = (order.get((id(b.element), b.text), -9) for b in (block, previous))
        if block.element not in near or block.link_only or abs(position - neighbour) != 1:
            break
        if _EDGE.search(block.text) or COOKIE_BANNER_TEXT.search(block.text):
            break
        is_about_data = block.mentions > 1 or _TITLE.search(block.text)
        if (block.prose and (step < 0 or is_about_data)) or (block.heading and step < 0):
            last = place
        place += step
    return last


def trim(kept: list[TextBlock]) -> list[TextBlock]:
    """Remove links, copyright lines and the like before and after the prose, and the page's controls everywhere."""
    kept = [block for block in kept if not _WIDGET.fullmatch(block.text)]
    prose = [number for number, block in enumerate(kept) if block.prose]
    if not prose:
        return [block for block in kept if not (block.link_only or _EDGE.match(block.text))]
    kept = _without_footer(kept, prose[0], prose[-1])
    first, last = prose[0], max(number for number in prose if number < len(kept))
    title = next((n for n, block in enumerate(kept[:first]) if block.heading and _TITLE.search(block.text)), 0)
    trimmed: list[TextBlock] = []
    for number, block in enumerate(kept):
        before_title = number < title and not _DATED.search(block.text)
        copyright_behind = number > last and _COPYRIGHT.search(block.text)
        if first <= number <= last or not (
            block.link_only or _EDGE.match(block.text) or before_title or copyright_behind
        ):
            trimmed.append(block)
    # A heading at the end belongs to something that was left out, unless it is contact data.
    while trimmed and trimmed[-1].heading and not any(c.isdigit() or c == "@" for c in trimmed[-1].text):
        trimmed.pop()
    return trimmed


def _without_footer(kept: list[TextBlock], first: int, last: int) -> list[TextBlock]:
    """Cut off a copyright line and what follows it, if that has little prose and hardly mentions data."""
    end = len(kept)
    total = sum(block.prose for block in kept)
    prose = mentions = 0
    for number in range(last, first, -1):
        prose += kept[number].prose
        mentions += kept[number].mentions
        if prose > _TAIL_SHARE * total or mentions > 2:
            break
        if _COPYRIGHT.match(kept[number].text):
            end = number
    return kept[:end]


def add_title(root: Any, kept: list[TextBlock], everything: Sequence[TextBlock]) -> list[TextBlock]:
    """Put the page's title in front, which many pages have outside of the main element.

    It is the nearest <h1> above the text or, if the text begins without a heading, the nearest block above it that
    repeats the page's <title>. The date below the title is added too.
    """
    start = next((n for n, block in enumerate(everything) if kept and block.text == kept[0].text), None)
    if start is None:
        return kept
    above = everything[:start]
    titles = [block for block in above if block.heading == "h1" and not block.link_only]
    if not titles and not kept[0].heading:
        names = {
            name.strip().lower() for e in root.iter("title") for name in _TITLE_PARTS.split(normalise(e.text or ""))
        }
        titles = [b for b in above if b.text.lower() in names and _TITLE.search(b.text) and not b.link_only]
    if not titles or any(block.text == titles[-1].text for block in kept):
        return kept
    below = above[above.index(titles[-1]) + 1 :][:_BELOW_TITLE]
    return [titles[-1], *(block for block in below if not block.link_only and _is_date(block)), *kept]


def _is_date(block: TextBlock) -> bool:
    return block.words <= _DATE_WORDS and bool(_DATED.search(block.text)) and any(map(str.isdigit, block.text))

"""Of a page without its frame: the part that holds the policy, with its title, and without what clings to its ends."""

from __future__ import annotations

import re
from typing import Any

from clausetag.data.documents.blocks import normalise
from clausetag.data.documents.html.boilerplate import BANNER_TEXT
from clausetag.data.documents.html.tree import ABOUT_DATA, Piece, prose_totals

_MOST = 0.95
"""Share of the prose that the kept element holds. 0.9 loses sections that a page puts beside its main text."""
_FRAGMENT_WORDS = 40
"""A page of less prose is a fragment, of which nothing can be told to be beside the policy."""
_HOLDS_BLOCKS = frozenset({"html", "body", "main", "article", "section", "div", "td", "form", "center"})
"""What has paragraphs in it, where others are paragraphs, or a part of one."""
_LEVELS = 3
"""Elements around the kept one in which prose that borders on it belongs to it."""
_TAIL = 0.1
"""Share of the prose that may stand behind a copyright line at the end."""
_BELOW_TITLE = 3
"""Blocks below the title among which the date of the policy is looked for."""
_DATE_WORDS = 12

_COPYRIGHT = re.compile(r"(?:©|\(c\) ?\d{4}|copyright (?:©|\(c\)|\d{4}))", re.IGNORECASE)
_EDGE = re.compile(rf"{_COPYRIGHT.pattern}|copyright\b|all rights reserved", re.IGNORECASE)
_WIDGET = re.compile(
    r"(?:\W*(?:(?:back|return|go|jump) (?:up )?to (?:the )?"
    r"(?:top(?: of (?:the )?page)?|index|contents?|table of contents|start|[\w ’'.,&-]{1,60} (?:index|contents|top))"
    r"|to (?:the )?top(?: of (?:the )?page)?|top of (?:the )?page|skip to [\w ]+)\W*)+"
    r"|advertisement(?:\W+(?:continue reading|story continues|article continues)[\w ]*)?"
    r"|(?:sponsored|we recommend|recommended for you|custom search)"
    r"|(?:print|e-?mail|share|download) (?:this|the|a)? ?(?:page|policy|article|pdf|copy)\W*|print|share|tweet"
    r"|(?:read|show|see|view|learn) (?:more|less)\W*|(?:expand|collapse|open|close|show|hide) all\W*|close|menu|[x×]"
    r"|was this (?:page|article|answer|information|content)? ?(?:helpful|useful)\W*(?:yes\W*no\W*)?",
    re.IGNORECASE,
)
"""What a whole block says that is a switch of the page and not a part of its text."""
_TITLE = re.compile(r"privacy|polic(?:y|ies)|cookies?\b|notice|statement|data protection|terms", re.IGNORECASE)
_DATED = re.compile(r"\b(?:updated?|effective|revis\w+|modified|version|date[ds]?|posted|changed)\b", re.IGNORECASE)
_TITLE_PARTS = re.compile(r"\s+[|–—:»·•-]+\s+|\s*[|»]\s*")


def main_part(root: Any, kept: list[Piece], everything: list[Piece]) -> list[Piece]:
    """The pieces in the smallest element that holds nearly all prose, and prose that borders on it."""
    held = prose_totals(root, kept)
    if held[root] < _FRAGMENT_WORDS:
        return kept
    main = root
    # At most one child can hold as much, so each candidate stands in the one before.
    for element in root.iter():
        if held[element] >= _MOST * held[root]:
            main = element
    places = _places(main, kept)
    # One paragraph may hold all that counts as prose; what stands beside it belongs to it.
    while main is not root and (len(places) == 1 or main.tag not in _HOLDS_BLOCKS):
        main = main.getparent()
        places = _places(main, kept)
    first, last = places[0], places[-1]
    around = _near(main)
    order = {(id(piece.element), piece.text): number for number, piece in enumerate(everything)}
    return kept[_extended(kept, first, -1, around, order) : _extended(kept, last, 1, around, order) + 1]


def _places(element: Any, kept: list[Piece]) -> list[int]:
    inside = set(element.iter())
    return [number for number, piece in enumerate(kept) if piece.element in inside]


def _near(main: Any) -> set[Any]:
    """All elements below the few that stand around the main one, up to the page's body."""
    near = main
    for parent, _ in zip(main.iterancestors(), range(_LEVELS), strict=False):
        if parent.tag in ("html", "body"):
            break
        near = parent
    return set(near.iter())


def _extended(kept: list[Piece], start: int, step: int, near: set[Any], order: dict[tuple[int, str], int]) -> int:
    """The last place, going on from `start`, of prose or a heading that nothing parts from what is kept."""
    place, best = start + step, start
    while 0 <= place < len(kept):
        piece, before = kept[place], kept[place - step]
        position, neighbour = (order.get((id(p.element), p.text), -9) for p in (piece, before))
        if piece.element not in near or piece.link_only or abs(position - neighbour) != 1:
            break  # a link, or a part of the page's frame, stands between
        if _EDGE.search(piece.text) or BANNER_TEXT.search(piece.text):
            break
        about_data = len(ABOUT_DATA.findall(piece.text)) > 1 or _TITLE.search(piece.text)
        if piece.prose and about_data if step > 0 else piece.prose or piece.heading:
            best = place
        place += step
    return best


def trimmed(kept: list[Piece]) -> list[Piece]:
    """Without links to elsewhere, copyright lines and what else is no text at both ends, and without switches."""
    kept = [piece for piece in kept if not _WIDGET.fullmatch(piece.text)]
    prose = [number for number, piece in enumerate(kept) if piece.prose]
    if not prose:
        return [piece for piece in kept if not (piece.link_only or _EDGE.match(piece.text))]
    first, last = prose[0], prose[-1]
    total = sum(piece.prose for piece in kept)
    behind = mentions = 0
    for number in range(last, first, -1):
        behind += kept[number].prose
        mentions += len(ABOUT_DATA.findall(kept[number].text))
        if behind > _TAIL * total or mentions > 2:
            break
        if _COPYRIGHT.match(kept[number].text):
            kept = kept[:number]
            last = max(place for place in prose if place < number)
    title = next((n for n, piece in enumerate(kept[:first]) if piece.heading and _TITLE.search(piece.text)), 0)
    result = [
        piece
        for number, piece in enumerate(kept)
        if first <= number <= last
        or not (
            piece.link_only
            or _EDGE.match(piece.text)
            or (number < title and not _DATED.search(piece.text))
            or (number > last and _COPYRIGHT.search(piece.text))
        )
    ]
    while result and result[-1].heading and not any(c.isdigit() or c == "@" for c in result[-1].text):
        result.pop()  # of something that was left out
    return result


def with_title(root: Any, kept: list[Piece], everything: list[Piece]) -> list[Piece]:
    """Put the page's title in front, which many pages set outside of the text's element.

    That is the nearest <h1> above the text or, where the text begins without a heading, the nearest block above it
    that says what the <title> says. The date below it comes along.
    """
    above: list[Piece] = []
    for piece in everything:
        if kept and piece.text == kept[0].text:
            break
        above.append(piece)
    else:
        return kept
    names = {normalise(name).lower() for e in root.iter("title") for name in _TITLE_PARTS.split(e.text or "")} - {""}
    candidates = [p for p in above if not p.link_only and p.heading == "h1"]
    if not candidates and not kept[0].heading:
        candidates = [p for p in above if not p.link_only and p.text.lower() in names and _TITLE.search(p.text)]
    if not candidates or any(piece.text == candidates[-1].text for piece in kept):
        return kept
    title = candidates[-1]
    below = above[above.index(title) + 1 :][:_BELOW_TITLE]
    return [title, *(piece for piece in below if not piece.link_only and _is_date(piece)), *kept]


def _is_date(piece: Piece) -> bool:
    return piece.words <= _DATE_WORDS and bool(_DATED.search(piece.text)) and any(map(str.isdigit, piece.text))

"""Visible text blocks of an HTML page: the policy itself, without menus, cookie banners, scripts and footers.

The tree is walked once; then a few rules take the page's frame away. Each of them gives way where it would take the
bulk of the prose, so a fragment such as ``<p>We sell nothing.</p>`` comes out whole:

1. elements that HTML, ARIA or their own names call navigation, footer, banner or dialogue go, and hidden ones unless
   they are panels of an accordion (`html_frame`);
2. of what is left, the smallest element that holds nearly all prose is kept, with the title and with prose that
   borders on it (`html_main`);
3. links, copyright lines and widgets before the first and after the last prose go.

How well this does on crawled pages is measured in docs/EXTRACTION.md.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from clausetag.data.documents.blocks import (
    RawBlock,
    demote_last,
    looks_like_heading,
    normalise,
    plain_blocks,
    without_marker,
)
from clausetag.data.documents.html.boilerplate import frame_of, not_shown, unfold_titles
from clausetag.data.documents.html.main_content import main_part, trimmed, with_title
from clausetag.data.documents.html.tree import HEADINGS, NOT_TEXT, STORED, Piece, TooDeep, parse, pieces, totals
from clausetag.data.records import BlockKind

_KINDS: dict[str, BlockKind] = {
    **dict.fromkeys(HEADINGS, "heading"),
    **dict.fromkeys(("li", "dd"), "list_item"),
    **dict.fromkeys(("td", "th"), "table_cell"),
}
_WORD = re.compile(r"\w")

_ENOUGH_PROSE = 500
"""Words of visible prose from which hidden text is never wanted as a whole; below it a page may be one folded list."""
_STORED_PROSE = 100
"""Words of prose for which a page that shows none is read from its templates, text boxes, or pages within it."""
_ITEM_WORDS = 150
"""A list item or table cell of more words is layout: its parts are paragraphs."""
_MOST_NESTED = 3
"""Pages within pages that are followed."""
_BOLD_WORDS = 15
"""A whole line in bold type is a heading up to so many words, whatever its capitals."""


def html_blocks(html: str) -> list[RawBlock]:
    """The visible text of a page or fragment as (text, kind) blocks in document order, list markers stripped.

    Never raises on bad markup; a page without text gives an empty list.
    """
    return _blocks(html, _MOST_NESTED)


def _blocks(html: str, nested: int) -> list[RawBlock]:
    try:
        root = parse(html)
    except TooDeep:
        return _without_tags(html)
    if root is None:
        return []
    _held = list(root.iter())  # lxml makes an element anew for each walk if nobody holds it
    _decode_addresses(root)
    not_text = NOT_TEXT
    everything = pieces(root, frozenset())
    if not any(piece.prose for piece in everything):
        if inner := _inner_pages(root, nested):
            return inner
        stored = pieces(root, frozenset(), NOT_TEXT - STORED)
        not_text = NOT_TEXT - STORED if sum(piece.prose for piece in stored) >= _STORED_PROSE else NOT_TEXT
    if unfold_titles(root, everything) or not_text != NOT_TEXT:
        everything = pieces(root, frozenset(), not_text)
    frame = frame_of(root, everything)
    unfolded = pieces(root, frame, not_text)
    hidden = not_shown(root, frame, unfolded)
    kept = pieces(root, frame | hidden, not_text) if hidden else unfolded
    visible = sum(piece.prose for piece in kept)
    if visible < _ENOUGH_PROSE and sum(piece.prose for piece in unfolded) > 2 * visible:
        kept = unfolded
    kept = with_title(root, trimmed(main_part(root, kept, everything)), everything)
    kinds = _kinds(root, kept)
    return demote_last([block for piece in kept or everything for block in _raw_blocks(piece, kinds[piece.element])])


def _inner_pages(root: Any, nested: int) -> list[RawBlock]:
    """The text of the pages that stand, as a whole, within a page, if it is more than a few words."""
    pages = [frame.get("srcdoc") for frame in root.iter("iframe") if frame.get("srcdoc")] if nested else []
    found = [block for page in pages for block in _blocks(page, nested - 1)]
    return found if sum(len(text.split()) for text, _ in found) >= _STORED_PROSE else []


def _decode_addresses(root: Any) -> None:
    """Put e-mail addresses back that a content network has encoded against harvesters: a key byte, then text xor it."""
    for element in root.iter("a", "span"):
        code = element.get("data-cfemail")
        if code is None:
            continue
        try:
            key, *rest = bytes.fromhex(code)
            text = bytes(byte ^ key for byte in rest).decode()
        except ValueError:
            continue
        if text.isprintable():
            for child in list(element):
                element.remove(child)
            element.text = text


def _without_tags(html: str) -> list[RawBlock]:
    """The text between all tags, for pages that no tree can hold: every tag but those within a line ends a block."""
    text = re.sub(r"(?is)<(script|style|noscript|template)\b.*?</\1\s*>|<!--.*?-->", " ", html)
    text = re.sub(r"(?i)</?(?:a|abbr|b|em|font|i|small|span|strong|sub|sup|u)\b[^<>]*>", "", text)
    return plain_blocks(unescape(re.sub(r"<[^<>]*>", "\n\n", text)))


def _kinds(root: Any, kept: list[Piece]) -> dict[Any, BlockKind | None]:
    """What blocks in each element are, by the nearest element around them that says so; None is text as it is typed."""
    words = totals(root, ((piece.element, piece.words) for piece in kept))
    kinds: dict[Any, BlockKind | None] = {}
    for element in root.iter():
        kind: BlockKind | None = kinds.get(element.getparent(), "paragraph")
        if element.tag in ("pre", "textarea"):
            kind = None
        elif element.tag in _KINDS:
            is_item = element.tag in HEADINGS or words[element] <= _ITEM_WORDS
            kind = _KINDS[element.tag] if is_item else "paragraph"
        kinds[element] = kind
    return kinds


def _raw_blocks(piece: Piece, kind: BlockKind | None) -> list[RawBlock]:
    """One piece as blocks: split at line breaks, where nothing says their kind it is told from their looks."""
    if kind is None:
        return plain_blocks("".join(text for text, _, _ in piece.runs))
    lines = _lines(piece)
    blocks: list[RawBlock] = []
    for text, is_bold in lines:
        body, marked = without_marker(text)
        if kind == "paragraph" and _reads_as_heading(body, is_bold, alone=len(lines) == 1):
            blocks.append((body, "heading"))
        elif kind == "paragraph" and marked:
            blocks.append((body, "list_item"))
        else:
            blocks.append((body, kind))
    return blocks


def _reads_as_heading(line: str, is_bold: bool, alone: bool) -> bool:
    if looks_like_heading(line):
        return is_bold or alone
    if (
        not is_bold
        or "@" in line
        or "://" in line
        or line[-1] in ";,&:"
        or not (line[0].isupper() or line[0].isdigit())
    ):
        return False
    words = len(line.split())
    # A whole sentence can be in bold type, too.
    return words <= 5 if line[-1] in ".!" else words <= _BOLD_WORDS


def _lines(piece: Piece) -> list[tuple[str, bool]]:
    """(text, all bold) of each line; a break within a sentence (the next line goes on in lower case) is a space."""
    lines: list[tuple[list[str], bool]] = []
    runs: list[str] = []
    is_bold = True
    for run, _, bold in [*piece.runs, ("\n", False, False)]:
        if run != "\n":
            runs.append(run)
            is_bold &= bold or not _WORD.search(run)
            continue
        text = normalise("".join(runs))
        if lines and text[:1].islower() and lines[-1][0][-1][-1] not in ".:;!?":
            lines[-1] = (lines[-1][0], lines[-1][1] and is_bold)
            lines[-1][0].append(text)
        elif _WORD.search(text):
            lines.append(([text], is_bold))
        runs, is_bold = [], True
    return [(" ".join(texts), is_bold) for texts, is_bold in lines]

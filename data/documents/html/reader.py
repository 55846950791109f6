"""HTML pages to blocks: the policy itself, without menus, cookie banners, scripts and footers.

1. Elements that are boilerplate by their tags, ARIA roles or names are left out (`boilerplate`), and hidden ones unless
   they are panels of an accordion (`folded`).
2. Of the rest, the smallest element with nearly all prose is kept, with its title and the prose next to it.
3. Links, copyright lines and controls before the first and after the last prose are left out (both `main_content`).

No step removes most of the prose, so a fragment such as ``<p>We sell nothing.</p>`` is kept as a whole.
docs/EXTRACTION.md has measurements on crawled pages.
"""

from __future__ import annotations

import re
from typing import Any

from clausetag.data.documents.blocks import (
    MAX_ITEM_WORDS,
    RawBlock,
    demote_last,
    join_broken_lines,
    looks_like_heading,
    normalise,
    without_marker,
)
from clausetag.data.documents.html.bare import text_between_tags
from clausetag.data.documents.html.boilerplate import boilerplate_elements
from clausetag.data.documents.html.folded import hidden_elements, mark_accordion_titles
from clausetag.data.documents.html.main_content import add_title, main_blocks, trim
from clausetag.data.documents.html.tree import (
    HEADINGS,
    NOT_TEXT,
    STORED,
    TextBlock,
    TooDeep,
    parse,
    sum_in_elements,
    text_blocks,
)
from clausetag.data.documents.plain import plain_blocks
from clausetag.data.records import BlockKind

_KINDS: dict[str, BlockKind] = {
    **dict.fromkeys(HEADINGS, "heading"),
    **dict.fromkeys(("li", "dd"), "list_item"),
    **dict.fromkeys(("td", "th"), "table_cell"),
}
_WORD = re.compile(r"\w")

_ENOUGH_PROSE = 500
"""Words of visible prose from which hidden text is never read as a whole. With less, the page can be one folded
list."""
_STORED_PROSE = 100
"""Words of prose in templates, text boxes or inner pages from which those are read, if the page shows no prose."""
_MAX_NESTED = 3
"""Levels of pages within pages that are read."""
_BOLD_HEADING_WORDS = 15
"""A line in bold type is a heading if it has no more words, whatever its capitals."""


def html_blocks(html: str) -> list[RawBlock]:
    """The main content of a page or fragment as (text, kind) blocks in order, without list markers.

    Bad markup never raises an error; a page without text gives an empty list.
    """
    return _page_blocks(html, _MAX_NESTED)


def _page_blocks(html: str, nested: int) -> list[RawBlock]:
    try:
        root = parse(html)
    except TooDeep:
        return plain_blocks(text_between_tags(html))
    if root is None:
        return []
    _alive = list(root.iter())  # lxml makes a new object for an element at each walk unless one is alive
    _decode_addresses(root)
    everything = text_blocks(root)
    not_text = NOT_TEXT
    if not _prose(everything):
        if inner := _inner_pages(root, nested):
            return inner
        if _prose(text_blocks(root, not_text=NOT_TEXT - STORED)) >= _STORED_PROSE:
            not_text = NOT_TEXT - STORED
    if mark_accordion_titles(root, everything) or not_text != NOT_TEXT:
        everything = text_blocks(root, not_text=not_text)
    kept = _visible_blocks(root, everything, not_text)
    kept = add_title(root, trim(main_blocks(root, kept, everything)), everything)
    kinds = _kinds(root, kept)
    return demote_last([raw for block in kept or everything for raw in _raw_blocks(block, kinds[block.element])])


def _prose(blocks: list[TextBlock]) -> int:
    return sum(block.prose for block in blocks)


def _visible_blocks(root: Any, everything: list[TextBlock], not_text: frozenset[str]) -> list[TextBlock]:
    """The blocks that are neither boilerplate nor hidden; the hidden ones too if little is visible without them."""
    boilerplate = boilerplate_elements(root, everything)
    unfolded = text_blocks(root, boilerplate, not_text)
    hidden = hidden_elements(root, unfolded) - boilerplate
    visible = text_blocks(root, boilerplate | hidden, not_text) if hidden else unfolded
    is_folded = _prose(visible) < _ENOUGH_PROSE and _prose(unfolded) > 2 * _prose(visible)
    return unfolded if is_folded else visible


def _inner_pages(root: Any, nested: int) -> list[RawBlock]:
    """The text of complete pages within a page, if that is more than a few words."""
    pages = [frame.get("srcdoc") for frame in root.iter("iframe") if frame.get("srcdoc")] if nested else []
    blocks = [block for page in pages for block in _page_blocks(page, nested - 1)]
    return blocks if sum(len(text.split()) for text, _ in blocks) >= _STORED_PROSE else []


def _decode_addresses(root: Any) -> None:
    """Decode e-mail addresses that Cloudflare has encoded: a key byte, then the text, each byte xor the key."""
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


def _kinds(root: Any, kept: list[TextBlock]) -> dict[Any, BlockKind | None]:
    """The kind of the blocks in each element, by the nearest element that determines it; None is preformatted text."""
    words = sum_in_elements(root, ((block.element, block.words) for block in kept))
    kinds: dict[Any, BlockKind | None] = {}
    for element in root.iter():
        kind: BlockKind | None = kinds.get(element.getparent(), "paragraph")
        if element.tag in ("pre", "textarea"):
            kind = None
        elif element.tag in _KINDS:
            is_layout = element.tag not in HEADINGS and words[element] > MAX_ITEM_WORDS
            kind = "paragraph" if is_layout else _KINDS[element.tag]
        kinds[element] = kind
    return kinds


def _raw_blocks(block: TextBlock, kind: BlockKind | None) -> list[RawBlock]:
    """A block split at its line breaks; the kind of a paragraph is determined by how it looks."""
    if kind is None:
        return plain_blocks("".join(text for text, _, _ in block.runs))
    lines = join_broken_lines(_lines(block))
    raw: list[RawBlock] = []
    for text, is_bold in lines:
        body, marked = without_marker(text)
        if kind == "paragraph" and _is_heading(body, is_bold, alone=len(lines) == 1):
            raw.append((body, "heading"))
        else:
            raw.append((body, "list_item" if kind == "paragraph" and marked else kind))
    return raw


def _is_heading(line: str, is_bold: bool, alone: bool) -> bool:
    if looks_like_heading(line):
        return is_bold or alone
    if not is_bold or "@" in line or "://" in line or line[-1] in ";,&:":
        return False
    # A whole sentence can be in bold type too.
    most_words = 5 if line[-1] in ".!" else _BOLD_HEADING_WORDS
    return (line[0].isupper() or line[0].isdigit()) and len(line.split()) <= most_words


def _lines(block: TextBlock) -> list[tuple[str, bool]]:
    """(text, all bold) of each line with a letter or digit."""
    lines: list[tuple[str, bool]] = []
    runs: list[str] = []
    is_bold = True
    for run, _, bold in [*block.runs, ("\n", False, False)]:
        if run != "\n":
            runs.append(run)
            is_bold &= bold or not _WORD.search(run)
        else:
            text = normalise("".join(runs))
            if _WORD.search(text):
                lines.append((text, is_bold))
            runs, is_bold = [], True
    return lines

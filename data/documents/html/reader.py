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
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any
from urllib.parse import urljoin

from clausetag.data.documents.blocks import (
    MAX_ITEM_WORDS,
    Line,
    RawBlock,
    Run,
    demote_last,
    join_broken_lines,
    linked,
    looks_like_heading,
)
from clausetag.data.documents.grids import table_blocks
from clausetag.data.documents.html.bare import text_between_tags
from clausetag.data.documents.html.boilerplate import HIDDEN, NAMED, boilerplate_places
from clausetag.data.documents.html.cells import Cell, cell_places, has_header
from clausetag.data.documents.html.folded import (
    drop_heading_anchors,
    hidden_elements,
    hidden_in_lines,
    mark_accordion_titles,
    read_buttons_in_sentences,
)
from clausetag.data.documents.html.limits import HTML_LIMITS, HtmlLimits
from clausetag.data.documents.html.main_content import main_content
from clausetag.data.documents.html.set_aside import has_set_lines, outside, words_set_aside
from clausetag.data.documents.html.stored import inner_pages
from clausetag.data.documents.html.tree import (
    HEADINGS,
    NOT_TEXT,
    STORED,
    PageRun,
    TextBlock,
    TooDeep,
    parse,
    sum_in_elements,
    text_beside,
    text_blocks,
)
from clausetag.data.documents.plain import plain_blocks
from clausetag.data.documents.structure.markers import strip_markers
from clausetag.data.records import BlockKind

_KINDS: dict[str, BlockKind] = {
    **dict.fromkeys(HEADINGS, "heading"),
    **dict.fromkeys(("li", "dd"), "list_item"),
    **dict.fromkeys(("td", "th"), "table_cell"),
}
_LISTS = frozenset({"ul", "ol", "dl", "menu"})
_WORD = re.compile(r"\w")
_REFERENCE = re.compile(r"\s{0,9}[\[(]?(?:\d{1,3}(?:\s?[,–-]\s?\d{1,3}){0,9}|[*†‡§]{1,3})[\])]?\s{0,9}")
_LETTER = re.compile(r"[\[(]?[a-z][\])]?")
_AFTER_STOP = re.compile(r"[.!?;,)]$")
_AFTER_TEXT = re.compile(r"(?:[^\W\d_]{3}|[^\w\s])\s?$")

_ENOUGH_PROSE = 500
"""Words of visible prose from which hidden text is never read as a whole. With less, the page can be one folded
list."""
_LITTLE_PROSE = 40
"""Words of prose below which a page is searched for text that it holds without showing it ..."""
_STORED_PROSE = 100
"""... and words of prose from which such text is read: in scripts, templates, text boxes or inner pages."""
_MAX_NESTED = 3
"""Levels of pages within pages that are read."""
_BOLD_HEADING_WORDS = 15
"""A line in bold type is a heading if it has no more words, whatever its capitals."""


@dataclass(frozen=True, slots=True)
class Page:
    """The main content of a page, and what was left out of it."""

    blocks: list[RawBlock]
    set_aside: dict[str, int] = field(default_factory=dict)
    """Words of prose about data that are not in `blocks`, by where they stand; see `boilerplate`."""
    shown: str = ""
    """The page's title, and of a page with little prose all its text; they tell an error page from a short policy."""


def html_blocks(html: str, limits: HtmlLimits = HTML_LIMITS) -> list[RawBlock]:
    """The main content of a page or fragment as (text, kind) blocks in order, without list markers.

    Bad markup never raises an error; a page without text gives an empty list.

    Raises:
        DocumentError: code "too_large"; the page exceeds a limit.
    """
    return read_page(html, limits).blocks


def read_page(html: str, limits: HtmlLimits = HTML_LIMITS) -> Page:
    """The main content of a page or fragment, and what is left out of it; see `html_blocks`."""
    return _read(html, _MAX_NESTED, limits)


def _read(html: str, nested: int, limits: HtmlLimits) -> Page:
    limits.check(html)
    try:
        root = parse(html)
    except TooDeep:
        return Page(plain_blocks(text_between_tags(html)))
    if root is None:
        return Page([])
    _alive = list(root.iter())  # lxml makes a new object for an element at each walk unless one is alive
    _decode_addresses(root)
    _resolve_links(root)
    _drop_reference_marks(root)
    drop_heading_anchors(root)
    read_buttons_in_sentences(root)
    in_lines = hidden_in_lines(root)
    everything = text_blocks(root, in_lines)
    if mark_accordion_titles(root, everything):
        everything = text_blocks(root, in_lines)
    if has_set_lines(root, everything):
        return Page(plain_blocks("\n".join(block.text for block in everything)))
    kept, places = _select(root, everything)
    inner: list[RawBlock] = []
    shown = "\n".join("".join(title.itertext()) for title in root.iter("title"))
    if _prose(kept) < _LITTLE_PROSE:
        stored = text_blocks(root, in_lines, NOT_TEXT - STORED)
        inner = (
            [block for page in inner_pages(root) for block in _read(page, nested - 1, limits).blocks] if nested else []
        )
        if sum(len(block.text.split()) for block in inner) < _STORED_PROSE:
            inner = []
        if not inner and _prose(stored) >= _prose(everything) + _STORED_PROSE:
            everything = stored
            kept, places = _select(root, everything)
        shown = "\n".join([shown, *(block.text for block in stored)])
    kept = kept or ([] if inner else everything)
    aside = words_set_aside(everything, kept, places)
    return Page(demote_last([*_with_tables(root, kept), *inner]), aside, shown)


def _prose(blocks: list[TextBlock]) -> int:
    return sum(block.prose for block in blocks)


def _select(root: Any, blocks: list[TextBlock]) -> tuple[list[TextBlock], dict[Any, str]]:
    """The blocks of the policy, and the elements that are hidden or boilerplate with their places."""
    boilerplate = boilerplate_places(root, blocks)
    weak = {element for element, place in boilerplate.items() if place == NAMED}
    unfolded = outside(blocks, boilerplate.keys() - weak)
    hidden = hidden_elements(root, unfolded)
    shown = _prose(outside(unfolded, hidden | weak))
    if shown < _ENOUGH_PROSE and _prose(outside(unfolded, weak)) > 2 * shown:
        hidden = set()  # the page is one folded list
    if 2 * _prose(outside(unfolded, hidden | weak)) < _prose(outside(unfolded, hidden)):
        boilerplate = {element: place for element, place in boilerplate.items() if place != NAMED}  # names mislead here
    places = {element: place for element, place in boilerplate.items() if not (element in weak and element in hidden)}
    places = dict.fromkeys(hidden, HIDDEN) | places
    return main_content(root, blocks, places), places


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


def _drop_reference_marks(root: Any) -> None:
    """Drop the raised marks of footnotes; powers ("m²") follow a number or a short unit, and ordinals are letters."""
    for element in root.iter("sup"):
        before = text_beside(element)[0][-4:]
        text = "".join(element.itertext())
        if (_REFERENCE.fullmatch(text) and _AFTER_TEXT.search(before)) or (
            _LETTER.fullmatch(text) and _AFTER_STOP.search(before)
        ):
            for child in list(element):
                element.remove(child)
            element.text = None


def _resolve_links(root: Any) -> None:
    """Make the links of a page with a <base> absolute; without one, the page's address is unknown."""
    base = next((element.get("href") for element in root.iter("base") if element.get("href")), None)
    for element in root.xpath("//a[@href and not(starts-with(@href, '#'))]") if base else ():
        with suppress(ValueError):  # such as "http://["
            element.set("href", urljoin(base, element.get("href")))


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


def _with_tables(root: Any, kept: list[TextBlock]) -> Iterator[RawBlock]:
    """The blocks of all text, those of a table by its rows."""
    kinds = _kinds(root, kept)
    places = cell_places(root)

    def place(block: TextBlock) -> tuple[TextBlock, Cell | None]:
        around = (block.element, *block.element.iterancestors()) if places else ()
        return block, next((places[element] for element in around if element in places), None)

    for table, run in groupby(map(place, kept), key=lambda pair: pair[1] and pair[1].table):
        rows: dict[int, dict[int, list[RawBlock]]] = {}
        for block, cell in run:
            raw = _raw_blocks(block, kinds[block.element])
            if cell is None:
                yield from raw
            else:
                rows.setdefault(cell.row, {}).setdefault(cell.column, []).extend(raw)
        yield from table_blocks([rows[number] for number in sorted(rows)], 0 in rows and has_header(table))


def _raw_blocks(block: TextBlock, kind: BlockKind | None) -> list[RawBlock]:
    """A block split at its line breaks; the kind of a paragraph is determined by how it looks."""
    if kind is None:
        return plain_blocks("".join(run.text for run in block.runs))
    lines = join_broken_lines(_lines(block))
    level = sum(element.tag in _LISTS for element in block.element.iterancestors()) if kind == "list_item" else 0
    raw: list[RawBlock] = []
    for line in lines:
        body, marked = strip_markers(line.text)
        number = any(map(str.isalnum, line.text[: len(line.text) - len(body)]))
        alone = line.apart or len(lines) == 1
        is_bullet = marked and not number and not line.bold
        is_heading = kind == "paragraph" and not is_bullet and _is_heading(body, line.bold, alone, number)
        raw.append(RawBlock(line.text, "heading" if is_heading else kind, line.links, level=level))
    return raw


def _is_heading(line: str, is_bold: bool, alone: bool, has_number: bool) -> bool:
    if looks_like_heading(line):
        return is_bold or alone
    if not is_bold or "@" in line or "://" in line or line[-1] in (";,&" if alone and has_number else ";,&:"):
        return False
    # A whole sentence can be in bold type too.
    most_words = 5 if line[-1] in ".!" else _BOLD_HEADING_WORDS
    return (line[0].isupper() or line[0].isdigit()) and len(line.split()) <= most_words


def _lines(block: TextBlock) -> list[Line]:
    """The lines with a letter or digit."""
    lines: list[Line | None] = [None]
    runs: list[Run] = []
    is_bold = True
    for run in [*block.runs, PageRun("\n")]:
        if run.text != "\n":
            runs.append((run.text, run.href))
            is_bold &= run.bold or not _WORD.search(run.text)
        else:
            text, links = linked(runs)
            lines.append(Line(text, is_bold, links) if _WORD.search(text) else None)
            runs, is_bold = [], True
    lines.append(None)
    return [
        replace(line, apart=above is None and below is None)
        for above, line, below in zip(lines, lines[1:], lines[2:], strict=False)
        if line is not None
    ]

"""What all readers share: blocks of text with their links, headings, and joining blocks.

`assemble` makes the extracted text of the blocks, which all offsets refer to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from clausetag.data.documents.structure.dates import is_date_line
from clausetag.data.documents.structure.inline_lists import split_inline_list
from clausetag.data.documents.structure.links import kept_links, moved
from clausetag.data.documents.structure.markers import ListLevels, Markers
from clausetag.data.records import Block, BlockKind, Document, Link

MAX_ITEM_WORDS = 150
"""A list item or table cell with more words is used for layout, and its content is read as paragraphs."""
RULE = re.compile(r"^[\s\-_*=~#|+.·•]*$")
"""A blank line, a horizontal rule, or only list markers."""
_INVISIBLE = re.compile("[\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+")
"""Soft hyphens, spaces without width, joiners, marks of direction and byte-order marks: they stand within words."""
_TELEPHONE = re.compile(r":\s?\+?[\d(][\d\s()./-]{6}")
"""A number of a list of contact details."""
_ITEM_END = re.compile(r"[;,](?: (?:and|or|and/or))?$")
"""The end of an item after which the list goes on."""
_CAPITALS = 0.1
"""Blocks that begin with a capital, for each that begins small; with fewer, the text has no capitals."""
_NOTICE = re.compile(
    r"^The following text is extracted and transformed from the \S+ privacy policy that was archived on "
    r"\d{4}-\d{2}-\d{2}\b"
)


Run = tuple[str, str | None]
"""A piece of text, and the address that it links to, if any."""


@dataclass(frozen=True, slots=True)
class RawBlock:
    """A block as a reader gives it."""

    text: str
    """With its list marker, which `assemble` removes."""
    kind: BlockKind = "paragraph"
    links: tuple[Link, ...] = ()
    """With offsets in `text`, as `linked` gives them, and any address: `assemble` keeps those that lead somewhere."""
    lead_in: str | None = None
    """See `Block`, also for `level`."""
    level: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a paragraph, with the links on it; `bold` if all of it is in bold type."""

    text: str
    bold: bool = False
    links: tuple[Link, ...] = ()
    apart: bool = False
    """Whether an empty line, or none, is above it, and below it."""


def normalise(text: str) -> str:
    """Replace each run of white space by one space; remove invisible characters and outer space."""
    return " ".join((text if text.isascii() else _INVISIBLE.sub("", text)).split())


def linked(runs: Iterable[Run]) -> tuple[str, tuple[Link, ...]]:
    """The normalised text of `runs`, and its links with offsets in that text."""
    runs = list(runs)
    text = normalise("".join(run for run, _ in runs))
    if not any(href for _, href in runs):
        return text, ()
    # Normalising changes white space alone, so the other characters can be counted on.
    places = [place for place, character in enumerate(text) if character != " "]
    links: list[Link] = []
    count = 0
    for href, group in groupby(runs, key=lambda run: run[1]):
        size = len(normalise("".join(run for run, _ in group)).replace(" ", ""))
        if href and size:
            links.append(Link(places[count], places[count + size - 1] + 1, href))
        count += size
    return text, tuple(links)


def looks_like_heading(line: str) -> bool:
    """Whether a line of plain text looks like a heading: short, capitalised, and without the end of a sentence."""
    words = line.split()
    letters = next((character for character in line if character.isalpha()), "")
    starts_well = letters.isupper() or line[0].isdigit()
    if not 1 <= len(words) <= 12 or len(line) > 90 or not letters or not starts_well:
        return False
    if line[-1] in ".!;,&" or words[-1] in ("and", "or") or "@" in line or "://" in line or is_date_line(line):
        return False
    if _TELEPHONE.search(line):
        return False
    long_words = [word for word in words if len(word) > 3 and word[0].isalpha()]
    titled = sum(word[0].isupper() for word in long_words)
    if line.endswith(":"):
        return len(words) <= 8 and bool(long_words) and 2 * titled >= len(long_words) and len(words) > 1
    return len(words) <= 8 or 2 * titled >= len(long_words)


def demote_last(blocks: list[RawBlock]) -> list[RawBlock]:
    """Make paragraphs of headings at the end, which have no text below them."""
    end = len(blocks)
    while end > 1 and blocks[end - 1].kind == "heading":
        end -= 1
        blocks[end] = replace(blocks[end], kind="paragraph")
    return blocks


def join_broken_lines(lines: Iterable[Line]) -> list[Line]:
    """The lines, where a line break within a sentence becomes a space.

    That is a break before a lower-case letter, unless the line above ends with a full stop, colon or the like.
    """
    joined: list[Line] = []
    for line in lines:
        if joined and line.text[:1].islower() and joined[-1].text[-1] not in ".:;!?":
            above = joined.pop()
            links = (*above.links, *moved(line.links, len(above.text) + 1))
            line = Line(f"{above.text} {line.text}", above.bold and line.bold, links)
        joined.append(line)
    return joined


def _parts(block: RawBlock) -> Iterator[RawBlock]:
    """The block, cut at the items of a list within it."""
    if block.kind == "heading":
        yield replace(block, kind="paragraph") if is_date_line(block.text) else block
        return
    if block.kind == "table_row":
        yield block
        return
    cuts = [0, *split_inline_list(block.text), len(block.text)]
    for start, end in pairwise(cuts):
        links = tuple(link._replace(end=min(link.end, end)) for link in block.links if link.start < end)
        kind = block.kind if start == 0 else "list_item"
        yield replace(block, text=block.text[start:end].rstrip(), kind=kind, links=moved(links, -start))


def _with_items(blocks: Sequence[RawBlock]) -> Iterator[RawBlock]:
    """The blocks, with the items of lists that nothing but their lead-in and their form shows.

    They stand below a colon and begin small or end in a semicolon or comma, as does the one above the last.
    """
    small = [block.text[0].islower() for block in blocks]
    if sum(block.text[0].isupper() for block in blocks) < _CAPITALS * sum(small):
        small = [False] * len(small)
    above = ""
    in_list = False
    for block, begins_small in zip(blocks, small, strict=True):
        is_line = block.kind in ("paragraph", "heading", "list_item")
        goes_on = in_list and bool(_ITEM_END.search(above))
        looks_so = begins_small or bool(_ITEM_END.search(block.text))
        in_list = is_line and (goes_on or (looks_so and (in_list or above.endswith(":"))))
        yield replace(block, kind="list_item") if in_list else block
        above = block.text


def assemble(
    policy: str, raw: Iterable[RawBlock], flags: tuple[str, ...] = (), *, heading_numbers: bool = False
) -> Document:
    """Join blocks into a `Document`, with an empty line between them; an archive's notice at the top is kept apart.

    List markers are removed; a paragraph that has one is a list item. A date is no heading. The items of a list within
    a paragraph become blocks. With `heading_numbers` the numbers of headings, which other sections refer to, stay in
    the text, in front of their blocks; in plain text and Markdown they don't, as published offsets refer to that text.
    """
    given = [part for block in raw if (body := normalise(block.text)) for part in _parts(replace(block, text=body))]
    notice = given.pop(0).text if given and _NOTICE.match(given[0].text) else None
    given = list(_with_items(given))
    markers = Markers(block.text for block in given)
    blocks: list[Block] = []
    parts: list[str] = []
    position = 0
    levels = ListLevels()
    for block in given:
        body, marked = markers.strip(block.text)
        kind = "list_item" if marked and block.kind == "paragraph" else block.kind
        level = block.level
        if kind != "list_item":
            levels = ListLevels()
        elif marked and not level:
            level = levels.of(block.text)
        removed = block.text[: len(block.text) - len(body)]
        number = removed if heading_numbers and kind == "heading" and any(map(str.isalnum, removed)) else ""
        start = position + len(number)
        links = moved(kept_links(body, moved(block.links, -len(removed))), start)
        blocks.append(Block(start, start + len(body), kind, links, block.lead_in, level))
        parts.append(number + body)
        position = start + len(body) + 2
    return Document(policy, "\n\n".join(parts), tuple(blocks), notice, flags)

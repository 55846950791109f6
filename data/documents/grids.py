"""Tables within a document to blocks: one a row where rows are short, such as cookies; else one a cell.

The rows, or the cells of a table with longer texts, have the headings of their columns as `lead_in`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from clausetag.data.documents.blocks import RawBlock
from clausetag.data.documents.structure.links import moved
from clausetag.data.records import Link

Row = Mapping[int, Sequence[RawBlock]]
"""The blocks of each cell, by the number of its column."""

SEPARATOR = " | "
"""Between the cells of a row that is one block, and between the headings of its columns."""
_MEAN_WORDS = 35
"""Words of a row below the headings; if rows have more on average, each cell is a block."""
_MEAN_COOKIE_WORDS = 60
"""The same for tables of cookies, which describe each one in a few sentences."""
_MAX_WORDS = 80
"""A longer row is never one block: models read a sentence in one window."""
_HEADING_WORDS = 5
_COLUMN = re.compile(
    r"\b(?:name|cookies?|purposes?|type|category|categories|duration|expir(?:y|es|ation)|provider|description|data"
    r"|information|basis|retention|period|recipients?|sources?|examples?|domain|host|collected|vendor|party|used?)\b",
    re.IGNORECASE,
)
"""Words of the headings of columns."""


_COOKIE = re.compile(r"\b(?:cookies?|duration|expir(?:y|es|ation))\b", re.IGNORECASE)


def table_blocks(rows: Sequence[Row], has_header: bool) -> Iterator[RawBlock]:
    """The blocks of a table; `has_header` if the document marks its first row as the headings of the columns.

    A table without headings, or with one column, is read cell by cell.
    """
    names = {column: _joined(cell).text for column, cell in rows[0].items()} if rows else {}
    if len(names) < 2 or len(rows) < 2 or not (has_header or _are_headings(list(names.values()))):
        yield from (block for row in rows for cell in _in_order(row) for block in cell)
        return
    sizes = [sum(len(block.text.split()) for cell in row.values() for block in cell) for row in rows]
    mean_words = _MEAN_COOKIE_WORDS if any(map(_COOKIE.search, names.values())) else _MEAN_WORDS
    is_short = sum(sizes[1:]) <= mean_words * (len(rows) - 1)
    for number, (row, size) in enumerate(zip(rows, sizes, strict=True)):
        if is_short and size <= _MAX_WORDS and len(row) > 1:
            lead_in = SEPARATOR.join(names.values()) if number else None
            yield replace(_joined([_joined(cell) for cell in _in_order(row)], SEPARATOR), lead_in=lead_in)
        else:
            for column in sorted(row):
                # A heading can span several columns.
                name = next((names[above] for above in range(column, -1, -1) if above in names), None)
                for block in row[column]:
                    named = number > 0 and block.kind in ("table_cell", "paragraph")
                    yield replace(block, lead_in=name) if named else block


def _in_order(row: Row) -> list[Sequence[RawBlock]]:
    return [row[column] for column in sorted(row)]


def _are_headings(names: Sequence[str]) -> bool:
    """Whether the texts of a first row name columns."""
    short = all(len(name.split()) <= _HEADING_WORDS and not name.endswith(".") for name in names)
    return short and 2 * sum(bool(_COLUMN.search(name)) for name in names) >= len(names)


def _joined(blocks: Sequence[RawBlock], separator: str = "; ") -> RawBlock:
    """Blocks as one; within a cell, a semicolon takes the place of a missing punctuation mark."""
    text = ""
    links: list[Link] = []
    for block in blocks:
        if text:
            text += " " if separator == "; " and text[-1] in ".,:;!?" else separator
        links += moved(block.links, len(text))
        text += block.text
    return RawBlock(text, "table_row", tuple(links))

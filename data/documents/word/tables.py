"""The rows and cells of the tables of a Word file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clausetag.data.documents.word.styles import W, is_on, value

_MAX_COLUMN = 63
"""Word's tables have no more columns."""
_AROUND = frozenset(W + name for name in ("sdt", "sdtContent", "customXml", "ins", "smartTag"))
"""Elements that can be around rows and cells."""


def table_rows(table: Any) -> Iterator[Iterator[tuple[int, Any]]]:
    """The rows of a w:tbl: its cells with their columns, from 0; what was deleted or is hidden is left out."""
    return map(_cells, _rows(table))


def has_header(table: Any) -> bool:
    """Whether the first row is marked as the heading that is repeated on each page."""
    first = next(_rows(table), None)
    return first is not None and is_on(first.find(f"{W}trPr/{W}tblHeader"))


def _rows(table: Any) -> Iterator[Any]:
    for row in _inside(table, W + "tr"):
        properties = row.find(W + "trPr")
        if properties is None or not (properties.find(W + "del") is not None or is_on(properties.find(W + "hidden"))):
            yield row


def _cells(row: Any) -> Iterator[tuple[int, Any]]:
    column = _number(row.find(f"{W}trPr/{W}gridBefore"), 0)
    for cell in _inside(row, W + "tc"):
        if cell.find(f"{W}tcPr/{W}cellDel") is None:
            yield column, cell
        column += max(1, _number(cell.find(f"{W}tcPr/{W}gridSpan"), 1))


def _inside(element: Any, tag: str) -> Iterator[Any]:
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag in _AROUND:
            yield from _inside(child, tag)


def _number(element: Any, default: int) -> int:
    given = value(element)
    return min(int(given), _MAX_COLUMN) if given.isascii() and given.isdigit() else default

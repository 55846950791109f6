"""Where the cells of a page's tables stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

_MAX_SPAN = 50


class Cell(NamedTuple):
    """The place of a cell in its table, from 0."""

    table: Any
    row: int
    column: int


def cell_places(root: Any) -> dict[Any, Cell]:
    """The place of each cell, by its element; cells that span several columns or rows stand where they begin."""
    places: dict[Any, Cell] = {}
    for table in root.iter("table"):
        taken: dict[int, int] = {}  # rows below this one that cells above reach into, by column
        for number, row in enumerate(_rows(table)):
            column = 0
            below: dict[int, int] = {}
            for cell in row.iterchildren("td", "th"):
                while taken.get(column, 0) > 0:
                    column += 1
                places[cell] = Cell(table, number, column)
                for spanned in range(column, column + _span(cell, "colspan")):
                    below[spanned] = _span(cell, "rowspan")
                    column = spanned + 1
            taken = {place: count - 1 for place, count in {**taken, **below}.items() if count > 1}
    return places


def has_header(table: Any) -> bool:
    """Whether the first row is in a <thead>, or has only <th>."""
    first = next(_rows(table), None)
    if first is None:
        return False
    tags = {cell.tag for cell in first.iterchildren("td", "th")}
    return tags == {"th"} or (first.getparent().tag == "thead" and bool(tags))


def _rows(table: Any) -> Iterator[Any]:
    for child in table.iterchildren("tr", "thead", "tbody", "tfoot"):
        yield from (child,) if child.tag == "tr" else child.iterchildren("tr")


def _span(cell: Any, name: str) -> int:
    given = (cell.get(name) or "").strip()
    return min(max(int(given), 1), _MAX_SPAN) if given.isascii() and given.isdigit() else 1

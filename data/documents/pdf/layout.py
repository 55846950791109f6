"""Order of the lines on the pages of a PDF, without what is outside of the text.

Page numbers, running headers and footers, and tables of contents are left out. Nearly all programs write a file column
by column in reading order, and so it is read; pages that were written straight across their columns, or from the
bottom, are put in order. This is own code because pdfium returns characters only in the order of the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from clausetag.data.documents.blocks import normalise
from clausetag.data.documents.pdf.lines import Line, Page

SAME_PLACE = 3.0
"""Points by which the places of aligned lines, or of a running header on different pages, differ at most."""
_MARGIN = 0.12
"""Share of the page's height at its top and bottom that can have running headers, footers and page numbers."""
_OUT_OF_ORDER = 3
"""How often the lines of one column go up if the page is not in reading order."""
_COLUMN_ROWS = 4
"""Rows from which two parts of each line can be columns of prose."""
_COLUMN_WORDS = 4
"""Words in a part of a line, in the mean, from which they are columns of prose and not a table."""
_PAGE_NUMBER = re.compile(
    r"\W*+(?:(?:page|p\.)\s*+)?(?:\d{1,4}|[ivxl]{1,6})(?:\s*+(?:/|of)\s*+\d{1,4})?\W*+", re.IGNORECASE
)
_OF_PAGES = re.compile(r"\bpage\s++\d|(?<!\d)\d++\s*+(?:/|of)\s*+\d++\W*+$", re.IGNORECASE)
_CONTENTS_ENTRY = re.compile(r"(?<!\.)(?<!\.\s)(?:\s?\.){4,}+\s*+\w{0,5}$")
"""The dots and the page number at the end of an entry of a table of contents."""
_NUMBER = re.compile(r"\d++|\b[ivxl]++\b")


def ordered_lines(pages: Sequence[Page]) -> list[Line]:
    """The lines of all pages in reading order, without headers, footers, page numbers and tables of contents."""
    in_margins: dict[str, list[Line]] = {}
    for page in pages:
        for line in page.lines:
            if _in_margin(page, line):
                in_margins.setdefault(_header_key(line), []).append(line)
    needed = min(3, max(2, len(pages) // 2))
    ordered: list[Line] = []
    for page in pages:
        lines = [
            line
            for line in _without_page_number(page)
            if not (_in_margin(page, line) and _pages_with(line, in_margins[_header_key(line)]) >= needed)
        ]
        ordered += [line for line in _by_column(_downwards(lines)) if not _CONTENTS_ENTRY.search(line.text)]
    return ordered


def _in_margin(page: Page, line: Line) -> bool:
    margin = _MARGIN * (page.top - page.bottom)
    return line.y > page.top - margin or line.y < page.bottom + margin


def _header_key(line: Line) -> str:
    """The text of a running header or footer without numbers, which differ from page to page."""
    return _NUMBER.sub("#", normalise(line.text).lower())


def _pages_with(line: Line, same_text: Sequence[Line]) -> int:
    return len({other.page for other in same_text if abs(other.y - line.y) <= SAME_PLACE})


def _without_page_number(page: Page) -> list[Line]:
    """The lines without the outermost one at the top and bottom, if that is a page number or ends in one."""
    left_out: set[int] = set()
    in_margin = [line for line in page.lines if _in_margin(page, line)]
    for y in {max(line.y for line in in_margin), min(line.y for line in in_margin)} if in_margin else ():
        row = [line for line in in_margin if abs(line.y - y) <= 1]
        numbers = [line for line in row if _PAGE_NUMBER.fullmatch(line.text)]
        # "2    Your rights" is a heading; "Your rights    2" and "Page 2 of 9    Your rights" are running headers.
        if numbers and (row[-1] in numbers or any(_OF_PAGES.search(line.text) for line in numbers)):
            left_out.update(map(id, row))
    return [line for line in page.lines if id(line) not in left_out]


def _downwards(lines: list[Line]) -> list[Line]:
    """The lines of a page from top to bottom, if the file has a single column in another order."""
    upwards = sum(
        line.y > above.y + above.size / 2 and line.left < above.right and above.left < line.right
        for above, line in pairwise(lines)
    )
    # The next column begins further up too, but not in the same place; one or two boxes can come late.
    if upwards < _OUT_OF_ORDER or any(line.parts > 1 for line in lines):
        return lines
    rows = sorted(lines, key=lambda line: -line.y)
    beside = any(above.y - line.y < 1 for above, line in pairwise(rows))
    return lines if beside else rows


def _by_column(lines: Sequence[Line]) -> list[Line]:
    """The lines of a page; prose in two columns that was written straight across them is read column by column."""
    ordered: list[Line] = []
    run: list[Line] = []
    gutter: float | None = None  # left edge of the right column of the run
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else None
        right = None  # left edge of the right part of this line
        if line.parts == 2 and following is not None and abs(following.y - line.y) < 1:
            right = following.left
        moved = right is not None and gutter is not None and abs(right - gutter) > SAME_PLACE
        crosses = right is None and gutter is not None and line.left < gutter - SAME_PLACE < line.right
        if moved or crosses:
            ordered += _split_columns(run, gutter)
            run, gutter = [], None
        gutter = right if gutter is None else gutter
        run.append(line)
    return ordered + _split_columns(run, gutter)


def _split_columns(run: list[Line], gutter: float | None) -> list[Line]:
    rows = sum(line.parts == 2 for line in run) // 2
    words = sum(len(line.text.split()) for line in run)
    if gutter is None or rows < _COLUMN_ROWS or words < _COLUMN_WORDS * len(run):
        return run
    in_order = sorted(run, key=lambda line: line.left >= gutter - SAME_PLACE)
    return [replace(line, parts=1) for line in in_order]  # not cells of a table

"""PDFs to documents: the lines of the text layer become headings, paragraphs, list items and table cells.

A PDF knows glyphs and places only. Page numbers and what stands at the same place of several pages are the pages'
frame, and go. Lines are read in the order of the file, which nearly all programs write column by column; a page written
straight across its columns is put in order. `pdf_blocks` makes paragraphs of lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from clausetag.data.documents.blocks import assemble, normalise
from clausetag.data.documents.pdf.blocks import line_blocks
from clausetag.data.documents.pdf.lines import Line, Page, UnreadablePdf, read_pages
from clausetag.data.errors import DocumentError
from clausetag.data.records import Document

PARTLY_SCANNED = "partly_scanned"
"""The flag of a PDF some of whose pages are pictures without a text layer, so that what they say is missing."""

_MAX_BYTES = 100_000_000
_MARGIN = 0.12
"""Share of a page's height at its top and bottom where running headers, footers and page numbers stand."""
_SAME_PLACE = 3.0
"""Points by which the place of a running header differs at most from page to page."""
_OUT_OF_ORDER = 3
"""Times that a page's lines go up in the same column, from which its order is not that of reading."""
_PAGE_NUMBER = re.compile(r"\W*(?:page|p\.)?\s*(?:\d{1,4}|[ivxl]{1,6})(?:\s*(?:/|of)\s*\d{1,4})?\W*", re.IGNORECASE)
_OF_PAGES = re.compile(r"\bpage\s+\d+|\d+\s*(?:/|of)\s*\d+\W*$", re.IGNORECASE)
_CONTENTS = re.compile(r"(?:\s?\.){4,}\s*\w{0,5}$")
"""The dots and page number of an entry in a table of contents."""


def pdf_document(policy: str, content: bytes) -> Document:
    """Read the text layer of a PDF.

    Raises:
        DocumentError: code "no_text" (scanned pages), "encrypted", "unreadable", "empty", or "too_large" (in bytes,
            pages, characters, or in the time or memory that reading it takes).
    """
    if len(content) > _MAX_BYTES:
        raise DocumentError("too_large", f"the PDF is larger than {_MAX_BYTES // 1_000_000} MB")
    pages = read_pages(content)
    if isinstance(pages, UnreadablePdf):
        raise DocumentError(pages.code, pages.message)
    lines = _without_frame(pages)
    if _is_legible(lines):
        return assemble(policy, line_blocks(lines), flags=(PARTLY_SCANNED,) if _is_partly_scanned(pages, lines) else ())
    if any(page.pictures for page in pages):
        raise DocumentError("no_text", "the PDF has no text layer (scanned pages?); run OCR on it first")
    raise DocumentError("empty", "there is no text in the PDF")


def _is_legible(lines: Sequence[Line]) -> bool:
    """Whether there is text, and not the codes of fonts that don't say which characters they draw."""
    text = "".join(line.text for line in lines)
    private = sum("\ue000" <= character <= "\uf8ff" or character == "\ufffd" for character in text)
    return any(map(str.isalpha, text)) and 2 * private < len(text)


def _is_partly_scanned(pages: Sequence[Page], lines: Sequence[Line]) -> bool:
    read = {line.page for line in lines if any(map(str.isalpha, line.text))}
    return any(page.scan and number not in read for number, page in enumerate(pages))


def _without_frame(pages: Sequence[Page]) -> list[Line]:
    """All lines, page by page, columns in order, without running headers and footers, page numbers and contents."""
    places: dict[str, list[Line]] = {}
    for page in pages:
        for line in page.lines:
            if _in_margin(page, line):
                places.setdefault(_frame_key(line), []).append(line)
    needed = min(3, max(2, len(pages) // 2))
    kept: list[Line] = []
    for page in pages:
        lines = _without_page_number(page)
        lines = [line for line in lines if not (_in_margin(page, line) and _recurs(line, places, needed))]
        kept.extend(line for line in _by_column(_downwards(lines)) if not _CONTENTS.search(line.text))
    return kept


def _in_margin(page: Page, line: Line) -> bool:
    margin = _MARGIN * (page.top - page.bottom)
    return line.y > page.top - margin or line.y < page.bottom + margin


def _frame_key(line: Line) -> str:
    return re.sub(r"\d+|\b[ivxl]+\b", "#", normalise(line.text).lower())


def _recurs(line: Line, places: dict[str, list[Line]], needed: int) -> bool:
    same = {other.page for other in places[_frame_key(line)] if abs(other.y - line.y) <= _SAME_PLACE}
    return len(same) >= needed


def _without_page_number(page: Page) -> list[Line]:
    """Without the outermost line of either margin if it is, or ends in, a page number."""
    left_out: set[int] = set()
    inside = [line for line in page.lines if _in_margin(page, line)]
    for outermost in (max, min):
        if not inside:
            break
        y = outermost(line.y for line in inside)
        row = [line for line in inside if abs(line.y - y) <= 1]
        numbers = [line for line in row if _PAGE_NUMBER.fullmatch(line.text)]
        # "2    Your rights" is a heading; "Your rights    2" and "Page 2 of 9    Your rights" are a page's frame.
        if numbers and (row[-1] in numbers or any(_OF_PAGES.search(line.text) for line in numbers)):
            left_out.update(map(id, row))
    return [line for line in page.lines if id(line) not in left_out]


def _downwards(lines: list[Line]) -> list[Line]:
    """The lines of one page from top to bottom, where the file has one column in another order than it is read in."""
    upwards = sum(
        line.y > above.y + above.size / 2 and line.left < above.right and above.left < line.right
        for above, line in pairwise(lines)
    )
    # In the next column it goes up as well, but further to the right; a box or two may come late.
    if upwards < _OUT_OF_ORDER or any(line.parts > 1 for line in lines):
        return lines
    rows = sorted(lines, key=lambda line: -line.y)
    beside = any(above.y - line.y < 1 for above, line in pairwise(rows))
    return lines if beside else rows


def _by_column(lines: list[Line]) -> list[Line]:
    """The lines of one page; where prose in two columns was written straight across them, one after the other."""
    ordered: list[Line] = []
    run: list[Line] = []
    gutter: float | None = None

    def flush() -> None:
        nonlocal run, gutter
        rows = sum(line.parts == 2 for line in run) // 2
        words = sum(len(line.text.split()) for line in run)
        if gutter is not None and rows >= 4 and words >= 4 * len(run):
            edge = gutter
            run.sort(key=lambda line: line.left >= edge - _SAME_PLACE)
            # They are no cells of a table then.
            run = [replace(line, parts=1) for line in run]
        ordered.extend(run)
        run, gutter = [], None

    for index, line in enumerate(lines):
        if line.parts == 2 and index + 1 < len(lines) and abs(lines[index + 1].y - line.y) < 1:
            right = lines[index + 1].left
            if gutter is not None and abs(right - gutter) > _SAME_PLACE:
                flush()
            gutter = right if gutter is None else gutter
        elif gutter is not None and line.left < gutter - _SAME_PLACE < line.right:
            flush()
        run.append(line)
    flush()
    return ordered

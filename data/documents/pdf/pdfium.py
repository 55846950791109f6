"""A script that reads a PDF with pdfium: the PDF on standard input, its lines as JSON on standard output.

    python -P pdfium.py MAX_PAGES MAX_CHARACTERS MAX_MEMORY < policy.pdf

It runs in a process of its own, because a few kilobytes of hostile PDF can keep pdfium busy for hours (forms that draw
forms that draw forms), fill the memory or end the process, and because pdfium cannot be used by two threads. It imports
nothing of this package, so that it starts fast.
"""

from __future__ import annotations

import ctypes
import json
import math
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby, pairwise
from statistics import median, median_low
from typing import Any

import pypdfium2
from pypdfium2 import raw

Span = tuple[int, int]
"""First index of characters, and the one after the last."""
Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in points; the vertical axis points upwards."""

_GAP = 2.0
"""White space, in font sizes, that separates two cells or columns of a line; justified text has much less."""
_WORD_GAP = 0.06
"""White space between two glyphs, in font sizes and beyond what is usual in their line, that separates two words.
Kerning is up to 0.05; words that are set close have 0.12, where pdfium wants 0.16."""
_EVEN = 0.04
"""Font sizes by which the white space within words differs, in the median; where it is more, the file has wrong widths
of its glyphs, and pdfium's spaces are kept."""
_LETTER_SPACING = 0.6
"""White space within words, in font sizes, of text that is set apart; glyphs further from each other are words."""
_FAR = 1e6
"""Points. Broken files have larger sizes and places; a page has at most 14,400."""
_BOLD = re.compile(r"bold|black|heavy|demi", re.IGNORECASE)
_MARKER_ALONE = re.compile(r"\W{0,2}(?:\d{1,3}(?:\.\d{1,2})*|[a-zA-Z]|[ivxIVX]{1,5})?[.)]?\W?")
"""A bullet or number; it belongs to its item, however far apart they are."""
_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_HYPHENS = "\x02\ufffe\u00ad"
"""Characters that pdfium returns for a hyphen at the end of a line (the first two), and the soft hyphen."""
_LINE_ENDS = (10, 13)
_MAX_LINKS, _MAX_HREF = 500, 4096
"""Links of a page that are read, and bytes of their addresses."""


def read(content: bytes, max_pages: int, max_characters: int) -> dict[str, Any]:
    """{"pages": values of each `lines.Page`}, or {"code", "message"} of the error."""
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD:
            return {"code": "encrypted", "message": "the PDF is encrypted; save it without a password"}
        return {"code": "unreadable", "message": "not a PDF, or a broken one"}
    if len(document) > max_pages:
        return {"code": "too_large", "message": f"the PDF has {len(document)} pages; at most {max_pages} are read"}
    pages, characters = [], 0
    for number in range(len(document)):
        try:
            page = document[number]
            text_page = page.get_textpage()
        except pypdfium2.PdfiumError:
            continue  # a broken page; others can be sound
        characters += text_page.count_chars()
        if characters > max_characters:
            return {"code": "too_large", "message": f"the PDF has more than {max_characters} characters"}
        pages.append(_read_page(page, _Characters(text_page, list(_links(document, page)))))
    if not pages:
        return {"code": "unreadable", "message": "no page of the PDF can be read"}
    return {"pages": pages}


def _read_page(page: Any, characters: _Characters) -> dict[str, Any]:
    box = page.get_bbox()
    lines = list(_lines(characters))
    lengths: Counter[int] = Counter()
    for turn, values in lines:
        if turn >= 0:
            lengths[turn] += len(values[0])
    # Text in another direction is a stamp or a watermark.
    main_turn = lengths.most_common(1)[0][0] if lengths else 0
    bottom, *_, top = sorted(_turned(*corner, main_turn)[1] for corner in _corners(box))
    return {
        "bottom": bottom,
        "top": top,
        "lines": [values for turn, values in lines if turn == main_turn],
        "pictures": next(page.get_objects(max_depth=1), None) is not None,
        "scan": any(_is_scan(box, shown) for shown in page.get_objects(max_depth=2)),
    }


def _links(document: Any, page: Any) -> Iterator[tuple[Box, str]]:
    """The place and address of each link of a page that leads out of the file."""
    start, link, box = ctypes.c_int(0), raw.FPDF_LINK(), raw.FS_RECTF()
    for _ in range(_MAX_LINKS):
        if not raw.FPDFLink_Enumerate(page, start, link):
            return
        action = raw.FPDFLink_GetAction(link)
        if not action or raw.FPDFAction_GetType(action) != raw.PDFACTION_URI:
            continue
        address = ctypes.create_string_buffer(_MAX_HREF)
        size = raw.FPDFAction_GetURIPath(document, action, address, _MAX_HREF)
        if 1 < size <= _MAX_HREF and raw.FPDFLink_GetAnnotRect(link, box):
            yield (box.left, box.bottom, box.right, box.top), address.value.decode("utf-8", "replace")


def _is_scan(page: Box, shown: Any) -> bool:
    """Whether an object on a page is a picture with at least half the page's size."""
    left, bottom, right, top = shown.get_bounds() if shown.type == raw.FPDF_PAGEOBJ_IMAGE else (0, 0, 0, 0)
    return bool(2 * (right - left) * (top - bottom) >= (page[2] - page[0]) * (page[3] - page[1]))


def _corners(box: Box) -> list[tuple[float, float]]:
    return [(x, y) for x in box[::2] for y in box[1::2]]


def _turned(x: float, y: float, turn: int) -> tuple[float, float]:
    """A point in the direction of reading, for text turned clockwise by `turn` quarters."""
    return ((x, y), (-y, x), (-x, -y), (y, -x))[turn]


class _Characters:
    """The characters of a page with their places and fonts."""

    def __init__(self, text_page: Any, links: Sequence[tuple[Box, str]] = ()) -> None:
        self._page = text_page
        self._links = links
        self._cell = raw.FS_RECTF()
        self.codes: list[int] = [raw.FPDFText_GetUnicode(text_page, i) for i in range(text_page.count_chars())]

    def text(self, start: int, end: int) -> str:
        characters = "".join(map(chr, self.codes[start:end])).encode("utf-16", "surrogatepass")
        kept = (c for c in characters.decode("utf-16", "replace") if c not in _HYPHENS and (c >= " " or c == "\t"))
        return "".join(kept).translate(_LIGATURES)

    def words(self, spans: Sequence[Span]) -> str:
        """The text of words, with a space between them, and without those that pdfium has put into them."""
        return " ".join("".join(self.text(*span).split()) for span in spans)

    def links(self, spans: Sequence[Span]) -> list[tuple[int, int, str]]:
        """Start, end and address of the links on the text of `words`."""
        found: list[tuple[int, int, str]] = []
        place = 0
        for first, end in spans if self._links else ():
            for href, group in groupby(range(first, end), self._href):
                indices = list(group)
                size = len("".join(self.text(indices[0], indices[-1] + 1).split()))
                if href and size:
                    found.append((place, place + size, href))
                place += size
            place += 1  # the space
        return found

    def _href(self, index: int) -> str | None:
        left, bottom, right, top = self.box(index)
        x, y = (left + right) / 2, (bottom + top) / 2
        return next((href for (a, b, c, d), href in self._links if a <= x <= c and b <= y <= d), None)

    def is_space(self, index: int) -> bool:
        return chr(self.codes[index]).isspace()

    def is_glyph(self, index: int) -> bool:
        """Whether a character is in the file, and not a space that pdfium has put between two words."""
        return bool(raw.FPDFText_IsGenerated(self._page, index) != 1)

    def edges(self, index: int, turn: int) -> tuple[float, float]:
        """Where a character begins and ends in the direction of reading, with the white space around it."""
        box = self._cell
        raw.FPDFText_GetLooseCharBox(self._page, index, box)
        return ((box.left, box.right), (-box.top, -box.bottom), (-box.right, -box.left), (box.bottom, box.top))[turn]

    def origin(self, index: int) -> tuple[float, float]:
        x, y = ctypes.c_double(), ctypes.c_double()
        raw.FPDFText_GetCharOrigin(self._page, index, x, y)
        return x.value, y.value

    def box(self, index: int) -> Box:
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        raw.FPDFText_GetCharBox(self._page, index, left, right, bottom, top)
        return left.value, bottom.value, right.value, top.value

    def turn(self, index: int) -> int:
        """The direction of the text in quarters clockwise; -1 if it is oblique."""
        quarters = raw.FPDFText_GetCharAngle(self._page, index) / (math.pi / 2)
        return round(quarters) % 4 if abs(quarters - round(quarters)) < 0.1 else -1

    def size(self, index: int) -> float:
        """The font size on the page in points; many files set the size 1 and scale it."""
        matrix = raw.FS_MATRIX()
        scale = math.hypot(matrix.c, matrix.d) if raw.FPDFText_GetMatrix(self._page, index, matrix) else 1.0
        return round(abs(raw.FPDFText_GetFontSize(self._page, index) * scale), 2) or 1.0

    def is_bold(self, index: int) -> bool:
        if raw.FPDFText_GetFontWeight(self._page, index) >= 600:
            return True
        name = ctypes.create_string_buffer(128)
        raw.FPDFText_GetFontInfo(self._page, index, name, len(name), None)
        return bool(_BOLD.search(name.value.decode("utf-8", "replace")))

    def is_line_end(self, index: int) -> bool:
        return index == len(self.codes) or self.codes[index] in _LINE_ENDS

    def is_hyphen(self, index: int) -> bool:
        """Whether a character is a hyphen at the end of a line, and not a soft hyphen within one."""
        if index == len(self.codes) or chr(self.codes[index]) not in _HYPHENS:
            return False
        return self.is_line_end(index + 1) or not abs(self.origin(index)[1] - self.origin(index + 1)[1]) < 1


def _lines(characters: _Characters) -> Iterator[tuple[int, list[Any]]]:
    """(turn, values of a `lines.Line` without its page) of each part of each line."""
    start = 0
    for index in range(len(characters.codes) + 1):
        hyphen = characters.is_hyphen(index)
        if not (hyphen or characters.is_line_end(index)):
            continue
        parts = _parts(characters, start, index)
        for number, words in enumerate(parts, 1):
            first, end = words[0][0], words[-1][1]
            turn = characters.turn(first)
            left, y = _turned(*characters.origin(first), max(turn, 0))
            right = max(_turned(*corner, max(turn, 0))[0] for corner in _corners(characters.box(end - 1)))
            # A space that pdfium inserts between words has no size.
            middle = next(place for place in range((first + end) // 2, -1, -1) if not characters.is_space(place))
            text, size = characters.words(words), characters.size(middle)
            letters = {place for place in (first, middle, end - 1) if chr(characters.codes[place]).isalnum()}
            if text.strip() and all(abs(value) < _FAR for value in (left, right, y, size)):
                ends_in_hyphen = hyphen and number == len(parts)
                bold = all(map(characters.is_bold, letters))
                yield turn, [text, left, right, y, size, bold, ends_in_hyphen, len(parts), characters.links(words)]
        start = index + 1


def _parts(characters: _Characters, start: int, stop: int) -> list[list[Span]]:
    """The words from `start` to `stop`, in a list for each part of the line; parts are separated by wide gaps."""
    words = _words(characters, start, stop)
    parts = [words[:1]] if words else []
    for (_, before), word in pairwise(words):
        first = word[0]
        ends, begins = characters.box(before - 1), characters.box(first)
        gap = max(begins[0] - ends[2], begins[1] - ends[3], ends[1] - begins[3])
        is_wide = gap > _GAP * characters.size(first)
        if is_wide and not _MARKER_ALONE.fullmatch(characters.words(parts[-1])):
            parts.append([word])
        else:
            parts[-1].append(word)
    return parts


def _words(characters: _Characters, start: int, stop: int) -> list[Span]:
    """The words from `start` to `stop`: between spaces, and where no space is in the file, between wider gaps.

    pdfium puts spaces where none are, but takes narrow ones for kerning, and letters set apart for words.
    """
    glyphs = [index for index in range(start, stop) if not characters.is_space(index)]
    if not glyphs:
        return []
    turn = max(characters.turn(glyphs[0]), 0)
    edges = [characters.edges(index, turn) for index in glyphs]
    size = characters.size(glyphs[len(glyphs) // 2])
    gaps = [(begin - end) / size for (_, end), (begin, _) in pairwise(edges)]
    spaced = [any(map(characters.is_glyph, range(before + 1, after))) for before, after in pairwise(glyphs)]
    inner = [gap for gap, is_spaced in zip(gaps, spaced, strict=True) if not is_spaced]
    usual = median_low(inner) if len(inner) > 1 else 0.0
    is_even = usual < _LETTER_SPACING and median(abs(gap - usual) for gap in [*inner, usual]) < _EVEN
    words = [(glyphs[0], glyphs[0] + 1)]
    for (before, after), gap, is_spaced in zip(pairwise(glyphs), gaps, spaced, strict=True):
        if is_spaced or (gap > usual + _WORD_GAP if is_even else after > before + 1):
            words.append((after, after + 1))
        else:
            words[-1] = (words[-1][0], after + 1)
    return words


def main() -> None:
    """Read standard input and write standard output; see the module."""
    max_pages, max_characters, max_memory = map(int, sys.argv[1:])
    with suppress(ImportError, ValueError, OSError):  # Windows, and systems without this limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (max_memory, max_memory))
    try:
        answer = read(sys.stdin.buffer.read(), max_pages, max_characters)
    except MemoryError:
        answer = {"code": "too_large", "message": "the PDF needs too much memory"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()

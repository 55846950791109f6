"""The lines of a PDF's text layer with their places and fonts, read by pdfium in a process of its own.

A few kilobytes of hostile PDF can keep pdfium busy for hours (forms that draw forms that draw forms), fill the memory
or end the process, and pdfium may not be used by two threads. So this file is also run as a script: bytes of a PDF on
standard input, JSON on standard output, under limits of time and memory. As a script it imports nothing of the package.
"""

from __future__ import annotations

import ctypes
import json
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

_MAX_PAGES = 2_000
_MAX_CHARACTERS = 2_000_000
_MAX_SECONDS = 60
_MAX_MEMORY = 2 * 1024**3
_GAP = 2.0
"""White space in a line from which it parts two cells or columns, in font sizes. Justified text stays well below."""
_FAR = 1e6
"""Points; a page has at most 14,400."""
_BOLD = re.compile(r"bold|black|heavy|demi", re.IGNORECASE)
_MARKER_ALONE = re.compile(r"\W{0,2}(?:\d{1,3}(?:\.\d{1,2})*|[a-zA-Z]|[ivxIVX]{1,5})?[.)]?\W?")
"""A bullet or number, however far its item stands from it."""
_LIGATURES = str.maketrans(
    {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st"}
)
_HYPHENS = "\x02\ufffe\u00ad"
"""What pdfium gives for a hyphen at the end of a line (the first two), and the soft hyphen."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one page, or the part of it that stands in one cell or column.

    `left`, `right` and `y` (of the baseline, growing upwards) are in points, in the direction the page is read;
    `size` is the font's, in points.
    """

    page: int
    text: str
    left: float
    right: float
    y: float
    size: float
    bold: bool
    hyphen: bool
    """Whether a hyphen at its end was left out of `text`."""
    parts: int
    """How many parts its line has: from 2 on it is a cell, or a line of one of several columns."""


@dataclass(frozen=True, slots=True)
class Page:
    """Lines in the order of the file, and where the page begins and ends, in points."""

    bottom: float
    top: float
    lines: tuple[Line, ...]
    pictures: bool
    """Whether the page shows anything that is no text."""
    scan: bool = False
    """Whether a picture covers most of the page."""


@dataclass(frozen=True, slots=True)
class UnreadablePdf:
    """Why there are no pages."""

    code: str
    message: str


def read_pages(content: bytes) -> list[Page] | UnreadablePdf:
    """The pages of a PDF; every failure, limits included, is returned and not raised."""
    # -P: this file's folder must not stand before the standard library, whose names its modules share.
    command = [sys.executable, "-P", __file__]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=_MAX_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return UnreadablePdf("too_large", f"reading the PDF took longer than {_MAX_SECONDS} s")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        reason = "the PDF is broken, or needs too much memory"
        if b"ModuleNotFoundError" in done.stderr:
            reason = "pypdfium2 is not installed; install it with: pip install pypdfium2"
        return UnreadablePdf("unreadable", reason)
    if "code" in answer:
        return UnreadablePdf(answer["code"], answer["message"])
    return [
        Page(**{**page, "lines": tuple(Line(number, *line) for line in page["lines"])})
        for number, page in enumerate(answer["pages"])
    ]


def _main() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # not a system with such limits
    try:
        answer = _answer(sys.stdin.buffer.read())
    except MemoryError:
        answer = {"code": "too_large", "message": "the PDF needs too much memory"}
    sys.stdout.write(json.dumps(answer))


def _answer(content: bytes) -> dict[str, Any]:
    import pypdfium2
    from pypdfium2 import raw

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD:
            return {"code": "encrypted", "message": "the PDF is encrypted; save it without a password"}
        return {"code": "unreadable", "message": "not a PDF, or a broken one"}
    if len(document) > _MAX_PAGES:
        message = f"the PDF has {len(document)} pages; at most {_MAX_PAGES} are read"
        return {"code": "too_large", "message": message}
    pages: list[dict[str, Any]] = []
    characters = 0
    for number in range(len(document)):
        try:
            page = document[number]
            text_page = page.get_textpage()
        except pypdfium2.PdfiumError:
            continue  # one broken page; the others may be sound
        characters += text_page.count_chars()
        if characters > _MAX_CHARACTERS:
            message = f"the PDF holds more than {_MAX_CHARACTERS} characters"
            return {"code": "too_large", "message": message}
        lines = list(_lines(text_page))
        turn = _main_turn(lines)
        low, high = sorted(_turned(x, y, turn)[1] for x, y in _corners(page.get_bbox()))[::3]
        pages.append(
            {
                "bottom": low,
                "top": high,
                "lines": [values for line_turn, values in lines if line_turn == turn],
                "pictures": next(page.get_objects(max_depth=1), None) is not None,
                "scan": any(map(partial(_covers, page.get_bbox()), page.get_objects(max_depth=2))),
            }
        )
        text_page.close()
        page.close()
    if not pages:
        return {"code": "unreadable", "message": "no page of the PDF can be read"}
    return {"pages": pages}


def _covers(page: tuple[float, float, float, float], shown: Any) -> bool:
    """Whether something on a page is a picture of at least half its size."""
    from pypdfium2 import raw

    if shown.type != raw.FPDF_PAGEOBJ_IMAGE:
        return False
    left, bottom, right, top = shown.get_bounds()
    return bool(2 * (right - left) * (top - bottom) >= (page[2] - page[0]) * (page[3] - page[1]))


def _corners(box: tuple[float, float, float, float]) -> list[tuple[float, float]]:
    left, bottom, right, top = box
    return [(left, bottom), (left, top), (right, bottom), (right, top)]


def _turned(x: float, y: float, turn: int) -> tuple[float, float]:
    """The point in the direction of reading, for text turned clockwise by so many quarters."""
    return ((x, y), (-y, x), (-x, -y), (y, -x))[turn]


def _main_turn(lines: list[tuple[int, list[Any]]]) -> int:
    """The direction of most text of a page; text across it is a stamp or a watermark."""
    lengths: Counter[int] = Counter()
    for turn, values in lines:
        if turn >= 0:
            lengths[turn] += len(values[0])
    return lengths.most_common(1)[0][0] if lengths else 0


def _lines(text_page: Any) -> Iterator[tuple[int, list[Any]]]:
    """(quarter turns, values of a `Line` without its page) of each line; turns are -1 for slanting text."""
    from pypdfium2 import raw

    codes = [raw.FPDFText_GetUnicode(text_page, index) for index in range(text_page.count_chars())]
    start = 0
    for index, code in enumerate([*codes, 10]):
        last = index == len(codes)
        ends = last or code in (10, 13)
        hyphen = not last and chr(code) in _HYPHENS and not _goes_on(text_page, index, codes)
        if not (ends or hyphen):
            continue
        parts = _parts(text_page, codes, start, index)
        for number, (first, end) in enumerate(parts, 1):
            angle = raw.FPDFText_GetCharAngle(text_page, first)
            quarters = angle / (math.pi / 2)
            turn = round(quarters) % 4 if abs(quarters - round(quarters)) < 0.1 else -1
            left, y = _turned(*_origin(text_page, first), max(turn, 0))
            right = max(_turned(x, y, max(turn, 0))[0] for x, y in _corners(_box(text_page, end - 1)))
            # A space that pdfium puts between words has no size of its own.
            middle = next(place for place in range((first + end) // 2, -1, -1) if not chr(codes[place]).isspace())
            bold = all(_is_bold(text_page, place) for place in {first, middle, end - 1} if chr(codes[place]).isalnum())
            text, size = _text(codes[first:end]), _size(text_page, middle)
            # Broken files have sizes and places beyond all bounds.
            if text.strip() and all(abs(value) < _FAR for value in (left, right, y, size)):
                yield turn, [text, left, right, y, size, bold, hyphen and number == len(parts), len(parts)]
        start = index + 1


def _goes_on(text_page: Any, index: int, codes: list[int]) -> bool:
    """Whether the character after a hyphen stands in the same line: a soft hyphen that is not in use."""
    if index + 1 >= len(codes) or codes[index + 1] in (10, 13):
        return False
    return abs(_origin(text_page, index)[1] - _origin(text_page, index + 1)[1]) < 1


def _parts(text_page: Any, codes: list[int], start: int, stop: int) -> list[tuple[int, int]]:
    """Spans of the characters from `start` to `stop`, split at wide gaps, without white space around them."""
    words: list[tuple[int, int]] = []
    begin = start
    for index in range(start, stop + 1):
        if index == stop or chr(codes[index]).isspace():
            if begin < index:
                words.append((begin, index))
            begin = index + 1
    if not words:
        return []
    parts = [words[0]]
    for (_, before), (first, end) in pairwise(words):
        start_of_part = parts[-1][0]
        ends, begins = _box(text_page, before - 1), _box(text_page, first)
        gap = max(begins[0] - ends[2], begins[1] - ends[3], ends[1] - begins[3])
        if gap > _GAP * _size(text_page, first) and not _MARKER_ALONE.fullmatch(_text(codes[start_of_part:before])):
            parts.append((first, end))
        else:
            parts[-1] = (start_of_part, end)
    return parts


def _text(codes: list[int]) -> str:
    characters = "".join(map(chr, codes)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    kept = "".join(c for c in characters if c not in _HYPHENS and (c >= " " or c == "\t"))
    return kept.translate(_LIGATURES)


def _origin(text_page: Any, index: int) -> tuple[float, float]:
    from pypdfium2 import raw

    x, y = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetCharOrigin(text_page, index, x, y)
    return x.value, y.value


def _box(text_page: Any, index: int) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a character."""
    from pypdfium2 import raw

    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    raw.FPDFText_GetCharBox(text_page, index, left, right, bottom, top)
    return left.value, bottom.value, right.value, top.value


def _size(text_page: Any, index: int) -> float:
    """The font's size on the page: many files set 1 and scale it."""
    from pypdfium2 import raw

    matrix = raw.FS_MATRIX()
    scale = math.hypot(matrix.c, matrix.d) if raw.FPDFText_GetMatrix(text_page, index, matrix) else 1.0
    return round(abs(raw.FPDFText_GetFontSize(text_page, index) * scale), 2) or 1.0


def _is_bold(text_page: Any, index: int) -> bool:
    from pypdfium2 import raw

    if raw.FPDFText_GetFontWeight(text_page, index) >= 600:
        return True
    name = ctypes.create_string_buffer(128)
    raw.FPDFText_GetFontInfo(text_page, index, name, len(name), None)
    return bool(_BOLD.search(name.value.decode("utf-8", "replace")))


if __name__ == "__main__":
    _main()

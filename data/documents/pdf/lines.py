"""The lines of a PDF's text layer with their places and fonts, read by pdfium in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clausetag.data.errors import DocumentError, MissingExtraError

_SCRIPT = Path(__file__).with_name("pdfium.py")


@dataclass(frozen=True, slots=True)
class PdfLimits:
    """What a PDF may have and need; beyond that it gives an error with the code "too_large"."""

    size: int = 100_000_000
    """Bytes."""
    pages: int = 2_000
    characters: int = 2_000_000
    seconds: float = 60
    """Time to read its lines."""
    memory: int = 2 * 1024**3
    """Bytes of memory of the process that reads it; there is no such limit on Windows."""


PDF_LIMITS = PdfLimits()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one page, or the part of it in one cell or column.

    `left`, `right` and `y` (of the baseline, growing upwards) and the font's `size` are in points, in the direction in
    which the page is read.
    """

    page: int
    text: str
    left: float
    right: float
    y: float
    size: float
    bold: bool
    hyphen: bool
    """Whether a hyphen at its end is left out of `text`."""
    parts: int
    """The number of parts of its line; with 2 or more it is a cell of a table, or in one of several columns."""
    links: Sequence[tuple[int, int, str]] = ()
    """Start and end, as offsets in `text`, and address of each link."""


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of a page in the order of the file."""

    bottom: float
    top: float
    """Where the page begins and ends, in points."""
    lines: tuple[Line, ...]
    pictures: bool
    """Whether the page shows anything that is not text."""
    scan: bool = False
    """Whether a picture covers most of the page."""


def read_pages(content: bytes, limits: PdfLimits = PDF_LIMITS) -> list[Page]:
    """The pages of a PDF.

    Raises:
        DocumentError: code "encrypted", "unreadable" or "too_large".
    """
    # -P: the script's folder must not come before the standard library, because their modules can have equal names.
    command = [sys.executable, "-P", str(_SCRIPT), *map(str, (limits.pages, limits.characters, limits.memory))]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=limits.seconds, check=False)
    except subprocess.TimeoutExpired:
        raise DocumentError("too_large", f"reading the PDF took longer than {limits.seconds} s") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        reason = "the PDF is broken, or needs too much memory"
        if b"ModuleNotFoundError" in done.stderr:
            reason = str(MissingExtraError("reading PDF", "pypdfium2"))
        raise DocumentError("unreadable", reason) from None
    if "code" in answer:
        raise DocumentError(answer["code"], answer["message"])
    return pages_of(answer)


def pages_of(answer: dict[str, Any]) -> list[Page]:
    """The answer of the script as pages."""
    return [
        Page(**{**page, "lines": tuple(Line(number, *values) for values in page["lines"])})
        for number, page in enumerate(answer["pages"])
    ]

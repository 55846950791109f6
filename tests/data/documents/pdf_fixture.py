"""A small PDF writer for tests: lines of text at given places, pages with a running header and footer, a picture."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT, MARGIN = 612, 792, 72
_ADVANCE = 0.6
"""Of every character of Courier, in font sizes: so that tests know where a line ends."""


_ENCODING = b"<< /Type /Encoding /BaseEncoding /WinAnsiEncoding /Differences [1 /fi /fl /uni00AD] >>"
"""The characters 1 and 2 are ligatures, 3 is a soft hyphen."""


@dataclass
class PageOfText:
    """The content of one page; `text` puts a line on it."""

    content: list[bytes] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)

    def link(self, left: float, bottom: float, right: float, top: float, action: str) -> None:
        """A rectangle that leads to an action: `/S /URI /URI (https://…)`."""
        entries = f"/Type /Annot /Subtype /Link /Rect [{left} {bottom} {right} {top}] /A << {action} >>"
        self.links.append(f"<< {entries} >>".encode())

    def text(self, x: float, y: float, text: str, size: float = 10, bold: bool = False, turned: bool = False) -> None:
        shown = text.encode("cp1252", "replace")
        shown = re.sub(rb"([\\()])", rb"\\\1", shown)
        matrix = "0 1 -1 0" if turned else "1 0 0 1"
        font = "F2" if bold else "F1"
        self.content.append(f"BT /{font} {size} Tf {matrix} {x} {y} Tm (".encode() + shown + b") Tj ET")

    def picture(self, size: int = 400) -> None:
        self.content.append(b"q %d 0 0 %d 50 50 cm /Im0 Do Q" % (size, size))


def write_pdf(
    pages: Sequence[PageOfText], trailer: bytes = b"", extra: Iterable[bytes] = (), compress: bool = False
) -> bytes:
    """The bytes of a PDF of these pages; `extra` objects are numbered from 6 on."""
    shared = list(extra)
    first = 6 + len(shared)
    kids = b" ".join(b"%d 0 R" % (first + 2 * number) for number in range(len(pages)))
    grey = zlib.compress(b"\x80" * 16)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding %s >>" % _ENCODING,
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier-Bold /Encoding %s >>" % _ENCODING,
        _stream(
            grey,
            b"/Type /XObject /Subtype /Image /Width 4 /Height 4 /ColorSpace /DeviceGray /BitsPerComponent 8 "
            b"/Filter /FlateDecode",
        ),
        *shared,
    ]
    for number, page in enumerate(pages):
        form = b" /X 6 0 R" if shared else b""
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R /Resources << /Font << /F1 3 0 R "
            b"/F2 4 0 R >> /XObject << /Im0 5 0 R%s >> >> /Annots [%s] >>"
            % (WIDTH, HEIGHT, first + 2 * number + 1, form, b" ".join(page.links))
        )
        content = b"\n".join(page.content)
        objects.append(_stream(zlib.compress(content, 1), b"/Filter /FlateDecode") if compress else _stream(content))
    return _file(objects, trailer)


def form(content: bytes, draws: int) -> bytes:
    """A form that may draw the object of number `draws` as /X."""
    entries = b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> /XObject << /X "
    return _stream(content, entries + b"%d 0 R >> >>" % draws)


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n" % (len(data), entries) + data + b"\nendstream"


def _file(objects: Sequence[bytes], trailer: bytes) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, table)
    return bytes(out)


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters; long words that don't fit are hyphenated, as a typesetter would."""
    lines = [""]
    for word in text.split():
        start = f"{lines[-1]} " if lines[-1] else ""
        room = width - len(start)
        if len(word) <= room:
            lines[-1] = start + word
            continue
        own = word.rfind("-", 0, room)
        if own > 0 and word[own + 1 :]:
            lines[-1], word = start + word[: own + 1], word[own + 1 :]
        elif word.isalpha() and len(word) >= 9 and room >= 5:
            cut = min(room - 1, len(word) - 3)
            lines[-1], word = f"{start}{word[:cut]}-", word[cut:]
        lines.append(word)
    return lines


def typeset(blocks: Iterable[tuple[str, str]], header: str = "", size: float = 10) -> list[PageOfText]:
    """Set (text, kind) blocks on as many pages as they need, with a running header and "Page 2 of 5" below."""
    pages = [PageOfText()]
    y = HEIGHT - MARGIN - size
    columns = int((WIDTH - 2 * MARGIN) / (_ADVANCE * size))
    for text, kind in blocks:
        heading, item = kind == "heading", kind == "list_item"
        lines = wrap(text, columns - 4 if item else columns)
        y -= size * (1.5 if heading else 0.7)
        for number, line in enumerate(lines):
            if y < MARGIN:
                pages.append(PageOfText())
                y = HEIGHT - MARGIN - size
            if item and number == 0:
                pages[-1].text(MARGIN, y, "•", size)
            pages[-1].text(MARGIN + 20 if item else MARGIN, y, line, size, bold=heading)
            y -= 1.2 * size
    for number, page in enumerate(pages, 1):
        page.text(MARGIN, HEIGHT - 40, header, 8)
        page.text(WIDTH / 2 - 30, 36, f"Page {number} of {len(pages)}", 8)
    return pages

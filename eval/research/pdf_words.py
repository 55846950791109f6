"""Measure how well words are told apart in PDFs that have no spaces in them.

    python -m clausetag.eval.research.pdf_words

sets the five policies in PDFs whose words, or glyphs, stand one by one, with so much white space between them, and
prints the share of their words that each reader finds, in order. It needs reportlab and pdfminer.six, which are in no
extra.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from statistics import mean
from typing import Any

import pypdfium2

from clausetag.data.corpora.five import FIVE, document_of
from clausetag.data.documents.pdf.reader import pdf_document
from clausetag.data.records import Document

SETTINGS = [(0.0, gap) for gap in (0.1, 0.12, 0.15, 0.2, 0.28)] + [(0.08, 0.3), (0.15, 0.55), (-0.03, 0.15)]
"""White space between glyphs and between words, in font sizes. Helvetica's space has 0.28."""
_SIZE = 11
_APOSTROPHES = str.maketrans("’‘", "''")


def typeset(document: Document, letters: float, between: float) -> bytes:
    """A PDF of the document; with `letters` every glyph stands by itself, otherwise every word does."""
    from reportlab.pdfbase.pdfmetrics import stringWidth
    from reportlab.pdfgen.canvas import Canvas

    stream = io.BytesIO()
    canvas: Any = Canvas(stream, pagesize=(595, 842))
    y = 780.0
    for block in document.blocks:
        font, x = "Helvetica-Bold" if block.kind == "heading" else "Helvetica", 60.0
        for word in document.text[block.start : block.end].split():
            pieces = list(word) if letters else [word]
            widths = [stringWidth(piece, font, _SIZE) + letters * _SIZE for piece in pieces]
            if x + sum(widths) > 535:
                x, y = 60.0, y - 14
            if y < 60:
                canvas.showPage()
                y = 780.0
            for piece, width in zip(pieces, widths, strict=True):
                canvas.setFont(font, _SIZE)
                canvas.drawString(x, y, piece)
                x += width
            x += (between - letters) * _SIZE
        y -= 20
        if y < 60:
            canvas.showPage()
            y = 780.0
    canvas.save()
    return stream.getvalue()


def readers() -> Iterator[tuple[str, Callable[[bytes], str]]]:
    """Name and function of each reader, from a PDF to its text."""
    from pdfminer.high_level import extract_text

    yield "clausetag", lambda content: pdf_document("p", content).text
    yield (
        "pdfium",
        lambda content: "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content)),
    )
    yield "pdfminer.six", lambda content: extract_text(io.BytesIO(content))


def words(text: str) -> list[str]:
    """The words of a text in the letters of Latin-1, which the fonts have."""
    return [word for word in text.translate(_APOSTROPHES).split() if word.isascii() and any(map(str.isalnum, word))]


def main() -> None:
    """Print the table."""
    named = list(readers())
    print("glyphs apart  words apart  " + "  ".join(f"{name:>12}" for name, _ in named))
    for letters, between in SETTINGS:
        shares: list[list[float]] = []
        for document in map(document_of, FIVE):
            content, wanted = typeset(document, letters, between), words(document.text)
            matchers = (SequenceMatcher(None, wanted, words(read(content)), autojunk=False) for _, read in named)
            shares.append([sum(m.size for m in matcher.get_matching_blocks()) / len(wanted) for matcher in matchers])
        columns = "  ".join(f"{mean(column):12.3f}" for column in zip(*shares, strict=True))
        print(f"{letters:12.2f}  {between:11.2f}  {columns}", flush=True)


if __name__ == "__main__":
    main()

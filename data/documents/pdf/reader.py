"""PDFs to documents: the lines of the text layer become headings, paragraphs, list items and table cells.

pdfium reads the lines (`lines`), they are put in reading order (`layout`), and then joined to blocks (`blocks`).
"""

from __future__ import annotations

from collections.abc import Sequence

from clausetag.data.documents.blocks import assemble
from clausetag.data.documents.pdf.blocks import line_blocks
from clausetag.data.documents.pdf.layout import ordered_lines
from clausetag.data.documents.pdf.lines import PDF_LIMITS, Line, Page, PdfLimits, read_pages
from clausetag.data.errors import DocumentError
from clausetag.data.records import Document

PARTLY_SCANNED = "partly_scanned"
"""Flag of a PDF in which some pages are pictures without a text layer; their text is missing."""


def pdf_document(policy: str, content: bytes, limits: PdfLimits = PDF_LIMITS) -> Document:
    """Read the text layer of a PDF.

    Raises:
        DocumentError: code "no_text" (scanned pages), "encrypted", "unreadable", "empty" or "too_large".
    """
    if len(content) > limits.size:
        raise DocumentError("too_large", f"the PDF is larger than {limits.size // 1_000_000} MB")
    pages = read_pages(content, limits)
    lines = ordered_lines(pages)
    if _is_legible(lines):
        flags = (PARTLY_SCANNED,) if _is_partly_scanned(pages, lines) else ()
        return assemble(policy, line_blocks(lines), flags=flags)
    if any(page.pictures for page in pages):
        raise DocumentError("no_text", "the PDF has no text layer (scanned pages?); run OCR on it first")
    raise DocumentError("empty", "there is no text in the PDF")


def _is_legible(lines: Sequence[Line]) -> bool:
    """Whether there is text, and not only the codes of fonts that don't say which characters they show."""
    text = "".join(line.text for line in lines)
    private = sum("\ue000" <= character <= "\uf8ff" or character == "\ufffd" for character in text)
    return any(map(str.isalpha, text)) and 2 * private < len(text)


def _is_partly_scanned(pages: Sequence[Page], lines: Sequence[Line]) -> bool:
    with_text = {line.page for line in lines if any(map(str.isalpha, line.text))}
    return any(page.scan and number not in with_text for number, page in enumerate(pages))

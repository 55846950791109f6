"""The bytes of one document to a `Document`; its kind is told by the content first, then by the file's suffix.

Crawlers save PDFs as .html and error pages as .pdf, so the content is more reliable than the name.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace

from clausetag.data.documents.blocks import assemble
from clausetag.data.documents.decode import decode, looks_binary
from clausetag.data.documents.formats import (
    HEAD,
    HTML_SUFFIXES,
    LIMITS,
    MARKDOWN_SUFFIXES,
    MHTML_SUFFIXES,
    WEB_SUFFIXES,
    WORD_SUFFIXES,
    Limits,
    refuse_suffix,
)
from clausetag.data.documents.html.mhtml import looks_like_mhtml, mhtml_pages
from clausetag.data.documents.markdown import looks_like_markdown, markdown_blocks, text_blocks, without_front_matter
from clausetag.data.documents.quality import page_flags
from clausetag.data.errors import DocumentError, MissingExtraError
from clausetag.data.records import Document
from clausetag.data.text import SURROGATE

_HTML_START = re.compile(
    r"\s*+(?:<!--(?>.{0,2000}?-->)\s*+)*+<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_HTML_END_TAG = re.compile(r"</(?:p|div|h[1-6]|ul|ol|li|table|section|article|main|body|html)\s*>", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f]")
_PDF_MARK = b"%PDF-"
_ZIP_MARK = b"PK\x03\x04"
_TAG = re.compile(rb"<(?:!doctype|html|head|body|title|meta|main|div|p|h[1-6]|table|ul|span)\b", re.IGNORECASE)
_SCRIPT_MARKS = (b"#!", b"<?php", b"<%@")


def extract_text(policy: str, text: str, markdown: bool | None = None) -> Document:
    """Read plain text or Markdown; with None, headings and links in the text decide."""
    # Lone surrogates (JSON can contain them) and control characters cannot be written to every output.
    clean = _CONTROL.sub(" ", SURROGATE.sub("\ufffd", text))
    below = without_front_matter(clean) if markdown is not False else None
    is_markdown = below is not None or (looks_like_markdown(clean) if markdown is None else markdown)
    clean = clean if below is None else below
    if is_markdown:
        document = assemble(policy, markdown_blocks(clean))
        # The Markdown parser leaves out very deeply nested text.
        if document.text or not any(map(str.isalpha, clean)):
            return document
    return assemble(policy, text_blocks(clean))


def extract_html(policy: str, html: str) -> Document:
    """Read the main content of an HTML page or fragment, with flags that say whether something is missing."""
    from clausetag.data.documents.html.reader import read_page  # a tenth of the time to start, which texts save

    page = read_page(SURROGATE.sub("\ufffd", html))
    document = replace(assemble(policy, page.blocks, heading_numbers=True), set_aside=page.set_aside)
    is_whole = bool(_HTML_START.match(html))
    return replace(document, flags=page_flags(document, page.shown, is_whole))


def require_text(document: Document) -> Document:
    """Return the document unchanged.

    Raises:
        DocumentError: code "empty"; it has no letter.
    """
    if not any(map(str.isalpha, document.text)):
        raise DocumentError("empty", "there is no text in it")
    return document


def looks_like_html(text: str) -> bool:
    """Whether text of unknown kind is an HTML page or fragment, and not just text that mentions a tag."""
    return bool(_HTML_START.match(text) or (text.lstrip().startswith("<") and _HTML_END_TAG.search(text)))


def looks_like_document(suffix: str, head: bytes) -> bool:
    """Whether the first bytes of a file with an unknown suffix, or none, are those of a document.

    That is a page, a PDF or a Word file under any name, HTML without its beginning in the pages that programs make, and
    any text in a file without a suffix.
    """
    start = head.lstrip(b"\xef\xbb\xbf\0 \t\r\n\f")
    if start.startswith(_PDF_MARK) or (start.startswith(_ZIP_MARK) and b"word/" in head):
        return True
    text = head.replace(b"\0", b"")  # as in UTF-16
    if _HTML_START.match(text.decode("latin-1").removeprefix("ï»¿").lstrip("ÿþ")) or looks_like_mhtml(head):
        return True
    if suffix in WEB_SUFFIXES:
        return bool(_TAG.search(text))
    return not suffix and bool(start) and not looks_binary(head) and not start.startswith(_SCRIPT_MARKS)


def read_document(policy: str, content: bytes | str, kind: str = "", limits: Limits = LIMITS) -> Document:
    """Read bytes (`kind` is the file's suffix) or a string (`kind` is "text" or "html").

    Raises:
        DocumentError: see `document_from_bytes`.
    """
    if isinstance(content, bytes):
        return document_from_bytes(policy, content, kind, limits)
    return require_text((extract_html if kind == "html" else extract_text)(policy, content))


def document_from_bytes(
    policy: str, content: bytes, suffix: str = "", limits: Limits = LIMITS, nested: int = 3
) -> Document:
    """Read one document of any supported kind; `suffix` is its file's, in any case, and empty if there is none.

    `nested` is the number of levels to which documents that are embedded in Word files are read.

    Raises:
        DocumentError: it cannot be read; see `FailedInput` for the codes.
    """
    suffix = suffix.lower()
    if len(content) > limits.document:
        raise limits.document_too_large("it")
    if not content or content.isspace():
        raise DocumentError("empty", "there is nothing in it")
    if kind := _binary_kind(content, suffix):
        return require_text(_read_binary(kind, policy, content, limits, nested))
    if suffix in MHTML_SUFFIXES or looks_like_mhtml(content[:HEAD]):
        return _read_mhtml(policy, content)
    text = decode(content)
    if suffix in HTML_SUFFIXES or _is_html(text, suffix):
        return require_text(extract_html(policy, text))
    return require_text(extract_text(policy, text, markdown=True if suffix in MARKDOWN_SUFFIXES else None))


def _is_html(text: str, suffix: str) -> bool:
    if suffix in MARKDOWN_SUFFIXES:  # which may hold fragments of HTML
        return bool(_HTML_START.match(text))
    return looks_like_html(text) or (suffix in WEB_SUFFIXES and bool(_TAG.search(text[:HEAD].encode())))


def _read_mhtml(policy: str, content: bytes) -> Document:
    """The page, or what stands in its frames if it has no text itself. Some programs save HTML under this suffix."""
    if not looks_like_mhtml(content[:HEAD]) and looks_like_html(text := decode(content)):
        return require_text(extract_html(policy, text))
    from clausetag.data.documents.html.reader import html_blocks

    page, *frames = mhtml_pages(content)
    document = extract_html(policy, decode(*page))
    if not any(map(str.isalpha, document.text)):
        document = assemble(policy, [block for frame in frames for block in html_blocks(decode(*frame))])
    return require_text(document)


def _binary_kind(content: bytes, suffix: str) -> str:
    """ "PDF", "Word", or "" for content that is read as text.

    Raises:
        DocumentError: code "unsupported".
    """
    head = content[:HEAD]
    if head.lstrip(b"\xef\xbb\xbf\0 \t\r\n\f").startswith(_PDF_MARK):
        return "PDF"
    if head.startswith(_ZIP_MARK) and (suffix in WORD_SUFFIXES or _has_word_document(content)):
        return "Word"
    if _HTML_START.match(head.decode("latin-1").removeprefix("ï»¿")):
        return ""
    if suffix == ".pdf" or suffix in WORD_SUFFIXES:
        return "PDF" if suffix == ".pdf" else "Word"
    refuse_suffix(suffix)
    if suffix == ".doc":
        raise DocumentError("unsupported", "the .doc of Word 97 to 2003 is not supported; save it as .docx or PDF")
    if head.startswith(_ZIP_MARK):
        raise DocumentError("unsupported", "this is an archive, not a document; give it as a file named .zip")
    return ""


def _has_word_document(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(name.startswith("word/") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return False


def _read_binary(kind: str, policy: str, content: bytes, limits: Limits, nested: int) -> Document:
    def read_embedded(content: bytes, suffix: str) -> Document:
        if not nested:
            raise DocumentError("too_large", "Word files are embedded in each other too deeply")
        return document_from_bytes(policy, content, suffix, limits, nested - 1)

    try:
        # Imported here because most documents need neither.
        if kind == "PDF":
            from clausetag.data.documents.pdf.reader import pdf_document

            return pdf_document(policy, content)
        from clausetag.data.documents.word.reader import word_document

        return word_document(policy, content, read_embedded)
    except ImportError as error:
        raise DocumentError("unsupported", str(MissingExtraError(f"reading {kind}", error.name))) from None

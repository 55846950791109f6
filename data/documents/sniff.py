"""The bytes of one document, of whatever kind, to a `Document`: the content decides, then the file's suffix.

Crawlers save a PDF as .html and an error page as .pdf, so what the bytes say goes before what the name says.
"""

from __future__ import annotations

import io
import re
import zipfile
from importlib import import_module
from pathlib import PurePath

from clausetag.data.documents.blocks import assemble, looks_like_markdown, markdown_blocks, plain_blocks
from clausetag.data.documents.decode import decode
from clausetag.data.documents.html.reader import html_blocks
from clausetag.data.errors import DocumentError
from clausetag.data.records import Document
from clausetag.data.text import SURROGATE

MAX_DOCUMENT_BYTES = 32_000_000
"""Limit for one document, be it a file, a member of an archive, a row of a table or standard input. The longest
policies are below 1 MB as HTML; PDFs with pictures are larger."""

_MARKDOWN = (".md", ".markdown")
_HTML = (".html", ".htm", ".xhtml")
DOCUMENT_SUFFIXES = (".txt", *_MARKDOWN, *_HTML, ".pdf", ".docx")
ARCHIVE_SUFFIXES = frozenset([".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z", ".rar"])
_UNSUPPORTED_NAMES = ".doc .odt .rtf .epub .pages .ppt .pptx .xls .xlsx .png .jpg .jpeg .gif .webp .tif .tiff .mp3 .mp4"
UNSUPPORTED_SUFFIXES = frozenset(_UNSUPPORTED_NAMES.split()) | ARCHIVE_SUFFIXES
"""Kinds that are named as unsupported. In a folder, files of any further kind are passed over in silence."""
SUPPORTED = (
    "text (.txt), Markdown (.md), HTML (.html), PDF, Word (.docx), .zip of these, "
    "and tables of policies (.jsonl, .csv, .parquet)"
)

_HTML_START = re.compile(r"\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_HTML_TAG = re.compile(r"</(?:p|div|h[1-6]|ul|ol|li|table|section|article|main|body|html)\s*>", re.IGNORECASE)
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1b\x7f]")
_PDF_MARK = b"%PDF-"
_ZIP_MARK = b"PK\x03\x04"
_HEAD = 4096
"""Bytes at the start that are looked at for the kind."""
_READERS = {
    "PDF": ("clausetag.data.documents.pdf.reader", "pdf_document"),
    "Word": ("clausetag.data.documents.docx", "docx_document"),
}


def extract_text(policy: str, text: str, markdown: bool | None = None) -> Document:
    """Read plain text or Markdown; None guesses which from headings and links in the text."""
    # Neither lone surrogates (JSON can bring them) nor control characters can be written to every output.
    clean = _NOT_TEXT.sub(" ", SURROGATE.sub("\ufffd", text))
    is_markdown = looks_like_markdown(clean) if markdown is None else markdown
    document = assemble(policy, markdown_blocks(clean) if is_markdown else plain_blocks(clean))
    if is_markdown and not document.text and any(map(str.isalpha, clean)):
        # Its parser leaves out what is nested very deep.
        return assemble(policy, plain_blocks(clean))
    return document


def extract_html(policy: str, html: str) -> Document:
    """Read the main text of an HTML page or fragment."""
    return assemble(policy, html_blocks(SURROGATE.sub("\ufffd", html)))


def require_text(document: Document) -> Document:
    """Return the document as it is.

    Raises:
        DocumentError: code "empty", it holds no letter.
    """
    if not any(map(str.isalpha, document.text)):
        raise DocumentError("empty", "there is no text in it")
    return document


def looks_like_html(text: str) -> bool:
    """Whether text of unknown kind is an HTML page or fragment rather than text that mentions a tag."""
    return bool(_HTML_START.match(text) or (text.lstrip().startswith("<") and _HTML_TAG.search(text)))


def too_large(what: str) -> DocumentError:
    """The error for more than `MAX_DOCUMENT_BYTES`; `what` is "the file", "the line" and the like."""
    megabytes = MAX_DOCUMENT_BYTES / 1e6
    return DocumentError("too_large", f"{what} is larger than {megabytes:g} MB, the limit for one document")


def refuse_suffix(suffix: str) -> None:
    """Refuse a file by its name alone, before it is read.

    Raises:
        DocumentError: code "unsupported".
    """
    if suffix in ARCHIVE_SUFFIXES:
        raise DocumentError("unsupported", f"{suffix} archives are not read; unpack it, or make it a .zip")
    if suffix in UNSUPPORTED_SUFFIXES and suffix != ".doc":  # which is often HTML or .docx in truth
        raise DocumentError("unsupported", f"{suffix} is not supported; supported are {SUPPORTED}")


def document_from_bytes(policy: str, content: bytes, suffix: str = "") -> Document:
    """Read one document of any supported kind; `suffix` is its file's, in any case, and empty where there is none.

    Raises:
        DocumentError: what kept it from being read, with a code for the error row.
    """
    suffix = suffix.lower()
    if len(content) > MAX_DOCUMENT_BYTES:
        raise too_large("it")
    if not content or content.isspace():
        raise DocumentError("empty", "there is nothing in it")
    if kind := _binary_kind(content, suffix):
        return require_text(_read_binary(kind, policy, content))
    text = decode(content)
    if suffix in _HTML or (suffix not in _MARKDOWN and looks_like_html(text)):
        return require_text(extract_html(policy, text))
    return require_text(extract_text(policy, text, markdown=True if suffix in _MARKDOWN else None))


def _binary_kind(content: bytes, suffix: str) -> str:
    """A key of `_READERS`, or "" for what is to be read as text.

    Raises:
        DocumentError: code "unsupported".
    """
    head = content[:_HEAD]
    if head.lstrip(b"\xef\xbb\xbf\0 \t\r\n\f").startswith(_PDF_MARK):
        return "PDF"
    if head.startswith(_ZIP_MARK) and (suffix == ".docx" or _has_word_document(content)):
        return "Word"
    if _HTML_START.match(head.decode("latin-1").removeprefix("ï»¿")):
        return ""
    if suffix in (".pdf", ".docx"):
        return "PDF" if suffix == ".pdf" else "Word"
    refuse_suffix(suffix)
    if suffix == ".doc":
        raise DocumentError("unsupported", "old Word files are not supported; save it as .docx")
    if head.startswith(_ZIP_MARK):
        raise DocumentError("unsupported", "this is an archive, not a document; give it as a file named .zip")
    return ""


def _has_word_document(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(name.startswith("word/") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return False


def _read_binary(kind: str, policy: str, content: bytes) -> Document:
    """The readers are imported late: most documents need neither."""
    module, function = _READERS[kind]
    try:
        read = getattr(import_module(module), function)
        document: Document = read(policy, content)
    except ModuleNotFoundError as error:
        raise DocumentError("unsupported", f"reading {kind} needs the package {error.name}: install it") from None
    return document


def stem(name: str) -> str:
    """A file's name without a suffix that says how it is read."""
    suffix = PurePath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in (*DOCUMENT_SUFFIXES, *UNSUPPORTED_SUFFIXES) else name

"""Which files are read, by their names, and how large they may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from clausetag.data.errors import DocumentError

MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdx")
HTML_SUFFIXES = (".html", ".htm", ".xhtml", ".xht")
MHTML_SUFFIXES = (".mhtml", ".mht")
WORD_SUFFIXES = (".docx", ".docm", ".dotx", ".dotm")
DOCUMENT_SUFFIXES = (".txt", *MARKDOWN_SUFFIXES, *HTML_SUFFIXES, *MHTML_SUFFIXES, ".pdf", *WORD_SUFFIXES)
_PROGRAMS = "php phtml asp aspx ashx jsp jspx jsf do cfm cgi shtml shtm"
WEB_SUFFIXES = tuple(f".{name}" for name in _PROGRAMS.split())
"""Pages of a crawl, named after the program that made them. In a folder they are read if they contain HTML."""
ARCHIVE_SUFFIXES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z", ".rar")
_OTHER = ".doc .odt .rtf .epub .pages .ppt .pptx .xls .xlsx .png .jpg .jpeg .gif .webp .tif .tiff .mp3 .mp4"
UNSUPPORTED_SUFFIXES = (*_OTHER.split(), *ARCHIVE_SUFFIXES)
"""Files that are reported as unsupported. In a folder, files with any further suffix are read if their first bytes are
those of a document; the others are counted as passed over."""
_PACKED = ("", ".gz", ".zst")
JSONL_SUFFIXES = tuple(suffix + packed for suffix in (".jsonl", ".ndjson") for packed in _PACKED)
JSON_SUFFIXES = tuple(".json" + packed for packed in _PACKED)
CSV_SUFFIXES = tuple(suffix + packed for suffix in (".csv", ".tsv") for packed in _PACKED)
PARQUET_SUFFIX = ".parquet"
SUPPORTED = (
    "text (.txt), Markdown (.md), HTML (.html, .mhtml), PDF, Word (.docx, .docm), .zip of these, "
    "and tables of policies (.jsonl, .json, .csv, .tsv, .parquet)"
)
HEAD = 4096
"""Bytes at the start of a file that are searched for its kind."""
_OF_CRAWL = re.compile(r"(\.[a-z0-9]{2,8})(?:[?@;&#]|%3f|\.\d{1,4}\Z)", re.IGNORECASE)
"""A suffix with what crawlers add to it: the query of the address ("index.html?lang=en"), or wget's ".1"."""
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_NO_SUFFIX = frozenset(f".{name}" for name in ["com", "org", "net", "edu", "gov", "io", "co", "uk", "us", "eu"])
"""Ends of the names of sites: a file "www.example.com" of a crawl has no suffix."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many bytes an input may have; beyond that it gives an error with the code "too_large"."""

    document: int = 32_000_000
    """Bytes of one document: a file, a member of an archive, a row of a table, or standard input. The longest policies
    have less than 1 MB as HTML; PDFs with pictures are larger."""
    archive: int = 20_000_000_000
    """Unpacked bytes of all documents of one archive together."""
    growth: int = 200
    """Unpacked bytes per packed byte. Text grows 3 to 20 times, a decompression bomb 1,000 times and more."""
    free_member: int = 1_000_000
    """Unpacked bytes of a member of an archive up to which `growth` does not apply."""
    free_total: int = 64_000_000
    """Unpacked bytes of a whole file up to which `growth` does not apply."""
    counted_table: int = 300_000_000
    """Bytes of a table up to which its lines are counted in advance, for the remaining time of a run."""

    def document_too_large(self, what: str) -> DocumentError:
        """The error for a document that is too large; `what` is "the file", "the line" or the like."""
        return DocumentError(
            "too_large", f"{what} is larger than {self.document / 1e6:g} MB, the limit for one document"
        )

    def grows_too_much(self, what: str) -> DocumentError:
        """The error for `what` if it looks like a decompression bomb."""
        return DocumentError("too_large", f"{what} grows more than {self.growth} times in unpacking")


LIMITS = Limits()


def suffix_of(name: str) -> str:
    """The suffix that says what a file is, in lower case and with its dot; "" if there is none.

    It is the last one, or the one before what a crawler has added: ".html" of "index.html?lang=en" and "a.html.1".
    """
    if added := _OF_CRAWL.search(PurePath(name).name):
        suffix = added[1].lower()
        if suffix in (*DOCUMENT_SUFFIXES, *WEB_SUFFIXES):
            return suffix
    suffix = PurePath(name).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) and suffix not in _NO_SUFFIX else ""


def stem(name: str) -> str:
    """A file name without its suffix, if that is one that says how the file is read."""
    suffix = suffix_of(name)
    is_known = suffix in DOCUMENT_SUFFIXES or suffix in UNSUPPORTED_SUFFIXES
    return name[: -len(suffix)] if is_known and name.lower().endswith(suffix) else name


def relative_name(path: PurePath) -> str:
    """A path without the parts that lead out of a folder: "../a/b.txt", "/a/b.txt" and "C:\\a\\b.txt" are "a/b.txt"."""
    return "/".join(part for part in path.parts if part not in ("..", path.anchor)) or "."


def is_table(name: str) -> bool:
    """Whether a file with this name is read as a table of policies."""
    return name.lower().endswith((*JSONL_SUFFIXES, *JSON_SUFFIXES, *CSV_SUFFIXES, PARQUET_SUFFIX))


def is_document(name: str) -> bool:
    """Whether a file with this suffix is read or reported wherever it is found."""
    return not is_table(name) and suffix_of(name) in (*DOCUMENT_SUFFIXES, *UNSUPPORTED_SUFFIXES)


def is_hidden(part: str) -> bool:
    """Whether a file or folder is skipped: names with a leading dot, and the folder that macOS adds to archives."""
    return part.startswith(".") or part == "__MACOSX"


def folder_order(name: str) -> list[tuple[bool, str]]:
    """Sort key for paths relative to a folder: the files of a folder come before those of its subfolders."""
    *folders, last = name.split("/")
    return [*((True, folder) for folder in folders), (False, last)]


def refuse_suffix(suffix: str) -> None:
    """Refuse a file by its name, before it is opened.

    Raises:
        DocumentError: code "unsupported".
    """
    if suffix in ARCHIVE_SUFFIXES:
        raise DocumentError("unsupported", f"{suffix} archives are not read; unpack it, or make it a .zip")
    if suffix in UNSUPPORTED_SUFFIXES and suffix != ".doc":  # many .doc files are HTML or .docx
        raise DocumentError("unsupported", f"{suffix} is not supported; supported are {SUPPORTED}")

"""Find, download and parse the files of OPP-115; every value is checked before it is used."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clausetag.data.attributes import ATTRIBUTES, BY_NAME, VALUES, Value
from clausetag.data.cache import cache_dir
from clausetag.data.durable import replace_file
from clausetag.data.errors import DataError
from clausetag.data.labels import CONTACT, GENERIC, LABELS, NOT_COVERED

OPP115_URL = "https://usableprivacy.org/static/data/OPP-115_v1_0.zip"
_HELP = f"download it from {OPP115_URL} and set OPP115_DIR to the zip or the unpacked folder"
_TIMEOUT = 60

_OTHER_TYPES: dict[str, str | None] = {GENERIC: GENERIC, CONTACT: CONTACT, NOT_COVERED: NOT_COVERED, "Other": None}
_CATEGORIES = frozenset(LABELS) - _OTHER_TYPES.keys()
"""OPP-115's categories have the names of our labels; its tenth, "Other", is replaced by its type."""
_ATTRIBUTE_NAMES = {attribute.name: attribute.name for attribute in ATTRIBUTES} | {"Retention Purpose": "Purpose"}
_VALUES: dict[Value, Value] = {(name, value.casefold()): (name, value) for name, value in VALUES} | {
    ("Access Type", "delete account (partial)"): ("Access Type", "Delete"),
    ("Access Type", "delete account (full)"): ("Access Type", "Delete"),
    ("Purpose", "perform service"): ("Purpose", "Basic service/feature"),  # the corpus's name in Data Retention
}
"""Values by attribute and case-folded string: the corpus has "User Profile" beside "User profile"."""
_COLUMNS = 9
_NO_TEXT = frozenset({"", "null", "Not selected"})
_MAX_ANNOTATORS = 3


@dataclass(frozen=True, slots=True)
class Span:
    """Text that an annotator selected, with its offsets in the segment's HTML (-1 or 0 if they were lost)."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Practice:
    """One row of an annotation file; `label` is None for the category "Other" with the type "Other"."""

    annotator: str
    segment: int
    label: str | None
    spans: tuple[Span, ...]
    values: tuple[tuple[Value, Span | None], ...] = ()
    """Values of the attributes that the label can have, each with the attribute's own span if it has one."""


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """One policy in the corpus: the HTML of its segments and all annotation rows."""

    name: str
    segments: tuple[str, ...]
    practices: tuple[Practice, ...]


def find_opp115(*, download: bool = False) -> Path:
    """Path of the corpus: `OPP115_DIR`, else in the cache (`CLAUSETAG_CACHE` or ~/.cache/clausetag), else a download.

    Raises:
        DataError: it is in none of these places; the message says where to get it.
    """
    named = os.environ.get("OPP115_DIR")
    if named:
        if not Path(named).exists():
            raise DataError(f"OPP115_DIR names {named}, which does not exist; {_HELP}")
        return Path(named)
    cache = cache_dir()
    for candidate in (cache / "opp115", cache / "opp115.zip"):
        if candidate.exists():
            return candidate
    if download:
        return download_opp115(cache)
    raise DataError(f"the OPP-115 corpus was not found (OPP115_DIR is not set, and {cache} has no copy); {_HELP}")


def download_opp115(cache: str | os.PathLike[str], url: str = OPP115_URL) -> Path:
    """Download the corpus to ``opp115.zip`` in `cache` and return its path; a partial download is removed.

    Raises:
        DataError: the download fails or is not a zip; the message says where to get the corpus by hand.
    """
    from urllib.request import urlopen  # slow to import, and everything that writes a dataset imports this module

    target = Path(cache) / "opp115.zip"
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urlopen(url, timeout=_TIMEOUT) as response, temporary.open("wb") as file:
            shutil.copyfileobj(response, file)
        if not zipfile.is_zipfile(temporary):
            raise DataError(f"{url} did not send a zip file; {_HELP}")
        replace_file(temporary, target)
    except OSError as error:
        raise DataError(f"OPP-115 could not be downloaded ({error}); {_HELP}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return target


def read_files(source: str | os.PathLike[str]) -> Iterator[PolicyFiles]:
    """Yield the policies of a folder or zip, in numeric order of their ids.

    Raises:
        DataError: the source is missing or does not have the layout of the corpus, or a row is bad.
    """
    path = Path(source)
    try:
        if path.is_dir():
            yield from _read_root(_root(path, path), path)
        else:
            with zipfile.ZipFile(path) as archive:
                yield from _read_root(_root(zipfile.Path(archive), path), path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; {_HELP}") from None
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # RuntimeError: encrypted, or unknown compression
        raise DataError(f"{path}: neither a folder nor a valid zip of OPP-115 ({error}); {_HELP}") from None


def _root(top: Any, path: Path) -> Any:
    """The folder of the corpus: `top` (a Path or a zipfile.Path) or a folder directly in it."""
    inner = sorted((entry for entry in top.iterdir() if entry.is_dir()), key=lambda entry: str(entry.name))
    for folder in (top, *inner):
        if (folder / "annotations").is_dir() and (folder / "sanitized_policies").is_dir():
            return folder
    raise DataError(f"{path}: no OPP-115 corpus (it has no folders annotations and sanitized_policies); {_HELP}")


def _named(folder: Any, suffix: str) -> dict[str, Any]:
    """The visible files in a folder that end in `suffix`, by their names without it."""
    files = {entry.name: entry for entry in folder.iterdir() if entry.is_file()}
    return {name[: -len(suffix)]: files[name] for name in files if name.endswith(suffix) and name[0] != "."}


def _order(name: str) -> tuple[int, str]:
    number = name.partition("_")[0]
    return (int(number) if number.isdecimal() else 0, name)


def _read_root(root: Any, path: Path) -> Iterator[PolicyFiles]:
    pages = _named(root / "sanitized_policies", ".html")
    tables = _named(root / "annotations", ".csv")
    if not pages:
        raise DataError(f"{path}: sanitized_policies has no .html file; {_HELP}")
    for name in sorted(pages.keys() | tables.keys(), key=_order):
        if name not in pages:
            raise DataError(f"{tables[name]}: sanitized_policies has no {name}.html that belongs to it")
        segments = tuple(_text(pages[name]).split("|||"))
        practices = tuple(_practices(tables[name], len(segments))) if name in tables else ()
        yield PolicyFiles(name, segments, practices)


def _text(file: Any) -> str:
    try:
        # Read as bytes: offsets count every character, so line ends must not be converted.
        return str(file.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        raise DataError(f"{file}: not UTF-8; use the original file of the corpus") from None


def _practices(file: Any, segments: int) -> Iterator[Practice]:
    rows = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    annotators: set[str] = set()
    while True:
        try:
            row = next(rows)
            practice = _practice(row, segments) if row else None
        except StopIteration:
            return
        except (csv.Error, ValueError) as error:
            raise DataError(f"{file}, line {rows.line_num}: {error}") from None
        if practice is None:
            continue
        annotators.add(practice.annotator)
        if len(annotators) > _MAX_ANNOTATORS:
            raise DataError(
                f"{file}, line {rows.line_num}: {practice.annotator!r} is the fourth annotator of this policy, "
                f"and votes are counted out of {_MAX_ANNOTATORS}"
            )
        yield practice


def _practice(row: list[str], segments: int) -> Practice:
    """Check one row; the caller adds file and line to a ValueError."""
    if len(row) != _COLUMNS:
        raise ValueError(f"expected {_COLUMNS} columns, found {len(row)}")
    annotator, number, category = row[2].strip(), row[4].strip(), row[5].strip()
    if not annotator:
        raise ValueError("the annotator id (column 3) is empty")
    if not (number.isascii() and number.isdecimal()):
        raise ValueError(f"the segment (column 5) must be an integer from 0, found {number!r}")
    if int(number) >= segments:
        raise ValueError(f"there is no segment {int(number)}: the policy has {segments}, counted from 0")
    try:
        attributes = json.loads(row[6])
    except json.JSONDecodeError as error:
        raise ValueError(f"the attributes (column 7) are not JSON ({error.msg})") from None
    if not isinstance(attributes, dict):
        raise ValueError("the attributes (column 7) must be a JSON object")
    found = {name: _span(name, value) for name, value in attributes.items()}
    spans = tuple(span for span in found.values() if span is not None)
    label = _label(category, attributes)
    values = tuple(
        (value, span) for name, span in found.items() if (value := _value(name, attributes[name], label)) is not None
    )
    return Practice(annotator, int(number), label, spans, values)


def _value(name: str, attribute: dict[str, Any], label: str | None) -> Value | None:
    """The value of one attribute in the project's words, or None if it says nothing that the project knows."""
    known = BY_NAME.get(_ATTRIBUTE_NAMES.get(name, ""))
    if known is None or label not in known.categories:
        return None
    return _VALUES.get((known.name, str(attribute.get("value")).casefold()))


def _label(category: str, attributes: dict[str, Any]) -> str | None:
    if category in _CATEGORIES:
        return category
    if category != "Other":
        raise ValueError(f"unknown category {category!r}")
    if "Other Type" not in attributes:
        raise ValueError("the category Other has no attribute 'Other Type'")
    value = attributes["Other Type"].get("value")
    if not isinstance(value, str) or value not in _OTHER_TYPES:
        raise ValueError(f"unknown Other Type {value!r}")
    return _OTHER_TYPES[value]


def _span(name: str, value: Any) -> Span | None:
    """The span of one attribute, or None if the annotator selected no text (the offsets are then -1 or 0)."""
    if not isinstance(value, dict):
        raise ValueError(f"the attribute {name!r} must be a JSON object, found {value!r}")
    start, end, text = value.get("startIndexInSegment"), value.get("endIndexInSegment"), value.get("selectedText")
    for offset in (start, end):
        if offset is not None and (not isinstance(offset, int) or isinstance(offset, bool)):
            raise ValueError(f"an offset of the attribute {name!r} must be an integer, found {offset!r}")
    if text is not None and not isinstance(text, str):
        raise ValueError(f"the selected text of the attribute {name!r} must be a string, found {text!r}")
    start, end, text = start or 0, end or 0, text or ""
    if end <= 0 and text.strip() in _NO_TEXT:
        return None
    return Span(start, end, text)

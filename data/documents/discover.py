"""The files that inputs (files, folders and glob patterns) stand for, and how many documents they have."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath

from clausetag.data.documents.archives import open_stream, zip_members
from clausetag.data.documents.formats import (
    HEAD,
    JSONL_SUFFIXES,
    LIMITS,
    PARQUET_SUFFIX,
    SUPPORTED,
    Limits,
    is_document,
    is_hidden,
    is_table,
    relative_name,
    suffix_of,
)
from clausetag.data.documents.sniff import looks_like_document
from clausetag.data.errors import DocumentError, is_machine_error, one_line
from clausetag.data.records import FailedInput

_CHUNK = 1 << 20
_NAMED_KINDS = 8
"""Kinds of files that the line on files passed over names."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that is to be read: a document, an archive or a table."""

    path: Path
    """As given, or the given folder with the path below it."""
    name: str
    """The part of the path that identifies it: its path within the given folder, otherwise the file's name."""
    exists: bool


@dataclass
class Search:
    """Which files of folders and archives are read, and a count of the others; shared by all inputs of a run."""

    every: bool = False
    """Read all files that are not hidden, by their content, and tables too."""
    seen: set[str] = field(default_factory=set)
    """The real paths of the files found so far."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """The number of files that were not read, by suffix."""

    def wants(self, name: str, head: Callable[[], bytes], *, tables: bool = True) -> bool:
        """Whether a file of a folder or archive is read or reported, by its path there, or else by its first bytes.

        Tables are only read with `every`, and not in archives (`tables`). Hidden files are not counted.
        """
        if any(map(is_hidden, PurePath(name).parts)):
            return False
        suffix = suffix_of(name)
        if is_table(name):
            wanted = self.every and tables
        else:
            wanted = self.every or is_document(name) or looks_like_document(suffix, head())
        if not wanted:
            self.passed_over[suffix or "without suffix"] += 1
        return wanted


def passed_over_line(counts: Mapping[str, int]) -> str:
    """How many files were passed over, in one line: "3 files passed over: 2 .css, 1 .js; …"."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{number:,} {kind}" for kind, number in ordered[:_NAMED_KINDS]]
    if others := sum(number for _, number in ordered[_NAMED_KINDS:]):
        named.append(f"{others:,} others")
    total = sum(counts.values())
    files, them = ("file", "it") if total == 1 else ("files", "them")
    return f"{total:,} {files} passed over: {', '.join(named)}; --all reads {them} by content"


def find_files(given: str, search: Search) -> Iterator[FoundFile | FailedInput]:
    """The files of one input in reading order; a folder is searched recursively, files before subfolders.

    Files that were found before are skipped.

    Raises:
        OSError: an error of the machine, such as too many open files; see `is_machine_error`.
    """
    path = Path(given)
    # os.path returns False for names that no file can have; pathlib raises.
    if os.path.isdir(given):
        found = _find_in_folder(path, search)
    elif not os.path.exists(given) and glob.has_magic(given):
        found = _find_matches(given, search)
    else:
        found = iter([FoundFile(path, path.name, os.path.exists(path))])
    for file in found:
        if isinstance(file, FoundFile) and file.exists:
            real = os.path.realpath(file.path)
            if real in search.seen:
                continue
            search.seen.add(real)
        yield file


def _find_matches(pattern: str, search: Search) -> Iterator[FoundFile | FailedInput]:
    matches = sorted(glob.glob(pattern, recursive=True))
    files = [Path(match) for match in matches if os.path.isfile(match)]
    for path in files:
        yield FoundFile(path, path.name, True)
    if not files:
        folders = [match for match in matches if os.path.isdir(match)]
        for folder in folders:
            yield from _find_in_folder(Path(folder), search)
        if not folders:
            yield FailedInput(pattern, "missing", f"{pattern}: no file matches this pattern")


def _find_in_folder(folder: Path, search: Search) -> Iterator[FoundFile | FailedInput]:
    unreadable: list[OSError] = []

    def note(error: OSError) -> None:
        if is_machine_error(error):
            raise error
        unreadable.append(error)

    empty = True
    for parent, names, files in os.walk(folder, onerror=note):
        names[:] = sorted(name for name in names if not is_hidden(name))
        for name in sorted(files):
            path = Path(parent, name)
            # A named pipe would block until something writes to it.
            if (path.is_file() or not path.exists()) and search.wants(name, partial(_head, path)):
                empty = False
                yield FoundFile(path, path.relative_to(folder).as_posix(), path.exists())
    for error in unreadable:
        name = relative_name(Path(error.filename))
        yield FailedInput(name, "unreadable", f"{error.filename}: {one_line(error)}; this folder is left out")
    if empty and not unreadable:
        message = f"{folder}: no document in this folder; supported are {SUPPORTED} (tables by name or glob)"
        yield FailedInput(str(folder), "empty", message)


def _head(path: Path) -> bytes:
    """The first bytes of a file; none if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        if is_machine_error(error):
            raise
        return b""


def count_documents(inputs: Sequence[str], limits: Limits = LIMITS, *, every: bool = False) -> int | None:
    """How many documents and failed inputs `read_inputs` will give; None if that takes long to find out.

    It is an estimate: blank lines of a table are counted too.
    """
    search = Search(every)
    total = 0
    try:
        for given in inputs:
            for file in [None] if given == "-" else find_files(given, search):
                number = _count(file.path, limits, search) if isinstance(file, FoundFile) and file.exists else 1
                if number is None:
                    return None
                total += number
    except (OSError, ValueError, DocumentError):
        return None
    return total


def _count(path: Path, limits: Limits, search: Search) -> int | None:
    name = path.name.lower()
    if suffix_of(name) == ".zip":
        return sum(1 for _ in zip_members(path, partial(search.wants, tables=False), limits))
    if not is_table(name):
        return 1
    if name.endswith(PARQUET_SUFFIX):
        return _count_parquet(path)
    # A row of a CSV can have several lines, and one of a .json too.
    if not name.endswith(JSONL_SUFFIXES) or path.stat().st_size > limits.counted_table:
        return None
    with open_stream(path, limits) as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(_CHUNK), b""))


def _count_parquet(path: Path) -> int | None:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        return None
    try:
        return int(parquet.read_metadata(path).num_rows)
    except ArrowException:
        return None

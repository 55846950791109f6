"""The files that inputs (files, folders and glob patterns) stand for, and how many documents they have."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clausetag.data.documents.archives import open_stream, zip_members
from clausetag.data.documents.formats import (
    CSV_SUFFIXES,
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
from clausetag.data.errors import DocumentError, is_machine_error, one_line
from clausetag.data.records import FailedInput

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that is to be read: a document, an archive or a table."""

    path: Path
    """As given, or the given folder with the path below it."""
    name: str
    """The part of the path that identifies it: its path within the given folder, otherwise the file's name."""
    exists: bool


def find_files(given: str, seen: set[str]) -> Iterator[FoundFile | FailedInput]:
    """The files of one input in reading order; a folder is searched recursively, files before subfolders.

    `seen` holds the real paths of the files found so far; those are skipped, and new ones are added.

    Raises:
        OSError: an error of the machine, such as too many open files; see `is_machine_error`.
    """
    path = Path(given)
    # os.path returns False for names that no file can have; pathlib raises.
    if os.path.isdir(given):
        found = _find_in_folder(path)
    elif not os.path.exists(given) and glob.has_magic(given):
        found = _find_matches(given)
    else:
        found = iter([FoundFile(path, path.name, os.path.exists(path))])
    for file in found:
        if isinstance(file, FoundFile) and file.exists:
            real = os.path.realpath(file.path)
            if real in seen:
                continue
            seen.add(real)
        yield file


def _find_matches(pattern: str) -> Iterator[FoundFile | FailedInput]:
    matches = sorted(glob.glob(pattern, recursive=True))
    files = [Path(match) for match in matches if os.path.isfile(match)]
    for path in files:
        yield FoundFile(path, path.name, True)
    if not files:
        folders = [match for match in matches if os.path.isdir(match)]
        for folder in folders:
            yield from _find_in_folder(Path(folder))
        if not folders:
            yield FailedInput(pattern, "missing", f"{pattern}: no file matches this pattern")


def _find_in_folder(folder: Path) -> Iterator[FoundFile | FailedInput]:
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
            if is_document(name) and (path.is_file() or not path.exists()):
                empty = False
                yield FoundFile(path, path.relative_to(folder).as_posix(), path.exists())
    for error in unreadable:
        name = relative_name(Path(error.filename))
        yield FailedInput(name, "unreadable", f"{error.filename}: {one_line(error)}; this folder is left out")
    if empty and not unreadable:
        message = f"{folder}: no document in this folder; supported are {SUPPORTED} (tables by name or glob)"
        yield FailedInput(str(folder), "empty", message)


def count_documents(inputs: Sequence[str], limits: Limits = LIMITS) -> int | None:
    """How many documents and failed inputs `read_inputs` will give; None if that takes long to find out.

    It is an estimate: blank lines of a table are counted too.
    """
    seen: set[str] = set()
    total = 0
    try:
        for given in inputs:
            for file in [None] if given == "-" else find_files(given, seen):
                number = _count(file.path, limits) if isinstance(file, FoundFile) and file.exists else 1
                if number is None:
                    return None
                total += number
    except (OSError, ValueError, DocumentError):
        return None
    return total


def _count(path: Path, limits: Limits) -> int | None:
    name = path.name.lower()
    if suffix_of(name) == ".zip":
        return sum(1 for _ in zip_members(path, is_document, limits))
    if not is_table(name):
        return 1
    if name.endswith(PARQUET_SUFFIX):
        return _count_parquet(path)
    # A row of a CSV can have several lines.
    if name.endswith(CSV_SUFFIXES) or path.stat().st_size > limits.counted_table:
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

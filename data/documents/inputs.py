"""From files, folders, globs, archives, tables and standard input to `Document`s; what fails becomes a `FailedInput`.

A policy's id is its path relative to the folder that was given (a file's is its name), without the suffix; in an
archive it is the archive's id and the path inside; in a table its column `id`. Where an id is taken already, the path
as given is used, then the path with its suffix, then a number is added; a table's rows must have ids that differ.

One document is in memory at a time; of those before it only the ids are.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import BinaryIO

from clausetag.data.documents.archives import Member, zip_members
from clausetag.data.documents.sniff import (
    ARCHIVE_SUFFIXES,
    DOCUMENT_SUFFIXES,
    MAX_DOCUMENT_BYTES,
    SUPPORTED,
    UNSUPPORTED_SUFFIXES,
    document_from_bytes,
    extract_html,
    extract_text,
    looks_like_html,
    refuse_suffix,
    require_text,
    stem,
)
from clausetag.data.documents.tables import PolicyRow, is_table, row_word, table_rows
from clausetag.data.errors import DocumentError, is_machine_error, one_line
from clausetag.data.records import Document, FailedInput
from clausetag.data.text import SURROGATE

__all__ = [
    "extract_html",
    "extract_text",
    "looks_like_html",
    "read_inputs",
    "require_text",
]


def read_inputs(inputs: Sequence[str], stdin: BinaryIO) -> Iterator[Document | FailedInput]:
    """All documents of the inputs in order, each read when it is asked for; never raises for a bad input.

    Raises, while it is read:
        OSError: the machine's fault, such as a full disk or too many open files; every further input would fail.

    An input is a document (text, Markdown, HTML, PDF, Word), a folder of documents and .zip archives (read recursively,
    in sorted order), a glob pattern, a .zip of documents, a table of policies (.jsonl and .csv, also with .gz and .zst,
    and .parquet), or "-" for `stdin`, which holds one document. A file that is reached twice is read once.
    """
    return Reader(stdin).read(inputs)


@dataclass
class Reader:
    stdin: BinaryIO
    ids: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)

    def read(self, inputs: Iterable[str]) -> Iterator[Document | FailedInput]:
        for given in inputs:
            path = Path(given)
            # os.path answers False, where pathlib raises, for names that no file can have.
            if given == "-":
                yield self._stdin()
            elif os.path.isdir(given):
                yield from self._folder(path)
            elif not os.path.exists(given) and glob.has_magic(given):
                yield from self._glob(given)
            else:
                yield from self._file(path, path.name)

    def _stdin(self) -> Document | FailedInput:
        policy = self._free_id(["stdin"])
        return attempt(
            policy, "standard input", lambda: document_from_bytes(policy, self.stdin.read(MAX_DOCUMENT_BYTES + 1))
        )

    def _glob(self, pattern: str) -> Iterator[Document | FailedInput]:
        matches = sorted(glob.glob(pattern, recursive=True))
        files = [Path(match) for match in matches if os.path.isfile(match)]
        for path in files:
            yield from self._file(path, path.name)
        if not files:
            folders = [Path(match) for match in matches if os.path.isdir(match)]
            for path in folders:
                yield from self._folder(path)
            if not folders:
                yield FailedInput(pattern, "missing", f"{pattern}: no file matches this pattern")

    def _folder(self, folder: Path) -> Iterator[Document | FailedInput]:
        found = False
        closed: list[OSError] = []

        def leave_out(error: OSError) -> None:
            if is_machine_error(error):
                raise error
            closed.append(error)

        for parent, names, files in os.walk(folder, onerror=leave_out):
            names[:] = sorted(name for name in names if not _is_hidden(name))
            for name in sorted(files):
                path = Path(parent, name)
                # A named pipe would wait for a writer for ever.
                if is_document(name) and (path.is_file() or not path.exists()):
                    found = True
                    yield from self._file(path, path.relative_to(folder).as_posix())
        for error in closed:
            found = True
            policy = relative_name(PurePath(error.filename))
            yield FailedInput(policy, "unreadable", f"{error.filename}: {one_line(error)}; this folder is left out")
        if not found:
            message = f"{folder}: no document in this folder; supported are {SUPPORTED} (tables by name or glob)"
            yield FailedInput(str(folder), "empty", message)

    def _file(self, path: Path, name: str) -> Iterator[Document | FailedInput]:
        """The document or documents of one file; `name` is the part of its path that identifies it."""
        exists = os.path.exists(path)
        if exists:
            real = os.path.realpath(path)
            if real in self.paths:
                return
            self.paths.add(real)
        suffix = path.suffix.lower()
        if is_table(path.name):
            yield from _ending_in_error(relative_name(path), path, self._table(path))
        elif suffix == ".zip":
            yield from _ending_in_error(relative_name(path), path, self._archive(path, stem(name)))
        else:
            policy = self._free_id([stem(name), stem(relative_name(path)), relative_name(path)])

            def document() -> Document:
                if exists:
                    refuse_suffix(suffix)
                with path.open("rb") as file:
                    return document_from_bytes(policy, file.read(MAX_DOCUMENT_BYTES + 1), suffix)

            yield attempt(policy, str(path), document)

    def _archive(self, path: Path, prefix: str) -> Iterator[Document | FailedInput]:
        found = False
        for member in zip_members(path, is_document):
            found = True
            yield self._member(path, prefix, member)
        if not found:
            message = f"no document in this archive; supported are {SUPPORTED} (tables only outside of archives)"
            raise DocumentError("empty", message)

    def _member(self, path: Path, prefix: str, member: Member) -> Document | FailedInput:
        suffix = PurePath(member.name).suffix.lower()
        policy = self._free_id([f"{prefix}/{stem(member.name)}", f"{prefix}/{member.name}"])

        def document() -> Document:
            if suffix in ARCHIVE_SUFFIXES:
                raise DocumentError("unsupported", "an archive within an archive is not read; unpack the outer one")
            refuse_suffix(suffix)
            return document_from_bytes(policy, member.read(), suffix)

        return attempt(policy, f"{path}, {member.name}", document)

    def _table(self, path: Path) -> Iterator[Document | FailedInput]:
        read = 0
        for number, row in table_rows(path):
            read += 1
            yield self.read_row(f"{path}, {row_word(path.name)} {number}", f"{relative_name(path)}:{number}", row)
        if not read:
            raise DocumentError("empty", "there is no policy in it")

    def read_row(self, place: str, fallback: str, row: PolicyRow | DocumentError) -> Document | FailedInput:
        if isinstance(row, PolicyRow) and SURROGATE.sub("\ufffd", row.id) in self.ids:
            row = DocumentError("bad_row", f"the id {row.id!r} is taken already; ids must differ")
        if isinstance(row, DocumentError):
            return FailedInput(fallback, row.code, f"{place}: {row}")
        policy, found = self._free_id([row.id]), row
        return attempt(
            policy,
            place,
            lambda: require_text((extract_html if found.is_html else extract_text)(policy, found.content)),
        )

    def _free_id(self, wishes: list[str]) -> str:
        """The first of the wishes that no other policy has, else the last with a number; it is taken from now on."""
        wishes = [SURROGATE.sub("\ufffd", wish) for wish in wishes]
        policy = next((wish for wish in wishes if wish not in self.ids), "")
        number = 1
        while not policy or policy in self.ids:
            number += 1
            policy = f"{wishes[-1]}-{number}"
        self.ids.add(policy)
        return policy


def attempt(policy: str, place: str, document: Callable[[], Document]) -> Document | FailedInput:
    """One document, or why there is none."""
    try:
        return document()
    except Exception as error:
        return failure(policy, place, error)


def _ending_in_error(
    policy: str, path: Path, documents: Iterator[Document | FailedInput]
) -> Iterator[Document | FailedInput]:
    """The documents of a file; an error that keeps the rest from being read comes after them."""
    try:
        yield from documents
    except Exception as error:
        yield failure(policy, str(path), error)


def failure(policy: str, place: str, error: Exception) -> FailedInput:
    """Why there is no document; the machine's faults are raised again."""
    if is_machine_error(error):
        raise error
    if isinstance(error, DocumentError):
        return FailedInput(policy, error.code, f"{place}: {error}")
    if isinstance(error, FileNotFoundError):
        return FailedInput(policy, "missing", f"{place}: no such file")
    if isinstance(error, OSError) or "null byte" in str(error):  # a NUL in the name
        return FailedInput(policy, "unreadable", f"{place}: {one_line(error)}")
    # The last resort: whatever a parser does on a page that nobody has seen, the other documents are read.
    return FailedInput(policy, "failed", f"{place}: could not be read ({type(error).__name__}: {one_line(error)})")


def is_document(name: str) -> bool:
    """Whether a file in a folder or an archive, by its path there, is read or reported; others are passed over."""
    if any(map(_is_hidden, PurePath(name).parts)) or is_table(name):
        return False
    return PurePath(name).suffix.lower() in (*DOCUMENT_SUFFIXES, *UNSUPPORTED_SUFFIXES)


def _is_hidden(part: str) -> bool:
    return part.startswith(".") or part == "__MACOSX"  # what macOS adds to an archive


def relative_name(path: PurePath) -> str:
    """A path as given, without the parts that lead out of the folder: "../a/b.txt" and "/a/b.txt" are "a/b.txt"."""
    return "/".join(part for part in path.parts if part not in ("..", path.anchor)) or "."

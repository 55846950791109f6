"""Files, folders, glob patterns, archives, tables and standard input to `Document`s, or to `FailedInput`s.

A document's id is its path relative to the given folder (a file's is its name), without the suffix; in an archive it is
the archive's id and the path inside; in a table it is the column `id`. If that id is taken, the path as given is used,
then the path with its suffix, then a number is added. A repeated id of a table gets a number too, and a note says so.

One document is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from clausetag.data.documents.archives import Member, zip_members
from clausetag.data.documents.discover import FoundFile, Search, find_files
from clausetag.data.documents.formats import (
    ARCHIVE_SUFFIXES,
    LIMITS,
    SUPPORTED,
    Limits,
    is_table,
    refuse_suffix,
    relative_name,
    stem,
    suffix_of,
)
from clausetag.data.documents.rows import COLUMNS, Columns, PolicyRow
from clausetag.data.documents.sniff import read_document as read_here
from clausetag.data.documents.tables import row_word, table_rows
from clausetag.data.errors import DocumentError, is_machine_error, one_line
from clausetag.data.records import Document, FailedInput
from clausetag.data.text import SURROGATE

ReadDocument = Callable[[str, bytes | str, str, Limits], Document]
"""A function like `sniff.read_document`."""


def read_inputs(inputs: Sequence[str], stdin: BinaryIO, limits: Limits = LIMITS) -> Iterator[Document | FailedInput]:
    """All documents of the inputs in order, each read when the iterator reaches it; a bad input never stops the rest.

    An input is a document (text, Markdown, HTML, PDF, Word), a folder of documents and .zip archives (read recursively,
    in sorted order), a glob pattern, a .zip of documents, a table of policies (.jsonl, .json, .csv and .tsv, also with
    .gz and .zst, and .parquet), or "-" for `stdin`, which holds one document. A file that is reached twice is read
    once.

    Raises:
        OSError: an error of the machine, such as a full disk or too many open files; further inputs would fail too.
    """
    return Reader(stdin, limits).read(inputs)


@dataclass
class Reader:
    """Reads inputs and gives their documents ids that differ."""

    stdin: BinaryIO
    limits: Limits = LIMITS
    columns: Columns = COLUMNS
    """The columns of tables."""
    search: Search = field(default_factory=Search)
    """Which files of folders are read."""
    read_document: ReadDocument = read_here
    """Reads the content of a document, perhaps in another process."""
    note: Callable[[str], None] = lambda _: None
    """Called with each line that the user should see: ids that were changed."""
    ids: set[str] = field(default_factory=set)
    """Ids given so far."""

    def read(self, inputs: Iterable[str]) -> Iterator[Document | FailedInput]:
        """See `read_inputs`."""
        for given in inputs:
            if given == "-":
                yield self._read_stdin()
                continue
            for file in find_files(given, self.search):
                if isinstance(file, FailedInput):
                    yield file
                else:
                    yield from self._read_file(file)

    def _read_stdin(self) -> Document | FailedInput:
        policy = self.free_id(["stdin"])
        return attempt(policy, "standard input", lambda: self._document(policy, self.stdin, ""))

    def _document(self, policy: str, file: BinaryIO, suffix: str) -> Document:
        return self.read_document(policy, file.read(self.limits.document + 1), suffix, self.limits)

    def _read_file(self, file: FoundFile) -> Iterator[Document | FailedInput]:
        path, suffix, relative = file.path, suffix_of(file.path.name), relative_name(file.path)
        if is_table(path.name):
            yield from _ending_in_error(relative, path, self._read_table(path))
        elif suffix == ".zip":
            yield from _ending_in_error(relative, path, self._read_archive(path, stem(file.name)))
        else:
            policy = self.free_id([stem(file.name), stem(relative), relative])

            def document() -> Document:
                if file.exists:
                    refuse_suffix(suffix)
                with path.open("rb") as stream:
                    return self._document(policy, stream, suffix)

            yield attempt(policy, str(path), document)

    def _read_archive(self, path: Path, prefix: str) -> Iterator[Document | FailedInput]:
        empty = True
        for member in zip_members(path, partial(self.search.wants, tables=False), self.limits):
            empty = False
            yield self._read_member(path, prefix, member)
        if empty:
            message = f"no document in this archive; supported are {SUPPORTED} (tables only outside of archives)"
            raise DocumentError("empty", message)

    def _read_member(self, path: Path, prefix: str, member: Member) -> Document | FailedInput:
        suffix = suffix_of(member.name)
        policy = self.free_id([f"{prefix}/{stem(member.name)}", f"{prefix}/{member.name}"])

        def document() -> Document:
            if suffix in ARCHIVE_SUFFIXES:
                raise DocumentError("unsupported", "an archive within an archive is not read; unpack the outer one")
            refuse_suffix(suffix)
            return self.read_document(policy, member.read(), suffix, self.limits)

        return attempt(policy, f"{path}, {member.name}", document)

    def _read_table(self, path: Path) -> Iterator[Document | FailedInput]:
        empty = True
        for number, row in table_rows(path, self.limits, self.columns):
            empty = False
            yield self.read_row(f"{path}, {row_word(path.name)} {number}", f"{relative_name(path)}:{number}", row)
        if empty:
            raise DocumentError("empty", "there is no policy in it")

    def read_row(self, place: str, fallback: str, row: PolicyRow | DocumentError) -> Document | FailedInput:
        """The document of a table's row; `place` is for messages, `fallback` the id of a row that has none."""
        if isinstance(row, DocumentError):
            return FailedInput(fallback, row.code, f"{place}: {row}")
        policy, content, kind = self.row_id(place, row), row.content, "html" if row.is_html else "text"
        return attempt(policy, place, lambda: self.read_document(policy, content, kind, self.limits))

    def row_id(self, place: str, row: PolicyRow) -> str:
        """The id of a row, with a number if another document has it; a note says so."""
        policy = self.free_id([row.id])
        if policy != SURROGATE.sub("\ufffd", row.id):
            self.note(f"{place}: the id {row.id!r} is taken already; this policy is {policy!r}")
        return policy

    def free_id(self, wishes: list[str]) -> str:
        """The first of the wishes that no other document has, otherwise the last one with a number; marks it taken."""
        wishes = [SURROGATE.sub("\ufffd", wish) for wish in wishes]
        policy = next((wish for wish in wishes if wish not in self.ids), "")
        number = 1
        while not policy or policy in self.ids:
            number += 1
            policy = f"{wishes[-1]}-{number}"
        self.ids.add(policy)
        return policy


def attempt(policy: str, place: str, document: Callable[[], Document]) -> Document | FailedInput:
    """The document that the function returns, or why there is none; `place` is for messages."""
    try:
        return document()
    except Exception as error:
        return failure(policy, place, error)


def _ending_in_error(
    policy: str, path: Path, documents: Iterator[Document | FailedInput]
) -> Iterator[Document | FailedInput]:
    """The documents of a file, and at the end the error that prevented reading the rest."""
    try:
        yield from documents
    except Exception as error:
        yield failure(policy, str(path), error)


def failure(policy: str, place: str, error: Exception) -> FailedInput:
    """An error as the reason why there is no document; an error of the machine is raised again."""
    if is_machine_error(error):
        raise error
    if isinstance(error, DocumentError):
        return FailedInput(policy, error.code, f"{place}: {error}")
    if isinstance(error, FileNotFoundError):
        return FailedInput(policy, "missing", f"{place}: no such file")
    if isinstance(error, OSError) or "null byte" in str(error):  # a NUL in the name
        return FailedInput(policy, "unreadable", f"{place}: {one_line(error)}")
    # Whatever a parser raises on an unusual page, the other documents are still read.
    return FailedInput(policy, "failed", f"{place}: could not be read ({type(error).__name__}: {one_line(error)})")

"""Divide inputs into parts of up to 128 policies, which many machines tag, each part on its own.

Ids must differ over all inputs, so one process reads them in order and gives the ids, as the local engine does. Reading
costs little beside tagging; extracting documents is left to those that tag.

Object stores are reached by fsspec, through Apache Arrow for those that Arrow knows (s3, gs, abfs, hdfs).
"""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import groupby, islice
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from clausetag.data.documents.discover import Search, find_files
from clausetag.data.documents.formats import (
    HEAD,
    LIMITS,
    SUPPORTED,
    folder_order,
    is_hidden,
    is_table,
    refuse_suffix,
    relative_name,
    stem,
    suffix_of,
)
from clausetag.data.documents.inputs import ReadDocument, Reader, attempt, failure
from clausetag.data.documents.rows import COLUMNS, Columns, PolicyRow
from clausetag.data.documents.tables import row_word, table_rows
from clausetag.data.errors import DataError, DocumentError
from clausetag.data.records import FailedInput
from clausetag.predict.pipeline import Source

PART_POLICIES = 128
"""Policies of a part at most. Its sentences are one file of some 20,000 rows."""
_PART_BYTES = 8_000_000
"""A part with so many bytes or characters is full. Parts travel through memory that the workers share."""
_READERS = 16
"""Files that are read at once, since object stores take long to answer."""


def is_uri(path: str) -> bool:
    """Whether a path is in an object store."""
    return "://" in path


def open_store(given: str) -> tuple[Any, str]:
    """The `fsspec.AbstractFileSystem` of a path or URI, and the absolute path in it. Both can be pickled.

    Raises:
        DataError: no such object store is known, or it cannot be reached.
    """
    from fsspec.core import url_to_fs
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow import ArrowInvalid, fs

    try:
        if not is_uri(given):
            return url_to_fs(os.path.abspath(given))[0], os.path.abspath(given)
        try:
            filesystem, path = fs.FileSystem.from_uri(given)
        except ArrowInvalid:  # Arrow knows no such scheme
            filesystem, path = url_to_fs(given)
            return filesystem, path.rstrip("/")
        return ArrowFSWrapper(filesystem), path.rstrip("/")
    except Exception as error:  # each client has exceptions of its own
        raise DataError(f"{given}: cannot be reached ({error_text(error)})") from None


def error_text(error: BaseException) -> str:
    """What an exception says, in one line."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else " ".join(str(error).split())[:200] or type(error).__name__


@dataclass(frozen=True, slots=True)
class Item:
    """A policy that has been read, but not extracted: the bytes of a file, or a row of a table."""

    policy: str
    shown: str
    """Where it comes from, for messages."""
    content: bytes | PolicyRow
    suffix: str = ""
    note: str = ""
    """A line that the user should see."""

    def extract(self, read: ReadDocument) -> Source:
        """The document that `read` makes of the content, or why there is none."""
        content = self.content
        if isinstance(content, PolicyRow):
            return Reader(io.BytesIO(), read_document=read).read_row(self.shown, "", content)
        return attempt(self.policy, self.shown, lambda: read(self.policy, content, self.suffix, LIMITS))


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive policies. Parts in the order of their names are the inputs in their order."""

    number: int
    items: tuple[Item | FailedInput, ...]
    last: bool

    @property
    def name(self) -> str:
        """Of its files."""
        return part_name(self.number)

    @property
    def digest(self) -> str:
        """Of all that is in it."""
        digest = sha256(str(self.last).encode())
        for item in self.items:
            if isinstance(item, FailedInput):
                described, content = repr(item), b""
            elif isinstance(item.content, bytes):
                described, content = repr((item.policy, item.shown, item.suffix)), item.content
            else:
                described = repr((item.policy, item.shown, item.content.is_html))
                content = item.content.content.encode("utf-8", "surrogatepass")
            digest.update(f"{described} {len(content)}".encode("utf-8", "surrogatepass"))
            digest.update(content)
        return digest.hexdigest()


def part_name(number: int) -> str:
    """Of the files of a part."""
    return f"part-{number:06}.parquet"


@dataclass(frozen=True, slots=True)
class File:
    """A document or a table that was found, or of which there is none."""

    store: Any
    path: str
    """In the store; absolute."""
    shown: str
    """As in messages."""
    name: str
    """The part of the path that identifies it."""
    relative: str
    """The path as an id."""

    @property
    def is_table(self) -> bool:
        """Whether it has a row for each policy."""
        return is_table(self.path)

    @property
    def ids(self) -> list[str]:
        """The ids that its policy may have, best first."""
        return [stem(self.name), stem(self.relative), self.relative]

    def read(self, policy: str) -> Item | FailedInput:
        """A document's bytes, or why they cannot be read."""
        suffix = suffix_of(self.shown)
        try:
            with self.store.open(self.path, "rb") as file:
                refuse_suffix(suffix)
                return Item(policy, self.shown, file.read(LIMITS.document + 1), suffix)
        except Exception as error:
            return failure(policy, self.shown, error)

    @contextmanager
    def local(self) -> Iterator[Path]:
        """The file itself or, from an object store, a copy that is removed afterwards."""
        if getattr(self.store, "local_file", False):
            yield Path(self.path)
            return
        with TemporaryDirectory(prefix="clausetag-") as folder:
            path = Path(folder, PurePosixPath(self.path).name)
            self.store.get_file(self.path, str(path))
            yield path


Found = File | FailedInput


def find(inputs: Sequence[str], search: Search) -> list[Found]:
    """The files of all inputs in order, on drives and in object stores.

    Raises:
        DataError: a .zip is among them, or an object store cannot be listed.
    """
    drive, _ = open_store("")
    found: list[Found] = []
    for given in inputs:
        if is_uri(given):
            found += _find_in_store(given, search)
            continue
        for file in find_files(given, search):
            if isinstance(file, FailedInput):
                found.append(file)
            else:
                path = str(file.path)
                found.append(File(drive, os.path.abspath(path), path, file.name, relative_name(file.path)))
    for entry in found:
        if isinstance(entry, File) and suffix_of(entry.name) == ".zip":
            raise DataError(f"{entry.shown}: --engine ray does not read archives; unpack it, or leave --engine ray out")
    return found


def _find_in_store(given: str, search: Search) -> Iterator[Found]:
    store, root = open_store(given)
    scheme = given.partition("://")[0]
    try:
        names = {root: PurePosixPath(root).name}
        if store.isdir(root):
            below = {path.removeprefix(root).lstrip("/"): path for path in store.find(root)}
            wanted = [name for name in below if search.wants(name, partial(_head, store, below[name]))]
            names = {below[name]: name for name in sorted(wanted, key=folder_order)}
            if not names:
                message = f"{given}: no document in this folder; supported are {SUPPORTED} (tables by name or glob)"
                yield FailedInput(given, "empty", message)
        elif glob.has_magic(root) and not store.exists(root):
            # As in a shell, "*" does not match hidden names.
            matches: list[str] = [path for path in sorted(store.glob(root)) if _hidden(path) <= _hidden(root)]
            names = {path: PurePosixPath(path).name for path in matches}
            if not names:
                yield FailedInput(given, "missing", f"{given}: no file matches this pattern")
    except OSError as error:
        raise DataError(f"{given}: cannot be listed ({error_text(error)})") from None
    for path, name in names.items():
        if (shown := f"{scheme}://{path}") not in search.seen:
            search.seen.add(shown)
            yield File(store, path, shown, name, path.lstrip("/"))


def _head(store: Any, path: str) -> bytes:
    """The first bytes of a file; none if it cannot be read."""
    try:
        return bytes(store.head(path, HEAD))
    except OSError:
        return b""


def read_parts(found: Sequence[Found], size: int = PART_POLICIES, columns: Columns = COLUMNS) -> Iterator[Part]:
    """Read the files in order, give each policy its id, and divide the policies into parts.

    Raises:
        OSError: the machine's fault, such as too many open files.
    """
    number = 0
    items: list[Item | FailedInput] = []
    bytes_read = 0
    for item in _items(found, columns):
        if len(items) >= size or bytes_read >= _PART_BYTES:
            yield Part(number, tuple(items), last=False)
            number, items, bytes_read = number + 1, [], 0
        items.append(item)
        if isinstance(item, Item):
            bytes_read += len(item.content.content if isinstance(item.content, PolicyRow) else item.content)
    yield Part(number, tuple(items), last=True)


def _items(found: Sequence[Found], columns: Columns) -> Iterator[Item | FailedInput]:
    notes: list[str] = []
    reader = Reader(io.BytesIO(), columns=columns, note=notes.append)
    with ThreadPoolExecutor(_READERS) as pool:
        for is_document_file, group in groupby(found, lambda entry: isinstance(entry, File) and not entry.is_table):
            if is_document_file:
                while files := [file for file in islice(group, _READERS) if isinstance(file, File)]:
                    yield from pool.map(File.read, files, [reader.free_id(file.ids) for file in files])
                continue
            for entry in group:
                yield from _rows(entry, reader, notes) if isinstance(entry, File) else [entry]


def _rows(table: File, reader: Reader, notes: list[str]) -> Iterator[Item | FailedInput]:
    """The policies of a table; an error that keeps the rest from being read comes after them."""
    number = 0
    try:
        with table.local() as path:
            for number, row in table_rows(path, columns=reader.columns):
                shown = f"{table.shown}, {row_word(path.name)} {number}"
                if isinstance(row, PolicyRow):
                    policy = reader.row_id(shown, row)
                    yield Item(policy, shown, replace(row, id=policy), note=notes.pop() if notes else "")
                else:
                    yield FailedInput(f"{table.relative}:{number}", row.code, f"{shown}: {row}")
        if not number:
            raise DocumentError("empty", "there is no policy in it")
    except Exception as error:
        yield failure(table.relative, table.shown, error)


def _hidden(path: str) -> set[str]:
    return {part for part in path.split("/") if is_hidden(part)}

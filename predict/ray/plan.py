"""What a run on many machines has to read: found and named on one machine, read in parts on all of them.

Ids must differ over all inputs, and they are given in the order of the inputs; so they are given before anything is
tagged. Of documents that takes their names alone; tables are read for their ids first, on all machines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from clausetag.data.documents.discover import find_files
from clausetag.data.documents.formats import LIMITS, SUPPORTED, is_table, refuse_suffix, relative_name, stem
from clausetag.data.documents.inputs import Reader, attempt, failure
from clausetag.data.documents.sniff import document_from_bytes
from clausetag.data.documents.tables import PolicyRow, row_word, table_rows
from clausetag.data.errors import DataError, DocumentError
from clausetag.data.records import Document, FailedInput
from clausetag.data.text import SURROGATE
from clausetag.predict.pipeline import Source
from clausetag.predict.ray.storage import Place, find, is_uri

PART_DOCUMENTS = 128
"""Documents of a part, which one worker tags at a time and whose rows are one file, of some 10,000 rows."""
_PART_CHARACTERS = 8_000_000
"""At which a part of a table ends earlier: it travels through the memory that workers share."""


@dataclass(frozen=True, slots=True)
class FileItem:
    """A document in a file."""

    policy: str
    place: Place
    shown: str
    """The path as given, for messages."""

    def read(self) -> Source:
        """The document, or why there is none."""

        def document() -> Document:
            with self.place.open() as file:
                return document_from_bytes(self.policy, file.read(LIMITS.document + 1), _suffix(self.shown))

        return attempt(self.policy, self.shown, document)


@dataclass(frozen=True, slots=True)
class RowItem:
    """A document in a row of a table."""

    shown: str
    row: PolicyRow

    @property
    def policy(self) -> str:
        """The id."""
        return _clean(self.row.id)

    def read(self) -> Source:
        """The document, or why there is none."""
        return Reader(BytesIO()).read_row(self.shown, "", self.row)


Item = FileItem | RowItem | FailedInput


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive documents. Parts in the order of their names are the inputs in their order."""

    unit: int
    number: int
    """In the unit."""
    last: bool
    """Of the unit."""
    items: tuple[Item, ...]

    @property
    def name(self) -> str:
        """Of its files."""
        return f"part-{self.unit:06}-{self.number:06}.parquet"


@dataclass(frozen=True, slots=True)
class Table:
    """A file with a row for each policy."""

    place: Place
    shown: str
    relative: str
    """The path as an id."""
    doubles: frozenset[int] = frozenset()
    """Numbers of the rows whose id is taken already."""

    def ids(self) -> list[tuple[int, str]]:
        """(number, id) of the rows that are policies. What keeps others from being read is said by `items`."""
        found: list[tuple[int, str]] = []
        with suppress(Exception), self.place.local_copy() as path:
            found.extend((number, row.id) for number, row in table_rows(path) if isinstance(row, PolicyRow))
        return found

    def items(self) -> Iterator[Item]:
        """The rows in order; an error that keeps the rest from being read comes after them."""
        read = 0
        try:
            with self.place.local_copy() as path:
                for number, row in table_rows(path):
                    read += 1
                    shown = f"{self.shown}, {row_word(path.name)} {number}"
                    if isinstance(row, PolicyRow) and number in self.doubles:
                        row = DocumentError("bad_row", f"the id {row.id!r} is taken already; ids must differ")
                    if isinstance(row, PolicyRow):
                        yield RowItem(shown, row)
                    else:
                        yield FailedInput(f"{self.relative}:{number}", row.code, f"{shown}: {row}")
            if not read:
                raise DocumentError("empty", "there is no policy in it")
        except Exception as error:
            yield failure(self.relative, self.shown, error)


@dataclass(frozen=True, slots=True)
class Unit:
    """What one machine reads in one go: a table, or documents enough for a part."""

    number: int
    content: Table | tuple[Item, ...]
    size: int
    """Documents in a part."""

    def parts(self) -> Iterator[Part]:
        """Its parts in order."""
        if not isinstance(self.content, Table):
            yield Part(self.number, 0, True, self.content)
            return
        number = 0
        items: list[Item] = []
        characters = 0
        for item in self.content.items():
            # Not before there is a further item, as the last part has to know that it is the last.
            if len(items) >= self.size or characters >= _PART_CHARACTERS:
                yield Part(self.number, number, False, tuple(items))
                number, items, characters = number + 1, [], 0
            items.append(item)
            characters += len(item.row.content) if isinstance(item, RowItem) else 0
        yield Part(self.number, number, True, tuple(items))


@dataclass(frozen=True, slots=True)
class _File:
    """A document of which the id is not given yet."""

    place: Place
    shown: str
    wishes: list[str]
    exists: bool


Listed = _File | Table | FailedInput


@dataclass
class _Listing:
    """The files of all inputs."""

    found: list[Listed] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def list(self, inputs: Sequence[str]) -> list[Listed]:
        for given in inputs:
            if is_uri(given):
                self._remote(given)
                continue
            for file in find_files(given, self.paths):
                if isinstance(file, FailedInput):
                    self.found.append(file)
                else:
                    place = Place(os.path.abspath(file.path))
                    self._note(place, str(file.path), file.name, relative_name(file.path), file.exists)
        return self.found

    def _remote(self, given: str) -> None:
        place = Place.of(given)
        files = find(place)
        if files is None:
            self._note(place, str(place), place.name, place.path.lstrip("/"), False)
        elif not files and "*" in place.path:
            self.found.append(FailedInput(given, "missing", f"{given}: no file matches this pattern"))
        elif not files:
            message = f"{given}: no document in this folder; supported are {SUPPORTED} (tables by name or glob)"
            self.found.append(FailedInput(given, "empty", message))
        for file, name in files or ():
            if str(file) not in self.paths:
                self.paths.add(str(file))
                self._note(file, str(file), name, file.path.lstrip("/"), True)

    def _note(self, place: Place, shown: str, name: str, relative: str, exists: bool) -> None:
        if is_table(name):
            self.found.append(Table(place, shown, relative))
        elif _suffix(name) == ".zip":
            raise DataError(f"{shown}: --engine ray reads no archives; unpack it, or leave --engine ray out")
        else:
            self.found.append(_File(place, shown, [stem(name), stem(relative), relative], exists))


def list_inputs(inputs: Sequence[str]) -> list[Listed]:
    """The documents and tables of all inputs in order, as `clausetag.data.documents.inputs.read_inputs` finds them.

    Raises:
        DataError: a .zip is among them, or an object store cannot be listed.
    """
    return _Listing().list(inputs)


def plan(listed: Sequence[Listed], ids: Mapping[Place, Sequence[tuple[int, str]]], size: int) -> list[Unit]:
    """Give every document its id and divide them; `ids` are those of the tables, `size` is a part's documents."""
    reader = Reader(BytesIO())
    units: list[Unit] = []
    items: list[Item] = []

    def close() -> None:
        if items:
            units.append(Unit(len(units), tuple(items), size))
            items.clear()

    for entry in listed:
        if isinstance(entry, Table):
            close()
            doubles = set()
            for number, name in ids[entry.place]:
                policy = _clean(name)
                if policy in reader.ids:
                    doubles.add(number)
                reader.ids.add(policy)
            table = Table(entry.place, entry.shown, entry.relative, frozenset(doubles))
            units.append(Unit(len(units), table, size))
            continue
        items.append(entry if isinstance(entry, FailedInput) else _named(entry, reader.free_id(entry.wishes)))
        if len(items) >= size:
            close()
    close()
    return units


def _named(file: _File, policy: str) -> Item:
    try:
        if file.exists:
            refuse_suffix(_suffix(file.shown))
    except DocumentError as error:
        return failure(policy, file.shown, error)
    return FileItem(policy, file.place, file.shown)


def _clean(name: str) -> str:
    return SURROGATE.sub("\ufffd", name)


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()

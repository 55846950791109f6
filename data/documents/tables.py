"""Policies as rows of a table, one at a time: .jsonl and .csv, also as .gz and .zst, and .parquet.

Each row has an `id`, and its `text` or its `html`. A bad row is a value, not an exception, so that the others are read.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from clausetag.data.documents.archives import FREE_TOTAL_BYTES, MAX_RATIO, open_stream
from clausetag.data.documents.decode import decode
from clausetag.data.documents.sniff import MAX_DOCUMENT_BYTES, too_large
from clausetag.data.errors import DocumentError, MissingExtraError, is_machine_error, one_line

_JSONL = (".jsonl", ".jsonl.gz", ".jsonl.zst")
_CSV = (".csv", ".csv.gz", ".csv.zst")
_PARQUET = ".parquet"
TABLE_SUFFIXES = (*_JSONL, *_CSV, _PARQUET)
_COLUMNS = ("id", "text", "html")
_NEEDED = "the columns id, and text or html"
_DELIMITERS = ",;\t"
"""Of a CSV, the usual one first; spreadsheets write the second where the comma is the decimal sign."""
_PARQUET_BATCH = 16
"""Rows at once: few, as a policy may have megabytes."""
_PARQUET_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One policy of a table."""

    id: str
    content: str
    is_html: bool


Rows = Iterator[tuple[int, PolicyRow | DocumentError]]


def is_table(name: str) -> bool:
    """Whether a file of this name is read as a table of policies."""
    return name.lower().endswith(TABLE_SUFFIXES)


def row_word(name: str) -> str:
    """What the numbers of `table_rows` count in a file of this name: lines, or rows in Parquet."""
    return "row" if name.lower().endswith(_PARQUET) else "line"


def table_rows(path: Path) -> Rows:
    """Yield (1-based number of the line or row, the policy or what is wrong with it); blank lines are skipped.

    Raises:
        DocumentError: the rest of the file cannot be read; codes "bad_row" (no such columns), "unreadable", "encoding",
            "unsupported" (Parquet without pyarrow), "too_large".
        OSError: the file cannot be opened or read.
    """
    name = path.name.lower()
    if name.endswith(_PARQUET):
        yield from _parquet_rows(path)
        return
    with open_stream(path) as stream:
        if stream.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DocumentError("encoding", "this table is in UTF-16; convert it to UTF-8")
        yield from _csv_rows(stream) if name.endswith(_CSV) else _jsonl_rows(stream)


def _policy_row(row: Mapping[str, Any]) -> PolicyRow:
    """Check one row, where None means absent.

    Raises:
        DocumentError: code "bad_row", or "binary" or "encoding" for bytes (which Parquet can hold) that are no text.
    """
    name = row.get("id")
    if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
        raise DocumentError("bad_row", f"'id' must be a string or an integer, found {_shown(name)}")
    given = [key for key in ("text", "html") if row.get(key) is not None]
    if len(given) != 1:
        raise DocumentError("bad_row", f"expected either 'text' or 'html', found {'both' if given else 'neither'}")
    content = row[given[0]]
    if isinstance(content, bytes):
        content = decode(content)
    if not isinstance(content, str):
        raise DocumentError("bad_row", f"{given[0]!r} must be a string, found {type(content).__name__}")
    if len(content) > MAX_DOCUMENT_BYTES:
        raise too_large(f"'{given[0]}'")
    return PolicyRow(str(name), content, given[0] == "html")


def _shown(value: Any) -> str:
    return repr(value) if value is None or isinstance(value, bool | float | str) else type(value).__name__


def _checked(row: Mapping[str, Any]) -> PolicyRow | DocumentError:
    try:
        return _policy_row(row)
    except DocumentError as error:
        return error


def _jsonl_rows(stream: IO[bytes]) -> Rows:
    number = 0
    while line := stream.readline(MAX_DOCUMENT_BYTES + 1):
        number += 1
        if len(line) > MAX_DOCUMENT_BYTES:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_DOCUMENT_BYTES)
            yield number, too_large("the line")
        elif line.strip():
            yield number, _json_row(line)


def _json_row(line: bytes) -> PolicyRow | DocumentError:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return DocumentError("bad_row", f"not JSON in UTF-8 ({getattr(error, 'msg', None) or 'bad bytes'})")
    if not isinstance(row, dict):
        return DocumentError("bad_row", f"expected a JSON object with id and text or html, found {type(row).__name__}")
    return _checked(row)


class _TextLines:
    """The lines of a CSV as text; a row may have several, but no more than a document's bytes together."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.row_bytes = 0

    def __iter__(self) -> _TextLines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(MAX_DOCUMENT_BYTES + 1)
        if not line:
            raise StopIteration
        self.row_bytes += len(line)
        if self.row_bytes > MAX_DOCUMENT_BYTES:
            # Where the next row begins is unknown, if a quotation mark is missing.
            raise DocumentError(
                "too_large", f"{too_large('a row')}, or a quotation mark is missing; the rest is not read"
            )
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            pass
        try:
            return decode(line)
        except DocumentError:
            return line.decode("utf-8", "replace")


def _csv_rows(stream: IO[bytes]) -> Rows:
    # The limit is the process's, and 131 kB by default.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_DOCUMENT_BYTES))
    lines = _TextLines(stream)
    first = next(lines, "").removeprefix("\ufeff")
    if not first:
        return
    delimiter, header = _csv_header(first)
    places = {column: header.index(column) for column in _COLUMNS if column in header}
    # Strict, as otherwise a quotation mark that is missing makes one policy of all that follow.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = 2 + reader.line_num
        lines.row_bytes = 0
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield number, DocumentError("bad_row", f"not CSV ({one_line(error)})")
            continue
        if cells is None:
            return
        if not cells:
            continue
        if len(cells) != len(header):
            yield number, DocumentError("bad_row", f"{len(cells)} cells, but the first line has {len(header)}")
            continue
        row: dict[str, str | None] = {column: cells[place] for column, place in places.items()}
        if "text" in row and "html" in row:
            # One of the two cells is empty in a table that has both columns.
            row = {column: value or None for column, value in row.items()}
        yield number, _checked(row)


def _csv_header(line: str) -> tuple[str, list[str]]:
    for delimiter in _DELIMITERS:
        try:
            header = [cell.strip().lower() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            continue
        if "id" in header and ("text" in header or "html" in header):
            return delimiter, header
    raise DocumentError("bad_row", f"the first line must name {_NEEDED}; found {line.strip()[:80]!r}")


def _parquet_rows(path: Path) -> Rows:
    try:
        # Imported late, as it is slow and an extra.
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DocumentError("unsupported", str(MissingExtraError("reading Parquet", "pyarrow"))) from None
    broken = (pyarrow.ArrowException, OSError, ValueError, NotImplementedError)
    number = 0
    with path.open("rb") as file:
        try:
            # Without buffers of its own it would read a row group's column as a whole.
            table = parquet.ParquetFile(file, buffer_size=_PARQUET_BUFFER, pre_buffer=False)
            columns = [name for name in _COLUMNS if name in table.schema_arrow.names]
            if "id" not in columns or len(columns) < 2:
                raise DocumentError("bad_row", f"it must have {_NEEDED}; found {table.schema_arrow.names}"[:300])
            _refuse_bomb(table.metadata, path.stat().st_size)
            for batch in table.iter_batches(_PARQUET_BATCH, columns=columns, use_threads=False):
                for index in range(batch.num_rows):
                    number += 1
                    yield number, _parquet_row(batch, index)
        except broken as error:
            if is_machine_error(error):
                raise
            raise DocumentError("unreadable", f"damaged, or no Parquet ({one_line(error)})") from None


def _parquet_row(batch: Any, index: int) -> PolicyRow | DocumentError:
    try:
        row = {name: batch.column(place)[index].as_py() for place, name in enumerate(batch.schema.names)}
    except ValueError as error:  # text that is not UTF-8
        return DocumentError("bad_row", f"a value cannot be read ({one_line(error)})")
    return _checked(row)


def _refuse_bomb(metadata: Any, size: int) -> None:
    # Of the row groups alone: pyarrow ends the process where a damaged file describes a column without its place.
    grown = max((metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)), default=0)
    if grown > max(FREE_TOTAL_BYTES, MAX_RATIO * size):
        raise DocumentError("too_large", f"a row group grows more than {MAX_RATIO} times in unpacking")

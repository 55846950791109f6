"""Tables of policies, read row by row: .jsonl and .csv, also with .gz and .zst, and .parquet.

Each row has an `id`, and either `text` or `html`. A bad row is returned as a value and not raised, so that the rows
after it are read.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from clausetag.data.documents.archives import open_stream
from clausetag.data.documents.decode import decode
from clausetag.data.documents.formats import CSV_SUFFIXES, LIMITS, PARQUET_SUFFIX, Limits
from clausetag.data.errors import DocumentError, MissingExtraError, is_machine_error, one_line

_COLUMNS = ("id", "text", "html")
_NEEDED = "the columns id, and text or html"
_DELIMITERS = ",;\t"
"""Of a CSV, in the order they are tried. Spreadsheets write semicolons where the comma is the decimal sign."""
_PARQUET_BATCH = 16
"""Rows at a time: few, because a policy can have megabytes."""
_PARQUET_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One policy of a table."""

    id: str
    content: str
    is_html: bool


Rows = Iterator[tuple[int, PolicyRow | DocumentError]]


def row_word(name: str) -> str:
    """What the numbers of `table_rows` count in a file with this name: lines, or rows in Parquet."""
    return "row" if name.lower().endswith(PARQUET_SUFFIX) else "line"


def table_rows(path: Path, limits: Limits = LIMITS) -> Rows:
    """Yield (1-based number of the line or row, the policy or what is wrong with it); blank lines are skipped.

    Raises:
        DocumentError: the rest of the file cannot be read; codes "bad_row" (no such columns), "unreadable", "encoding",
            "unsupported" (Parquet without pyarrow), "too_large".
        OSError: the file cannot be opened or read.
    """
    name = path.name.lower()
    if name.endswith(PARQUET_SUFFIX):
        yield from _parquet_rows(path, limits)
        return
    with open_stream(path, limits) as stream:
        if stream.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DocumentError("encoding", "this table is in UTF-16; convert it to UTF-8")
        read = _csv_rows if name.endswith(CSV_SUFFIXES) else _jsonl_rows
        yield from read(stream, limits)


def check_row(row: Mapping[str, Any], limits: Limits = LIMITS) -> PolicyRow | DocumentError:
    """A row, in which None stands for an absent value, as a policy; or what is wrong with it."""
    name = row.get("id")
    if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
        shown = repr(name) if name is None or isinstance(name, bool | float | str) else type(name).__name__
        return DocumentError("bad_row", f"'id' must be a string or an integer, found {shown}")
    given = [key for key in ("text", "html") if row.get(key) is not None]
    if len(given) != 1:
        return DocumentError("bad_row", f"expected either 'text' or 'html', found {'both' if given else 'neither'}")
    content = row[given[0]]
    if isinstance(content, bytes):  # from Parquet
        try:
            content = decode(content)
        except DocumentError as error:
            return error
    if not isinstance(content, str):
        return DocumentError("bad_row", f"{given[0]!r} must be a string, found {type(content).__name__}")
    if len(content) > limits.document:
        return limits.document_too_large(f"'{given[0]}'")
    return PolicyRow(str(name), content, given[0] == "html")


def _jsonl_rows(stream: IO[bytes], limits: Limits) -> Rows:
    number = 0
    while line := stream.readline(limits.document + 1):
        number += 1
        if len(line) > limits.document:
            while line and not line.endswith(b"\n"):
                line = stream.readline(limits.document)
            yield number, limits.document_too_large("the line")
        elif line.strip():
            yield number, _json_row(line, limits)


def _json_row(line: bytes, limits: Limits) -> PolicyRow | DocumentError:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return DocumentError("bad_row", f"not JSON in UTF-8 ({getattr(error, 'msg', None) or 'bad bytes'})")
    if not isinstance(row, dict):
        return DocumentError("bad_row", f"expected a JSON object with id and text or html, found {type(row).__name__}")
    return check_row(row, limits)


class _TextLines:
    """The lines of a CSV as text. `row_bytes` is set to 0 at each row, which may not have more bytes than a
    document."""

    def __init__(self, stream: IO[bytes], limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self.row_bytes = 0

    def __iter__(self) -> _TextLines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(self._limits.document + 1)
        if not line:
            raise StopIteration
        self.row_bytes += len(line)
        if self.row_bytes > self._limits.document:
            # If a quotation mark is missing, nobody knows where the next row begins.
            reason = f"{self._limits.document_too_large('a row')}, or a quotation mark is missing"
            raise DocumentError("too_large", f"{reason}; the rest is not read")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            pass
        try:
            return decode(line)
        except DocumentError:
            return line.decode("utf-8", "replace")


def _csv_rows(stream: IO[bytes], limits: Limits) -> Rows:
    # This limit holds for the whole process; its default is 131 kB.
    csv.field_size_limit(max(csv.field_size_limit(), limits.document))
    lines = _TextLines(stream, limits)
    first = next(lines, "").removeprefix("\ufeff")
    if not first:
        return
    delimiter, header = _csv_header(first)
    # Strict, because otherwise a missing quotation mark would merge all further rows into one policy.
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
        if cells:
            yield number, _csv_row(header, cells, limits)


def _csv_row(header: list[str], cells: list[str], limits: Limits) -> PolicyRow | DocumentError:
    if len(cells) != len(header):
        return DocumentError("bad_row", f"{len(cells)} cells, but the first line has {len(header)}")
    row: dict[str, str | None] = {name: cells[header.index(name)] for name in _COLUMNS if name in header}
    if "text" in row and "html" in row:
        # In a table with both columns, one of the two cells is empty.
        row = {name: cell or None for name, cell in row.items()}
    return check_row(row, limits)


def _csv_header(line: str) -> tuple[str, list[str]]:
    for delimiter in _DELIMITERS:
        try:
            header = [cell.strip().lower() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            continue
        if "id" in header and ("text" in header or "html" in header):
            return delimiter, header
    raise DocumentError("bad_row", f"the first line must name {_NEEDED}; found {line.strip()[:80]!r}")


def _parquet_rows(path: Path, limits: Limits) -> Rows:
    try:
        # Imported here because it is slow, and an optional dependency.
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DocumentError("unsupported", str(MissingExtraError("reading Parquet", "pyarrow"))) from None
    broken = (pyarrow.ArrowException, OSError, ValueError, NotImplementedError)
    number = 0
    with path.open("rb") as file:
        try:
            # Without a buffer, each column of a row group would be read as a whole.
            table = parquet.ParquetFile(file, buffer_size=_PARQUET_BUFFER, pre_buffer=False)
            columns = [name for name in _COLUMNS if name in table.schema_arrow.names]
            if "id" not in columns or len(columns) < 2:
                raise DocumentError("bad_row", f"it must have {_NEEDED}; found {table.schema_arrow.names}"[:300])
            _refuse_bomb(table.metadata, path.stat().st_size, limits)
            for batch in table.iter_batches(_PARQUET_BATCH, columns=columns, use_threads=False):
                for index in range(batch.num_rows):
                    number += 1
                    yield number, _parquet_row(batch, index, limits)
        except broken as error:
            if is_machine_error(error):
                raise
            raise DocumentError("unreadable", f"damaged, or no Parquet ({one_line(error)})") from None


def _parquet_row(batch: Any, index: int, limits: Limits) -> PolicyRow | DocumentError:
    try:
        row = {name: batch.column(place)[index].as_py() for place, name in enumerate(batch.schema.names)}
    except ValueError as error:  # text that is not UTF-8
        return DocumentError("bad_row", f"a value cannot be read ({one_line(error)})")
    return check_row(row, limits)


def _refuse_bomb(metadata: Any, size: int, limits: Limits) -> None:
    # Only the row groups are checked: on a damaged description of a column, pyarrow ends the process.
    unpacked = max((metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)), default=0)
    if unpacked > max(limits.free_total, limits.growth * size):
        raise limits.grows_too_much("a row group")

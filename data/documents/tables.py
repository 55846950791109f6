"""Tables of policies, read row by row: .jsonl, .json, .csv and .tsv, also with .gz and .zst, and .parquet.

Each row has an `id`, and either `text` or `html`; `Columns` can name others. A bad row is returned as a value and not
raised, so that the rows after it are read.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from clausetag.data.documents.archives import open_stream
from clausetag.data.documents.decode import decode
from clausetag.data.documents.formats import CSV_SUFFIXES, JSON_SUFFIXES, LIMITS, PARQUET_SUFFIX, Limits
from clausetag.data.documents.rows import COLUMNS, Columns, PolicyRow, check_row
from clausetag.data.errors import DocumentError, MissingExtraError, is_machine_error, one_line

_DELIMITERS = ",;\t"
"""Of a CSV, in the order they are tried. Spreadsheets write semicolons where the comma is the decimal sign."""
_PARQUET_BATCH = 16
"""Rows at a time: few, because a policy can have megabytes."""
_PARQUET_BUFFER = 1 << 20
_JSON_CHUNK = 1 << 20
"""Characters of a .json file that are read at a time, at least."""
_BETWEEN = re.compile(r"[\s,]*")


Rows = Iterator[tuple[int, PolicyRow | DocumentError]]


def row_word(name: str) -> str:
    """What the numbers of `table_rows` count in a file with this name: lines, or rows in Parquet and .json."""
    return "row" if name.lower().endswith((PARQUET_SUFFIX, *JSON_SUFFIXES)) else "line"


class _Stream(Protocol):
    """What a table is read from."""

    def readline(self, size: int, /) -> bytes: ...

    def read(self, size: int, /) -> bytes: ...


def table_rows(path: Path, limits: Limits = LIMITS, columns: Columns = COLUMNS) -> Rows:
    """Yield (1-based number of the line or row, the policy or what is wrong with it); blank lines are skipped.

    Raises:
        DocumentError: the rest of the file cannot be read; codes "bad_row" (no such columns), "unreadable", "encoding",
            "unsupported" (Parquet without pyarrow), "too_large".
        OSError: the file cannot be opened or read.
    """
    name = path.name.lower()
    if name.endswith(PARQUET_SUFFIX):
        yield from _parquet_rows(path, limits, columns)
        return
    read = _csv_rows if name.endswith(CSV_SUFFIXES) else _json_rows if name.endswith(JSON_SUFFIXES) else _jsonl_rows
    with open_stream(path, limits) as stream:
        if not stream.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            yield from read(stream, limits, columns)
            return
        text = io.TextIOWrapper(stream, "utf-16", "replace", newline="\n")
        try:
            yield from read(_Utf16(text), limits, columns)
        finally:
            text.detach()  # otherwise it would close the stream


class _Utf16:
    """A table in UTF-16, as spreadsheets write "Unicode text", read as UTF-8."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def readline(self, size: int, /) -> bytes:
        return self._text.readline(size).encode()

    def read(self, size: int, /) -> bytes:
        return self._text.read(size).encode()


def _jsonl_rows(stream: _Stream, limits: Limits, columns: Columns) -> Rows:
    number = 0
    while line := stream.readline(limits.document + 1):
        number += 1
        if len(line) > limits.document:
            while line and not line.endswith(b"\n"):
                line = stream.readline(limits.document)
            yield number, limits.document_too_large("the line")
        elif line.strip():
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:
                yield number, DocumentError("bad_row", f"not JSON in UTF-8 ({_json_reason(error)})")
            else:
                yield number, _json_row(row, limits, columns)


def _json_reason(error: Exception) -> str:
    return getattr(error, "msg", None) or "bad bytes"


def _json_row(row: Any, limits: Limits, columns: Columns) -> PolicyRow | DocumentError:
    if not isinstance(row, dict):
        return DocumentError("bad_row", f"expected a JSON object with id and text or html, found {type(row).__name__}")
    return check_row(row, limits, columns)


def _json_rows(stream: _Stream, limits: Limits, columns: Columns) -> Rows:
    """The policies of a .json: an array of objects, or objects one after another. One is in memory at a time."""
    decoder, utf8 = json.JSONDecoder(), codecs.getincrementaldecoder("utf-8-sig")()
    text, place, number, begun, ended = "", 0, 0, False, False
    while True:
        place = _BETWEEN.match(text, place).end()  # type: ignore[union-attr]  # it matches nothing, too
        if not begun and place < len(text):
            begun = True
            place += text[place] == "["
            continue
        if text.startswith("]", place) or (ended and place == len(text)):
            return
        reason = "it is cut off"
        try:
            row, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            reason = _json_reason(error)
        else:
            number += 1
            yield number, _json_row(row, limits, columns)
            continue
        if ended:
            raise DocumentError("bad_row", f"row {number + 1} is not JSON ({reason}); the rest is not read")
        if len(text) - place > limits.document:
            raise DocumentError("too_large", f"{limits.document_too_large('a row')}; the rest is not read")
        # Twice as much each time, so that a long policy is not read again and again.
        chunk = stream.read(max(_JSON_CHUNK, len(text) - place))
        ended = not chunk
        try:
            text, place = text[place:] + utf8.decode(chunk, ended), 0
        except UnicodeDecodeError:
            raise DocumentError("encoding", "this table is not in UTF-8; convert it; the rest is not read") from None


class _TextLines:
    """The lines of a CSV as text. `row_bytes` is set to 0 at each row, which may not have more bytes than a
    document."""

    def __init__(self, stream: _Stream, limits: Limits) -> None:
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


def _csv_rows(stream: _Stream, limits: Limits, columns: Columns) -> Rows:
    # This limit holds for the whole process; its default is 131 kB.
    csv.field_size_limit(max(csv.field_size_limit(), limits.document))
    lines = _TextLines(stream, limits)
    first = next(lines, "").removeprefix("\ufeff")
    if not first:
        return
    delimiter, header = _csv_header(first, columns)
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
            yield number, _csv_row(header, cells, limits, columns)


def _csv_row(header: list[str], cells: list[str], limits: Limits, columns: Columns) -> PolicyRow | DocumentError:
    if len(cells) != len(header):
        return DocumentError("bad_row", f"{len(cells)} cells, but the first line has {len(header)}")
    row: dict[str, str | None] = {name: cells[header.index(name)] for name in columns.names if name in header}
    if all(name in row for name in columns.contents) and len(columns.contents) == 2:
        row = {name: cell or None for name, cell in row.items()}
    return check_row(row, limits, columns)


def _csv_header(line: str, columns: Columns) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns, in which those of `columns` are written as there."""
    written = {name.lower(): name for name in columns.names}
    for delimiter in _DELIMITERS:
        try:
            names = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            continue
        header = [written.get(name.lower(), name) for name in names]
        if columns.missing(header) is None:
            return delimiter, header
    raise DocumentError("bad_row", f"the first line: {columns.missing([line.strip()[:80]])}")


def _parquet_rows(path: Path, limits: Limits, columns: Columns) -> Rows:
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
            if (missing := columns.missing(table.schema_arrow.names)) is not None:
                raise DocumentError("bad_row", missing)
            read = [name for name in columns.names if name in table.schema_arrow.names]
            _refuse_bomb(table.metadata, path.stat().st_size, limits)
            for batch in table.iter_batches(_PARQUET_BATCH, columns=read, use_threads=False):
                for index in range(batch.num_rows):
                    number += 1
                    yield number, _parquet_row(batch, index, limits, columns)
        except broken as error:
            if is_machine_error(error):
                raise
            raise DocumentError("unreadable", f"damaged, or no Parquet ({one_line(error)})") from None


def _parquet_row(batch: Any, index: int, limits: Limits, columns: Columns) -> PolicyRow | DocumentError:
    try:
        row = {name: batch.column(place)[index].as_py() for place, name in enumerate(batch.schema.names)}
    except ValueError as error:  # text that is not UTF-8
        return DocumentError("bad_row", f"a value cannot be read ({one_line(error)})")
    return check_row(row, limits, columns)


def _refuse_bomb(metadata: Any, size: int, limits: Limits) -> None:
    # Only the row groups are checked: on a damaged description of a column, pyarrow ends the process.
    unpacked = max((metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)), default=0)
    if unpacked > max(limits.free_total, limits.growth * size):
        raise limits.grows_too_much("a row group")

"""Sentences as rows of JSONL, CSV or Parquet, and one summary row a policy. docs/OUTPUTS.md documents every column.

Rows go to disk as documents come: memory holds one document, and for Parquet one row group. Parquet needs pyarrow,
which is imported when it is asked for.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from clausetag.data.errors import MissingExtraError
from clausetag.data.jsonl import dump_row
from clausetag.data.labels import LABELS
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.predict.pages.summary import summarise
from clausetag.predict.writers.sink import Sink, error_row

GROUP_ROWS = 16_384
"""Rows of a Parquet row group at least, whole documents: some 20 MB of memory while they are gathered."""


def csv_columns(labels: Sequence[str] = LABELS) -> tuple[str, ...]:
    """Columns of `predictions.csv`."""
    return (
        *("policy", "index", "passage", "start", "end", "text", "heading", "labels", "flags"),
        *("error_code", "error_message"),
        *labels,
    )


CSV_COLUMNS = csv_columns()
"""Those of the twelve labels."""


def summary_csv_columns(labels: Sequence[str] = LABELS) -> tuple[str, ...]:
    """Columns of `summary.csv`."""
    return (
        *("policy", "sentences", "words", "minutes", "present", "absent", "flags"),
        *("error_code", "error_message"),
        *labels,
        *(f"{label} (share)" for label in labels),
    )


def open_text(path: Path) -> IO[str]:
    """A new text file; a file's name in an error row may hold bytes that are no text, which become "?"."""
    return path.open("w", encoding="utf-8", errors="replace", newline="")


class JsonlSink(Sink):
    """One JSON object a line."""

    def __init__(self, path: Path) -> None:
        self._stream = open_text(path)

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        self._stream.writelines(dump_row(sentence.row()) + "\n" for sentence in sentences)

    def fail(self, failed: FailedInput) -> None:
        self._stream.write(dump_row(error_row(failed)) + "\n")

    def finish(self) -> None:
        self._stream.close()

    def close(self) -> None:
        self._stream.close()


class CsvSink(Sink):
    """A table with a column for each category's score; lists are joined by "; ", which no label or flag holds."""

    def __init__(self, path: Path, labels: Sequence[str] = LABELS) -> None:
        self._columns = csv_columns(labels)
        self._stream = open_text(path)
        self._table = csv.writer(self._stream, lineterminator="\n")
        self._table.writerow(self._columns)

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        for sentence in sentences:
            row = sentence.row()
            self._table.writerow(_cells(self._columns, {**row, **row.get("scores", {})}))

    def fail(self, failed: FailedInput) -> None:
        self._table.writerow(_cells(self._columns, error_row(failed)))

    def finish(self) -> None:
        self._stream.close()

    def close(self) -> None:
        self._stream.close()


class ParquetSink(Sink):
    """One row a sentence, typed; see `parquet_schema`.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, path: Path, labels: Sequence[str] = LABELS) -> None:
        self._pyarrow, parquet = load_pyarrow()
        self._schema = parquet_schema(labels)
        self._rows: list[dict[str, Any]] = []
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        for sentence in sentences:
            row = sentence.row()
            self._rows.append({**row, "labels": row.get("labels", []), "flags": row.get("flags", [])})
        self._flush(GROUP_ROWS)

    def fail(self, failed: FailedInput) -> None:
        error = {"code": failed.code, "message": _text(failed.message)}
        self._rows.append({"policy": _text(failed.policy), "error": error})
        self._flush(GROUP_ROWS)

    def finish(self) -> None:
        self._flush(1)
        self._writer.close()

    def close(self) -> None:
        self._writer.close()

    def _flush(self, least: int) -> None:
        if len(self._rows) >= least:
            self._writer.write_table(self._pyarrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


class SummarySink(Sink):
    """One row a policy, as `summary.jsonl` and as `summary.csv`."""

    def __init__(self, folder: Path, labels: Sequence[str] = LABELS) -> None:
        self._labels = labels
        self._columns = summary_csv_columns(labels)
        self._files = ExitStack()  # closes the second file also where the first has no room on the disk
        self._jsonl = self._files.enter_context(open_text(folder / "summary.jsonl"))
        self._table = csv.writer(self._files.enter_context(open_text(folder / "summary.csv")), lineterminator="\n")
        self._table.writerow(self._columns)

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        row = summarise(document, sentences, self._labels).row()
        shares = {f"{label} (share)": share for label, share in row["shares"].items()}
        self._write(row, {**row, **row["counts"], **shares})

    def fail(self, failed: FailedInput) -> None:
        self._write(error_row(failed), error_row(failed))

    def finish(self) -> None:
        self.close()

    def close(self) -> None:
        self._files.close()

    def _write(self, row: Mapping[str, Any], flat: Mapping[str, Any]) -> None:
        self._jsonl.write(dump_row(row) + "\n")
        self._table.writerow(_cells(self._columns, flat))


def load_pyarrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("writing Parquet", "pyarrow") from None
    return pyarrow, pyarrow.parquet


def parquet_schema(labels: Sequence[str] = LABELS) -> Any:
    """The `pyarrow.Schema` of the rows: JSONL's keys in their order, then `error`, which is null but in error rows."""
    arrow, _ = load_pyarrow()
    return arrow.schema(
        [
            ("policy", arrow.string()),
            *((name, arrow.int32()) for name in ("index", "passage", "start", "end")),
            ("text", arrow.string()),
            ("heading", arrow.string()),
            ("labels", arrow.list_(arrow.string())),
            ("scores", arrow.struct([(label, arrow.float32()) for label in labels])),
            ("flags", arrow.list_(arrow.string())),
            ("error", arrow.struct([("code", arrow.string()), ("message", arrow.string())])),
        ]
    )


def _cells(columns: Iterable[str], row: Mapping[str, Any]) -> list[Any]:
    error = row.get("error", {})
    flat = {**row, "error_code": error.get("code"), "error_message": error.get("message")}
    values = (flat.get(column) for column in columns)
    return ["; ".join(value) if isinstance(value, list) else value for value in values]


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()

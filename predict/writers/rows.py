"""Sinks for rows: sentences as JSONL, CSV or Parquet, and one summary row a policy. docs/OUTPUTS.md lists the columns.

Rows are written as documents come: memory holds one document, and for Parquet one row group. Parquet needs pyarrow,
which is imported only when Parquet is written.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from clausetag.data.attributes import BY_NAME
from clausetag.data.errors import MissingExtraError
from clausetag.data.jsonl import dump_row, write_text
from clausetag.data.labels import LABELS
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.predict.facts.sheet import SUMMARY
from clausetag.predict.pages.summary import summarise
from clausetag.predict.writers.sink import Sink, error_row, open_text

GROUP_ROWS = 16_384
"""A Parquet row group has at least so many rows, of whole documents: about 20 MB of memory while they are collected."""


def has_attributes(labels: Sequence[str]) -> bool:
    """Whether tables of a model with these labels have columns for attributes, which belong to the twelve."""
    return tuple(labels) == LABELS


def csv_columns(labels: Sequence[str] = LABELS) -> tuple[str, ...]:
    """Columns of `predictions.csv`."""
    return (
        *("policy", "index", "passage", "start", "end", "text", "heading", "lead_in", "links", "labels", "flags"),
        *("error_code", "error_message"),
        *labels,
        *((*BY_NAME, "attribute_scores") if has_attributes(labels) else ()),
    )


def summary_csv_columns(labels: Sequence[str] = LABELS) -> tuple[str, ...]:
    """Columns of `summary.csv`."""
    return (
        *("policy", "sentences", "words", "set_aside", "set_aside_places", "minutes", "present", "absent", "flags"),
        *("error_code", "error_message"),
        *labels,
        *(f"{label} (share)" for label in labels),
        *(SUMMARY if has_attributes(labels) else ()),
    )


class _TextSink(Sink):
    """A sink with one text file."""

    def __init__(self, path: Path) -> None:
        self._stream = open_text(path)

    def close(self) -> None:
        self._stream.close()


class JsonlSink(_TextSink):
    """One JSON object a line."""

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        self._stream.writelines(dump_row(sentence.row()) + "\n" for sentence in sentences)

    def fail(self, failed: FailedInput) -> None:
        self._stream.write(dump_row(error_row(failed)) + "\n")


class CsvSink(_TextSink):
    """A table with a column for the score of each category.

    Lists are joined by "; ", which no label, flag, value or address holds; of links there are the addresses.
    """

    def __init__(self, path: Path, labels: Sequence[str] = LABELS) -> None:
        super().__init__(path)
        self._columns = csv_columns(labels)
        self._table = csv.writer(self._stream, lineterminator="\n")
        self._table.writerow(self._columns)

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        for sentence in sentences:
            row = sentence.row()
            hrefs = [link["href"] for link in row.get("links", ())]
            scores = [
                f"{name}: {value} {score}"
                for name, values in row.get("attribute_scores", {}).items()
                for value, score in values.items()
            ]
            flat = {**row, **row.get("scores", {}), **row.get("attributes", {})}
            self._table.writerow(_cells(self._columns, {**flat, "links": hrefs, "attribute_scores": scores}))

    def fail(self, failed: FailedInput) -> None:
        self._table.writerow(_cells(self._columns, error_row(failed)))


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
            self._rows.append({"links": [], "labels": [], "flags": [], **sentence.row()})
        self._flush(GROUP_ROWS)

    def fail(self, failed: FailedInput) -> None:
        error = {"code": failed.code, "message": utf8(failed.message)}
        self._rows.append({"policy": utf8(failed.policy), "error": error})
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
        self._files = ExitStack()  # closes the second file even if closing the first fails, as on a full disk
        self._jsonl = self._files.enter_context(open_text(folder / "summary.jsonl"))
        self._table = csv.writer(self._files.enter_context(open_text(folder / "summary.csv")), lineterminator="\n")
        self._table.writerow(self._columns)

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        row = summarise(document, sentences, self._labels).row()
        shares = {f"{label} (share)": share for label, share in row["shares"].items()}
        self._write(row, {**row, **row["counts"], **shares, **row.get("facts", {})})

    def fail(self, failed: FailedInput) -> None:
        self._write(error_row(failed), error_row(failed))

    def close(self) -> None:
        self._files.close()

    def _write(self, row: Mapping[str, Any], flat: Mapping[str, Any]) -> None:
        self._jsonl.write(dump_row(row) + "\n")
        self._table.writerow(_cells(self._columns, flat))


class TextsSink(Sink):
    """The extracted text of each policy, and `index.json`, which maps the ids to the names of the texts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, str] = {}

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        # The id can differ from the name of the file: in case, and in characters that file names cannot have.
        self._names[document.policy] = f"{name}.txt"
        path = self._folder / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document.text, encoding="utf-8", newline="")

    def fail(self, failed: FailedInput) -> None:
        """A failed input has no text."""

    def close(self) -> None:
        """No file stays open."""

    def finish(self) -> None:
        if self._names:
            write_text(self._folder / "index.json", json.dumps(self._names, indent=1) + "\n")


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
    """The `pyarrow.Schema` of the rows: the keys of JSONL in order, then `error`, which only error rows have."""
    arrow, _ = load_pyarrow()
    attributes = [
        ("attributes", arrow.struct([(name, arrow.list_(arrow.string())) for name in BY_NAME])),
        (
            "attribute_scores",
            arrow.struct(
                [
                    (name, arrow.struct([(value, arrow.float32()) for value in attribute.values]))
                    for name, attribute in BY_NAME.items()
                ]
            ),
        ),
    ]
    return arrow.schema(
        [
            ("policy", arrow.string()),
            *((name, arrow.int32()) for name in ("index", "passage", "start", "end")),
            ("text", arrow.string()),
            ("heading", arrow.string()),
            ("lead_in", arrow.string()),
            (
                "links",
                arrow.list_(
                    arrow.struct([*((key, arrow.int32()) for key in ("start", "end")), ("href", arrow.string())])
                ),
            ),
            ("labels", arrow.list_(arrow.string())),
            ("scores", arrow.struct([(label, arrow.float32()) for label in labels])),
            *(attributes if has_attributes(labels) else ()),
            ("flags", arrow.list_(arrow.string())),
            ("error", arrow.struct([("code", arrow.string()), ("message", arrow.string())])),
        ]
    )


def _cells(columns: Iterable[str], row: Mapping[str, Any]) -> list[Any]:
    error = row.get("error", {})
    flat = {**row, "error_code": error.get("code"), "error_message": error.get("message")}
    values = (flat.get(column) for column in columns)
    return ["; ".join(value) if isinstance(value, list) else value for value in values]


def utf8(value: str) -> str:
    """Text that can be encoded: "?" in place of lone surrogates, as a file name in an error row may hold them."""
    return value.encode("utf-8", "replace").decode()

"""Tag batches of policies in other programs, such as `datasets`, Ray Data or pandas.

    tagger = clausetag.batch_tagger()
    tagged = tagger({"id": ["a"], "text": ["We sell your e-mail address."]})
    print(tagged["predictions"][0][0]["labels"])

docs/HOWTO_CLUSTER.md shows it in each of these. pyarrow is imported when it is needed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from clausetag.data.documents.inputs import Reader
from clausetag.data.documents.rows import check_row
from clausetag.data.errors import ArtifactError, DataError, is_machine_error
from clausetag.data.records import FailedInput
from clausetag.model.tagger import Tagger
from clausetag.predict.facts.sheet import SUMMARY
from clausetag.predict.pages.summary import summarise
from clausetag.predict.pipeline import Pipeline, Source, TaggedSource, fault
from clausetag.predict.progress import Progress
from clausetag.predict.terminal import printable
from clausetag.predict.writers.rows import has_attributes, load_pyarrow, parquet_schema
from clausetag.predict.writers.sink import error_row

PREDICTIONS = "predictions"
"""Column of a policy's sentences."""


class BatchTagger:
    """A function from a batch of policies to a batch with one row for each policy, in the same order.

    A batch is a dict of columns, an Arrow table or record batch, or a pandas frame; the result is of the same kind. Its
    columns are those of `batch_schema`; see docs/HOWTO_CLUSTER.md. A policy that fails has an `error`, and the others
    are tagged.

    The object can be pickled. The model is not pickled with it: each process loads it when it tags its first batch.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        head: str | None = None,
        strict: bool = False,
        threads: int = 1,
        attributes: bool = True,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        """Load the model.

        Args:
            model: a folder, the name of a shipped model, or None for the default one.
            head: the label source whose thresholds apply; None: the model's default.
            strict: a flagged policy (not English, not a policy) counts as failed.
            threads: number of threads for each batch.
            attributes: whether sentences get attributes, if the model has heads for them.
            columns: names of the batch's columns that are not "id", "text" and "html": ``{"text": "content"}``.

        Raises:
            ArtifactError: the model cannot be loaded, or it has no such head.
        """
        tagger = Tagger.load(model, threads=threads, attributes=attributes)
        self.model = model
        self.head = head or tagger.artifact.default_head
        tagger.head(self.head)
        self.strict = strict
        self.threads = threads
        self.attributes = attributes
        self.columns = {"id": "id", "text": "text", "html": "html", **(columns or {})}
        self.hash = tagger.hash
        """Hash of the model's files; a process that finds another model in `model` raises ArtifactError."""
        self.tagger = tagger

    def __getstate__(self) -> dict[str, Any]:
        loaded = ("tagger", "pipeline", "_notes")
        return {name: value for name, value in self.__dict__.items() if name not in loaded}

    @cached_property
    def tagger(self) -> Tagger:
        """The model, loaded once in each process.

        Raises:
            ArtifactError: it is missing, or it isn't the model of the process that made this object.
        """
        tagger = Tagger.load(self.model, threads=self.threads, attributes=self.attributes)
        if tagger.hash != self.hash:
            raise ArtifactError(
                "this machine has another model than the one that started the run; copy that model to every machine"
            )
        return tagger

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline that tags one policy at a time."""
        return Pipeline(self.tagger, self.head, self.strict, Progress(self._notes))

    @cached_property
    def _notes(self) -> io.StringIO:
        return io.StringIO()

    @property
    def schema(self) -> Any:
        """The `pyarrow.Schema` of the results."""
        return batch_schema(self.tagger.labels)

    def __call__(self, batch: Any) -> Any:
        """Tag a batch.

        Raises:
            DataError: it lacks the column of ids, or has neither texts nor HTML.
            ArtifactError: see `tagger`.
        """
        arrow, _ = load_pyarrow()
        result = self.table([self.pipeline.tag(self._policy(row)) for row in self._rows(batch)])
        self.take_notes()
        if isinstance(batch, arrow.Table):
            return result
        if isinstance(batch, arrow.RecordBatch):
            return arrow.RecordBatch.from_struct_array(result.to_struct_array().combine_chunks())
        if hasattr(batch, "iloc"):
            return result.to_pandas().set_axis(batch.index)
        return result.to_pydict()

    def table(self, results: list[TaggedSource]) -> Any:
        """Tagged policies as a `pyarrow.Table` with this object's `schema`.

        A policy with something that Arrow cannot hold becomes a failed one, also in `results`.
        """
        try:
            return self._table(results)
        except Exception:
            results[:] = map(self._writable, results)
            return self._table(results)

    def take_notes(self) -> list[str]:
        """Return the messages on failed and flagged policies since the last call, and forget them."""
        lines = self._notes.getvalue().splitlines()
        self._notes.seek(0)
        self._notes.truncate()
        return lines

    def _rows(self, batch: Any) -> list[dict[str, Any]]:
        names = getattr(batch, "column_names", batch)
        columns = {key: _values(batch[name]) for key, name in self.columns.items() if name in names}
        if "id" not in columns or len(columns) < 2:
            wanted = [self.columns[key] for key in ("id", "text", "html")]
            raise DataError(f"the batch needs the columns {wanted[0]!r}, and {wanted[1]!r} or {wanted[2]!r}")
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def _policy(self, row: Mapping[str, Any]) -> Source:
        name = str(row["id"])
        return Reader(io.BytesIO()).read_row(f"id {name}", name, check_row(row))

    def _table(self, results: Sequence[TaggedSource]) -> Any:
        arrow, _ = load_pyarrow()
        return arrow.Table.from_pylist([self._row(result) for result in results], schema=self.schema)

    def _writable(self, result: TaggedSource) -> TaggedSource:
        try:
            self._table([result])
        except Exception as error:
            if is_machine_error(error):
                raise
            failed = fault(result[0].policy, "written", error)
            self.pipeline.progress.note(f"clausetag: {printable(failed.message)}")
            return failed, []
        return result

    def _row(self, result: TaggedSource) -> dict[str, Any]:
        source, sentences = result
        if isinstance(source, FailedInput):
            row = error_row(source)
            error = {key: _encodable(value) for key, value in row["error"].items()}
            row = {"policy": _encodable(source.policy), "error": error}
            return {**row, PREDICTIONS: [row]}
        rows = [{"links": [], "labels": [], "flags": [], **sentence.row()} for sentence in sentences]
        summary = summarise(source, sentences, self.tagger.labels).row()
        return {**summary, "text": source.text, PREDICTIONS: rows}


def batch_schema(labels: Sequence[str]) -> Any:
    """The `pyarrow.Schema` of a policy's row: the keys of `summary.jsonl`, then `text`, `error` and `predictions`.

    `text` is the extracted text. `predictions` are the policy's rows of `predictions.parquet`.
    """
    arrow, _ = load_pyarrow()
    strings = arrow.list_(arrow.string())
    facts = [(name, arrow.int32() if name == "denials" else strings) for name in SUMMARY]
    return arrow.schema(
        [
            ("policy", arrow.string()),
            ("sentences", arrow.int32()),
            ("words", arrow.int32()),
            ("set_aside", arrow.int32()),
            ("set_aside_places", arrow.string()),
            ("minutes", arrow.float64()),
            ("counts", arrow.struct([(label, arrow.int32()) for label in labels])),
            ("shares", arrow.struct([(label, arrow.float64()) for label in labels])),
            ("present", strings),
            ("absent", strings),
            *([("facts", arrow.struct(facts))] if has_attributes(labels) else []),
            ("flags", strings),
            ("text", arrow.string()),
            ("error", arrow.struct([("code", arrow.string()), ("message", arrow.string())])),
            (PREDICTIONS, arrow.list_(arrow.struct(list(parquet_schema(labels))))),
        ]
    )


def flatten(table: Any) -> Any:
    """The rows of `predictions.parquet` of a table with `batch_schema`."""
    arrow, _ = load_pyarrow()
    return arrow.Table.from_struct_array(table[PREDICTIONS].combine_chunks().flatten())


def to_parquet(table: Any) -> bytes:
    """A table as the bytes of a Parquet file."""
    _, parquet = load_pyarrow()
    stream = io.BytesIO()
    parquet.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def _values(column: Any) -> list[Any]:
    """A column as a list of Python's own values; None where a value is missing."""
    for name in ("to_pylist", "tolist"):
        if hasattr(column, name):
            column = getattr(column, name)()
    return [None if value != value else value for value in column]  # NaN is pandas' missing text


def _encodable(value: str) -> str:
    return value.encode("utf-8", "replace").decode()

"""What a worker of a cluster does: tag the documents of a part, write their rows, and say what came of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from clausetag.data.errors import ArtifactError, ClausetagError, one_line
from clausetag.data.records import FailedInput
from clausetag.model.tagger import Tagger
from clausetag.predict.pages.summary import summarise
from clausetag.predict.pipeline import Pipeline, TaggedSource, fault
from clausetag.predict.progress import Progress
from clausetag.predict.ray.output import DATASETS, DOCUMENTS, PREDICTIONS
from clausetag.predict.ray.plan import Item, Part
from clausetag.predict.ray.storage import Place, reason
from clausetag.predict.run_summary import Tally
from clausetag.predict.writers.rows import ParquetSink, load_pyarrow
from clausetag.predict.writers.sink import error_row

ATTEMPTS = "attempts"
"""Folder that says how often a part was begun, and each of its documents once that was too often."""
_CALM = 2
"""Times that a part is begun without suspicion against one of its documents: machines come and go."""
_DEATHS = 2
"""Times that a document under suspicion may be begun and not finished."""


@dataclass(frozen=True, slots=True)
class Job:
    """What all workers of a run do alike."""

    model: str | None
    """Path or name of the model, as for `Tagger.load`."""
    hash: str
    """Of its files."""
    head: str
    strict: bool
    threads: int
    """Of one worker."""
    work: Place


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a part."""

    part: Part | None
    """Without its items; None where nothing was done."""
    tally: Tally
    notes: tuple[str, ...] = ()
    """Lines for stderr: failed and doubtful documents."""
    error: str | None = None
    """Why the run cannot go on, in one line."""


class PartTagger:
    """One worker with a model of its own. It raises nothing: what stops the run is in the outcome."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._notes = io.StringIO()
        self._pipeline: Pipeline | None = None
        self._error = ""
        try:
            tagger = Tagger.load(job.model, threads=job.threads)
            if tagger.hash != job.hash:
                raise ArtifactError("another model than on the machine that started the run")
            self._pipeline = Pipeline(tagger, job.head, job.strict, Progress(self._notes))
        except (ClausetagError, OSError) as error:
            self._error = f"a worker cannot load the model ({one_line(error)}); all machines need the same --model"

    def tag(self, part: Part) -> Outcome:
        """Tag a part and write its files; done twice, it leaves the same files once."""
        if self._pipeline is None:
            return Outcome(None, Tally(), error=self._error)
        self._notes.seek(0)
        self._notes.truncate()
        try:
            attempts = self._job.work / ATTEMPTS / part.name
            suspects = attempts if attempts.mark() > _CALM else None
            results = [self._label(item, suspects and suspects / str(n)) for n, item in enumerate(part.items)]
            tally = self._write(results, part.name)
        except OSError as error:
            return Outcome(None, Tally(), error=f"a worker stopped ({reason(error)})")
        done = Part(part.unit, part.number, part.last, ())
        return Outcome(done, tally, tuple(self._notes.getvalue().splitlines()))

    def _label(self, item: Item, begun: Place | None) -> TaggedSource:
        """Read and tag a document; `begun` is where a suspected one is marked until it is done."""
        assert self._pipeline is not None
        if isinstance(item, FailedInput):
            return self._pipeline.tag(item)
        if begun is None:
            return self._pipeline.tag(item.read())
        if begun.mark() > _DEATHS:
            message = f"{item.shown}: could not be tagged ({_DEATHS} workers died of it, or ran out of memory)"
            return self._pipeline.tag(FailedInput(item.policy, "failed", message))
        result = self._pipeline.tag(item.read())
        begun.filesystem.delete_dir(begun.path)
        return result

    def _write(self, results: list[TaggedSource], name: str) -> Tally:
        """Write the two files of a part; a document that cannot be written becomes a failed one."""
        assert self._pipeline is not None
        labels = self._pipeline.tagger.labels
        with TemporaryDirectory(prefix="clausetag-") as folder:
            scratch = Path(folder)
            try:
                _write_rows(results, scratch, labels)
            except OSError:
                raise
            except Exception:
                results = [_writable(result, scratch, labels) for result in results]
                _write_rows(results, scratch, labels)
            for dataset in DATASETS:
                (self._job.work / dataset / name).put(scratch / dataset)
        tally = Tally(labels=dict.fromkeys(labels, 0))
        for source, sentences in results:
            tally.add(source, sentences)
        return tally


def _writable(result: TaggedSource, scratch: Path, labels: tuple[str, ...]) -> TaggedSource:
    try:
        _write_rows([result], scratch, labels)
    except OSError:
        raise
    except Exception as error:
        return fault(result[0].policy, "written", error), []
    return result


def _write_rows(results: Sequence[TaggedSource], scratch: Path, labels: tuple[str, ...]) -> None:
    """Write the files `PREDICTIONS`, rows as everywhere, and `DOCUMENTS`, a row for each document."""
    arrow, parquet = load_pyarrow()
    documents: list[dict[str, Any]] = []
    with closing(ParquetSink(scratch / PREDICTIONS, labels)) as rows:
        for source, sentences in results:
            if isinstance(source, FailedInput):
                rows.fail(source)
                row = error_row(source)
                message = {**row["error"], "message": _text(source.message)}
                documents.append({"policy": _text(source.policy), "error": message})
            else:
                rows.add(source, sentences, "")
                documents.append({**summarise(source, sentences, labels).row(), "text": source.text})
        rows.finish()
    table = arrow.Table.from_pylist(documents, schema=documents_schema(labels))
    parquet.write_table(table, scratch / DOCUMENTS, compression="zstd")


def documents_schema(labels: Sequence[str]) -> Any:
    """The `pyarrow.Schema` of the rows of documents: the keys of `summary.jsonl`, then `text` and `error`."""
    arrow, _ = load_pyarrow()
    strings = arrow.list_(arrow.string())
    return arrow.schema(
        [
            ("policy", arrow.string()),
            ("sentences", arrow.int32()),
            ("words", arrow.int32()),
            ("minutes", arrow.float64()),
            ("counts", arrow.struct([(label, arrow.int32()) for label in labels])),
            ("shares", arrow.struct([(label, arrow.float64()) for label in labels])),
            ("present", strings),
            ("absent", strings),
            ("flags", strings),
            ("text", arrow.string()),
            ("error", arrow.struct([("code", arrow.string()), ("message", arrow.string())])),
        ]
    )


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()

"""A run that writes files: it tags the inputs into a journal, and then writes the outputs from the journal.

A run that is killed leaves the journal. A resumed run first reads the finished inputs again, which takes a few per cent
of the time of tagging them, checks that they are the same, and continues with the next one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clausetag.data.errors import ClausetagError, DataError, one_line
from clausetag.data.jsonl import write_text
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.model.provenance import versions
from clausetag.predict.file_lock import FileLock
from clausetag.predict.journal import Journal, Result, Session
from clausetag.predict.pipeline import Pipeline, Source, fault
from clausetag.predict.run_folder import OutputError, RunFolder, disk
from clausetag.predict.run_summary import Tally, model_rows, now
from clausetag.predict.terminal import counted, printable
from clausetag.predict.writers.writer import Format, OutputWriter
from clausetag.version import __version__

MAX_FAULTS = 20
"""The run stops when so many documents could not be written; after each one, all are written again."""

_FORMAT = 3
_MEANINGS = {
    "format": "by another version of clausetag",
    "version": "by another version of clausetag",
    "model": "with another model",
    "head": "with another --head",
    "strict": "with another choice of --strict",
    "attributes": "with another choice of --no-attributes",
    "inputs": "with other inputs",
    "all": "with another choice of --all",
    "columns": "with other columns",
}
_CONTINUES = "the same command with --resume continues"


class Interrupted(Exception):
    """The user stopped the run; the message says how many documents are kept."""


class _UnwritableError(Exception):
    """A document could not be written to an output."""

    def __init__(self, number: int, policy: str, error: Exception) -> None:
        super().__init__(policy)
        self.number = number
        self.failure = fault(policy, "written", error)


@dataclass(frozen=True, slots=True)
class Run:
    """One run that writes an output."""

    target: Path
    formats: tuple[Format, ...]
    quality: str
    """What pages say about the model's quality."""
    inputs: tuple[str, ...]
    """As the user gave them."""
    pipeline: Pipeline
    options: Mapping[str, Any]
    """What `run.json` says about the options."""
    summaries: tuple[Path, ...]
    """Files that get the description of the run, as in `run.json`."""
    on_tagged: Callable[[Document, list[Sentence]], None]
    """Called with every tagged document."""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """How many files of folders were not read, by suffix; known once all inputs are read."""
    lock: FileLock | None = None
    """By default that of the system."""

    def execute(self, found: Iterator[Source], total: int | None, *, resume: bool) -> Tally:
        """Tag what is `found`, write the outputs, and count their content; `total` is the number of inputs, if known.

        Finished documents are kept if this raises:
            DataError: the disk is full, the output cannot be written, another run is writing it, or the run to be
                resumed had other inputs or options.
            Interrupted: the user pressed Ctrl-C.
        """
        started = time.monotonic()
        finished = False
        is_file = OutputWriter(self.target, self.formats).is_file
        with RunFolder(self.target, is_file, self.lock) as folder:
            with disk(self.target):
                journal = Journal(folder.journal)
            try:
                with journal:
                    self._open(journal, resume)
                    with disk(self.target):
                        folder.clear()
                    self._tag(journal, found, total, started)
                    tally = self._write(journal, folder.path, started)
                    finished = True
            except KeyboardInterrupt:
                kept = f" after {counted(journal.results, 'document')}; {_CONTINUES}" if journal.results else ""
                raise Interrupted(f"interrupted{kept}") from None
            except (OutputError, OSError) as error:
                reason = str(error) if isinstance(error, OutputError) else f"{self.target}: stopped ({one_line(error)})"
                raise OutputError(f"{reason}; {_CONTINUES}" if journal.results else reason) from None
            finally:
                self.pipeline.progress.close()
                if finished or not journal.results:
                    folder.remove()
        return tally

    def _open(self, journal: Journal, resume: bool) -> None:
        """Check that the journal belongs to this run, or start a new one."""
        note = self.pipeline.progress.note
        head = {
            "format": _FORMAT,
            "version": __version__,
            "model": self.pipeline.tagger.hash,
            "head": self.pipeline.head,
            "strict": self.pipeline.strict,
            "attributes": self.options.get("attributes"),
            "inputs": list(self.inputs),
            "all": self.options.get("all"),
            "columns": self.options.get("columns"),
        }
        if resume and journal.results and journal.head is not None:
            for key, value in head.items():
                if journal.head.get(key) != value:
                    raise DataError(
                        f"{self.target}: the unfinished run was started {_MEANINGS[key]}; repeat its command, or leave "
                        "--resume out to start anew"
                    )
            note(f"clausetag: continuing after {counted(journal.results, 'document')}")
            return
        if resume:
            note(f"clausetag: {self.target}: no unfinished run; starting with the first document")
        elif journal.results:
            done = counted(journal.results, "document")
            note(f"clausetag: {self.target}: starting anew and dropping an unfinished run of {done}")
        with disk(self.target):
            journal.begin(head)

    def _tag(self, journal: Journal, found: Iterator[Source], total: int | None, started: float) -> None:
        progress = self.pipeline.progress
        if not journal.complete:
            # Once all are finished, the inputs are not read again: outputs may have been written among them by now.
            progress.start("checked", journal.results)
            with closing(journal.entries()) as entries:  # Windows removes no file that is open
                results = (entry for entry in entries if isinstance(entry, Result))
                for number, result in enumerate(results, 1):
                    self._check(number, result.source, next(found, None))
                    progress.step()
        with disk(self.target):
            journal.start_session(now())
        if journal.complete:
            return
        progress.start("", total, journal.results)
        for source, sentences in self.pipeline.tag_all(found):
            with disk(self.target):
                journal.add(Result(source, sentences, time.monotonic() - started))
            if isinstance(source, Document):
                self.on_tagged(source, sentences)
            progress.step(len(sentences))
        with disk(self.target):
            journal.finish(self.passed_over)

    def _check(self, number: int, done: Source, again: Source | None) -> None:
        """Refuse an input that has changed; one that cannot be read now, or could not be read then, is accepted."""
        if again is not None and again.policy == done.policy:
            if isinstance(again, FailedInput) or isinstance(done, FailedInput) or again.text == done.text:
                return
            what = f"the text of {printable(done.policy)} has changed"
        else:
            now_there = printable(again.policy) if again is not None else "missing"
            what = f"document {number:,} was {printable(done.policy)}, and is {now_there}"
        raise DataError(
            f"{self.target}: the inputs are not those of the unfinished run ({what}); leave --resume out to start anew"
        )

    def _write(self, journal: Journal, scratch: Path, started: float) -> Tally:
        """Write the outputs; a document that cannot be written becomes a failed input."""
        faults: dict[int, FailedInput] = {}
        for _ in range(MAX_FAULTS):
            try:
                return self._write_all(journal, scratch, started, faults)
            except _UnwritableError as error:
                faults[error.number] = error.failure
                self.pipeline.progress.note(f"clausetag: {printable(error.failure.message)}")
        raise OutputError(
            f"{self.target}: {MAX_FAULTS} documents could not be written, which is an error in the program"
        )

    def _write_all(self, journal: Journal, scratch: Path, started: float, faults: Mapping[int, FailedInput]) -> Tally:
        progress = self.pipeline.progress
        progress.start("written", journal.results)
        tally = Tally(labels=dict.fromkeys(self.pipeline.tagger.labels, 0), passed_over=journal.passed_over)
        starts: list[str] = []
        earlier = last = 0.0
        labels = self.pipeline.tagger.labels
        with (
            closing(journal.entries()) as entries,
            OutputWriter(self.target, self.formats, self.quality, scratch, labels) as writer,
        ):
            for entry in entries:
                if isinstance(entry, Session):
                    starts.append(entry.started)
                    earlier, last = earlier + last, 0.0
                    continue
                last = entry.seconds
                number = tally.documents
                source = faults.get(number, entry.source)
                tally.add(source, entry.sentences)
                try:
                    if isinstance(source, FailedInput):
                        writer.fail(source)
                    else:
                        writer.add(source, entry.sentences)
                except ClausetagError:
                    raise
                except Exception as error:
                    raise _UnwritableError(number, source.policy, error) from error
                progress.step()
        if not self.summaries:
            return tally
        summary = {
            **tally.rows(),
            "model": model_rows(self.pipeline.tagger, self.pipeline.head),
            "options": dict(self.options),
            "versions": versions("parquet"),
            "started": starts[0],
            "resumed": starts[1:],
            "finished": now(),
            "seconds": round(earlier + time.monotonic() - started, 1),
        }
        for path in self.summaries:
            with disk(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_text(path, json.dumps(summary, indent=1) + "\n")
        return tally

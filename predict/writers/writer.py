"""Results to disk, one document at a time: rows, HTML pages, summaries and the extracted texts beside them.

Everything is written to temporary names and renamed at the end, so that a reader never sees half a result and an
interrupted run leaves what was there before. docs/OUTPUTS.md says what each file holds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from clausetag.data.errors import DataError
from clausetag.data.jsonl import write_text
from clausetag.data.labels import LABELS
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.predict.run_folder import disk
from clausetag.predict.writers.pages import INDEX, PAGES, OnePageSink, SiteSink, index_name
from clausetag.predict.writers.rows import CsvSink, JsonlSink, ParquetSink, SummarySink, load_pyarrow
from clausetag.predict.writers.sink import Sink, error_row

__all__ = ["FORMATS", "RUN_JSON", "TEXTS", "TEXT_INDEX", "Format", "OutputWriter", "error_row", "text_path"]

Format = Literal["jsonl", "csv", "parquet", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)
TEXTS = "texts"
"""Subfolder of an output folder for the extracted texts, which all offsets index."""

TEXT_INDEX = "index.json"
"""In the subfolder: policy id to the name of its text."""

RUN_JSON = "run.json"
"""In an output folder: what the run was and what came of it. It alone holds times; the command writes it."""

_SUMMARIES = ("summary.csv", "summary.jsonl")
_UNSUPPORTED = frozenset(["json", "xlsx", "xls", "tsv", "txt", "md", "pdf", "arrow", "zip", "gz", "zst"])
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]')
_NAME_BYTES = 200
_FOLDERS = 8


def safe_name(policy: str) -> str:
    """Relative path of a policy's files, without suffix: its id made safe; it never leads out of a folder."""
    parts = [_UNSAFE.sub("_", part).encode()[:_NAME_BYTES].decode(errors="ignore") for part in policy.split("/")]
    safe = [part for part in (part.strip().rstrip(". ") for part in parts) if part] or ["_"]
    # A folder must not have the name of a file, as the ids "a" and "a.txt/b" would make it.
    folders = [f"{part}_" if part.lower().endswith((".txt", ".html")) else part for part in safe[:-1]]
    return "/".join((*folders[-_FOLDERS:], safe[-1]))


def text_path(policy: str) -> Path:
    """Relative path of a policy's text: its id with slashes as folders, made safe; it never leaves the folder."""
    return Path(f"{safe_name(policy)}.txt")


class OutputWriter:
    """Writes documents as they come; use it in a ``with`` block, which commits at its end and discards on an error.

    `target` with one of the suffixes .jsonl, .csv, .parquet and .html is a file, whose format the suffix decides.
    Anything else is a folder, for one or more `formats` (none: JSONL): ``predictions.<format>`` or, for HTML,
    ``index.html`` and ``html/<policy>.html``; and in any case ``summary.jsonl``, ``summary.csv`` and
    ``texts/<policy>.txt``. Memory holds the document at hand and the names of all; `figures` is what pages say about
    the model's quality, `labels` are all of the model's in order. The temporary files stand in the folder `scratch`, by
    default beside the target; it must be on the target's disk.

    Raises:
        DataError: `formats` contradict the file's suffix, or the target cannot be written.
        MissingExtraError: Parquet is asked for and pyarrow is not installed.
    """

    def __init__(
        self,
        target: str | os.PathLike[str],
        formats: Format | Sequence[Format] = (),
        figures: str | None = None,
        scratch: Path | None = None,
        labels: tuple[str, ...] = LABELS,
    ) -> None:
        self.target = Path(target)
        asked = (formats,) if isinstance(formats, str) else tuple(formats)
        suffix = self.target.suffix.lower().removeprefix(".")
        self.is_file = suffix in FORMATS and not self.target.is_dir()
        if self.is_file and set(asked) - {suffix}:
            other = next(name for name in asked if name != suffix)
            raise DataError(f"{self.target}: the suffix says {suffix}, but the format asked for is {other}")
        if not self.is_file and suffix in _UNSUPPORTED and not self.target.exists():
            known = ", ".join(f".{name}" for name in FORMATS)
            raise DataError(f"{self.target}: .{suffix} is not written; use {known} or a folder")
        wanted = (suffix,) if self.is_file else asked or ("jsonl",)
        self.formats: tuple[Format, ...] = tuple(name for name in FORMATS if name in wanted)
        self.results = tuple(self._results(name) for name in self.formats)
        """The file of each format; of HTML in a folder, the index."""
        self._check_names()
        if "parquet" in self.formats:
            load_pyarrow()
        self._figures = figures
        self._scratch = scratch
        self._labels = labels
        self._work: Path | None = None
        self._sinks: list[Sink] = []
        self._names: dict[str, str] = {}
        self._taken: dict[str, int] = {}

    def __enter__(self) -> OutputWriter:
        """Open the temporary files beside the target."""
        folder = self.target.parent if self.is_file else self.target
        with disk(self.target):
            folder.mkdir(parents=True, exist_ok=True)
            # By default in the same folder, hence on the same disk, as a rename needs.
            self._work = Path(tempfile.mkdtemp(prefix=".clausetag-", dir=self._scratch or folder))
            try:
                self._open(self._work)
            except BaseException:
                self._discard(self._work)
                raise
        return self

    def add(self, document: Document, sentences: Sequence[Sentence]) -> None:
        """Write one document's tagged sentences, and its text where the target is a folder."""
        work = self._work_folder()
        with disk(self.target):
            name = "" if self.is_file else self._free_name(document.policy)
            for sink in self._sinks:
                sink.add(document, sentences, name)
            if not self.is_file:
                path = work / TEXTS / f"{name}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(document.text, encoding="utf-8", newline="")

    def fail(self, failed: FailedInput) -> None:
        """Write the error row of an input that gave no document."""
        self._work_folder()
        with disk(self.target):
            for sink in self._sinks:
                sink.fail(failed)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the files their names, or remove them if there was an error."""
        work = self._work_folder()
        try:
            if kind is None:
                with disk(self.target):
                    for sink in self._sinks:
                        sink.finish()
                    self._commit(work)
        finally:
            self._discard(work)

    def _results(self, name: Format) -> Path:
        if self.is_file:
            return self.target
        return self.target / (INDEX if name == "html" else f"predictions.{name}")

    def _check_names(self) -> None:
        """Refuse before hours of work what could not be renamed after them."""
        files = [*self.results, *([] if self.is_file else [self.target / name for name in (*_SUMMARIES, RUN_JSON)])]
        for path in files:
            if path.is_dir():
                raise DataError(f"{path}: is a folder; move it away or give another -o")
        for path in [] if self.is_file else [self.target / TEXTS, self.target / PAGES]:
            if path.exists() and not path.is_dir():
                raise DataError(f"{path}: is no folder; move it away or give another -o")

    def _open(self, work: Path) -> None:
        if self.is_file:
            (name,) = self.formats
            results = work / self.target.name
            page = name == "html"
            self._sinks.append(
                OnePageSink(results, self._figures, self._labels) if page else self._table(name, results)
            )
            return
        for name in self.formats:
            if name == "html":
                self._sinks.append(SiteSink(work, self._figures, self._labels))
            else:
                self._sinks.append(self._table(name, work / f"predictions.{name}"))
        self._sinks.append(SummarySink(work, self._labels))

    def _table(self, name: str, path: Path) -> Sink:
        if name == "jsonl":
            return JsonlSink(path)
        return CsvSink(path, self._labels) if name == "csv" else ParquetSink(path, self._labels)

    def _commit(self, work: Path) -> None:
        if self._names:
            # An id can differ from its file's name (case, signs that no file may have), so the names are written down.
            index = {policy: f"{name}.txt" for policy, name in self._names.items()}
            write_text(work / TEXTS / TEXT_INDEX, json.dumps(index, indent=1) + "\n")
        pages = sum(1 for _ in work.glob("index*.html"))
        _move(work, self.target.parent if self.is_file else self.target)
        # Further pages of an earlier, longer index would show policies that are no part of this run.
        while not self.is_file and pages and (stale := self.target / index_name(pages + 1)).exists():
            stale.unlink()
            pages += 1

    def _discard(self, work: Path) -> None:
        for sink in self._sinks:
            with suppress(OSError):
                sink.close()
        shutil.rmtree(work, ignore_errors=True)
        self._work = None

    def _work_folder(self) -> Path:
        if self._work is None:
            raise RuntimeError("OutputWriter is used outside of its 'with' block")
        return self._work

    def _free_name(self, policy: str) -> str:
        """A name for the policy's files that no other policy of this run has, also where case is ignored."""
        first = name = safe_name(policy)
        number = self._taken.get(first.casefold(), 0)
        while name.casefold() in self._taken:
            number += 1
            name = f"{first}-{number}"
        self._taken[first.casefold()] = max(number, 1)
        self._taken.setdefault(name.casefold(), 1)
        self._names[policy] = name
        return name


def _move(source: Path, target: Path) -> None:
    """Give everything in `source` its name in `target`, folders first: a file's presence means that they are there."""
    for entry in sorted(source.iterdir(), key=lambda path: (not path.is_dir(), path.name)):
        place = target / entry.name
        if entry.is_dir() and place.is_dir():
            _move(entry, place)
        else:
            os.replace(entry, place)

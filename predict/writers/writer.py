"""Writes results to disk as documents come: rows, HTML pages, summaries and the extracted texts.

All files get temporary names and are renamed at the end. So a reader never sees half a result, and an interrupted run
leaves what was there before. docs/OUTPUTS.md describes each file.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from clausetag.data.durable import sync_folder, sync_tree
from clausetag.data.errors import DataError
from clausetag.data.labels import LABELS
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.predict.run_folder import disk
from clausetag.predict.writers.card import CardSink
from clausetag.predict.writers.facts import FACTS, FactsSink
from clausetag.predict.writers.rows import CsvSink, JsonlSink, ParquetSink, SummarySink, TextsSink, load_pyarrow
from clausetag.predict.writers.sink import INDEX, PAGES, Sink, index_name

Format = Literal["jsonl", "csv", "parquet", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)
TEXTS = "texts"
"""Subfolder of an output folder for the extracted texts, to which all offsets refer."""

RUN_JSON = "run.json"
"""File of an output folder that describes the run; the only one with times. The command writes it."""

_SUMMARIES = ("summary.csv", "summary.jsonl")
_UNSUPPORTED = frozenset(["json", "xlsx", "xls", "tsv", "txt", "md", "pdf", "arrow", "zip", "gz", "zst"])
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?=\s*+(?:\.|\Z))", re.IGNORECASE)
"""Names of devices, which no file or folder can have on Windows, whatever its suffix."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]')
_NAME_BYTES = 200
_FOLDERS = 8


def policy_path(policy: str) -> str:
    """Relative path, without suffix, of the files of a policy: its id without unsafe characters, never outside."""
    parts = [_UNSAFE.sub("_", part).encode()[:_NAME_BYTES].decode(errors="ignore") for part in policy.split("/")]
    safe = [part for part in (part.strip().rstrip(". ") for part in parts) if part] or ["_"]
    safe = [_RESERVED.sub(r"\g<0>_", part, count=1) if _RESERVED.match(part) else part for part in safe]
    # A folder must not have the name of a file, as the ids "a" and "a.txt/b" or "index.json/b" would give it.
    folders = [f"{part}_" if part.lower().endswith((".txt", ".html", ".json")) else part for part in safe[:-1]]
    return "/".join((*folders[-_FOLDERS:], safe[-1]))


def _file_key(name: str) -> str:
    """Equal for names that are the same file where case, or the composition of accents, does not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _file_name(name: Format) -> str:
    """The file of a format in an output folder; of HTML, the index."""
    return INDEX if name == "html" else f"predictions.{name}"


class OutputWriter:
    """Writes documents as they come. Use it in a ``with`` block, which commits at its end and discards on an error.

    A `target` with the suffix .jsonl, .csv, .parquet or .html is one file of that format. Any other is a folder, with
    one or more `formats` (none: JSONL): ``predictions.<format>`` or, for HTML, ``index.html`` and
    ``html/<policy>.html``; always ``summary.jsonl``, ``summary.csv``, ``texts/<policy>.txt`` and the card; and, if the
    sentences have attributes, ``facts.jsonl`` and ``facts.jsonld``. Memory holds one document, and the names of all.

    Raises:
        DataError: `formats` contradict the suffix of the file, or the target cannot be written.
        MissingExtraError: Parquet is asked for and pyarrow is not installed.
    """

    def __init__(
        self,
        target: str | os.PathLike[str],
        formats: Format | Sequence[Format] = (),
        quality: str | None = None,
        scratch: Path | None = None,
        labels: tuple[str, ...] = LABELS,
    ) -> None:
        """`quality` is what pages say about the model's quality; `labels` are all of the model's, in order.

        The temporary files go to the folder `scratch` (default: beside the target), which must be on the same disk.
        """
        self.target = Path(target)
        asked = (formats,) if isinstance(formats, str) else tuple(formats)
        suffix = self.target.suffix.lower().removeprefix(".")
        self.is_file = suffix in FORMATS and not self.target.is_dir()
        if self.is_file and set(asked) - {suffix}:
            other = next(name for name in asked if name != suffix)
            raise DataError(f"{self.target}: the suffix means {suffix}, but --format says {other}; change one of them")
        if not self.is_file and suffix in _UNSUPPORTED and not self.target.exists():
            known = ", ".join(f".{name}" for name in FORMATS)
            raise DataError(f"{self.target}: .{suffix} is not an output format; use {known} or a folder")
        wanted = (suffix,) if self.is_file else asked or ("jsonl",)
        self.formats: tuple[Format, ...] = tuple(name for name in FORMATS if name in wanted)
        self.results = tuple(self.target if self.is_file else self.target / _file_name(name) for name in self.formats)
        """The file of each format; of HTML in a folder, the index."""
        self._check_names()
        if "parquet" in self.formats:
            load_pyarrow()
        self._quality = quality
        self._scratch = scratch
        self._labels = labels
        self._work: Path | None = None
        self._sinks: list[Sink] = []
        self._taken: dict[str, int] = {}

    def __enter__(self) -> OutputWriter:
        """Open the temporary files beside the target."""
        folder = self.target.parent if self.is_file else self.target
        with disk(self.target):
            folder.mkdir(parents=True, exist_ok=True)
            # A rename needs the same disk, which the same folder is on.
            self._work = Path(tempfile.mkdtemp(prefix=".clausetag-", dir=self._scratch or folder))
            try:
                self._open(self._work)
            except BaseException:
                self._discard(self._work)
                raise
        return self

    def add(self, document: Document, sentences: Sequence[Sentence]) -> None:
        """Write the tagged sentences of a document and, if the target is a folder, its text."""
        name = "" if self.is_file else self._free_name(document.policy)
        with disk(self.target):
            for sink in self._sinks:
                sink.add(document, sentences, name)

    def fail(self, failed: FailedInput) -> None:
        """Write the error row of an input that gave no document."""
        with disk(self.target):
            for sink in self._sinks:
                sink.fail(failed)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Rename the files to their final names, or remove them if there was an error."""
        assert self._work is not None
        try:
            if kind is None:
                with disk(self.target):
                    for sink in self._sinks:
                        sink.finish()
                    self._commit(self._work)
        finally:
            self._discard(self._work)

    def places(self) -> list[Path]:
        """The files, and the folders of files, that a run with this target writes in any format."""
        if self.is_file:
            return [self.target]
        names = (*map(_file_name, FORMATS), *_SUMMARIES, *FACTS, RUN_JSON, TEXTS, PAGES)
        return [*(self.target / name for name in names), *self.target.glob("index-*.html")]

    def _check_names(self) -> None:
        """Find names that cannot be written now, not after hours of work."""
        files = [
            *self.results,
            *([] if self.is_file else [self.target / name for name in (*_SUMMARIES, *FACTS, RUN_JSON)]),
        ]
        for path in files:
            if path.is_dir():
                raise DataError(f"{path}: is a folder; move it away or give another -o")
        for path in [] if self.is_file else [self.target / TEXTS, self.target / PAGES]:
            if path.exists() and not path.is_dir():
                raise DataError(f"{path}: is not a folder; move it away or give another -o")

    def _open(self, work: Path) -> None:
        for name, result in zip(self.formats, self.results, strict=True):
            self._sinks.append(self._sink(name, work / result.name))
        if not self.is_file:
            card = CardSink(work, self.target, self.formats, self._labels)
            self._sinks += [SummarySink(work, self._labels), FactsSink(work), TextsSink(work / TEXTS), card]

    def _sink(self, name: Format, path: Path) -> Sink:
        match name:
            case "jsonl":
                return JsonlSink(path)
            case "csv":
                return CsvSink(path, self._labels)
            case "parquet":
                return ParquetSink(path, self._labels)
            case "html":
                # Pages take a fifth of the time that the program needs to start.
                from clausetag.predict.writers.html import OnePageSink, SiteSink

                if self.is_file:
                    return OnePageSink(path, self._quality, self._labels)
                return SiteSink(path.parent, self._quality, self._labels)

    def _commit(self, work: Path) -> None:
        pages = sum(1 for _ in work.glob("index*.html"))
        # An earlier run may have left facts that this one has none of.
        stale = [] if self.is_file else [self.target / name for name in FACTS if not (work / name).exists()]
        sync_tree(work)
        folder = self.target.parent if self.is_file else self.target
        _move(work, folder)
        sync_folder(folder.parent)  # which may have got the folder in this run
        # Pages left by an earlier run with a longer index would show policies that are not part of this run.
        while not self.is_file and pages and (page := self.target / index_name(pages + 1)).exists():
            stale.append(page)
            pages += 1
        for path in stale:
            path.unlink(missing_ok=True)

    def _discard(self, work: Path) -> None:
        for sink in self._sinks:
            with suppress(OSError):
                sink.close()
        shutil.rmtree(work, ignore_errors=True)
        self._work = None

    def _free_name(self, policy: str) -> str:
        """A name that no other policy of this run has, even where file names ignore case or how accents are made."""
        first = name = policy_path(policy)
        key = _file_key(first)
        number = self._taken.get(key, 0)
        while _file_key(name) in self._taken:
            number += 1
            name = f"{first}-{number}"
        self._taken[key] = max(number, 1)
        self._taken.setdefault(_file_key(name), 1)
        return name


def _move(source: Path, target: Path) -> None:
    """Move everything in `source` to `target`, folders first: once a file is there, the texts and pages are too.

    The content is on the disk already; the names are when this returns.
    """
    for entry in sorted(source.iterdir(), key=lambda path: (not path.is_dir(), path.name)):
        place = target / entry.name
        if entry.is_dir() and place.is_dir():
            _move(entry, place)
        else:
            os.replace(entry, place)
    sync_folder(target)

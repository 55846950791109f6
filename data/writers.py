"""Results to disk, one document at a time: JSONL, CSV or one HTML page, and the extracted texts beside them.

Everything is written to temporary names and renamed at the end, so that a reader never sees half a result and an
interrupted run leaves what was there before.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, get_args

from clausetag.data.errors import DataError
from clausetag.data.extract import FailedInput
from clausetag.data.labels import LABELS
from clausetag.data.page import render_page
from clausetag.data.schema import Document, Sentence, dump_row, write_text

Format = Literal["jsonl", "csv", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)
TEXTS = "texts"
"""Subfolder of an output folder for the extracted texts, which all offsets index."""

TEXT_INDEX = "index.json"
"""In the subfolder: policy id to the name of its text."""

_CSV_COLUMNS = (
    *("policy", "index", "passage", "start", "end", "text", "heading", "labels", "flags"),
    *("error_code", "error_message"),
    *LABELS,
)
_UNSUPPORTED = frozenset(["parquet", "json", "xlsx", "xls", "tsv", "txt", "md", "pdf", "arrow", "zip", "gz"])
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]')
_NAME_BYTES = 200
_FOLDERS = 8


def error_row(failed: FailedInput) -> dict[str, Any]:
    """The row of an input that gave no document."""
    return {"policy": failed.policy, "error": {"code": failed.code, "message": failed.message}}


def text_path(policy: str) -> Path:
    """Relative path of a policy's text: its id with slashes as folders, made safe; it never leaves the folder."""
    parts = [_UNSAFE.sub("_", part).encode()[:_NAME_BYTES].decode(errors="ignore") for part in policy.split("/")]
    safe = [part for part in (part.strip().rstrip(". ") for part in parts) if part] or ["_"]
    # A folder must not have the name of a text, as the ids "a" and "a.txt/b" would make it.
    folders = [f"{part}_" if part.lower().endswith(".txt") else part for part in safe[:-1]]
    return Path(*folders[-_FOLDERS:], f"{safe[-1]}.txt")


@contextmanager
def _disk(target: Path) -> Iterator[None]:
    """Turn a full or read-only disk into one line for the user."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror or error})") from None


class OutputWriter:
    """Writes documents as they come; use it in a ``with`` block, which commits at its end and discards on an error.

    `target` with one of the suffixes .jsonl, .csv and .html is a file, whose format the suffix decides. Anything else
    is a folder: ``predictions.<format>`` and ``texts/<policy>.txt``. Memory stays bounded but for an
    HTML page, which is put together at the end; `figures` is what the page says about the model's quality.

    Raises:
        DataError: `format` contradicts the file's suffix, or the target cannot be written.
    """

    def __init__(
        self, target: str | os.PathLike[str], format: Format | None = None, figures: str | None = None
    ) -> None:
        self.target = Path(target)
        suffix = self.target.suffix.lower().removeprefix(".")
        self.is_file = suffix in FORMATS and not self.target.is_dir()
        if self.is_file and format not in (None, suffix):
            raise DataError(f"{self.target}: the suffix says {suffix}, but the format asked for is {format}")
        self.format: Format = next((known for known in FORMATS if self.is_file and known == suffix), format or "jsonl")
        self.results = self.target if self.is_file else self.target / f"predictions.{self.format}"
        if self.results.is_dir():
            raise DataError(f"{self.results}: is a folder; move it away or give another -o")
        if not self.is_file and suffix in _UNSUPPORTED and not self.target.exists():
            raise DataError(f"{self.target}: .{suffix} is not written; use .jsonl, .csv, .html or a folder")
        self._figures = figures
        self._work: Path | None = None
        self._stream: IO[str] | None = None
        self._page: list[tuple[Document | FailedInput, Sequence[Sentence]]] = []
        self._texts: list[tuple[str, Path]] = []
        self._taken: set[str] = set()

    def __enter__(self) -> OutputWriter:
        """Open the temporary files beside the target."""
        with _disk(self.target):
            self.results.parent.mkdir(parents=True, exist_ok=True)
            # In the same folder, hence on the same disk, as a rename needs.
            self._work = Path(tempfile.mkdtemp(prefix=".clausetag-", dir=self.results.parent))
            if self.format != "html":
                # A file's name in an error row may hold bytes that are no text.
                self._stream = (self._work / "results").open("w", encoding="utf-8", errors="replace", newline="")
        if self._stream is not None and self.format == "csv":
            self._cells(_CSV_COLUMNS)
        return self

    def add(self, document: Document, sentences: Sequence[Sentence]) -> None:
        """Write one document's tagged sentences, and its text where the target is a folder."""
        with _disk(self.target):
            if self.format == "html":
                self._page.append((document, sentences))
            else:
                for sentence in sentences:
                    self._row(sentence.row())
            if not self.is_file:
                path = self._work_folder() / TEXTS / self._text_name(document.policy)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(document.text, encoding="utf-8", newline="")

    def fail(self, failed: FailedInput) -> None:
        """Write the error row of an input that gave no document."""
        if self.format == "html":
            self._page.append((failed, ()))
            return
        with _disk(self.target):
            self._row(error_row(failed))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the files their names, or remove them if there was an error."""
        work = self._work_folder()
        try:
            with _disk(self.target):
                if self._stream is not None:
                    self._stream.close()
                if kind is None:
                    self._commit(work)
        finally:
            shutil.rmtree(work, ignore_errors=True)
            self._work = None

    def _commit(self, work: Path) -> None:
        if self.format == "html":
            page = render_page(self._page, self._figures)
            (work / "results").write_text(page, encoding="utf-8", errors="replace", newline="\n")
        if self._texts:
            # An id can differ from its file's name (case, signs that no file may have), so the names are written down.
            index = {policy: name.as_posix() for policy, name in self._texts}
            write_text(work / TEXTS / TEXT_INDEX, json.dumps(index, indent=1) + "\n")
        names = [name for _, name in self._texts]
        for name in names + [Path(TEXT_INDEX)] * bool(names):
            path = self.target / TEXTS / name
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(work / TEXTS / name, path)
        # Last, so that its presence means that the texts are there.
        os.replace(work / "results", self.results)

    def _work_folder(self) -> Path:
        if self._work is None:
            raise RuntimeError("OutputWriter is used outside of its 'with' block")
        return self._work

    def _text_name(self, policy: str) -> Path:
        """A name for the policy's text that no other policy of this run has, also where case is ignored."""
        first = name = text_path(policy)
        number = 1
        while str(name).casefold() in self._taken:
            number += 1
            name = first.with_name(f"{first.stem}-{number}.txt")
        self._taken.add(str(name).casefold())
        self._texts.append((policy, name))
        return name

    def _row(self, row: dict[str, Any]) -> None:
        self._work_folder()
        assert self._stream is not None
        if self.format == "jsonl":
            self._stream.write(dump_row(row) + "\n")
            return
        error = row.get("error", {})
        flat = {
            **row,
            "labels": "; ".join(row.get("labels", ())),
            "flags": "; ".join(row.get("flags", ())),
            "error_code": error.get("code"),
            "error_message": error.get("message"),
            **row.get("scores", {}),
        }
        self._cells([flat.get(column) for column in _CSV_COLUMNS])

    def _cells(self, cells: Sequence[Any]) -> None:
        csv.writer(self._stream, lineterminator="\n").writerow(cells)  # type: ignore[arg-type]

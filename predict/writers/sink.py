"""A sink: one output of a run, which takes documents as they come. Each output format is one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from clausetag.data.records import Document, FailedInput, Sentence

INDEX = "index.html"
PAGES = "html"
"""Subfolder of an output folder for the pages of the policies."""


class Sink(ABC):
    """One output. Its files have temporary names, so it need not remove them after an error."""

    @abstractmethod
    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        """Write the tagged sentences of a document; `name` is a relative path without suffix, unique in the run."""

    @abstractmethod
    def fail(self, failed: FailedInput) -> None:
        """Write that an input gave no document."""

    def finish(self) -> None:
        """Complete the files and close them."""
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the files, complete or not; also called after `finish`."""


def error_row(failed: FailedInput) -> dict[str, Any]:
    """The row of an input that gave no document."""
    return {"policy": failed.policy, "error": {"code": failed.code, "message": failed.message}}


def index_name(number: int) -> str:
    """File name of page `number` of the index over the policies' pages, from 1."""
    return INDEX if number == 1 else f"index-{number}.html"


def open_text(path: Path) -> IO[str]:
    """Open a new UTF-8 file; bytes of a file name that are not text (lone surrogates) are written as "?"."""
    return path.open("w", encoding="utf-8", errors="replace", newline="")

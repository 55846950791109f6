"""What every output format is to the writer: something that takes documents as they come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from clausetag.data.records import Document, FailedInput, Sentence


class Sink(ABC):
    """One output. Its files stand under temporary names, so it need not clean up after itself."""

    @abstractmethod
    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        """Write one document's tagged sentences; `name` is a relative path without suffix that no other one has."""

    @abstractmethod
    def fail(self, failed: FailedInput) -> None:
        """Write down that an input gave no document."""

    @abstractmethod
    def finish(self) -> None:
        """Complete the files and close them."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the files, complete or not; called in any case, also after `finish`."""


def error_row(failed: FailedInput) -> dict[str, Any]:
    """The row of an input that gave no document."""
    return {"policy": failed.policy, "error": {"code": failed.code, "message": failed.message}}

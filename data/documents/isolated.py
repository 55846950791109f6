"""Read documents in a process of its own, which ends when a document takes too long or breaks its parser.

reader = IsolatedReader(seconds=60)
document = reader.read("acme", Path("acme.html").read_bytes(), ".html")
"""

from __future__ import annotations

import json
from dataclasses import asdict
from types import TracebackType
from typing import Any

from clausetag.data.documents.formats import LIMITS, WORD_SUFFIXES, Limits
from clausetag.data.documents.sniff import read_document
from clausetag.data.errors import DocumentError
from clausetag.data.processes import CallFailed, ProcessDied, ProcessTimeout, WorkerProcess
from clausetag.data.records import Document, block_from_row

PRELOAD = "clausetag.data.documents.preload"
"""The module that imports what a reader process needs."""
MEMORY = 2_000_000_000
"""Bytes that a reader process may need for a document."""
_PACKED = (".pdf", *WORD_SUFFIXES)
_PACKED_MARKS = (b"PK\x03\x04", b"%PDF-")
_MARK = 1024
"""Formats whose content is packed, so that a small file can take long."""


class IsolatedReader:
    """Reads one document at a time. The process is started with the first document, and replaced if it ends.

    `seconds` and `memory` are for each document. Documents of at most `harmless` bytes or characters that are neither
    PDF nor Word files are read in this process, which saves the time of starting one: readers are linear in the length.
    """

    def __init__(self, seconds: float, memory: int = MEMORY, harmless: int = 0) -> None:
        self._seconds = seconds
        self._harmless = harmless
        self._memory = memory
        self._process: WorkerProcess | None = None

    def read(self, policy: str, content: bytes | str, kind: str = "", limits: Limits = LIMITS) -> Document:
        """The document in these bytes (`kind` is the file's suffix) or this string (`kind` is "text" or "html").

        Raises:
            DocumentError: it cannot be read; code "unreadable" also if its parser broke down or took too long, and
                "too_large" if it needed too much memory.
            OSError: an error of the machine, such as too many open files.
        """
        packed = isinstance(content, bytes) and (kind in _PACKED or content[:_MARK].lstrip().startswith(_PACKED_MARKS))
        if len(content) <= self._harmless and not packed:
            return read_document(policy, content, kind, limits)
        if self._process is None:
            self._process = WorkerProcess(PRELOAD, self._memory)
        try:
            answer = self._process.call(read_to_json, policy, content, kind, limits, seconds=self._seconds)
        except (ProcessTimeout, ProcessDied, CallFailed, MemoryError) as error:
            raise reader_error(error, self._seconds) from None
        finally:
            if not self._process.usable:
                self.close()
        return document_from_json(answer)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def __enter__(self) -> IsolatedReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def reader_error(error: BaseException, seconds: float) -> DocumentError:
    """How a reader process failed, as the error of its document; `seconds` is the time that it had."""
    if isinstance(error, ProcessTimeout):
        return DocumentError("unreadable", f"reading it took more than {seconds:g} seconds")
    if isinstance(error, MemoryError):
        return DocumentError("too_large", "reading it takes too much memory")
    if isinstance(error, CallFailed):
        return DocumentError("failed", f"it could not be read ({error})")
    return DocumentError("unreadable", "it could not be read: its reader broke down")


def read_to_json(policy: str, content: bytes | str, kind: str, limits: Limits = LIMITS) -> bytes:
    """Read a document in this process; returns it, or why it cannot be read, for `document_from_json`."""
    try:
        document = read_document(policy, content, kind, limits)
    except DocumentError as error:
        return json.dumps({"code": error.code, "message": str(error)}).encode()
    return json.dumps(asdict(document)).encode()


def document_from_json(answer: bytes) -> Document:
    """The document that `read_to_json` has read.

    Raises:
        DocumentError: it could not be read.
    """
    value: dict[str, Any] = json.loads(answer)
    if "code" in value:
        raise DocumentError(value["code"], value["message"])
    return document_from_row(value)


def document_from_row(value: dict[str, Any]) -> Document:
    """A document from its fields as JSON holds them."""
    blocks = tuple(map(block_from_row, value["blocks"]))
    return Document(**{**value, "blocks": blocks, "flags": tuple(value["flags"])})

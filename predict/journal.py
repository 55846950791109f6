"""The journal of a long run: every finished document with its tagged sentences, in one file that only grows.

The outputs are made from it at the end, so a run that was killed and resumed writes the same bytes as one that was
not. An entry is a kind, a length, a checksum and JSON packed by zlib; what a kill cut off fails the checksum and is cut
off for good when the journal is opened again.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from clausetag.data.records import Block, Document, FailedInput, Sentence
from clausetag.predict.writers.sink import error_row

SYNC_SECONDS = 5.0
"""A kill loses nothing that was written; only a power cut does, and no more than so many seconds."""

_ENTRY = struct.Struct(">cII")
_HEAD, _SESSION, _DONE, _END = b"H", b"S", b"D", b"E"


@dataclass(frozen=True, slots=True)
class Session:
    """From here on the entries are those of one more start of the command."""

    started: str
    """Date and time, ISO 8601 in UTC."""


@dataclass(frozen=True, slots=True)
class Result:
    """One input that is done: a document with its sentences, or why there is none."""

    source: Document | FailedInput
    sentences: Sequence[Sentence]
    seconds: float
    """When it was done, counted from the session's start."""


class Journal:
    """A journal open for appending. `head` says which run it belongs to. Not shared between processes.

    Raises, at any method:
        OSError: the disk is full or cannot be read or written; what was appended before stays whole.
    """

    def __init__(self, path: Path) -> None:
        """Open a journal, or make an empty one, which has no `head` until `begin`."""
        self._path = path
        self._file: IO[bytes] = path.open("ab", buffering=0)
        self.head: Mapping[str, Any] | None = None
        self.results = 0
        """Inputs that are done."""
        self.complete = False
        """Whether all inputs are done."""
        self._synced = time.monotonic()
        self._end = 0
        for kind, packed in self._entries():
            if kind == _HEAD:
                self.head = _unpack(packed)
            self.results += kind == _DONE
            self.complete |= kind == _END
            self._end += _ENTRY.size + len(packed)
        self._file.truncate(self._end)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def begin(self, head: Mapping[str, Any]) -> None:
        """Forget everything and start a journal with this head."""
        self._file.truncate(0)
        self.results, self.complete, self._end = 0, False, 0
        self.head = head
        self._append(_HEAD, head)

    def start_session(self, started: str) -> None:
        """Note that the command was started."""
        self._append(_SESSION, started)

    def add(self, result: Result) -> None:
        """Append one input that is done."""
        self._append(_DONE, _to_json(result))
        self.results += 1
        if time.monotonic() - self._synced > SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def finish(self) -> None:
        """Note that all inputs are done."""
        self._append(_END, None)
        os.fsync(self._file.fileno())
        self.complete = True

    def entries(self) -> Iterator[Session | Result]:
        """The sessions and results in their order, read one at a time."""
        for kind, packed in self._entries():
            if kind == _SESSION:
                yield Session(_unpack(packed))
            elif kind == _DONE:
                yield _from_json(_unpack(packed))

    def _append(self, kind: bytes, value: Any) -> None:
        packed = zlib.compress(json.dumps(value).encode("ascii"), 1)
        rest = memoryview(_ENTRY.pack(kind, len(packed), zlib.crc32(packed, ord(kind))) + packed)
        try:
            while rest:  # a raw file may take less than it is given
                rest = rest[self._file.write(rest) :]
        except BaseException:
            # Half an entry in the midst would hide those after it.
            with suppress(OSError):
                self._file.truncate(self._end)
            raise
        self._end += _ENTRY.size + len(packed)

    def _entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Kind and packed content of every whole entry."""
        with self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while len(start := file.read(_ENTRY.size)) == _ENTRY.size:
                kind, length, checksum = _ENTRY.unpack(start)
                # After a power cut there may be zeros or noise, of which no length is to be believed.
                if not 0 < length <= size - file.tell():
                    return
                packed = file.read(length)
                if zlib.crc32(packed, ord(kind)) != checksum:
                    return
                yield kind, packed


def _unpack(packed: bytes) -> Any:
    return json.loads(zlib.decompress(packed))


def _to_json(result: Result) -> dict[str, Any]:
    source = result.source
    seconds = round(result.seconds, 3)
    if isinstance(source, FailedInput):
        return {**error_row(source), "seconds": seconds}
    return {
        "policy": source.policy,
        "text": source.text,
        "blocks": [[block.start, block.end, block.kind] for block in source.blocks],
        "notice": source.notice,
        "flags": source.flags,
        "sentences": [sentence.row() for sentence in result.sentences],
        "seconds": seconds,
    }


def _from_json(row: Mapping[str, Any]) -> Result:
    if "error" in row:
        return Result(FailedInput(row["policy"], **row["error"]), (), row["seconds"])
    document = Document(
        row["policy"],
        row["text"],
        tuple(Block(*block) for block in row["blocks"]),
        row["notice"],
        tuple(row["flags"]),
    )
    return Result(document, [_sentence(sentence) for sentence in row["sentences"]], row["seconds"])


def _sentence(row: Mapping[str, Any]) -> Sentence:
    lists = {key: tuple(row[key]) for key in ("labels", "flags") if key in row}
    return Sentence(**{**row, **lists})

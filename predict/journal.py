"""The journal of a run: every finished document with its tagged sentences, in one file that is only appended to.

The outputs are written from it at the end, so a run that was killed and resumed gives the same bytes as an
uninterrupted one. An entry consists of a kind, a length, a checksum and JSON compressed with zlib. The checksum of an
entry that a kill cut short is wrong; such an entry is removed when the journal is opened again.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from clausetag.data.durable import sync_folder
from clausetag.data.records import Block, Document, FailedInput, Link, Sentence
from clausetag.predict.writers.sink import error_row

SYNC_SECONDS = 5.0
"""Seconds between two calls of fsync. A kill loses nothing that was written; a power cut loses at most so much."""

_ENTRY = struct.Struct(">cII")
_HEAD, _SESSION, _DONE, _END = b"H", b"S", b"D", b"E"


@dataclass(frozen=True, slots=True)
class Session:
    """The command was started once more; the next entries are those of this start."""

    started: str
    """Date and time, ISO 8601 in UTC."""


@dataclass(frozen=True, slots=True)
class Result:
    """One finished input: a document with its sentences, or the reason why there is none."""

    source: Document | FailedInput
    sentences: Sequence[Sentence]
    seconds: float
    """Time from the start of the session until it was finished."""


def open_for_appending(path: Path) -> IO[bytes]:
    """Open a file to which every write goes at once, without a buffer."""
    return path.open("ab", buffering=0)


class Journal:
    """A journal open for appending. `head` says which run it belongs to. Not shared between processes.

    All methods raise OSError if the disk is full or cannot be read or written; earlier entries stay intact.
    """

    def __init__(
        self,
        path: Path,
        *,
        open_file: Callable[[Path], IO[bytes]] = open_for_appending,
        sync: Callable[[int], None] = os.fsync,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open a journal, or create an empty one, which has no `head` until `begin`.

        `sync` makes the system write an open file to the disk, so that its content survives a power cut.
        """
        self._path = path
        self._sync = sync
        self._clock = clock
        self._file = open_file(path)
        self.head: Mapping[str, Any] | None = None
        self.results = 0
        """Number of finished inputs."""
        self.complete = False
        """Whether all inputs are finished."""
        self.passed_over: Mapping[str, int] = {}
        """How many files were not read, by suffix; known if `complete`."""
        self._synced = clock()
        self._end = 0
        try:
            for kind, packed in self._entries():
                if kind == _HEAD:
                    self.head = _unpack(packed)
                self.results += kind == _DONE
                if kind == _END:
                    self.complete, self.passed_over = True, _unpack(packed)
                self._end += _ENTRY.size + len(packed)
            self._file.truncate(self._end)
        except BaseException:
            self._file.close()  # Windows removes no open file
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def begin(self, head: Mapping[str, Any]) -> None:
        """Remove all entries and start a journal with this head."""
        self._file.truncate(0)
        self.results, self.complete, self.passed_over, self._end = 0, False, {}, 0
        self.head = head
        self._append(_HEAD, head)
        self._sync(self._file.fileno())
        for folder in (self._path.parent, self._path.parent.parent):  # so that a power cut doesn't take its name
            sync_folder(folder)

    def start_session(self, started: str) -> None:
        """Append that the command was started."""
        self._append(_SESSION, started)

    def add(self, result: Result) -> None:
        """Append one finished input."""
        self._append(_DONE, _to_json(result))
        self.results += 1
        if self._clock() - self._synced > SYNC_SECONDS:
            self._sync(self._file.fileno())
            self._synced = self._clock()

    def finish(self, passed_over: Mapping[str, int]) -> None:
        """Append that all inputs are finished, and how many files were not read."""
        self.passed_over = dict(passed_over)
        self._append(_END, self.passed_over)
        self._sync(self._file.fileno())
        self.complete = True

    def entries(self) -> Generator[Session | Result, None, None]:
        """The sessions and results in order, read one at a time; the file is open until the generator is closed."""
        with closing(self._entries()) as entries:
            for kind, packed in entries:
                if kind == _SESSION:
                    yield Session(_unpack(packed))
                elif kind == _DONE:
                    yield _from_json(_unpack(packed))

    def _append(self, kind: bytes, value: Any) -> None:
        packed = zlib.compress(json.dumps(value).encode("ascii"), 1)
        rest = memoryview(_ENTRY.pack(kind, len(packed), zlib.crc32(packed, ord(kind))) + packed)
        try:
            while rest:  # a file without a buffer may write only a part
                rest = rest[self._file.write(rest) :]
        except BaseException:
            # Part of an entry would hide the entries after it.
            with suppress(OSError):
                self._file.truncate(self._end)
            raise
        self._end += _ENTRY.size + len(packed)

    def _entries(self) -> Generator[tuple[bytes, bytes], None, None]:
        """Kind and compressed content of every complete entry."""
        with self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while len(start := file.read(_ENTRY.size)) == _ENTRY.size:
                kind, length, checksum = _ENTRY.unpack(start)
                # After a power cut there may be zeros or random bytes here, so the length may be wrong.
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
        # The sentences have their links, and the lead-ins that levels tell.
        "blocks": [[block.start, block.end, block.kind] for block in source.blocks],
        "notice": source.notice,
        "flags": source.flags,
        "set_aside": dict(source.set_aside),
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
        row["set_aside"],
    )
    return Result(document, [_sentence(sentence) for sentence in row["sentences"]], row["seconds"])


def _sentence(row: Mapping[str, Any]) -> Sentence:
    lists: dict[str, Any] = {key: tuple(row[key]) for key in ("labels", "flags") if key in row}
    links = tuple(Link(**link) for link in row.get("links", ()))
    if "attributes" in row:
        lists["attributes"] = {name: tuple(values) for name, values in row["attributes"].items()}
    return Sentence(**{**row, **lists, "links": links})

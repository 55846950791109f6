"""The journal: what went in comes out, and a torn end costs nothing but itself."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any, cast

import pytest

from clausetag.data.documents.sniff import extract_text
from clausetag.data.labels import LABELS, SECURITY
from clausetag.data.records import Document, FailedInput
from clausetag.data.segment import segment
from clausetag.predict.journal import SYNC_SECONDS, Journal, Result, Session

_HEAD = {"model": "m", "inputs": ["a\udcff"]}


def _result(number: int) -> Result:
    document = extract_text(
        f"p{number}", f"Security\n\nWe keep “data” {number} safe. Emoji \U0001f600 too.\n\n• One.\n"
    )
    blocks = tuple(replace(block, level=0) for block in document.blocks)  # the sentences have what it tells
    document = Document(document.policy, document.text, blocks, "a notice", ("not_english",))
    scores = dict.fromkeys(LABELS, 0.1234)
    sentences = [
        sentence.with_prediction((SECURITY,) if sentence.index else (), scores, document.flags)
        for sentence in segment(document)
    ]
    return Result(document, sentences, number + 0.125)


_FAILED = Result(FailedInput("x\udcff", "missing", "x\udcff: no such file"), [], 9.0)


def _write(path: Path, results: list[Result]) -> None:
    with Journal(path) as journal:
        journal.begin(_HEAD)
        journal.start_session("2026-01-01")
        for result in results:
            journal.add(result)


def test_what_went_in_comes_out(tmp_path: Path) -> None:
    written = [_result(1), _FAILED, _result(2)]
    _write(tmp_path / "journal", written)
    with Journal(tmp_path / "journal") as journal:
        assert (journal.head, journal.results, journal.complete) == (_HEAD, 3, False)
        journal.start_session("2026-01-02")
        journal.finish({".css": 2})
        entries = list(journal.entries())
    assert entries == [
        Session("2026-01-01"),
        *(
            Result(r.source, list(r.sentences), r.seconds) if r.sentences else Result(r.source, (), 9.0)
            for r in written
        ),
        Session("2026-01-02"),
    ]
    with Journal(tmp_path / "journal") as journal:
        assert journal.complete and journal.passed_over == {".css": 2}


def test_a_journal_cut_at_any_byte_keeps_every_whole_entry(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    results = [_result(number) for number in range(3)]
    sizes = []
    for number in range(4):
        _write(path, results[:number])
        sizes.append(path.stat().st_size)
    whole = path.read_bytes()
    for cut in [*range(sizes[0], len(whole), 7), *sizes, *(size - 1 for size in sizes), 0, 3, 15]:
        path.write_bytes(whole[:cut])
        with Journal(path) as journal:
            kept = sum(size <= cut for size in sizes[1:])
            assert journal.results == kept
            journal.add(results[2])
            entries = [entry for entry in journal.entries() if isinstance(entry, Result)]
        assert [entry.source for entry in entries] == [r.source for r in [*results[:kept], results[2]]]


@pytest.mark.parametrize("noise", [b"\0" * 100, b"D" * 100, b"D\xff\xff\xff\xff" + b"x" * 50])
def test_noise_at_the_end_is_cut_off(noise: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    _write(path, [_result(1)])
    whole = path.read_bytes()
    path.write_bytes(whole + noise)
    with Journal(path) as journal:
        assert journal.results == 1
    assert path.read_bytes() == whole


def test_a_changed_byte_ends_the_journal_there(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    _write(path, [_result(1)])
    size = path.stat().st_size
    _write(path, [_result(1), _result(2)])
    content = bytearray(path.read_bytes())
    content[size + 40] ^= 1
    path.write_bytes(content)
    with Journal(path) as journal:
        assert journal.results == 1


def test_an_entry_that_finds_no_room_leaves_the_others_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    _write(path, [_result(1)])

    class Full(FileIO):
        """Takes ten bytes, then no more."""

        taken = 0

        def write(self, data: Any) -> int:
            if self.taken:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.taken = super().write(data[:10])
            return self.taken

    with Journal(path, open_file=lambda path: cast(Any, Full(path, "ab"))) as journal:
        whole = path.stat().st_size
        with pytest.raises(OSError, match="No space"):
            journal.add(_result(2))
        assert (journal.results, path.stat().st_size) == (1, whole)


def test_what_is_written_is_synced_to_the_disk_every_few_seconds_and_at_the_end(tmp_path: Path) -> None:
    """After a power cut only what was synced is certain; so each sync comes after the write that it is for."""
    path = tmp_path / "journal"
    now = 0.0
    synced: list[tuple[int, int]] = []

    def sync(descriptor: int) -> None:
        assert os.fstat(descriptor).st_ino == path.stat().st_ino
        with Journal(path) as reader:
            synced.append((reader.results, path.stat().st_size))

    with Journal(path, sync=sync, clock=lambda: now) as journal:
        journal.begin(_HEAD)
        assert synced.pop() == (0, path.stat().st_size)
        journal.add(_result(0))
        now = SYNC_SECONDS
        journal.add(_result(1))
        assert synced == [], "not at every document"
        now = SYNC_SECONDS + 1
        journal.add(_result(2))
        assert synced == [(3, path.stat().st_size)]
        now = 2 * SYNC_SECONDS
        journal.add(_result(3))
        assert len(synced) == 1
        journal.finish({".css": 2})
        assert synced[1:] == [(4, path.stat().st_size)]

"""Documents side by side: the same results, in the same order, with a few of them in memory at a time."""

from __future__ import annotations

import errno
import io
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from clausetag.data.documents.sniff import extract_text
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.data.segment import segment
from clausetag.model.tagger import Tagger
from clausetag.predict.pipeline import Pipeline, Source
from clausetag.predict.progress import Progress


class Slow:
    """A tagger that finishes the first of every two documents only once the second has been begun."""

    def __init__(self) -> None:
        self.begun: dict[str, threading.Event] = {}
        self.error: Exception | None = None

    def tag_document(self, document: Document, *, head: str) -> list[Sentence]:
        number = int(document.policy)
        self.begun.setdefault(str(number), threading.Event()).set()
        if number % 2 == 0:
            assert self.begun.setdefault(str(number + 1), threading.Event()).wait(30)
        if self.error is not None and number == 3:
            raise self.error
        return segment(document)

    def release(self) -> None:
        """Let all documents finish, whether their second has been begun or not."""
        for number in range(10):
            self.begun.setdefault(str(number), threading.Event()).set()


def documents(read: list[int]) -> Iterator[Source]:
    for number in range(10):
        read.append(number)
        if number == 5:
            yield FailedInput("5", "empty", "5: there is no text")
            continue
        yield extract_text(str(number), f"We keep record number {number}. Nobody else has it.")


def pipeline(tagger: Slow, workers: int) -> tuple[Pipeline, io.StringIO]:
    notes = io.StringIO()
    return Pipeline(cast(Any, tagger), "guide", False, Progress(notes), workers), notes


@pytest.fixture
def slow() -> Slow:
    tagger = Slow()
    tagger.begun["5"] = threading.Event()
    tagger.begun["5"].set()  # never tagged
    return tagger


def test_results_come_in_order_and_few_documents_are_read_ahead(slow: Slow) -> None:
    read: list[int] = []
    mine, notes = pipeline(slow, 3)
    for number, (source, sentences) in enumerate(mine.tag_all(documents(read))):
        assert source.policy == str(number)
        assert [s.policy for s in sentences] == [str(number)] * (0 if number == 5 else 2)
        assert len(read) <= number + 1 + 3
    assert number == 9
    assert notes.getvalue().count("5: there is no text") == 1


def test_one_worker_gives_the_same(tiny_artifact: Path) -> None:
    tagger = Tagger.load(tiny_artifact)
    results = []
    for workers in (1, 2, 5):
        mine, notes = pipeline(cast(Any, tagger), workers)
        results.append((list(mine.tag_all(documents([]))), notes.getvalue()))
    assert results[0] == results[1] == results[2]


def test_a_document_that_fails_is_alone_in_that(slow: Slow) -> None:
    slow.error = ValueError("odd")
    mine, notes = pipeline(slow, 2)
    found = [source for source, _ in mine.tag_all(documents([]))]
    assert [source.policy for source in found if isinstance(source, FailedInput)] == ["3", "5"]
    assert "3: could not be tagged (ValueError: odd)" in notes.getvalue()


def test_the_machines_fault_stops_all(slow: Slow) -> None:
    slow.error = OSError(errno.ENOSPC, "No space left on device")
    mine, _ = pipeline(slow, 2)
    done = []
    results = mine.tag_all(documents([]))
    with pytest.raises(OSError, match="No space left"):  # noqa: PT012
        for source, _ in results:
            done.append(source.policy)
    assert done == ["0", "1", "2"]


def test_who_stops_listening_stops_the_work(slow: Slow) -> None:
    read: list[int] = []
    results = pipeline(slow, 2)[0].tag_all(documents(read))
    next(results)
    slow.release()
    cast(Any, results).close()
    assert len(read) <= 4 and not [t for t in threading.enumerate() if t.name.startswith("document")]


def test_threads_take_turns_as_before_once_all_is_labelled(slow: Slow) -> None:
    before = sys.getswitchinterval()
    results = pipeline(slow, 2)[0].tag_all(documents([]))
    next(results)
    assert sys.getswitchinterval() < before
    slow.release()
    cast(Any, results).close()
    assert sys.getswitchinterval() == before

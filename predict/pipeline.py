"""From what an input gave to its tagged sentences, or to the reason why there are none."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from clausetag.data.documents.quality import quality_flags
from clausetag.data.errors import is_machine_error, one_line
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.model.tagger import Tagger
from clausetag.predict.pages.summary import FLAG_MEANINGS
from clausetag.predict.progress import Progress
from clausetag.predict.terminal import printable

Source = Document | FailedInput
TaggedSource = tuple[Source, list[Sentence]]

_TURN = 0.0005
"""Seconds after which the thread that reads documents lets another go on. A small network is done with a window in 3
milliseconds; Python's 5 would leave its threads waiting for their next one longer than that."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Tags what is found, and notes on stderr what failed or is doubtful."""

    tagger: Tagger
    head: str
    strict: bool
    """A flagged document counts as failed."""
    progress: Progress
    workers: int = 1
    """Documents at a time in `tag_all`."""

    def tag(self, found: Source) -> TaggedSource:
        """The document with its flags and its sentences, or why there is none; no document makes it raise.

        Raises:
            OSError: the machine's fault, such as a full disk, at which every document would fail.
        """
        return self._noted(self._attempt(found))

    def tag_all(self, found: Iterable[Source]) -> Iterator[TaggedSource]:
        """`tag` for one after the other, in order; while some are tagged, the next is read.

        The network holds no lock of Python's, so that its threads and the reading of documents share the cores. A few
        documents are in memory at a time, whatever their number.

        Raises:
            OSError: see `tag`.
        """
        if self.workers == 1:
            yield from map(self.tag, found)
            return
        waiting: deque[Future[TaggedSource]] = deque()
        with _short_turns(), ThreadPoolExecutor(self.workers, thread_name_prefix="document") as pool:
            try:
                for item in found:
                    waiting.append(pool.submit(self._attempt, item))
                    if len(waiting) > self.workers:
                        yield self._noted(waiting.popleft().result())
                while waiting:
                    yield self._noted(waiting.popleft().result())
            finally:
                for future in waiting:
                    future.cancel()

    def _attempt(self, found: Source) -> TaggedSource:
        try:
            return self._tag(found)
        except Exception as error:
            if is_machine_error(error):
                raise
            # The last resort: whatever a text does that nobody has seen, the other documents are tagged.
            return fault(found.policy, "tagged", error), []

    def _noted(self, result: TaggedSource) -> TaggedSource:
        source = result[0]
        if isinstance(source, FailedInput):
            self.progress.note(f"clausetag: {printable(source.message)}")
        else:
            for flag in source.flags:
                self.progress.note(f"clausetag: warning: {printable(source.policy)}: {FLAG_MEANINGS[flag]}")
        return result

    def _tag(self, found: Source) -> TaggedSource:
        if isinstance(found, FailedInput):
            return found, []
        document = replace(found, flags=quality_flags(found))
        if self.strict and document.flags:
            flag = document.flags[0]
            return FailedInput(found.policy, flag, f"{found.policy}: {FLAG_MEANINGS[flag]}"), []
        return document, self.tagger.tag_document(document, head=self.head)


@contextmanager
def _short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def fault(policy: str, what: str, error: Exception) -> FailedInput:
    """The failure of a document at which the program failed, when it should have been `what`: "tagged", "written"."""
    return FailedInput(policy, "failed", f"{policy}: could not be {what} ({type(error).__name__}: {one_line(error)})")

"""Tags documents that were read; an input that fails stays a `FailedInput` and does not stop the others."""

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
from clausetag.predict.pages.summary import FLAG_MEANINGS, flag_warnings
from clausetag.predict.progress import Progress
from clausetag.predict.terminal import printable

Source = Document | FailedInput
TaggedSource = tuple[Source, list[Sentence]]

_SWITCH_SECONDS = 0.0005
"""Python's switch interval while documents are read and tagged at the same time. A small network needs 3 ms for a
window; with Python's default interval of 5 ms, its threads would wait even longer for the thread that reads."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Tags inputs, and prints failures and warnings on stderr."""

    tagger: Tagger
    head: str
    strict: bool
    """A flagged document counts as failed."""
    progress: Progress
    workers: int = 1
    """Number of documents that `tag_all` tags at the same time."""

    def tag(self, found: Source) -> TaggedSource:
        """The document with its flags and tagged sentences, or the reason why there are none.

        Raises:
            OSError: a fault of the machine, such as a full disk, with which every document would fail.
        """
        return self._noted(self._attempt(found))

    def tag_all(self, found: Iterable[Source]) -> Iterator[TaggedSource]:
        """`tag` for each input, in order. The next input is read while others are tagged.

        The network does not hold Python's global lock, so its threads and the reading of documents share the cores.
        Only a few documents are in memory at the same time.

        Raises:
            OSError: see `tag`.
        """
        if self.workers == 1:
            yield from map(self.tag, found)
            return
        waiting: deque[Future[TaggedSource]] = deque()
        with _short_switch_interval(), ThreadPoolExecutor(self.workers, thread_name_prefix="document") as pool:
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
            # An error in the program must not stop the other documents.
            return fault(found.policy, "tagged", error), []

    def note(self, line: str) -> None:
        """Print a line for the user."""
        self.progress.note(f"clausetag: {printable(line)}")

    def _noted(self, result: TaggedSource) -> TaggedSource:
        source = result[0]
        if isinstance(source, FailedInput):
            self.note(source.message)
        else:
            for line in flag_warnings(source.policy, source.flags):
                self.progress.note(line)
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
def _short_switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def fault(policy: str, what: str, error: Exception) -> FailedInput:
    """The failed input for an error in the program; `what` is the step that failed: "tagged", "written"."""
    return FailedInput(policy, "failed", f"{policy}: could not be {what} ({type(error).__name__}: {one_line(error)})")

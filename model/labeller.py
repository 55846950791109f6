"""From what an input gave to its tagged sentences, or to the reason why there are none."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace

from clausetag.data.containers import one_line
from clausetag.data.extract import FailedInput
from clausetag.data.progress import Progress
from clausetag.data.schema import Document, Sentence
from clausetag.data.screen import screen
from clausetag.data.summary import FLAG_MEANINGS, printable
from clausetag.model.tagger import Tagger

Found = Document | FailedInput

_MACHINE = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO", "EMFILE", "ENFILE", "ENOMEM")
    if hasattr(errno, name)
)
"""Errors that no text can be blamed for."""


@dataclass(frozen=True, slots=True)
class Labeller:
    """Tags what is found, and notes on stderr what failed or is doubtful."""

    tagger: Tagger
    head: str
    strict: bool
    """A flagged document counts as failed."""
    progress: Progress

    def label(self, found: Found) -> tuple[Found, list[Sentence]]:
        """The document with its flags and its sentences, or why there is none; no document makes it raise.

        Raises:
            OSError: the machine's fault, such as a full disk, at which every document would fail.
        """
        try:
            source, sentences = self._label(found)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _MACHINE:
                raise
            # The last resort: whatever a text does that nobody has seen, the other documents are tagged.
            source, sentences = fault(found.policy, "tagged", error), []
        if isinstance(source, FailedInput):
            self.progress.note(f"clausetag: {printable(source.message)}")
        else:
            for flag in source.flags:
                self.progress.note(f"clausetag: warning: {printable(source.policy)}: {FLAG_MEANINGS[flag]}")
        return source, sentences

    def _label(self, found: Found) -> tuple[Found, list[Sentence]]:
        if isinstance(found, FailedInput):
            return found, []
        document = replace(found, flags=screen(found))
        if self.strict and document.flags:
            flag = document.flags[0]
            return FailedInput(found.policy, flag, f"{found.policy}: {FLAG_MEANINGS[flag]}"), []
        return document, self.tagger.tag_document(document, head=self.head)


def fault(policy: str, what: str, error: Exception) -> FailedInput:
    """The failure of a document at which the program failed, when it should have been `what`: "tagged", "written"."""
    return FailedInput(policy, "failed", f"{policy}: could not be {what} ({type(error).__name__}: {one_line(error)})")

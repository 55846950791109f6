"""The description of a run for programs, `run.json`. docs/OUTPUTS.md documents every key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from clausetag.data.labels import LABELS
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.model.tagger import Tagger
from clausetag.predict.pages.summary import word_count
from clausetag.predict.terminal import counted


def now() -> str:
    """Date and time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class Tally:
    """Counts over the results of a run."""

    documents: int = 0
    """Inputs that were read or failed."""
    sentences: int = 0
    unlabelled: int = 0
    """Sentences without a label."""
    labels: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LABELS, 0))
    """Sentences with each of the model's labels, in order."""
    failures: Counter[str] = field(default_factory=Counter)
    """By code."""
    words: int = 0
    """Words of the extracted texts."""
    set_aside: Counter[str] = field(default_factory=Counter)
    """Words about data that are not in the extracted texts, by where they stand."""
    flagged: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Files of folders that were not read, by suffix."""

    @property
    def failed(self) -> int:
        """Inputs that gave no document."""
        return self.failures.total()

    def add(self, source: Document | FailedInput, sentences: Sequence[Sentence]) -> None:
        """Count one input; the sentences of a failed one don't count."""
        self.documents += 1
        if isinstance(source, FailedInput):
            self.failures[source.code] += 1
            return
        self.words += word_count(source.text)
        self.set_aside.update(source.set_aside)
        self.flagged += bool(source.flags)
        self.flags.update(source.flags)
        self.sentences += len(sentences)
        for sentence in sentences:
            self.unlabelled += not sentence.labels
            for label in sentence.labels or ():
                self.labels[label] += 1

    def rows(self) -> dict[str, Any]:
        """The counts as JSON values."""
        total, failed = self.documents, self.failed
        return {
            "documents": {"total": total, "tagged": total - failed, "flagged": self.flagged, "failed": failed},
            "words": {"kept": self.words, "set_aside": dict(sorted(self.set_aside.items()))},
            "sentences": self.sentences,
            "unlabelled": self.unlabelled,
            "labels": dict(self.labels),
            "failures": dict(sorted(self.failures.items())),
            "flags": dict(sorted(self.flags.items())),
            "passed_over": dict(sorted(self.passed_over.items())),
        }

    def line(self) -> str:
        """The counts in a few words."""
        parts = [counted(self.documents, "document"), counted(self.sentences, "sentence")]
        parts += [
            f"{number:,} {what}" for what, number in (("flagged", self.flagged), ("failed", self.failed)) if number
        ]
        return ", ".join(parts)


def model_rows(tagger: Tagger, head: str) -> dict[str, Any]:
    """Model and head as JSON values."""
    thresholds = dict(zip(tagger.labels, map(float, tagger.thresholds(head)), strict=True))
    return {
        "name": tagger.config.get("name"),
        "hash": tagger.hash,
        "head": head,
        "min_labels": tagger.min_labels(head),
        "thresholds": thresholds,
    }

"""What a policy says, at a glance: its summary row, and per label the strongest sentence, for page and terminal."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clausetag.data.labels import LABELS, practice_labels
from clausetag.data.records import Document, Sentence

FLAG_MEANINGS = {
    "not_english": "this does not look like English; the labels mean little",
    "not_privacy_policy": "this does not look like a privacy policy; the labels mean little",
    "partly_scanned": "some pages are pictures without a text layer; what they say is missing",
}
PRACTICES: tuple[str, ...] = practice_labels()
"""Of the twelve labels those that name a practice."""

WORDS_A_MINUTE = 238
"""Silent reading of English non-fiction by adults, the mean of 190 studies: Brysbaert, Journal of Memory and Language
109, 2019."""

_WORD = re.compile(r"\S*\w\S*")
_MIN_WIDTH = 60
_MAX_WIDTH = 160


@dataclass(frozen=True, slots=True)
class PolicySummary:
    """One policy in numbers, as in a row of `summary.jsonl`."""

    policy: str
    sentences: int
    words: int
    """Runs of characters between white space that hold a letter or a digit, in the whole extracted text."""
    counts: Mapping[str, int]
    """For each of the model's labels, in order, the sentences that have it; one with two labels counts for both."""
    first: Mapping[str, int]
    """For the labels that occur, the index of the first sentence that has it."""
    flags: tuple[str, ...]

    @property
    def minutes(self) -> float:
        """Reading time in minutes, to one decimal."""
        return round(self.words / WORDS_A_MINUTE, 1)

    @property
    def present(self) -> list[str]:
        """The practices that at least one sentence states."""
        return [label for label in practice_labels(tuple(self.counts)) if self.counts[label]]

    @property
    def absent(self) -> list[str]:
        """The practices that no sentence states."""
        return [label for label in practice_labels(tuple(self.counts)) if not self.counts[label]]

    def row(self) -> dict[str, Any]:
        """The JSON object; shares are of the sentences, 0 to 1 with four decimals, null where there is no sentence."""
        total = self.sentences
        return {
            "policy": self.policy,
            "sentences": total,
            "words": self.words,
            "minutes": self.minutes,
            "counts": dict(self.counts),
            "shares": {label: round(count / total, 4) if total else None for label, count in self.counts.items()},
            "present": self.present,
            "absent": self.absent,
            "flags": list(self.flags),
        }


def summarise(document: Document, sentences: Sequence[Sentence], labels: Sequence[str] = LABELS) -> PolicySummary:
    """Count what a document's sentences say, tagged by a model with these `labels`.

    Flags are the document's and its sentences'.
    """
    counts = dict.fromkeys(labels, 0)
    first: dict[str, int] = {}
    for sentence in sentences:
        for label in sentence.labels or ():
            counts[label] += 1
            first.setdefault(label, sentence.index)
    flags = dict.fromkeys((*document.flags, *(flag for sentence in sentences for flag in sentence.flags)))
    words = sum(1 for _ in _WORD.finditer(document.text))
    return PolicySummary(document.policy, len(sentences), words, counts, first, tuple(flags))


@dataclass(frozen=True, slots=True)
class Practice:
    """One label that a policy has: in how many sentences, and in which most clearly."""

    label: str
    count: int
    strongest: Sentence


def practices(document: Document, sentences: Sequence[Sentence], labels: Sequence[str] = LABELS) -> list[Practice]:
    """The labels that occur, in their order. A heading is the strongest sentence only where there is no other."""
    found: list[Practice] = []
    for label in labels:
        carriers = [sentence for sentence in sentences if label in (sentence.labels or ())]
        if carriers:
            # Of equals `max` takes the first, so the result does not depend on anything but the text.
            best = max(carriers, key=lambda sentence: (not _is_heading(document, sentence), _score(sentence, label)))
            found.append(Practice(label, len(carriers), best))
    return found


def not_mentioned(sentences: Sequence[Sentence], labels: Sequence[str] = LABELS) -> list[str]:
    """The practices that no sentence states; introductions and practices not covered are none that could be missed."""
    present = {label for sentence in sentences for label in sentence.labels or ()}
    return [label for label in practice_labels(labels) if label not in present]


def summary_table(
    document: Document, sentences: Sequence[Sentence], width: int | None = None, labels: Sequence[str] = LABELS
) -> str:
    """A table for the terminal, `width` characters wide (by default the terminal's), without a newline at the end."""
    width = width or shutil.get_terminal_size((100, 24)).columns
    width = min(max(width, _MIN_WIDTH), _MAX_WIDTH)
    lines = [f"{printable(document.policy)}: {len(sentences)} sentence{'' if len(sentences) == 1 else 's'}"]
    lines.extend(f"  warning: {FLAG_MEANINGS.get(flag, flag)} ({flag})" for flag in document.flags)
    found = practices(document, sentences, labels)
    if found:
        column = max(len(practice.label) for practice in found)
        for practice in found:
            start = f"  {practice.label:<{column}}  {practice.count:>4}  "
            lines.append(start + shorten(printable(practice.strongest.text), width - len(start)))
    missing = not_mentioned(sentences, labels)
    if missing:
        lines.extend(_wrap("  not mentioned: ", missing, width))
    return "\n".join(lines)


def shorten(text: str, width: int) -> str:
    """Cut text at a word's end to at most `width` characters, an ellipsis included."""
    if len(text) <= width:
        return text
    head = text[: max(width - 1, 0)]
    cut = head.rfind(" ")
    return (head[:cut] if cut > width // 2 else head).rstrip(" ,;:") + "…"


def printable(text: str) -> str:
    """Text without characters that could move the cursor or colour a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _wrap(start: str, names: Sequence[str], width: int) -> list[str]:
    lines = [start]
    for number, name in enumerate(names):
        piece = name if number + 1 == len(names) else f"{name}, "
        if len(lines[-1]) + len(piece.rstrip()) > width and lines[-1].strip():
            lines.append(" " * len(start))
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _is_heading(document: Document, sentence: Sentence) -> bool:
    passage = sentence.passage
    if passage is None or not 0 <= passage < len(document.blocks):
        return False
    return document.blocks[passage].kind == "heading"


def _score(sentence: Sentence, label: str) -> float:
    return (sentence.scores or {}).get(label, 0.0)

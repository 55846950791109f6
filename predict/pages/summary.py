"""What a policy says at a glance: its row in `summary.jsonl`, and for each label the strongest sentence."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clausetag.data.labels import LABELS, practice_labels
from clausetag.data.records import Document, Sentence
from clausetag.predict.facts.build import fact_sheet
from clausetag.predict.facts.sheet import FactSheet
from clausetag.predict.terminal import counted, printable, shorten

FLAG_MEANINGS = {
    "not_english": "this does not look like English; the labels mean little",
    "not_privacy_policy": "this does not look like a privacy policy; the labels mean little",
    "not_a_document": "this looks like an error page or a check for robots, and not like a document",
    "too_little_text": "this page has next to no text; a script may load it",
    "text_set_aside": "text that speaks of data was left out, because it looks like no part of the document",
    "embedded_unread": "a document embedded in this Word file cannot be read; what it says is missing",
    "partly_scanned": "some pages are pictures without a text layer; what they say is missing",
}

WORDS_A_MINUTE = 238
"""Silent reading of English non-fiction by adults, the mean of 190 studies: Brysbaert, Journal of Memory and Language
109, 2019."""

_WORD = re.compile(r"(?<!\S)[^\w\s]*+\w")
_STRONGEST_LENGTH = 170


def flag_warnings(name: str, flags: Sequence[str]) -> list[str]:
    """A line for stderr about each flag of the document `name`."""
    return [f"clausetag: warning: {printable(name)}: {FLAG_MEANINGS[flag]}" for flag in flags]


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
    set_aside: Mapping[str, int]
    """Words about data that were left out, by where they stand."""
    facts: FactSheet | None = None
    """What it says; None if the model has no attributes."""

    @property
    def minutes(self) -> float:
        """Reading time in minutes, to one decimal."""
        return round(self.words / WORDS_A_MINUTE, 1)

    @property
    def whole_minutes(self) -> int:
        """Reading time in whole minutes, at least one."""
        return max(1, round(self.minutes))

    @property
    def extent(self) -> str:
        """Sentences, words and reading time in words."""
        return (
            f"{counted(self.sentences, 'sentence')}, {counted(self.words, 'word')}, "
            f"{counted(self.whole_minutes, 'minute')} to read"
        )

    @property
    def set_aside_places(self) -> str:
        """The words that were left out, by where they stand, in one line."""
        return ", ".join(f"{place}: {number:,}" for place, number in sorted(self.set_aside.items()))

    @property
    def flag_meanings(self) -> list[tuple[str, str]]:
        """Each flag with its meaning in words."""
        return [(flag, FLAG_MEANINGS.get(flag, flag)) for flag in self.flags]

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
            "set_aside": sum(self.set_aside.values()),
            "set_aside_places": self.set_aside_places,
            "minutes": self.minutes,
            "counts": dict(self.counts),
            "shares": {label: round(count / total, 4) if total else None for label, count in self.counts.items()},
            "present": self.present,
            "absent": self.absent,
            **({"facts": self.facts.summary()} if self.facts else {}),
            "flags": list(self.flags),
        }


def summarise(document: Document, sentences: Sequence[Sentence], labels: Sequence[str] = LABELS) -> PolicySummary:
    """Count what the sentences of a document say; `labels` are all labels of the model that tagged it.

    The flags are those of the document and of its sentences.
    """
    counts = dict.fromkeys(labels, 0)
    first: dict[str, int] = {}
    for sentence in sentences:
        for label in sentence.labels or ():
            counts[label] += 1
            first.setdefault(label, sentence.index)
    flags = dict.fromkeys((*document.flags, *(flag for sentence in sentences for flag in sentence.flags)))
    return PolicySummary(
        document.policy,
        len(sentences),
        word_count(document.text),
        counts,
        first,
        tuple(flags),
        document.set_aside,
        fact_sheet(document.policy, sentences),
    )


def word_count(text: str) -> int:
    """The number of words: runs of characters between white space that hold a letter or a digit."""
    return sum(1 for _ in _WORD.finditer(text))


@dataclass(frozen=True, slots=True)
class Practice:
    """One label that a policy has: the number of its sentences, and the one that states it most clearly."""

    label: str
    count: int
    strongest: Sentence

    @property
    def strongest_text(self) -> str:
        """The strongest sentence, shortened for a table."""
        return shorten(self.strongest.text, _STRONGEST_LENGTH)


def practices(document: Document, sentences: Sequence[Sentence], labels: Sequence[str] = LABELS) -> list[Practice]:
    """The labels that occur, in their order. A heading is the strongest sentence only if there is no other."""
    headings = {number for number, block in enumerate(document.blocks) if block.kind == "heading"}
    found: list[Practice] = []
    for label in labels:
        carriers = [sentence for sentence in sentences if label in (sentence.labels or ())]
        if carriers:
            # Of equals `max` takes the first, so the result depends on the text alone.
            best = max(carriers, key=lambda s: (s.passage not in headings, (s.scores or {}).get(label, 0.0)))
            found.append(Practice(label, len(carriers), best))
    return found


def not_mentioned(sentences: Sequence[Sentence], labels: Sequence[str] = LABELS) -> list[str]:
    """The practices that no sentence states."""
    present = {label for sentence in sentences for label in sentence.labels or ()}
    return [label for label in practice_labels(labels) if label not in present]


def summary_table(
    document: Document, sentences: Sequence[Sentence], width: int | None = None, labels: Sequence[str] = LABELS
) -> str:
    """The summary for the terminal, `width` characters wide (default: the terminal's), without a final newline."""
    width = min(max(width or shutil.get_terminal_size((100, 24)).columns, 60), 160)
    lines = [f"{printable(document.policy)}: {counted(len(sentences), 'sentence')}"]
    lines.extend(f"  warning: {FLAG_MEANINGS.get(flag, flag)} ({flag})" for flag in document.flags)
    found = practices(document, sentences, labels)
    column = max((len(practice.label) for practice in found), default=0)
    for practice in found:
        start = f"  {practice.label:<{column}}  {practice.count:>4}  "
        lines.append(start + shorten(printable(practice.strongest.text), width - len(start)))
    if missing := not_mentioned(sentences, labels):
        # No-break spaces keep the words of a name together.
        names = ", ".join(name.replace(" ", "\xa0") for name in missing)
        start = "  not mentioned: "
        lines.append(
            textwrap.fill(start + names, width, subsequent_indent=" " * len(start), break_on_hyphens=False).replace(
                "\xa0", " "
            )
        )
    return "\n".join(lines)

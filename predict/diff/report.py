"""Shows what changed between two versions of a policy: as terminal text, as Markdown and as one HTML page.

The template of the page is `diff.html` in `clausetag.predict.pages`. It has no script: its filters are style rules.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from clausetag.data.labels import LABELS
from clausetag.predict.diff.diff import STATUSES, CategoryCount, Change, WordEdit, count_categories
from clausetag.predict.diff.facts import FactChange, fact_changes
from clausetag.predict.pages.rendering import Inline, generate, stylesheet
from clausetag.predict.terminal import aligned, counted, printable, shorten

_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~#&@$]|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
"""Characters that have a meaning in Markdown; those of a list or rule only at the start."""
_SIGNS = {"moved": ">", "changed": "~", "added": "+", "removed": "-"}
_KEPT_WORDS = 8
"""Unchanged words that the terminal shows on each side of a change."""
_HEADER = ("category", "added", "removed", "changed")


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison, and the names that it shows."""

    old_name: str
    new_name: str
    changes: tuple[Change, ...]
    model: str = ""
    """One line that says which model gave the labels."""
    labels: tuple[str, ...] = LABELS
    """All labels of that model, in order."""

    def headline(self) -> str:
        """The number of sentences in both versions and of each status, in one line."""
        old = sum(change.old is not None for change in self.changes)
        new = sum(change.new is not None for change in self.changes)
        numbers = Counter(change.status for change in self.changes)
        statuses = ", ".join(f"{numbers[status]:,} {status}" for status in STATUSES)
        return f"{old:,} sentences before, {new:,} after: {statuses}"

    def note(self) -> str:
        """One sentence on the sentences with the same text but other labels; empty if there are none."""
        number = sum(c.status in ("unchanged", "moved") and bool(c.gained or c.lost) for c in self.changes)
        if not number:
            return ""
        which = f"{counted(number, 'sentence')} with the same text {'is' if number == 1 else 'are'}"
        return f"{which} labelled differently: the model reads a sentence in its surroundings, and those changed."

    def facts(self) -> list[FactChange]:
        """What only one of the versions says, in the order of the fact sheet."""
        return fact_changes(self.changes)

    def counts(self) -> list[CategoryCount]:
        """The counts of each category that occurs among the changes."""
        return count_categories(self.changes, self.labels)

    def shown(self) -> Iterator[tuple[Change, str | None]]:
        """All changes but unchanged sentences, each with its heading if it is the first below that."""
        last: str | None = None
        for change in self.changes:
            if change.status != "unchanged":
                heading = change.sentence.heading
                yield change, heading if heading != last else None
                last = heading


def summary(report: Report, width: int = 100) -> str:
    """Headline and the table of categories, without a newline at the end."""
    lines = [f"{printable(report.old_name)} -> {printable(report.new_name)}", *textwrap.wrap(report.headline(), width)]
    if counts := report.counts():
        header = [_HEADER[0], *(f"{name:>7}" for name in _HEADER[1:])]
        rows = [[c.label, f"{c.added:,}", f"{c.removed:,}", f"{c.changed:,}"] for c in counts]
        lines += ["", *(f"  {line}" for line in aligned([header, *rows]))]
    if facts := report.facts():
        lines += ["", "  what it says, new (+) and no longer (-):"]
        for fact in facts:
            lines += textwrap.wrap(printable(str(fact)), width, initial_indent="  ", subsequent_indent="      ")
        lines.append("")
    return "\n".join(lines + textwrap.wrap(report.note(), width)).rstrip("\n")


def terminal(report: Report, width: int) -> str:
    """Summary and every change in document order, in lines of at most `width` characters if the words allow it."""
    lines = [summary(report, width)]
    for change, heading in report.shown():
        if heading:
            lines += ["", f"[{shorten(printable(heading), width - 2)}]"]
        lines += ["", shorten(f"{_SIGNS[change.status]} {change.place}  {_labels(change)}", max(width, 60))]
        text = change.sentence.text
        if change.status == "changed":
            text = "".join(_marked(edit, "[-", "-]", "{+", "+}") for edit in _without_long_runs(change.edits()))
        lines.append(textwrap.fill(printable(text), width, initial_indent="    ", subsequent_indent="    "))
    return "\n".join(lines)


def markdown(report: Report) -> str:
    """The same as Markdown, for a pull request or a wiki."""
    lines = [f"# {_safe(report.old_name)} → {_safe(report.new_name)}", "", report.headline() + ".", ""]
    if counts := report.counts():
        lines += [f"| {' | '.join(_HEADER)} |", "|---|---|---|---|"]
        lines += [f"| {_safe(c.label)} | {c.added} | {c.removed} | {c.changed} |" for c in counts]
        lines.append("")
    if facts := report.facts():
        lines += ["What it says, new (+) and no longer (-):", "", *(f"- {_safe(str(fact))}" for fact in facts), ""]
    lines += [line for text in (report.note(), _safe(report.model)) if text for line in (text, "")]
    for change, heading in report.shown():
        if heading:
            lines += [f"## {_safe(heading)}", ""]
        text = _safe(change.sentence.text)
        if change.status == "changed":
            text = "".join(_marked(edit, "~~", "~~", "**", "**", show=_safe) for edit in change.edits())
        lines += [f"- **{change.status}** {change.place} ({_safe(_labels(change))}):  ", f"  {text}", ""]
    return "\n".join(lines)


def page(report: Report) -> str:
    """One self-contained HTML page: counts, filters by category, every change, unchanged sentences folded."""
    rules = (
        f"body:has(#f{n}:checked) main > :not(.k{n}), body:has(#f{n}:checked) details p:not(.k{n}) {{ display: none; }}"
        for n in range(len(report.labels))
    )
    runs = groupby(report.changes, key=lambda change: change.status == "unchanged")
    return "".join(
        generate(
            "diff",
            report.labels,
            style=Inline.of("\n".join((stylesheet("diff", report.labels), *rules))),
            title=f"{report.old_name} → {report.new_name}",
            notes=[text for text in (report.note(), report.model) if text],
            report=report,
            runs=((unchanged, list(run)) for unchanged, run in runs),
        )
    )


def _safe(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", printable(text))


def _labels(change: Change) -> str:
    """The labels of a change in words: those it keeps, and those that a pair gained and lost."""
    signs = change.signs
    parts = [", ".join(label for label in change.labels if label not in signs)]
    return "; ".join(filter(None, [*parts, *(f"{sign} {label}" for label, sign in signs.items())])) or "no category"


def _marked(edit: WordEdit, *signs: str, show: Callable[[str], str] = printable) -> str:
    """A run of words between its signs: the first two for removed ones, the others for added ones."""
    start, end = {"=": ("", ""), "-": signs[:2], "+": signs[2:]}[edit.kind]
    body = edit.text.lstrip()
    return f"{' ' if body != edit.text else ''}{start}{show(body)}{end}"


def _without_long_runs(edits: Sequence[WordEdit]) -> Iterator[WordEdit]:
    """The edits without the middle of long unchanged runs."""
    for number, edit in enumerate(edits):
        words = edit.text.split(" ")
        before, after = (_KEPT_WORDS if number else 0), (_KEPT_WORDS if number + 1 < len(edits) else 0)
        if edit.kind == "=" and len(words) > before + after + 2:
            yield WordEdit("=", " ".join([*words[:before], "…", *words[len(words) - after :]]))
        else:
            yield edit

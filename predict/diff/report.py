"""What changed between two versions of a policy, for people: terminal text, Markdown and one HTML page.

The page's template is `diff.html`. It has no script: the filters are style rules. Everything from a document is
escaped.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

from clausetag.data.labels import LABELS
from clausetag.data.palette import Palette, palette
from clausetag.data.records import Sentence
from clausetag.predict.diff.diff import STATUSES, Change, WordEdit, count_categories
from clausetag.predict.pages.summary import printable, shorten

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~#&@$]|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
"""Signs that mean something in Markdown, those of a list or rule only at the start."""
_SIGNS = {"moved": ">", "changed": "~", "added": "+", "removed": "-"}
_KEPT_WORDS = 8
"""Words shown on each side of a change in the terminal; more of what is kept is left out."""


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison, with the names it is shown under."""

    old_name: str
    new_name: str
    changes: tuple[Change, ...]
    model: str = ""
    """One line on which model gave the labels."""
    labels: tuple[str, ...] = LABELS
    """All of that model's, in order."""

    def headline(self) -> str:
        """Both sizes and the count of each status, in one line."""
        old = sum(change.old is not None for change in self.changes)
        new = sum(change.new is not None for change in self.changes)
        counts = Counter(change.status for change in self.changes)
        said = ", ".join(f"{counts[status]:,} {status}" for status in STATUSES)
        return f"{old:,} sentences before, {new:,} after: {said}"

    def relabelled(self) -> int:
        """Sentences whose text is the same, but not their labels."""
        return sum(c.status in ("unchanged", "moved") and bool(c.gained or c.lost) for c in self.changes)

    def note(self) -> str:
        """One sentence on those, or nothing."""
        count = self.relabelled()
        if not count:
            return ""
        which = "1 sentence with the same text is" if count == 1 else f"{count:,} sentences with the same text are"
        return f"{which} labelled differently: the model reads a sentence in its surroundings, and those changed."


def summary(report: Report, width: int = 100) -> str:
    """Headline and the table of categories, without a newline at the end."""
    lines = [f"{printable(report.old_name)} -> {printable(report.new_name)}", *textwrap.wrap(report.headline(), width)]
    counts = count_categories(report.changes, report.labels)
    if counts:
        column = max(len(count.label) for count in counts)
        lines += ["", f"  {'category':<{column}}  {'added':>7}  {'removed':>7}  {'changed':>7}"]
        lines += [f"  {c.label:<{column}}  {c.added:>7,}  {c.removed:>7,}  {c.changed:>7,}" for c in counts]
    return "\n".join(lines + textwrap.wrap(report.note(), width))


def terminal(report: Report, width: int) -> str:
    """Summary and every change in document order, lines of at most `width` characters where words allow."""
    lines = [summary(report, width)]
    heading: str | None = None
    for change in report.changes:
        if change.status == "unchanged":
            continue
        sentence = _shown(change)
        if sentence.heading != heading and sentence.heading:
            lines += ["", f"[{shorten(printable(sentence.heading), width - 2)}]"]
        heading = sentence.heading
        lines += ["", shorten(f"{_SIGNS[change.status]} {_place(change)}  {_labels(change)}", max(width, 60))]
        if change.status == "changed":
            text = "".join(_marked(edit, "[-", "-]", "{+", "+}") for edit in _without_long_runs(change.edits()))
        else:
            text = sentence.text
        lines.append(textwrap.fill(printable(text), width, initial_indent="    ", subsequent_indent="    "))
    return "\n".join(lines)


def markdown(report: Report) -> str:
    """The same as a Markdown text, for a pull request or a wiki."""
    lines = [f"# {_safe(report.old_name)} → {_safe(report.new_name)}", "", report.headline() + ".", ""]
    counts = count_categories(report.changes, report.labels)
    if counts:
        lines += ["| category | added | removed | changed |", "|---|---|---|---|"]
        lines += [f"| {_safe(c.label)} | {c.added} | {c.removed} | {c.changed} |" for c in counts]
        lines.append("")
    lines += [line for text in (report.note(), _safe(report.model)) if text for line in (text, "")]
    heading: str | None = None
    for change in report.changes:
        if change.status == "unchanged":
            continue
        sentence = _shown(change)
        if sentence.heading != heading and sentence.heading:
            lines += [f"## {_safe(sentence.heading)}", ""]
        heading = sentence.heading
        if change.status == "changed":
            text = "".join(_marked(edit, "~~", "~~", "**", "**", show=_safe) for edit in change.edits())
        else:
            text = _safe(sentence.text)
        lines += [f"- **{change.status}** {_place(change)} ({_safe(_labels(change))}):  ", f"  {text}", ""]
    return "\n".join(lines)


def page(report: Report) -> str:
    """One self-contained HTML page: counts, filters by category, every change, unchanged sentences folded."""
    counts = count_categories(report.changes, report.labels)
    colours = palette(report.labels)
    rows = "".join(
        f'<tr><td>{colours.badge(c.label)} {escape(c.label)}</td><td class="n">{c.added}</td>'
        f'<td class="n">{c.removed}</td><td class="n">{c.changed}</td></tr>'
        for c in counts
    )
    head = "<tr><th>Category</th><th>Added</th><th>Removed</th><th>Changed</th></tr>"
    slots = {
        "old": escape(report.old_name),
        "new": escape(report.new_name),
        "headline": escape(report.headline()),
        "notes": "".join(f"<p>{escape(text)}</p>" for text in (report.note(), report.model) if text),
        "hues": "\n".join(map(colours.hue_rules, report.labels)),
        "rules": "\n".join(
            f"body:has(#f{n}:checked) main > :not(.k{n}), body:has(#f{n}:checked) details p:not(.k{n}) "
            "{ display: none; }"
            for n in range(len(report.labels))
        ),
        "table": f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>" if counts else "",
        "filters": "".join(_filter(c.label, colours) for c in counts),
        "changes": "\n".join(_rows(report.changes, colours)),
    }
    template = (Path(__file__).parents[1] / "pages" / "templates" / "diff.html").read_text(encoding="utf-8")
    # One pass, so that a document's own braces are left alone.
    return _SLOT.sub(lambda slot: slots[slot[1]], template)


def _safe(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", printable(text))


def _shown(change: Change) -> Sentence:
    sentence = change.new or change.old
    assert sentence is not None
    return sentence


def _place(change: Change) -> str:
    """Positions as "12 -> 14", one where there is one."""
    return " -> ".join(str(side.index) for side in (change.old, change.new) if side)


def _labels(change: Change) -> str:
    """Labels in words: what stays, what a pair gained and lost."""
    if change.old is None or change.new is None:
        return ", ".join(change.labels) or "no category"
    parts = [", ".join(label for label in change.labels if label not in (*change.gained, *change.lost))]
    parts += [f"+ {label}" for label in change.gained] + [f"- {label}" for label in change.lost]
    return "; ".join(part for part in parts if part) or "no category"


def _marked(edit: WordEdit, *signs: str, show: Callable[[str], str] = printable) -> str:
    """A run of words between its signs: two for removed, two for added; the space in front stays outside."""
    start, end = {"=": ("", ""), "-": signs[:2], "+": signs[2:]}[edit.kind]
    body = edit.text.lstrip()
    return f"{' ' if body != edit.text else ''}{start}{show(body)}{end}"


def _without_long_runs(edits: Sequence[WordEdit]) -> Iterator[WordEdit]:
    """The same, without the middle of what was kept."""
    for number, edit in enumerate(edits):
        words = edit.text.split(" ")
        before, after = (_KEPT_WORDS if number else 0), (_KEPT_WORDS if number + 1 < len(edits) else 0)
        if edit.kind == "=" and len(words) > before + after + 2:
            kept = [*words[:before], "…", *words[len(words) - after :]]
            yield WordEdit("=", " ".join(kept))
        else:
            yield edit


def _filter(label: str, colours: Palette) -> str:
    number = colours.key(label)
    return f'<label><input type="radio" name="f" id="f{number}"> {colours.badge(label)} {escape(label)}</label>'


def _classes(changes: Sequence[Change], colours: Palette) -> str:
    found = {label for change in changes for label in change.labels}
    return "".join(f" k{colours.key(label)}" for label in colours.labels if label in found)


def _rows(changes: Sequence[Change], colours: Palette) -> Iterator[str]:
    for same, run in groupby(changes, key=lambda change: change.status == "unchanged"):
        group = list(run)
        if same:
            count = "1 unchanged sentence" if len(group) == 1 else f"{len(group):,} unchanged sentences"
            inner = "".join(
                f'<p class="{_classes([change], colours)}">{escape(_shown(change).text)} {_badges(change, colours)}</p>'
                for change in group
            )
            yield f'<details class="{_classes(group, colours)}"><summary>{count}</summary>{inner}</details>'
        else:
            yield from (_article(change, colours) for change in group)


def _article(change: Change, colours: Palette) -> str:
    sentence = _shown(change)
    if change.status == "changed":
        signs = ("<del>", "</del>", "<ins>", "</ins>")
        text = "".join(_marked(edit, *signs, show=escape) for edit in change.edits())
    else:
        tag = {"added": "<ins>{}</ins>", "removed": "<del>{}</del>"}.get(change.status, "{}")
        text = tag.format(escape(sentence.text))
    heading = f" · {escape(sentence.heading)}" if sentence.heading else ""
    return (
        f'<article class="{change.status}{_classes([change], colours)}"><header><b>{change.status}</b> '
        f"{escape(_place(change))}{heading}</header><p>{text} {_badges(change, colours)}</p></article>"
    )


def _badges(change: Change, colours: Palette) -> str:
    """What a pair gained and lost is marked with + and -."""
    pair = change.old is not None and change.new is not None
    signs = dict.fromkeys(change.gained, "+") | dict.fromkeys(change.lost, "-") if pair else {}
    return "".join(colours.badge(label, signs.get(label, "")) for label in change.labels)

"""The index over the pages of many policies: a table of policies by categories, what was flagged, what failed.

The template is `index.html`, its style `common.css` and `index.css`, its script `index.js`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

from clausetag.data.labels import LABELS, practice_labels
from clausetag.data.palette import palette
from clausetag.data.records import FailedInput
from clausetag.predict.pages.policy import count, details, fill, minutes, template
from clausetag.predict.pages.summary import FLAG_MEANINGS, WORDS_A_MINUTE, PolicySummary


@dataclass
class Totals:
    """What all policies of a run come to."""

    policies: int = 0
    """Documents that were tagged."""
    failed: int = 0
    flagged: int = 0
    sentences: int = 0
    words: int = 0
    stating: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LABELS, 0))
    """For each of the model's labels, in order, the policies with at least one sentence of it."""

    def add(self, numbers: PolicySummary) -> None:
        """Count one policy."""
        self.policies += 1
        self.flagged += bool(numbers.flags)
        self.sentences += numbers.sentences
        self.words += numbers.words
        for label in numbers.first:
            self.stating[label] += 1


def policy_row(numbers: PolicySummary, page: str) -> str:
    """A policy's row of the table; `page` is the path of its page, relative to the index."""
    link = quote(page)
    colours = palette(tuple(numbers.counts))
    mark = f' <span class="mark" title="{_meanings(numbers)}">flagged</span>' if numbers.flags else ""
    cells = "".join(
        f'<td class="l{colours.key(label)}"><a href="{link}#s{numbers.first[label]}">{numbers.counts[label]:,}</a></td>'
        if label in numbers.first
        else "<td>0</td>"
        for label in colours.labels
    )
    return (
        f'<tr><th scope="row"><a href="{link}">{escape(numbers.policy)}</a>{mark}</th><td>{numbers.sentences:,}</td>'
        f"<td>{numbers.words:,}</td><td>{minutes(numbers):,}</td>"
        f"<td>{len(numbers.present)}</td>{cells}</tr>\n"
    )


def flagged_item(numbers: PolicySummary, page: str) -> str:
    """A line of the list of flagged documents."""
    return f'<li><a href="{quote(page)}">{escape(numbers.policy)}</a>: {_meanings(numbers)}</li>\n'


def failed_item(failed: FailedInput) -> str:
    """A line of the list of failed documents."""
    return f"<li><b>{escape(failed.policy)}</b>: {escape(failed.message)} ({escape(failed.code)})</li>\n"


def index_frame(totals: Totals, turn: str, shown: Mapping[str, int], figures: str | None) -> tuple[str, str, str]:
    """What stands before the rows, between the rows and the lists, and after the lists.

    `turn` is the links to the other pages of the index (HTML), empty if there are none; `shown` counts the
    ``policies``, ``flagged`` and ``failed`` documents of this page.
    """
    labels = tuple(totals.stating)
    colours = palette(labels)
    heads = "".join(
        f'<th scope="col" class="c l{colours.key(label)}">{colours.badge(label)}'
        f'<span class="sr">{escape(label)}</span></th>'
        for label in labels
    )
    chips = "\n".join(colours.chip(label, totals.stating[label]) for label in labels)
    facts = [
        count(totals.policies, "policy", "policies"),
        count(totals.sentences, "sentence", "sentences"),
        count(totals.words, "word", "words"),
    ]
    links = [
        f'<a href="#{name}">{number:,} {name}</a>' if shown[name] else f"{number:,} {name}"
        for name, number in (("flagged", totals.flagged), ("failed", totals.failed))
        if number
    ]
    slots = {
        "title": "What these privacy policies say",
        "facts": ", ".join(facts + links),
        "figures": details(figures),
        "chips": chips,
        "heads": heads,
        "practices": str(len(practice_labels(labels))),
        "minutes": f"Minutes to read at {WORDS_A_MINUTE} words a minute",
        "turn": turn,
        "shown": f"{shown['policies']:,}",
        "empty": "" if shown["policies"] else '<p class="none">No policy could be tagged.</p>',
    }
    before, after = template("index", labels)
    middle, _, end = after.partition("{{lists}}")
    return fill(before, slots), fill(middle, slots), fill(end, slots)


def list_head(name: str, number: int) -> str:
    """The opening of the list of flagged or failed documents."""
    titles = {"flagged": "Flagged: tagged, but doubtful", "failed": "Failed: not tagged"}
    return f'<section class="list"><h2 id="{name}">{titles[name]} <small>{number:,}</small></h2>\n<ul>\n'


LIST_FOOT = "</ul></section>\n"


def turn_links(number: int, pages: int, name: str, previous: str, following: str) -> str:
    """The links between the pages of a long index; `number` counts from 1."""
    if pages == 1:
        return ""
    back = f'<a rel="prev" href="{previous}">← Previous</a>' if number > 1 else "<span></span>"
    on = f'<a rel="next" href="{following}">Next →</a>' if number < pages else "<span></span>"
    return f'<nav class="turn" aria-label="{escape(name)}">{back} <span>Page {number:,} of {pages:,}</span> {on}</nav>'


def _meanings(numbers: PolicySummary) -> str:
    return escape("; ".join(FLAG_MEANINGS.get(flag, flag) for flag in numbers.flags))

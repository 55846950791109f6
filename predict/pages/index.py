"""The index of many policies: a table of policies by categories, what was flagged, what failed.

The templates are `index.html` (the page) and `index_parts.html` (rows and list items).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from markupsafe import Markup

from clausetag.data.labels import LABELS, practice_labels
from clausetag.data.palette import palette
from clausetag.data.records import FailedInput
from clausetag.predict.pages.rendering import generate, macro
from clausetag.predict.pages.summary import WORDS_A_MINUTE, PolicySummary


@dataclass
class Totals:
    """Sums over all policies of a run."""

    policies: int = 0
    """Documents that were tagged."""
    failed: int = 0
    flagged: int = 0
    sentences: int = 0
    words: int = 0
    stating: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LABELS, 0))
    """For each of the model's labels, in order, the policies with at least one sentence of it."""

    def add(self, summary: PolicySummary) -> None:
        """Count one policy."""
        self.policies += 1
        self.flagged += bool(summary.flags)
        self.sentences += summary.sentences
        self.words += summary.words
        for label in summary.first:
            self.stating[label] += 1


def policy_parts(summary: PolicySummary, page: str) -> dict[str, Markup]:
    """The row of a policy and, if it is flagged, its list item; `page` is the path of its page from the index."""
    link = quote(page)
    parts = {"policies": macro("index_parts.html", "policy_row")(summary, link, palette(tuple(summary.counts)))}
    if summary.flags:
        parts["flagged"] = macro("index_parts.html", "flagged_item")(summary, link)
    return parts


def failed_part(failed: FailedInput) -> dict[str, Markup]:
    """The list item of an input that failed."""
    return {"failed": macro("index_parts.html", "failed_item")(failed)}


def render_index(
    totals: Totals,
    number: int,
    files: Sequence[str],
    shown: Mapping[str, int],
    parts: Mapping[str, Iterable[Markup]],
    quality: str | None = None,
) -> Iterator[str]:
    """Page `number` (from 1) of an index that has these `files`, piece by piece.

    `parts` are the page's rows and list items, as from `policy_parts` and `failed_part`; `shown` counts them.
    """
    labels = tuple(totals.stating)
    return generate(
        "index",
        labels,
        totals=totals,
        number=number,
        files=files,
        shown=shown,
        parts=parts,
        quality=quality,
        words_a_minute=WORDS_A_MINUTE,
        practices=practice_labels(labels),
    )

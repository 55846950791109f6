"""The HTML report of an evaluation: one file that loads nothing.

`render` lays out what a `Page` holds and computes no metric. The template is `page.html`, its style `page.css` and
`pictures.css`, its script `page.js`. The page's content security policy allows that style and that script by their
hashes, and nothing else. Every value is escaped by the template (autoescape); the script gets its data as JSON in which
no markup can begin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from clausetag.data.labels import LABELS
from clausetag.data.palette import palette
from clausetag.eval.report.cases import ErrorCase, SuspectCase
from clausetag.eval.report.confusions import Confusions
from clausetag.eval.report.drawing import STYLE, Drawing
from clausetag.eval.tables import Table
from clausetag.predict.pages.rendering import Inline, environment

SHOWN_AT_FIRST = 20
"""Errors in the page itself, for readers without scripts; all are in its data."""
_HEAT_LEVELS = 6
_NOT_IN_SCRIPT = re.compile("[<>&\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Headline:
    """A metric for the top of the page, as text: its name, its value, and its interval or other small print."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the report shows. A part that is empty is left out, with its entry in the contents."""

    title: str
    facts: Sequence[str] = ()
    headlines: Sequence[Headline] = ()
    in_sample: bool = False
    """The model may have been trained on this data: a warning on top and a mark at every heading say so."""
    tables: Sequence[Table] = ()
    bars: tuple[Drawing, Drawing] | None = None
    """F1 of the categories, for wide pages and for phones."""
    annotators: bool = False
    """The bars show annotators."""
    curves: Sequence[Drawing] = ()
    reliability: Sequence[Drawing] = ()
    confusions: Confusions | None = None
    errors: Sequence[ErrorCase] = ()
    """As `list_errors` orders them: most confident first."""
    unit: str = "sentence"
    thresholds: Mapping[str, float] | None = None
    suspects: Sequence[SuspectCase] = ()
    """All of them are laid out."""
    suspects_note: str = ""
    notes: Sequence[str] = ()
    provenance: Mapping[str, str] | None = None
    labels: tuple[str, ...] = LABELS


def render(page: Page) -> str:
    """The report as one HTML text. The same page gives the same text.

    Raises:
        KeyError: a case or threshold names a label that isn't one of the page's, or has no score for one.
    """
    here = Path(__file__).parent
    colours = palette(page.labels)
    style = [STYLE, (here / "page.css").read_text(encoding="utf-8"), *map(colours.hue_rules, page.labels)]
    matrix = [] if page.confusions is None else page.confusions.matrix.tolist()
    return (
        environment(here)
        .get_template("page.html")
        .render(
            page=page,
            sections=_sections(page),
            labels=page.labels,
            codes=colours.codes,
            numbers={label: number for number, label in enumerate(page.labels)},
            errors=page.errors[:SHOWN_AT_FIRST],
            data=Markup(error_json(page)),
            matrix=matrix,
            heat=_heat(matrix),
            style=Inline.of("\n".join(style)),
            script=Inline.of((here / "page.js").read_text(encoding="utf-8").strip()),
        )
    )


def error_json(page: Page) -> str:
    """The page's errors for its script, in their order; labels are numbers in the order of `labels`.

    It holds no `<`, `>` or `&`, so no policy's text can end the script element or begin a comment.
    """
    labels = page.labels
    numbers = {label: number for number, label in enumerate(labels)}

    def row(case: ErrorCase) -> dict[str, Any]:
        named = {
            "missed": case.missed,
            "alarms": case.false_alarms,
            "right": [label for label in case.gold if label in case.predicted],
            "forced": case.forced,
        }
        votes, annotators = case.votes, case.annotators
        return {
            "policy": case.policy,
            "index": case.index,
            "text": case.text,
            "heading": case.around.heading,
            "before": case.around.before,
            "after": case.around.after,
            **{name: [numbers[label] for label in given] for name, given in named.items()},
            "scores": [round(float(case.scores[label]), 3) for label in labels],
            "votes": None if votes is None else [round(float(votes.get(label, 0.0)), 3) for label in labels],
            "annotators": annotators
            and {who: [numbers[label] for label in given] for who, given in annotators.items()},
        }

    thresholds = None if page.thresholds is None else [round(float(page.thresholds[label]), 3) for label in labels]
    codes = palette(labels).codes
    data = {
        "labels": labels,
        "codes": [codes[label] for label in labels],
        "thresholds": thresholds,
        "errors": [row(case) for case in page.errors],
    }
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _NOT_IN_SCRIPT.sub(lambda character: f"\\u{ord(character[0]):04x}", text)


def _sections(page: Page) -> dict[str, str]:
    """Id to heading of each section that has something to show, in order."""
    content: dict[str, tuple[str, Collection[Any]]] = {
        "overview": ("At a glance", page.headlines),
        "categories": ("Categories", page.bars or ()),
        "curves": ("Precision and recall", page.curves),
        "calibration": ("Calibration", page.reliability),
        "comparison": ("Comparisons", ()),
        "confusion": ("What is mistaken for what", page.confusions.labels if page.confusions else ()),
        "errors": ("Errors, one by one", page.errors),
        "suspects": ("Probably wrong gold labels", page.suspects),
        "provenance": ("Notes and provenance", (*page.notes, *(page.provenance or {}))),
    }
    tabled = {table.section for table in page.tables}
    return {name: heading for name, (heading, parts) in content.items() if parts or name in tabled}


def _heat(matrix: Sequence[Sequence[int]]) -> list[list[int]]:
    """A step of colour for each cell, 0 (none) to 6 (the largest count), by the square root of the count."""
    largest = max((count for row in matrix for count in row), default=0)
    return [
        [0 if not count else max(1, round(_HEAT_LEVELS * (count / largest) ** 0.5)) for count in row] for row in matrix
    ]

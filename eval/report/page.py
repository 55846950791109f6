"""The HTML report of an evaluation: one file that loads nothing, from plain data.

`render` lays out what a `Page` holds and computes no figure. The template is `page.html`, its style
`page.css`, its script `page.js`; the page's content security policy allows that one style and that one
script by their hashes and nothing from outside. Texts of policies reach the page escaped, and the script as JSON in
which no markup can begin.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from clausetag.data.labels import LABELS
from clausetag.data.palette import palette
from clausetag.eval.report import pictures
from clausetag.eval.report.drawing import palette_css, picture_css
from clausetag.eval.report.errors import Confusions, ErrorItem
from clausetag.eval.report.pictures import Bar, Curve
from clausetag.eval.statistics.calibration import Calibration

SectionName = Literal["overview", "categories", "curves", "calibration", "confusion", "comparison", "provenance"]
NOTHING = "(nothing)"
SHOWN_AT_FIRST = 50
"""Errors that stand in the page itself, for readers without scripts; all are in its data."""
_NUMERIC = re.compile(r"[-+−±]?[\d.,]+( ?%)?([ /±[(].*)?|[-–—]?|no positive|undefined|n/a", re.IGNORECASE)
_HEAT_LEVELS = 6


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure for the top of the page, as text: name, value, interval or other small print."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Text cells; the first column names the row, columns of numbers are set to the right."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    section: SectionName = "overview"
    summary_rows: int = 0
    """How many rows at the end are totals: a rule stands above them."""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """For each column, whether all its cells are numbers or stand for a missing one."""
        return tuple(
            column > 0 and all(_NUMERIC.fullmatch(row[column].strip()) for row in self.rows)
            for column in range(len(self.header))
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the report shows. A part that is empty is left out, with its entry in the contents."""

    title: str
    facts: Sequence[str] = ()
    headlines: Sequence[Headline] = ()
    warnings: Sequence[str] = ()
    """Shown first and prominently, as that the figures are in-sample."""
    mark: str = ""
    """A word that stands beside every heading of figures, as "in-sample"."""
    tables: Sequence[Table] = ()
    bars: Sequence[Bar] = ()
    curves: Sequence[Curve] = ()
    calibration: Calibration | None = None
    before_calibration: Calibration | None = None
    confusions: Confusions | None = None
    errors: Sequence[ErrorItem] = ()
    """As from `error_list`: most confident first."""
    unit: str = "sentence"
    thresholds: Mapping[str, float] | None = None
    suspects: Sequence[Mapping[str, Any]] = ()
    """As from `suspect_list`; all are laid out, so give it a limit."""
    suspects_note: str = ""
    """What to know of them before reading."""
    notes: Sequence[str] = ()
    provenance: Mapping[str, str] | None = None
    labels: tuple[str, ...] = LABELS


def render(page: Page) -> str:
    """The report as one HTML text. The same page gives the same text.

    Raises:
        KeyError: an error, suspect or threshold names a label that is not one of the page's, or lacks one's score.
    """
    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["px2"] = lambda value: f"{value:.2f}"
    script = (here / "page.js").read_text(encoding="utf-8").strip()
    colours = palette(page.labels)
    hues = "\n".join(map(colours.hue_rules, page.labels))
    style = "\n".join([palette_css(), (here / "page.css").read_text(encoding="utf-8"), hues, picture_css()])
    matrix = [] if page.confusions is None else page.confusions.matrix.tolist()
    return environment.get_template("page.html").render(
        page=page,
        sections=_sections(page),
        labels=page.labels,
        codes=colours.codes,
        numbers={label: number for number, label in enumerate(page.labels)},
        nothing=NOTHING,
        errors=page.errors[:SHOWN_AT_FIRST],
        data=Markup(error_json(page)),
        matrix=matrix,
        heat=_heat(matrix),
        pictures=pictures,
        script=Markup(script),
        style=Markup(style),
        script_hash=_digest(script),
        style_hash=_digest(style),
    )


def error_json(page: Page) -> str:
    """The page's errors for its script, in their order; labels are numbers in the order of `labels`.

    No `<`, `>` or `&` stands in it, so nothing in a policy's text can end the script element or begin a comment.
    """

    labels = page.labels
    place = {label: number for number, label in enumerate(labels)}

    def numbers(names: Sequence[str]) -> list[int]:
        return [place[name] for name in names]

    def row(case: ErrorItem) -> dict[str, Any]:
        votes, annotators = case.votes, case.annotators
        return {
            "policy": case.policy,
            "index": case.index,
            "text": case.text,
            "heading": case.heading,
            "before": case.before,
            "after": case.after,
            "missed": numbers(case.missed),
            "alarms": numbers(case.false_alarms),
            "right": numbers([label for label in case.gold if label in case.predicted]),
            "forced": numbers(case.forced),
            "scores": [round(float(case.scores[label]), 3) for label in labels],
            "votes": None if votes is None else [round(float(votes.get(label, 0.0)), 3) for label in labels],
            "annotators": None if annotators is None else {name: numbers(given) for name, given in annotators.items()},
        }

    thresholds = None if page.thresholds is None else [round(float(page.thresholds[label]), 3) for label in labels]
    data = {
        "labels": labels,
        "codes": list(palette(labels).codes.values()),
        "thresholds": thresholds,
        "errors": [row(case) for case in page.errors],
    }
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda character: f"\\u{ord(character[0]):04x}", text)


def _sections(page: Page) -> dict[str, str]:
    """Id to heading of each section that has something to show, in order."""
    content: dict[str, tuple[str, Collection[Any]]] = {
        "overview": ("At a glance", page.headlines),
        "categories": ("Categories", page.bars),
        "curves": ("Precision and recall", page.curves),
        "calibration": ("Calibration", page.calibration.per_category if page.calibration else ()),
        "comparison": ("Comparisons", ()),
        "confusion": ("What is mistaken for what", page.confusions.labels if page.confusions else ()),
        "errors": ("Errors, one by one", page.errors),
        "suspects": ("Probably wrong gold labels", page.suspects),
        "provenance": ("Notes and provenance", (*page.notes, *(page.provenance or {}))),
    }
    tabled = {table.section for table in page.tables}
    return {name: heading for name, (heading, parts) in content.items() if parts or name in tabled}


def _heat(matrix: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each cell its step of colour, 0 (none) to 6 (the largest count), by the square root of the count."""
    largest = max((count for row in matrix for count in row), default=0)
    return [
        [0 if not count else max(1, round(_HEAT_LEVELS * (count / largest) ** 0.5)) for count in row] for row in matrix
    ]


def _digest(text: str) -> str:
    """The hash by which a content security policy allows an inline text."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

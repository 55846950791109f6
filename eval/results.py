"""Figures of one model on one benchmark, as they go into metrics.json and into every report."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clausetag.data.jsonl import write_text
from clausetag.eval.leakage.contamination import OverlapResult
from clausetag.eval.metrics.calibration import Calibration
from clausetag.eval.metrics.multilabel_scores import SUMMARY, Scores
from clausetag.eval.people.people import People
from clausetag.eval.statistics.bootstrap import Intervals


@dataclass(frozen=True, slots=True)
class Figures:
    """What one way of labelling the units is worth: points and their intervals."""

    scores: Scores
    intervals: Intervals

    def to_dict(self) -> dict[str, Any]:
        """Summary figures, `per_category` with the interval of F1 as `ci95` and of all figures, `ci95` of the rest."""
        figures = self.scores.to_dict()
        values: dict[str, Any] = {name: figures[name] for name in SUMMARY}
        for label, row in figures["per_category"].items():
            bounds = self.intervals.per_category[label]
            row["ci95"] = _pair(bounds["f1"])
            row["ci95_of"] = {name: _pair(pair) for name, pair in bounds.items()}
        values["per_category"] = figures["per_category"]
        values["ci95"] = {name: _pair(pair) for name, pair in self.intervals.summary.items()}
        return values


@dataclass(frozen=True, slots=True)
class BaselineFigures:
    """A baseline by the same rule as the model; `name` is that of its predictions file."""

    name: str
    title: str
    description: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Published:
    """A published row, F1 between 0 and 1; `source` says from where."""

    model: str
    macro_f1: float
    micro_f1: float
    source: str


@dataclass(frozen=True, slots=True)
class Results:
    """All figures of one model on one benchmark, and where they come from."""

    data: str
    unit: str
    head: str
    figures: Figures
    """By the model's own thresholds, with `min_labels`."""
    at_0_5: Figures
    """By the threshold 0.5 for every label, with `min_labels`."""
    min_labels: int
    variants: Mapping[int, Figures]
    """`figures` with `min_labels` 0 and 1."""
    groups: str
    """What the intervals draw: `policies`, or `texts` where the data name no policies."""
    thresholds: Mapping[str, float]
    calibration: Calibration
    before_calibration: Calibration
    people: People | None
    baselines: tuple[BaselineFigures, ...]
    baseline_source: str | None
    """What the baselines have learnt from."""
    overlap: OverlapResult
    in_sample: bool
    """The caller asked for figures on data that the model may have seen; every table and picture says so."""
    model: Mapping[str, Any]
    recipe: str | None
    seeds: Mapping[str, Any]
    versions: Mapping[str, str]
    git: str | None
    notes: tuple[str, ...]
    published: tuple[Published, ...] = ()
    remarks: tuple[str, ...] = field(default=())
    """What to know of the protocol before comparing its figures with others."""
    command: str = ""
    """What gives these figures again; folders are left out of paths."""

    @property
    def n(self) -> int:
        """Number of units."""
        return self.figures.scores.n

    def to_dict(self) -> dict[str, Any]:
        """The object of metrics.json: the documented keys first, then what goes beyond them."""
        headline = self.figures.to_dict()
        intervals = self.figures.intervals
        drawn = {self.groups: intervals.groups, "draws": intervals.draws}
        return {
            **headline,
            "ci95": {**headline["ci95"], **drawn},
            "at_0_5": self.at_0_5.to_dict(),
            "unit": self.unit,
            "n": self.n,
            "model": dict(self.model),
            "recipe": self.recipe,
            "data": self.data,
            "overlap": self.overlap.to_dict(),
            "seeds": dict(self.seeds),
            "versions": dict(self.versions),
            "git": self.git,
            "in_sample": self.in_sample,
            "head": self.head,
            "min_labels": self.min_labels,
            "by_min_labels": {str(least): figures.to_dict() for least, figures in self.variants.items()},
            "thresholds": dict(self.thresholds),
            "people": None if self.people is None else self.people.to_dict(),
            "baselines": {
                "source": self.baseline_source,
                **{own.name: {"description": own.description, **own.figures.to_dict()} for own in self.baselines},
            },
            "calibration": {"before": self.before_calibration.to_dict(), "after": self.calibration.to_dict()},
            "published": [
                {"model": row.model, "macro_f1": row.macro_f1, "micro_f1": row.micro_f1, "source": row.source}
                for row in self.published
            ],
            "remarks": list(self.remarks),
            "notes": list(self.notes),
            "command": self.command,
        }

    def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write metrics.json by way of a temporary name."""
        write_text(Path(path), json.dumps(self.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)

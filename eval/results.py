"""All metrics of one model on one benchmark, as metrics.json and every report show them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clausetag.data.jsonl import write_text
from clausetag.eval.benchmarks.benchmark import Published
from clausetag.eval.leakage.contamination import Contamination
from clausetag.eval.metrics.classification import SUMMARY, MultilabelMetrics
from clausetag.eval.people.annotators import People
from clausetag.eval.statistics.bootstrap import Intervals
from clausetag.eval.statistics.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one way to label the units: point estimates and their 95 % intervals."""

    points: MultilabelMetrics
    intervals: Intervals

    def to_dict(self) -> dict[str, Any]:
        """Summary metrics; `per_category`, with `ci95` (of F1) and `ci95_of` (each metric); `ci95` of the summary."""
        points = self.points.to_dict()
        for label, row in points["per_category"].items():
            bounds = self.intervals.per_category[label]
            row |= {"ci95": bounds["f1"], "ci95_of": dict(bounds)}
        names = (*SUMMARY, "per_category")
        return {**{name: points[name] for name in names}, "ci95": dict(self.intervals.summary)}


@dataclass(frozen=True, slots=True)
class BaselineMetrics:
    """A baseline, measured like the model; `name` is that of its predictions file."""

    name: str
    title: str
    description: str
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Results:
    """All metrics of one model on one benchmark, and how they were made."""

    data: str
    unit: str
    head: str
    metrics: Metrics
    """With the model's own thresholds and `min_labels`."""
    at_0_5: Metrics
    """With the threshold 0.5 for every label, and `min_labels`."""
    min_labels: int
    variants: Mapping[int, Metrics]
    """`metrics` with `min_labels` 0 and 1."""
    groups: str
    """What the bootstrap draws: `policies`, or `texts` if the data name no policies."""
    thresholds: Mapping[str, float]
    calibration: Calibration
    before_calibration: Calibration
    people: People | None
    baselines: tuple[BaselineMetrics, ...]
    baseline_source: str | None
    """What the baselines were trained on."""
    contamination: Contamination
    in_sample: bool
    """The user asked to measure on data that the model may have seen; every table and picture says so."""
    model: Mapping[str, Any]
    recipe: str | None
    seeds: Mapping[str, Any]
    versions: Mapping[str, str]
    git: str | None
    notes: tuple[str, ...]
    published: tuple[Published, ...] = ()
    remarks: tuple[str, ...] = ()
    """What to know about the protocol before comparing with other results."""
    command: str = ""
    """The command that repeats the measurement; paths are cut to file names."""

    @property
    def n(self) -> int:
        """Number of units."""
        return self.metrics.points.n

    def to_dict(self) -> dict[str, Any]:
        """The object of metrics.json: the documented keys first, then the others."""
        headline = self.metrics.to_dict()
        intervals = self.metrics.intervals
        return {
            **headline,
            "ci95": {**headline["ci95"], self.groups: intervals.groups, "draws": intervals.draws},
            "at_0_5": self.at_0_5.to_dict(),
            "unit": self.unit,
            "n": self.n,
            "model": dict(self.model),
            "recipe": self.recipe,
            "data": self.data,
            "overlap": self.contamination.to_dict(),
            "seeds": dict(self.seeds),
            "versions": dict(self.versions),
            "git": self.git,
            "in_sample": self.in_sample,
            "head": self.head,
            "min_labels": self.min_labels,
            "by_min_labels": {str(least): metrics.to_dict() for least, metrics in self.variants.items()},
            "thresholds": dict(self.thresholds),
            "people": None if self.people is None else asdict(self.people),
            "baselines": {
                "source": self.baseline_source,
                **{own.name: {"description": own.description, **own.metrics.to_dict()} for own in self.baselines},
            },
            "calibration": {"before": asdict(self.before_calibration), "after": asdict(self.calibration)},
            "published": [asdict(row) for row in self.published],
            "remarks": self.remarks,
            "notes": self.notes,
            "command": self.command,
        }

    def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write metrics.json, under a temporary name that is then renamed."""
        write_text(Path(path), json.dumps(self.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n")

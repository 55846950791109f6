"""What one evaluation found, and its machine-readable form, `metrics.json`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clausetag.data.schema import write_text
from clausetag.eval.agreement import PairwiseF1
from clausetag.eval.bootstrap import Intervals
from clausetag.eval.metrics import SUMMARY, Scores
from clausetag.eval.overlap import OverlapResult


@dataclass(frozen=True, slots=True)
class Agreement:
    """The corpus's annotators against each other, and the model against each single one."""

    annotators: PairwiseF1
    model: PairwiseF1


@dataclass(frozen=True, slots=True)
class BaselineScores:
    """TF-IDF with logistic regression, and always the commonest label; `source` says what they learnt from."""

    source: str
    tfidf: Scores
    floor: Scores


@dataclass(frozen=True, slots=True)
class Results:
    """All figures of one model on one benchmark, and where they come from."""

    data: str
    unit: str
    head: str
    scores: Scores
    """By the model's own thresholds, with `min_labels`."""
    at_0_5: Scores
    """By the threshold 0.5 for every label, with `min_labels`."""
    min_labels: int
    variants: Mapping[int, Scores]
    """`scores` with `min_labels` 0 and 1."""
    intervals: Intervals
    interval_groups: str
    """What the intervals draw: `policies`, or `texts` where the data name no policies."""
    thresholds: Mapping[str, float]
    agreement: Agreement | None
    baseline: BaselineScores | None
    overlap: OverlapResult
    in_sample: bool
    """The caller asked for figures on data that the model may have seen; every table and picture says so."""
    model: Mapping[str, Any]
    recipe: str | None
    seeds: Mapping[str, Any]
    versions: Mapping[str, str]
    git: str | None
    notes: tuple[str, ...]
    command: str = ""
    """What gives these figures again; folders are left out of paths."""

    def to_dict(self) -> dict[str, Any]:
        """The object of metrics.json: the documented keys first, then what goes beyond them."""
        figures = _figures(self.scores)
        for label, scores in figures["per_category"].items():
            interval = self.intervals.per_category[label]
            scores["ci95"] = None if interval is None else list(interval)
        agreement = self.agreement
        baseline = self.baseline
        return {
            **figures,
            "at_0_5": _figures(self.at_0_5),
            "unit": self.unit,
            "n": self.scores.n,
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
            "by_min_labels": {str(least): _figures(scores) for least, scores in self.variants.items()},
            "thresholds": dict(self.thresholds),
            "ci95": {
                "macro_f1": _pair(self.intervals.macro_f1),
                "micro_f1": _pair(self.intervals.micro_f1),
                self.interval_groups: self.intervals.groups,
                "draws": self.intervals.draws,
            },
            "agreement": None
            if agreement is None
            else {"annotators": _pairwise(agreement.annotators), "model": _pairwise(agreement.model)},
            "baseline": None
            if baseline is None
            else {
                "source": baseline.source,
                "tfidf_logistic_regression": _figures(baseline.tfidf),
                "commonest_label": _figures(baseline.floor),
            },
            "notes": list(self.notes),
            "command": self.command,
        }

    def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write metrics.json by way of a temporary name."""
        write_text(Path(path), json.dumps(self.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def _figures(scores: Scores) -> dict[str, Any]:
    figures = scores.to_dict()
    return {name: figures[name] for name in (*SUMMARY, "per_category")}


def _pairwise(pairwise: PairwiseF1) -> dict[str, Any]:
    return {
        "macro_f1": pairwise.macro_f1,
        "micro_f1": pairwise.micro_f1,
        "per_category": dict(pairwise.per_category),
        "pairs": pairwise.pairs,
    }


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)

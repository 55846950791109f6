"""Multi-label precision, recall, F1 and average precision: every reported metric is computed here.

Conventions. A category without positives in the gold labels has no recall and no F1 (None). It is left out of the macro
and weighted means, with a note, but its false alarms count in `predicted` and in the micro averages. A category with
positives that is never predicted has precision, recall and F1 0. In the samples mean, a row without labels for which
none is predicted has F1 1. Average precision is scikit-learn's (the sum, over distinct scores, of precision times the
gain in recall), and is undefined where F1 is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.model.decision import BoolArray, FloatArray

SUMMARY = (
    "macro_f1",
    "micro_f1",
    "weighted_f1",
    "samples_f1",
    "macro_precision",
    "macro_recall",
    "micro_precision",
    "micro_recall",
    "subset_accuracy",
    "hamming_loss",
    "macro_average_precision",
)
"""The metrics over all categories, in the order in which they are written."""


@dataclass(frozen=True, slots=True)
class CategoryMetrics:
    """One category: metrics from 0 to 1 (None if undefined); counts of gold, predicted and correctly predicted rows."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int
    hits: int
    average_precision: float | None = None
    """Also None if no scores were given."""


@dataclass(frozen=True, slots=True)
class MultilabelMetrics:
    """All metrics of one set of predictions for `n` rows; `notes` say which categories were left out, and why."""

    macro_f1: float | None
    micro_f1: float | None
    weighted_f1: float | None
    samples_f1: float | None
    macro_precision: float | None
    macro_recall: float | None
    micro_precision: float | None
    micro_recall: float | None
    subset_accuracy: float | None
    hamming_loss: float | None
    macro_average_precision: float | None
    per_category: Mapping[str, CategoryMetrics]
    n: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers."""
        return asdict(self) | {"notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MultilabelMetrics:
        """The inverse of `to_dict`, for what the `evaluate` module returns."""
        categories = {label: CategoryMetrics(**row) for label, row in values["per_category"].items()}
        return cls(**{**values, "per_category": categories, "notes": tuple(values["notes"])})


def multilabel_metrics(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] = LABELS,
    *,
    scores: ArrayLike | None = None,
) -> MultilabelMetrics:
    """All metrics of `predictions` against `references`, both 0/1 of shape [n, k] with one column per label.

    Args:
        scores: float[n, k], for average precision.

    Raises:
        ValueError: the shapes differ, an entry is neither 0 nor 1, or a score is not finite.
    """
    predicted = _binary(predictions, "predictions", len(labels))
    gold = _binary(references, "references", len(labels))
    if predicted.shape != gold.shape:
        raise ValueError(f"{len(predicted)} predictions for {len(gold)} references")
    hits, guesses, support = ((predicted & gold).sum(axis=0), predicted.sum(axis=0), gold.sum(axis=0))
    ranking = [None] * len(labels) if scores is None else _average_precision(scores, gold)
    per_category = {
        label: _category(int(hits[column]), int(guesses[column]), int(support[column]), ranking[column])
        for column, label in enumerate(labels)
    }
    defined = [category for category in per_category.values() if category.f1 is not None]
    micro = _category(int(hits.sum()), int(guesses.sum()), int(support.sum()))
    rows = len(gold)
    return MultilabelMetrics(
        macro_f1=_mean([category.f1 for category in defined]),
        micro_f1=micro.f1,
        weighted_f1=_mean([category.f1 for category in defined], [category.support for category in defined]),
        samples_f1=float(np.mean(row_f1(predicted, gold))) if rows else None,
        macro_precision=_mean([category.precision for category in defined]),
        macro_recall=_mean([category.recall for category in defined]),
        micro_precision=micro.precision,
        micro_recall=micro.recall,
        subset_accuracy=float(np.mean((predicted == gold).all(axis=1))) if rows else None,
        hamming_loss=float(np.mean(predicted != gold)) if rows else None,
        macro_average_precision=None if scores is None else _mean([own.average_precision for own in defined]),
        per_category=per_category,
        n=rows,
        notes=_notes(per_category, len(defined)),
    )


def row_f1(predicted: BoolArray, gold: BoolArray) -> FloatArray:
    """F1 of each row's labels, float[n]; 1 for a row with no label on either side."""
    sizes = predicted.sum(axis=1) + gold.sum(axis=1)
    f1: FloatArray = np.where(sizes == 0, 1.0, 2.0 * (predicted & gold).sum(axis=1) / np.maximum(sizes, 1))
    return f1


def _binary(values: ArrayLike, name: str, columns: int) -> BoolArray:
    matrix = np.asarray(values)
    if matrix.size == 0:
        return np.zeros((0, columns), dtype=bool)
    if matrix.ndim != 2 or matrix.shape[1] != columns:
        raise ValueError(f"{name} must be 0/1 rows of length {columns}, found shape {matrix.shape}")
    if not np.isin(matrix, (0, 1)).all():
        raise ValueError(f"{name} must hold 0 and 1 only")
    return matrix.astype(bool)


def _average_precision(scores: ArrayLike, gold: BoolArray) -> list[float | None]:
    from sklearn.metrics import average_precision_score

    values = np.asarray(scores, dtype=np.float64)
    if values.size == 0:
        return [None] * gold.shape[1]
    if values.shape != gold.shape:
        raise ValueError(f"scores of shape {values.shape} for references of shape {gold.shape}")
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite numbers")
    return [
        float(average_precision_score(truth, column)) if truth.any() else None
        for column, truth in zip(values.T, gold.T, strict=True)
    ]


def _category(hits: int, predicted: int, support: int, average_precision: float | None = None) -> CategoryMetrics:
    if not support:
        return CategoryMetrics(0.0 if predicted else None, None, None, 0, predicted, 0)
    precision = hits / predicted if predicted else 0.0
    f1 = 2 * hits / (predicted + support)
    return CategoryMetrics(precision, hits / support, f1, support, predicted, hits, average_precision)


def _mean(values: Sequence[float | None], weights: Sequence[int] | None = None) -> float | None:
    return float(np.average(np.array(values, dtype=np.float64), weights=weights)) if values else None


def _notes(per_category: Mapping[str, CategoryMetrics], defined: int) -> tuple[str, ...]:
    return tuple(
        f"{label} has no positive here, {own.predicted} false alarm{'s' if own.predicted != 1 else ''}: "
        f"no F1, macro over {defined} categories"
        for label, own in per_category.items()
        if own.f1 is None
    )

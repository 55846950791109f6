"""Multi-label precision, recall, F1 and average precision: one function, which every figure goes through.

Conventions. A category without a positive in gold has no recall and no F1 (None): it is left out of the macro and
weighted means, with a note, but its false alarms are counted (`predicted`, and in the micro figures). A category with
positives of which none was predicted has precision, recall and F1 0. A row without a label that is predicted to have
none is right: its own F1 is 1 in the samples mean. Average precision is that of scikit-learn (the sum, over distinct
scores, of precision times what is gained in recall), and undefined where F1 is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.model.decision import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class CategoryScores:
    """One category: F1 and its parts (0 to 1; None where undefined), gold positives and predicted positives."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int
    hits: int
    average_precision: float | None = None
    """None also where no scores were given."""


@dataclass(frozen=True, slots=True)
class Scores:
    """All figures of one set of predictions; `n` is the number of rows, notes say what was left out and why."""

    n: int
    per_category: Mapping[str, CategoryScores]
    macro_precision: float | None
    macro_recall: float | None
    macro_f1: float | None
    micro_precision: float | None
    micro_recall: float | None
    micro_f1: float | None
    weighted_f1: float | None
    samples_f1: float | None
    subset_accuracy: float | None
    hamming_loss: float | None
    macro_average_precision: float | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and numbers, ready for JSON: `per_category` first by label, then by figure."""
        figures: dict[str, Any] = {name: getattr(self, name) for name in SUMMARY}
        figures["per_category"] = {
            label: {
                "precision": scores.precision,
                "recall": scores.recall,
                "f1": scores.f1,
                "support": scores.support,
                "predicted": scores.predicted,
                "hits": scores.hits,
                "average_precision": scores.average_precision,
            }
            for label, scores in self.per_category.items()
        }
        figures["n"] = self.n
        figures["notes"] = list(self.notes)
        return figures

    @classmethod
    def from_dict(cls, figures: Mapping[str, Any]) -> Scores:
        """The inverse of `to_dict`: what the metric module returned, typed again."""
        return cls(
            n=figures["n"],
            per_category={label: CategoryScores(**scores) for label, scores in figures["per_category"].items()},
            notes=tuple(figures["notes"]),
            **{name: figures[name] for name in SUMMARY},
        )


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
"""The figures over all categories, in the order in which they are written."""


def multilabel_scores(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] = LABELS,
    *,
    scores: ArrayLike | None = None,
) -> Scores:
    """All figures of `predictions` against `references`, both 0/1 of shape [n, k], columns in the order of `labels`.

    With `scores`, float [n, k], average precision too.

    Raises:
        ValueError: shapes differ, the number of columns is not that of `labels`, an entry is neither 0 nor 1, or a
            score is not finite.
    """
    predicted = _binary(predictions, "predictions", len(labels))
    gold = _binary(references, "references", len(labels))
    if predicted.shape != gold.shape:
        raise ValueError(f"{len(predicted)} predictions for {len(gold)} references")
    hits = (predicted & gold).sum(axis=0)
    support = gold.sum(axis=0)
    guesses = predicted.sum(axis=0)
    ranking = [None] * len(labels) if scores is None else _average_precision(scores, gold)
    per_category = {
        label: _category(int(hits[column]), int(guesses[column]), int(support[column]), ranking[column])
        for column, label in enumerate(labels)
    }
    defined = [scores for scores in per_category.values() if scores.f1 is not None]
    micro = _category(int(hits.sum()), int(guesses.sum()), int(support.sum()))
    rows = len(gold)
    return Scores(
        n=rows,
        per_category=per_category,
        macro_precision=_mean([scores.precision for scores in defined]),
        macro_recall=_mean([scores.recall for scores in defined]),
        macro_f1=_mean([scores.f1 for scores in defined]),
        micro_precision=micro.precision,
        micro_recall=micro.recall,
        micro_f1=micro.f1,
        weighted_f1=_mean([scores.f1 for scores in defined], [scores.support for scores in defined]),
        samples_f1=float(np.mean(_row_f1(predicted, gold))) if rows else None,
        subset_accuracy=float(np.mean((predicted == gold).all(axis=1))) if rows else None,
        hamming_loss=float(np.mean(predicted != gold)) if rows else None,
        macro_average_precision=None if scores is None else _mean([figures.average_precision for figures in defined]),
        notes=_notes(per_category, len(defined)),
    )


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


def _category(hits: int, predicted: int, support: int, average_precision: float | None = None) -> CategoryScores:
    if support:
        precision: float | None = hits / predicted if predicted else 0.0
        f1 = 2 * hits / (predicted + support)
        return CategoryScores(precision, hits / support, f1, support, predicted, hits, average_precision)
    return CategoryScores(0.0 if predicted else None, None, None, 0, predicted, 0)


def _mean(values: Sequence[float | None], weights: Sequence[int] | None = None) -> float | None:
    numbers = np.array(values, dtype=np.float64)
    return float(np.average(numbers, weights=weights)) if numbers.size else None


def _row_f1(predicted: BoolArray, gold: BoolArray) -> FloatArray:
    sizes = predicted.sum(axis=1) + gold.sum(axis=1)
    hits = (predicted & gold).sum(axis=1)
    f1: FloatArray = np.where(sizes == 0, 1.0, 2.0 * hits / np.maximum(sizes, 1))
    return f1


def _notes(per_category: Mapping[str, CategoryScores], defined: int) -> tuple[str, ...]:
    notes = []
    for label, scores in per_category.items():
        if scores.f1 is None:
            alarms = f", {scores.predicted} false alarm{'s' if scores.predicted != 1 else ''}"
            notes.append(f"{label} has no positive here{alarms}: no F1, macro over {defined} categories")
    return tuple(notes)

"""Gold labels that are probably wrong, found with the scores of a model that was not trained on them.

Two published methods; each label is a question of its own (given or not given):

* *Self-confidence* (Thyagarajan, Snorrason, Northcutt and Mueller, "Identifying Incorrect Annotations in Multi-Label
  Classification Data", 2022, arXiv 2211.13895): the probability of what the gold label says, score or 1 - score. The
  quality of a row is the exponential moving average of its labels' values from the highest to the lowest, in which the
  lowest weigh most.
* *Confident learning* (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
  JAIR 70, 2021): a gold label is suspect if the model is as sure of the contrary as it is, on average, where the gold
  labels say that contrary, and surer of it than of the gold label.

cleanlab implements both and is not used: its licence is AGPL, and these lines give the same numbers (tested against
its multi-label ranking and its filter `confident_learning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.model.decision import BoolArray, FloatArray

ALPHA = 0.8
"""Weight of the next lower value in the moving average, as in the paper: the lowest value counts for four fifths."""
_SLACK = 1e-6
"""Thresholds are means: with the same score everywhere, rounding must not keep rows below their own mean."""
NOTE = (
    "Suspects are found with the scores of a model that was not trained on these labels. They show where model and "
    "gold labels disagree most, and a weak model disagrees where gold is right: read a sentence before changing its "
    "label."
)


@dataclass(frozen=True, slots=True)
class LabelQuality:
    """How trustworthy the gold labels are: n rows, k labels in the order of `labels`."""

    labels: tuple[str, ...]
    gold: BoolArray
    """bool[n, k], as given."""
    scores: FloatArray
    """float[n], 0 to 1: the lower, the more likely the row has a wrong or a missing label."""
    self_confidence: FloatArray
    """float[n, k]: probability of what gold says about each label."""
    suspect: BoolArray
    """bool[n, k]: what confident learning considers wrong."""


def label_quality(gold: ArrayLike, scores: ArrayLike, labels: Sequence[str] = LABELS) -> LabelQuality:
    """Judge `gold`, 0/1 [n, k], by `scores`, out-of-sample probabilities float[n, k], columns as in `labels`.

    A label is *suspect* in a row if its self-confidence is below 0.5 and the probability of the contrary reaches the
    mean self-confidence of the rows whose gold says the contrary. A label that is given everywhere or nowhere is never
    suspect. The model's own errors look like errors of gold: do not read the number of suspects as a rate of noise.

    Raises:
        ValueError: the shapes differ, or a score is not a probability.
    """
    truth = np.asarray(gold, dtype=bool)
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != truth.shape or truth.shape[1:] != (len(labels),):
        raise ValueError(f"need gold and scores [n, {len(labels)}], found {truth.shape} and {values.shape}")
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise ValueError("scores must be probabilities, from 0 to 1")
    sure = np.where(truth, values, 1.0 - values)
    suspect = (sure < 0.5) & (1.0 - sure >= np.where(truth, _mean(sure, ~truth), _mean(sure, truth)) - _SLACK)
    return LabelQuality(tuple(labels), truth, _pool(sure), sure, suspect)


def _mean(sure: FloatArray, rows: BoolArray) -> FloatArray:
    """Mean self-confidence of each label over `rows` bool[n, k]; 2, which no probability reaches, if there are none."""
    count = rows.sum(axis=0)
    mean: FloatArray = np.where(count > 0, (sure * rows).sum(axis=0) / np.maximum(count, 1), 2.0)
    return mean


def _pool(sure: FloatArray) -> FloatArray:
    """Exponential moving average of each row of float[n, k] from its highest to its lowest value: float[n]."""
    ordered = -np.sort(-sure, axis=1)
    pooled: FloatArray = ordered[:, 0].copy()
    for value in ordered.T[1:]:
        pooled = ALPHA * value + (1.0 - ALPHA) * pooled
    return pooled

"""From logits to calibrated probabilities and labels, with numpy alone; tagging, service and evaluation share it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def sigmoid(logits: ArrayLike) -> FloatArray:
    """The logistic function; no finite input overflows."""
    values = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(values))
    probabilities: FloatArray = np.where(values >= 0, 1.0, small) / (1.0 + small)
    return probabilities


def calibrate(logits: ArrayLike, slope: ArrayLike, intercept: ArrayLike) -> FloatArray:
    """Platt-scaled probabilities (Platt 1999): ``sigmoid(slope * logit + intercept)`` for each label.

    `logits` is float[n, k]; `slope` and `intercept` are float[k]; the result is float[n, k].
    """
    scaled = np.asarray(logits, dtype=np.float64) * np.asarray(slope, dtype=np.float64)
    return sigmoid(scaled + np.asarray(intercept, dtype=np.float64))


def uncalibrate(scores: ArrayLike, slope: ArrayLike, intercept: ArrayLike) -> FloatArray:
    """The probabilities float[n, k] before Platt scaling, ``sigmoid(logit)``: undoes `calibrate`."""
    values = np.clip(np.asarray(scores, dtype=np.float64), 1e-12, 1.0 - 1e-12)
    logits = np.log(values) - np.log1p(-values)
    return sigmoid((logits - np.asarray(intercept, dtype=np.float64)) / np.asarray(slope, dtype=np.float64))


def decide(scores: ArrayLike, thresholds: ArrayLike, min_labels: int = 0) -> BoolArray:
    """The labels of each row: those with a score of at least their threshold.

    With ``min_labels=1`` a row without any gets the label with the largest ``score - threshold``; of equal ones the
    first. The difference is used rather than the score because positives of a label with a low threshold score low:
    0.28 with a threshold of 0.30 is stronger evidence than 0.40 with a threshold of 0.60.

    Args:
        scores: float[n, k], calibrated probabilities.
        thresholds: float[k], or float[n, k] if each row has its own thresholds.
        min_labels: 0 or 1.

    Returns:
        bool[n, k].

    Raises:
        ValueError: the shapes do not match, or `min_labels` is neither 0 nor 1.
    """
    values = np.asarray(scores, dtype=np.float64)
    limits = np.asarray(thresholds, dtype=np.float64)
    if values.ndim != 2 or limits.shape not in (values.shape, values.shape[1:]):
        raise ValueError(f"scores of shape {values.shape} and thresholds of shape {limits.shape} do not match")
    if min_labels not in (0, 1):
        raise ValueError(f"min_labels must be 0 or 1, found {min_labels!r}")
    limits = np.broadcast_to(limits, values.shape)
    decided: BoolArray = values >= limits
    if min_labels == 1:
        bare = np.flatnonzero(~decided.any(axis=1))
        decided[bare, np.argmax(values[bare] - limits[bare], axis=1)] = True
    return decided

"""Thresholds and calibration from held-out scores: per label if there is enough evidence, else shared between labels.

All functions work on arrays. A trained model's thresholds are those of its expected F1; the baselines' are tuned on
gold labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from clausetag.model.decision import BoolArray, FloatArray, sigmoid

SHRINK = 20.0
"""Number of positives at which a label's own threshold and the shared one have equal weight.

Chosen on OPP-115's training and validation policies (out-of-fold scores of TF-IDF, thresholds from 10, 20 or 60 of
them, measured on the others): macro F1 gains 0.4 to 0.7 points over no shrinking, micro F1 0.4 to 1.4."""
PRIOR = 10.0
"""Strength of the calibration prior: it weighs about as much as this many rows at the decision boundary."""
MIN_SLOPE = 0.05
"""Calibration never reverses a label's ranking, even if the validation scores suggest it by chance."""


def tune_thresholds(scores: ArrayLike, gold: ArrayLike, *, shrink: float = SHRINK) -> FloatArray:
    """Per-label thresholds that maximise F1 on the given scores; rare labels are shrunk towards a shared threshold.

    1. The *shared* threshold, one for all labels, maximises the mean of macro F1 (over labels with positives) and
       micro F1.
    2. A label's *own* threshold maximises its F1. Candidates are midpoints between neighbouring scores; of equally
       good ones the nearest to the shared threshold is taken.
    3. The result is ``w * own + (1 - w) * shared`` with ``w = positives / (positives + shrink)``: a label without
       positives gets the shared threshold.

    Args:
        scores: float[n, k] probabilities of rows that were not trained on.
        gold: bool[n, k].
        shrink: 0 for each label's own maximum.

    Returns:
        float[k]; a score equal to the threshold is a positive. All 0.5 if `gold` has no positives.

    Raises:
        ValueError: shapes differ, there is no row, a score is not finite, or `shrink` is negative.
    """
    values, truth = _checked(scores, gold)
    if shrink < 0:
        raise ValueError(f"shrink must not be negative, found {shrink}")
    positives = truth.sum(axis=0)
    if not positives.any():
        return np.full(values.shape[1], 0.5)
    shared = _shared_threshold(values, truth)
    thresholds = np.full(values.shape[1], shared)
    for label in np.flatnonzero(positives):
        candidates = _midpoints(values[:, label])
        f1 = _f1_at(values[:, label], truth[:, label], candidates)
        best = candidates[np.flatnonzero(f1 >= f1.max() - 1e-12)]
        own = best[np.argmin(np.abs(best - shared))]
        weight = positives[label] / (positives[label] + shrink)
        thresholds[label] = weight * own + (1.0 - weight) * shared
    return thresholds


def expected_f1_thresholds(scores: ArrayLike) -> FloatArray:
    """Thresholds float[k], from 0.02 to 0.98, that maximise the F1 expected from calibrated scores float[n, k].

    No gold labels are needed: the rows above a threshold have, in expectation, as many positives as the sum of their
    scores (Lipton et al., ECML 2014). Such a threshold varies less between samples than one tuned on gold labels, and
    is as wrong as the calibration is.

    Raises:
        ValueError: there is no row, or a score is not a finite number.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ValueError("need finite scores of shape [n, k]")
    ordered = -np.sort(-values, axis=0)
    taken = np.arange(1, len(ordered) + 1)[:, None]
    f1 = 2.0 * np.cumsum(ordered, axis=0) / (taken + ordered.sum(axis=0))
    best = np.take_along_axis(ordered, f1.argmax(axis=0)[None], axis=0)[0]
    thresholds: FloatArray = np.clip(best, 0.02, 0.98)
    return thresholds


def fit_calibration(logits: ArrayLike, gold: ArrayLike, *, prior: float = PRIOR) -> tuple[FloatArray, FloatArray]:
    """Platt scaling per label (Platt 1999): ``P(label) = sigmoid(slope * logit + intercept)``; float[k] each.

    A logistic regression on each label's logit, with Gaussian priors in place of Platt's smoothed targets: the slope
    is drawn towards 1, the intercept towards a shared one that is fitted on all labels together. A label without
    positives gets the shared slope and intercept. Slopes are at least `MIN_SLOPE`. scikit-learn's `LogisticRegression`
    cannot fit it: its penalty draws the slope towards 0 and leaves the intercept free.

    Args:
        logits: float[n, k] of rows that were not trained on.
        gold: bool[n, k].
        prior: precision of both priors.

    Raises:
        ValueError: shapes differ, there is no row, a logit is not finite, or `prior` is not positive.
    """
    values, truth = _checked(logits, gold)
    if prior <= 0:
        raise ValueError(f"prior must be positive, found {prior}")
    shared_slope, shared_intercept = _fit_platt(values.ravel(), truth.ravel(), prior, 0.0)
    slope = np.full(values.shape[1], shared_slope)
    intercept = np.full(values.shape[1], shared_intercept)
    for label in np.flatnonzero(truth.any(axis=0)):
        slope[label], intercept[label] = _fit_platt(values[:, label], truth[:, label], prior, shared_intercept)
    return np.maximum(slope, MIN_SLOPE), intercept


def _checked(scores: ArrayLike, gold: ArrayLike) -> tuple[FloatArray, BoolArray]:
    values = np.asarray(scores, dtype=np.float64)
    truth = np.asarray(gold, dtype=bool)
    if values.ndim != 2 or values.shape != truth.shape or not values.size:
        raise ValueError(f"need scores and gold of the same shape [n, k], found {values.shape} and {truth.shape}")
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite numbers")
    return values, truth


def _midpoints(scores: FloatArray) -> FloatArray:
    """Thresholds between neighbouring distinct scores, and one half-way between the lowest score and 0."""
    distinct = np.unique(scores)
    below = distinct[0] - abs(distinct[0]) / 2
    return np.concatenate(([below], (distinct[1:] + distinct[:-1]) / 2))


def _counts_at(scores: FloatArray, gold: BoolArray, thresholds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """True positives and predicted positives at each of `thresholds`."""
    predicted = scores.size - np.searchsorted(np.sort(scores), thresholds, side="left")
    hits = np.sort(scores[gold])
    true_positives = hits.size - np.searchsorted(hits, thresholds, side="left")
    return true_positives.astype(np.float64), predicted.astype(np.float64)


def _f1_at(scores: FloatArray, gold: BoolArray, thresholds: FloatArray) -> FloatArray:
    true_positives, predicted = _counts_at(scores, gold, thresholds)
    f1: FloatArray = 2.0 * true_positives / (predicted + gold.sum())
    return f1


def _shared_threshold(scores: FloatArray, gold: BoolArray) -> float:
    candidates = _midpoints(scores)
    support = gold.sum(axis=0)
    hits = np.zeros(candidates.size)
    guesses = np.zeros(candidates.size)
    macro = np.zeros(candidates.size)
    for label in range(scores.shape[1]):
        true_positives, predicted = _counts_at(scores[:, label], gold[:, label], candidates)
        hits += true_positives
        guesses += predicted
        if support[label]:
            macro += 2.0 * true_positives / (predicted + support[label])
    quality = macro / np.count_nonzero(support) + 2.0 * hits / (guesses + support.sum())
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    # Of equally good candidates, the middle one is farthest from worse ones.
    return float(candidates[best[(len(best) - 1) // 2]])


def _fit_platt(logits: FloatArray, gold: BoolArray, prior: float, centre: float) -> tuple[float, float]:
    """Slope and intercept of the penalised logistic regression, by Newton's method with step halving (convex)."""
    design = np.stack([logits, np.ones_like(logits)], axis=1)
    mean = np.array([1.0, centre])
    target = gold.astype(np.float64)

    def loss(weights: FloatArray) -> float:
        z = design @ weights
        return float(np.sum(np.logaddexp(0.0, z) - target * z) + 0.5 * prior * np.sum((weights - mean) ** 2))

    weights = mean.copy()
    current = loss(weights)
    for _ in range(50):
        probabilities = sigmoid(design @ weights)
        gradient = design.T @ (probabilities - target) + prior * (weights - mean)
        curvature = (design * (probabilities * (1.0 - probabilities))[:, None]).T @ design + prior * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while loss(weights - size * step) > current and size > 1e-6:
            size /= 2
        weights = weights - size * step
        improved = current - loss(weights)
        current -= improved
        if improved < 1e-9 * max(1.0, abs(current)):
            break
    return float(weights[0]), float(weights[1])

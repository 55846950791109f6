"""From logits to calibrated probabilities, labels and values of attributes, with numpy alone.

Tagging, service and evaluation share it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clausetag.data.attributes import VALUES, grouped, possible_values

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
SOURCES = ("opp115", "guide")
"""Label sources of attributes, in the order of the network's output; the head "passage" uses OPP-115's."""


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


@dataclass(frozen=True, slots=True)
class ValueSettings:
    """How one source's logits become values: thresholds, Platt slope and intercept, float [values] each."""

    thresholds: FloatArray
    slope: FloatArray
    intercept: FloatArray

    def config(self) -> dict[str, dict[str, dict[str, float]]]:
        """JSON values by attribute and value, so that their order cannot be confused."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for place, (name, value) in enumerate(VALUES):
            found.setdefault(name, {})[value] = {
                key: round(float(getattr(self, key)[place]), 6) for key in ("thresholds", "slope", "intercept")
            }
        return found


def default_values() -> ValueSettings:
    """Settings of a source without validation data: uncalibrated scores, thresholds of 0.5."""
    return ValueSettings(np.full(len(VALUES), 0.5), np.ones(len(VALUES)), np.zeros(len(VALUES)))


def read_settings(config: Mapping[str, Any]) -> dict[str, ValueSettings]:
    """The settings of each source in a model's config.json; empty if the model has no attribute heads.

    Raises:
        ValueError, KeyError, TypeError: they are damaged, or of other values than this version knows.
    """
    if "attributes" not in config:
        return {}
    found: dict[str, ValueSettings] = {}
    for source in config["attributes"]["sources"]:
        values = config["attributes"]["settings"][source]
        if {(name, value) for name, members in values.items() for value in members} != set(VALUES):
            raise ValueError("attributes have other values than this version of clausetag")
        arrays = {
            key: np.array([float(values[name][value][key]) for name, value in VALUES])
            for key in ("thresholds", "slope", "intercept")
        }
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("a setting of an attribute is not a finite number")
        found[source] = ValueSettings(**arrays)
    return found


def value_scores(logits: ArrayLike, settings: ValueSettings) -> FloatArray:
    """Calibrated probabilities float [n, values] of logits float [n, values]."""
    return calibrate(logits, settings.slope, settings.intercept)


def decide_values(
    scores: FloatArray, labels: Collection[str], thresholds: FloatArray
) -> tuple[dict[str, tuple[str, ...]], dict[str, dict[str, float]]]:
    """The values of one sentence that reach their thresholds, by attribute, and their scores rounded to 4 digits.

    Args:
        scores: float [values], calibrated probabilities.
        labels: the sentence's labels; values that they cannot have are left out.
        thresholds: float [values].
    """
    chosen = (scores >= thresholds) & np.array(possible_values(labels))
    values = grouped(VALUES[place] for place in np.flatnonzero(chosen))
    by_value = dict(zip(VALUES, scores.tolist(), strict=True))
    return values, {name: {one: round(by_value[name, one], 4) for one in members} for name, members in values.items()}

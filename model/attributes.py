"""From attribute logits to the values of a sentence, with numpy alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clausetag.data.attributes import VALUES, grouped, possible_values
from clausetag.model.decision import calibrate

SOURCES = ("opp115", "guide")
"""Label sources of attributes, in the order of the network's output; the head "passage" uses OPP-115's."""

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ValueSettings:
    """How one source's logits become values: thresholds, Platt slope and intercept, float [values] each."""

    thresholds: _Array
    slope: _Array
    intercept: _Array

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


def value_scores(logits: npt.ArrayLike, settings: ValueSettings) -> _Array:
    """Calibrated probabilities float [n, values] of logits float [n, values]."""
    return calibrate(logits, settings.slope, settings.intercept)


def decide_values(
    scores: _Array, labels: Collection[str], thresholds: _Array
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

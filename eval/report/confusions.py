"""Which category a model mistakes for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clausetag.data.labels import LABELS
from clausetag.model.decision import BoolArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Confusions:
    """Labels missed (gold, but not predicted) and false alarms (predicted, but not gold) in the same unit.

    A unit can have several labels, so no single wrong label replaces a single right one, as it would in an ordinary
    confusion matrix. What is counted is co-occurrence: a unit that misses i and has the false alarm j adds 1 to
    `pairs[i, j]`. A unit with several misses or false alarms adds 1 to each of its pairs. The diagonal of `pairs` is 0,
    since no label is both missed and a false alarm.
    """

    labels: tuple[str, ...]
    pairs: IntArray
    """int[k, k]: the row's label missed, the column's a false alarm."""
    nothing_instead: IntArray
    """int[k]: units that miss the label and have no false alarm."""
    out_of_nothing: IntArray
    """int[k]: units in which the label is a false alarm and nothing is missed."""
    units: int
    wrong_units: int

    @property
    def matrix(self) -> IntArray:
        """int[k + 1, k + 1] to show: `pairs`, last column `nothing_instead`, last row `out_of_nothing`."""
        return np.block([[self.pairs, self.nothing_instead[:, None]], [self.out_of_nothing, np.zeros(1, np.int64)]])

    def largest(self, limit: int) -> list[tuple[str, str, int]]:
        """The `limit` most frequent (missed, false alarm, count), without those that never occur; ties by label."""
        order = np.argsort(-self.pairs, axis=None, kind="stable")[:limit]
        cells = zip(*np.unravel_index(order, self.pairs.shape), strict=True)
        return [(self.labels[i], self.labels[j], int(self.pairs[i, j])) for i, j in cells if self.pairs[i, j]]


def confusions(gold: ArrayLike, predicted: ArrayLike, labels: Sequence[str] = LABELS) -> Confusions:
    """Count `Confusions` of `predicted` against `gold`, both 0/1 [n, k] with columns in the order of `labels`.

    Raises:
        ValueError: the shapes differ, or the number of columns is not that of `labels`.
    """
    truth, guess = as_marks(gold, predicted, labels)
    misses, alarms = truth & ~guess, guess & ~truth
    return Confusions(
        labels=tuple(labels),
        pairs=misses.T.astype(np.int64) @ alarms.astype(np.int64),
        nothing_instead=misses[~alarms.any(axis=1)].sum(axis=0),
        out_of_nothing=alarms[~misses.any(axis=1)].sum(axis=0),
        units=len(truth),
        wrong_units=int((misses | alarms).any(axis=1).sum()),
    )


def as_marks(gold: ArrayLike, predicted: ArrayLike, labels: Sequence[str]) -> tuple[BoolArray, BoolArray]:
    """Both as bool[n, k].

    Raises:
        ValueError: the shapes differ, or the number of columns is not that of `labels`.
    """
    truth, guess = np.asarray(gold, dtype=bool), np.asarray(predicted, dtype=bool)
    if truth.shape != guess.shape or truth.shape[1:] != (len(labels),):
        raise ValueError(f"need gold and predicted [n, {len(labels)}], found {truth.shape} and {guess.shape}")
    return truth, guess

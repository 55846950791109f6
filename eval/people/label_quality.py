"""Gold labels that are most probably wrong, found by the scores of a model that has not seen them.

Two published methods, each label taken as a question of its own (given or not given):

* *Self-confidence* and its pooling over the labels of a row, after Thyagarajan, Snorrason, Northcutt and Mueller,
  "Identifying Incorrect Annotations in Multi-Label Classification Data" (2022, arXiv 2211.13895): the probability of
  what gold says, score or 1 - score; a row is as good as the exponential moving average of its values from the
  highest to the lowest, in which the lowest weigh most.
* *Confident learning*, after Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset
  Labels" (JAIR 70, 2021): what gold says is suspect if the model is as sure of the contrary as it is, on average,
  where gold says that contrary, and surer of it than of gold.

Scores and suspects are those of cleanlab's multi-label ranking and its filter `confident_learning`. Scores must be
out-of-sample: a model repeats the labels that it was trained on, wrong ones too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.model.decision import BoolArray, FloatArray

ALPHA = 0.8
"""Weight of each next lower value in the moving average, as in the paper: the lowest alone makes up four fifths."""
_TIE = 1e-6
"""Thresholds are means, so a score is compared with some slack: rows that all score alike must reach their own mean."""
NOTE = (
    "Suspects and their numbers hold for scores of a model that was not trained on these labels. They say where model "
    "and gold disagree most, and a weak model disagrees where gold is right: read a sentence before changing its label."
)
Doubt = Literal["wrong", "missing"]


@dataclass(frozen=True, slots=True)
class Suspect:
    """One doubtful decision: in row `row`, `label` is given but probably `wrong`, or not given but probably `missing`.

    `self_confidence` is the probability, 0 to 0.5, of what gold says.
    """

    row: int
    label: str
    doubt: Doubt
    self_confidence: float


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """Estimated number of rows in which a label is given but wrong, and in which it is missing; of `given` rows.

    None where gold never gives the label, or always does: then nothing tells how sure the model should be.
    """

    given: int
    wrong: int | None
    missing: int | None


@dataclass(frozen=True, slots=True)
class LabelQuality:
    """How far gold is to be believed, n rows and k labels in the order of `labels`."""

    labels: tuple[str, ...]
    gold: BoolArray
    """bool[n, k], as given."""
    scores: FloatArray
    """float[n], 0 to 1: the lower, the more probably the row has a wrong or a missing label."""
    self_confidence: FloatArray
    """float[n, k]: probability of what gold says of each label."""
    suspect: BoolArray
    """bool[n, k]: what confident learning holds to be wrong."""
    estimates: Mapping[str, LabelErrors]
    note: str = NOTE

    def ranking(self, doubt: Doubt | None = None, label: str | None = None) -> list[Suspect]:
        """Suspects, most probably wrong first (ties: by score of the row, then row, then label); None: all.

        Look at the two kinds apart: a model is rarely as sure that a label is there as that it is not, so the missing
        ones come late in a common list.
        """
        rows, columns = np.nonzero(self.suspect)
        sure = self.self_confidence[rows, columns]
        found = [
            Suspect(int(rows[at]), self.labels[columns[at]], self._doubt(rows[at], columns[at]), float(sure[at]))
            for at in np.lexsort((columns, rows, self.scores[rows], sure))
        ]
        return [one for one in found if doubt in (None, one.doubt) and label in (None, one.label)]

    def _doubt(self, row: int, column: int) -> Doubt:
        return "wrong" if self.gold[row, column] else "missing"

    def to_dict(self) -> dict[str, Any]:
        """The estimates and the note, ready for JSON."""
        estimates = {
            label: {"given": found.given, "wrong": found.wrong, "missing": found.missing}
            for label, found in self.estimates.items()
        }
        return {
            "n": len(self.scores),
            "suspects": int(self.suspect.sum()),
            "per_category": estimates,
            "note": self.note,
        }


def label_quality(gold: ArrayLike, scores: ArrayLike, labels: Sequence[str] = LABELS) -> LabelQuality:
    """Judge `gold`, 0/1 [n, k], by `scores`, out-of-sample probabilities float[n, k], columns as in `labels`.

    A label is *suspect* in a row if its self-confidence there is below 0.5 and the probability of the contrary
    reaches the mean self-confidence of the rows whose gold says the contrary. The number of suspects is the estimate
    of the number of errors. It takes the model's own errors for errors of gold, so it is too high for a model that is
    worse than the annotators; use it to compare labels, not as a rate of noise.

    Raises:
        ValueError: the shapes don't belong together, or a score is not a probability.
    """
    truth = np.asarray(gold, dtype=bool)
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != truth.shape or truth.shape[1:] != (len(labels),):
        raise ValueError(f"need gold and scores [n, {len(labels)}], found {truth.shape} and {values.shape}")
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise ValueError("scores must be probabilities, from 0 to 1")
    sure = np.where(truth, values, 1.0 - values)
    given, absent = truth.sum(axis=0), (~truth).sum(axis=0)
    # Where one side is empty the other cannot be compared with it: a threshold above 1 is never reached.
    if_given = np.where(given > 0, (sure * truth).sum(axis=0) / np.maximum(given, 1), 2.0)
    if_absent = np.where(absent > 0, (sure * ~truth).sum(axis=0) / np.maximum(absent, 1), 2.0)
    suspect = (sure < 0.5) & (1.0 - sure >= np.where(truth, if_absent, if_given) - _TIE)
    estimates = {}
    for column, label in enumerate(labels):
        found, marks = suspect[:, column], truth[:, column]
        known = given[column] > 0 and absent[column] > 0
        wrong, missing = int((found & marks).sum()), int((found & ~marks).sum())
        estimates[label] = LabelErrors(int(given[column]), wrong if known else None, missing if known else None)
    return LabelQuality(tuple(labels), truth, _pool(sure), sure, suspect, estimates)


def _pool(sure: FloatArray) -> FloatArray:
    """Exponential moving average of each row of float[n, k] from its highest to its lowest value: float[n]."""
    ordered = -np.sort(-sure, axis=1)
    pooled: FloatArray = ordered[:, 0].copy()
    for value in ordered.T[1:]:
        pooled = ALPHA * value + (1.0 - ALPHA) * pooled
    return pooled

"""How well people agree with each other, and a model with single people: the ceiling that a figure is read against.

Who counts. A corpus sentence carries ``extra["annotators"]``: annotator id to the labels that this annotator gave it.
The annotators of a policy are all ids that occur in it. One of them whose id is missing at a labelled sentence read it
and gave nothing, so counts as the empty set there: that is also how votes are counted (always out of three). Unlabelled
sentences, for which nobody's labels are known, are left out.

Pairwise F1. For annotators a and b of a policy, F1 of a against b is ``2 |a and b| / (|a| + |b|)``, the same in both
directions. Hits and sizes are added up over all pairs of all policies before dividing, so that policies weigh by their
labels, as in the model's own figures.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.errors import MissingExtraError
from clausetag.data.labels import LABELS
from clausetag.data.schema import Sentence
from clausetag.eval.gold import label_matrix
from clausetag.model.decision import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class PairwiseF1:
    """F1 pooled over pairs; None where nobody gave the label. `pairs` counts compared rows (a row once per pair)."""

    per_category: Mapping[str, float | None]
    macro_f1: float | None
    micro_f1: float | None
    pairs: int


@dataclass(frozen=True, slots=True)
class PassAgreement:
    """Two passes over the same rows: Cohen's kappa per label (None where undefined), Krippendorff's alpha (MASI)."""

    kappa: Mapping[str, float | None]
    alpha: float | None
    n: int


def annotator_matrices(units: Sequence[Sentence], labels: Sequence[str] = LABELS) -> list[dict[str, BoolArray]]:
    """For each unit, annotator id to bool[k]; empty where the corpus names no annotators or the unit is unlabelled.

    Raises:
        ValueError: an annotator gave a label that is not one of `labels`.
    """
    teams: dict[str, set[str]] = {}
    for unit in units:
        teams.setdefault(unit.policy, set()).update(unit.extra.get("annotators") or ())
    rows: list[dict[str, BoolArray]] = []
    for unit in units:
        given = unit.extra.get("annotators")
        team = sorted(teams[unit.policy]) if unit.labelled and given is not None else []
        marks = label_matrix(((given or {}).get(name, ()) for name in team), labels)
        rows.append(dict(zip(team, marks, strict=True)))
    return rows


def annotator_f1(units: Sequence[Sentence], labels: Sequence[str] = LABELS) -> PairwiseF1:
    """Each annotator against each other one of the same policy."""
    first: list[BoolArray] = []
    second: list[BoolArray] = []
    for marks in annotator_matrices(units, labels):
        for a, b in combinations(marks.values(), 2):
            first.append(a)
            second.append(b)
    return _pooled(first, second, labels)


def model_f1(predictions: ArrayLike, units: Sequence[Sentence], labels: Sequence[str] = LABELS) -> PairwiseF1:
    """The model's labels bool[n, k] of `units` against each single annotator of each unit."""
    predicted = np.asarray(predictions, dtype=bool)
    if len(predicted) != len(units):
        raise ValueError(f"{len(predicted)} predictions for {len(units)} units")
    first: list[BoolArray] = []
    second: list[BoolArray] = []
    for row, marks in zip(predicted, annotator_matrices(units, labels), strict=True):
        for mark in marks.values():
            first.append(row)
            second.append(mark)
    return _pooled(first, second, labels)


def _pooled(first: list[BoolArray], second: list[BoolArray], labels: Sequence[str]) -> PairwiseF1:
    if not first:
        return PairwiseF1(dict.fromkeys(labels), None, None, 0)
    a, b = np.stack(first), np.stack(second)
    hits = (a & b).sum(axis=0)
    sizes = a.sum(axis=0) + b.sum(axis=0)
    per_category = {
        label: float(2 * hits[column] / sizes[column]) if sizes[column] else None for column, label in enumerate(labels)
    }
    known = [value for value in per_category.values() if value is not None]
    micro = float(2 * hits.sum() / sizes.sum()) if sizes.sum() else None
    return PairwiseF1(per_category, float(np.mean(known)) if known else None, micro, len(first))


def cohen_kappa(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Cohen's kappa of each label between two 0/1 matrices [n, k]; NaN where both passes are constant and equal.

    Raises:
        ValueError: shapes differ or there is no row.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape or a.ndim != 2 or not len(a):
        raise ValueError(f"need two matrices of the same shape [n, k], found {a.shape} and {b.shape}")
    observed = (a == b).mean(axis=0)
    rate_a, rate_b = a.mean(axis=0), b.mean(axis=0)
    chance = rate_a * rate_b + (1 - rate_a) * (1 - rate_b)
    defined = chance < 1
    kappa: FloatArray = np.where(defined, (observed - chance) / np.where(defined, 1 - chance, 1.0), np.nan)
    return kappa


def masi_alpha(passes: Sequence[Sequence[Collection[str]]]) -> float | None:
    """Krippendorff's alpha over label sets with MASI distance (Passonneau 2006), passes as ``[pass][row] = labels``.

    Two empty sets agree fully, an empty set and any other not at all. None where no two different sets occur, which
    leaves nothing to disagree about.

    Raises:
        ValueError: passes of different lengths.
        MissingExtraError: nltk is not installed.
    """
    if len({len(rows) for rows in passes}) > 1:
        raise ValueError("passes must cover the same rows")
    try:
        from nltk.metrics.agreement import AnnotationTask
    except ImportError:
        raise MissingExtraError("Krippendorff's alpha needs nltk: pip install 'clausetag[train]'") from None
    data = [(coder, item, frozenset(names)) for coder, rows in enumerate(passes) for item, names in enumerate(rows)]
    if len({names for _, _, names in data}) < 2 or len(passes) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(AnnotationTask(data, distance=masi_distance).alpha())


def masi_distance(first: frozenset[str], second: frozenset[str]) -> float:
    """1 minus Jaccard similarity times 1 (equal), 2/3 (one within the other), 1/3 (overlap) or 0 (disjoint).

    nltk's own function divides by zero at two empty sets and rounds the thirds.
    """
    if first == second:
        return 0.0
    common = len(first & second)
    if not common:
        return 1.0
    monotonicity = 2 / 3 if first <= second or second <= first else 1 / 3
    return 1.0 - common / len(first | second) * monotonicity


def pass_agreement(
    first: Sequence[Iterable[str]], second: Sequence[Iterable[str]], labels: Sequence[str] = LABELS
) -> PassAgreement:
    """Kappa per label and alpha between two passes, given as label sets of the same rows in the same order.

    Raises:
        ValueError: the passes have different lengths or no row, or a label is unknown.
    """
    sets = [[frozenset(names) for names in rows] for rows in (first, second)]
    kappa = cohen_kappa(label_matrix(sets[0], labels), label_matrix(sets[1], labels))
    by_label = {label: None if np.isnan(value) else float(value) for label, value in zip(labels, kappa, strict=True)}
    return PassAgreement(by_label, masi_alpha(sets), len(sets[0]))


def five_policies_table() -> str:
    """Agreement of the two annotation passes of the five policies, as a Markdown table and a line."""
    from clausetag.data.five import read_five

    rows = read_five()
    passes = [[row.extra["passes"][name] for row in rows] for name in ("a", "b")]
    found = pass_agreement(passes[0], passes[1])
    lines = ["| label | pass a | pass b | Cohen's kappa |", "|---|---|---|---|"]
    for label, kappa in found.kappa.items():
        counts = [sum(label in names for names in rows_of_pass) for rows_of_pass in passes]
        lines.append(f"| {label} | {counts[0]} | {counts[1]} | {'–' if kappa is None else f'{kappa:.3f}'} |")
    lines += ["", f"Krippendorff's alpha over all, MASI distance: {found.alpha:.3f} ({found.n} sentences)."]
    return "\n".join(lines)


if __name__ == "__main__":
    print(five_policies_table())

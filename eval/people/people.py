"""Annotators against each other, and the model in their place: the ceiling that a figure is read against.

Who counts. A corpus row carries ``extra["annotators"]``: annotator id to the labels that this annotator gave it. The
annotators of a policy are all ids that occur in it. One of them whose id is missing at a labelled row read it and gave
nothing, so counts as the empty set there: that is also how votes are counted (always out of three). Unlabelled rows,
for which nobody's labels are known, are left out.

Two comparisons, each made for the annotators and, in the same way, for the model:

- *pairwise*: an annotator against each other single one; the model against each single annotator;
- *left out*: an annotator against what both others agree on (the labels that each of them gave); the model against
  what any two annotators agree on.

F1 of a against b is ``2 |a and b| / (|a| + |b|)``, the same in both directions. Hits and sizes are added up over all
comparisons of all policies before dividing, so that policies weigh by their labels, as in the model's own figures. The
model's F1 minus the annotators' says whether it labels as well as a person, with an interval over policies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.metrics.gold import label_matrix
from clausetag.eval.people.agreement import masi_alpha
from clausetag.eval.statistics.resample import Interval, Resampler, Statistic, as_interval
from clausetag.model.decision import BoolArray, FloatArray

Marks = dict[str, BoolArray]
"""Annotator id to bool[k], the labels given to one unit."""


@dataclass(frozen=True, slots=True)
class F1Figures:
    """F1 (or a difference of two) by category, and over all; with intervals; None where no reference has the label."""

    per_category: Mapping[str, float | None]
    macro_f1: float | None
    micro_f1: float | None
    ci95: Mapping[str, Interval | None]
    """By label, and by "macro_f1" and "micro_f1"."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "macro_f1": self.macro_f1,
            "micro_f1": self.micro_f1,
            "per_category": dict(self.per_category),
            "ci95": {name: None if pair is None else list(pair) for name, pair in self.ci95.items()},
        }


@dataclass(frozen=True, slots=True)
class Against:
    """One kind of comparison: annotators, the model in their place, and the model's lead over them."""

    annotators: F1Figures
    model: F1Figures
    lead: F1Figures
    comparisons: int
    """Rows compared, a row once for each pair."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "annotators": self.annotators.to_dict(),
            "model": self.model.to_dict(),
            "lead": self.lead.to_dict(),
            "comparisons": self.comparisons,
        }


@dataclass(frozen=True, slots=True)
class People:
    """Both kinds of comparison with annotators."""

    pairwise: Against
    left_out: Against | None
    """None where no row has three annotators."""
    alpha: float | None
    """Krippendorff's alpha of the annotators over label sets, MASI distance; None without three a row throughout."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "pairwise": self.pairwise.to_dict(),
            "left_out": None if self.left_out is None else self.left_out.to_dict(),
            "alpha_masi": self.alpha,
        }


def compare_with_people(
    units: Sequence[Sentence], predictions: ArrayLike, drawn: Resampler, labels: Sequence[str] = LABELS
) -> People | None:
    """Both comparisons for `units` and the model's labels bool[n, k]; None where the corpus names no annotators.

    Raises:
        ValueError: numbers of rows differ, or an annotator gave a label that is not one of `labels`.
    """
    predicted = np.asarray(predictions, dtype=bool)
    if not len(predicted) == len(units) == len(drawn.rows):
        raise ValueError(f"{len(predicted)} predictions and {len(drawn.rows)} groups for {len(units)} units")
    marks = annotator_marks(units, labels)
    pairwise = _against(marks, predicted, drawn, labels, _pairs, _singles)
    if pairwise is None:
        return None
    return People(pairwise, _against(marks, predicted, drawn, labels, _left_out, _agreed), _alpha(marks))


def _alpha(marks: Sequence[Marks]) -> float | None:
    known = [list(given.values()) for given in marks if given]
    if {len(given) for given in known} != {3}:
        return None
    # Alpha asks what was said of a row, not by whom, so the place in the team is name enough.
    return masi_alpha([[tuple(np.flatnonzero(given[who])) for given in known] for who in range(3)])


def annotator_marks(units: Sequence[Sentence], labels: Sequence[str] = LABELS) -> list[Marks]:
    """For each unit, annotator id to bool[k]; empty where the corpus names no annotators or the unit is unlabelled.

    Raises:
        ValueError: an annotator gave a label that is not one of `labels`.
    """
    teams: dict[str, set[str]] = {}
    for unit in units:
        teams.setdefault(unit.policy, set()).update(unit.extra.get("annotators") or ())
    rows: list[Marks] = []
    for unit in units:
        given = unit.extra.get("annotators")
        team = sorted(teams[unit.policy]) if unit.labelled and given is not None else []
        matrix = label_matrix(((given or {}).get(name, ()) for name in team), labels)
        rows.append(dict(zip(team, matrix, strict=True)))
    return rows


def _pairs(marks: Marks) -> Iterator[tuple[BoolArray, BoolArray]]:
    yield from combinations(marks.values(), 2)


def _singles(marks: Marks) -> Iterator[BoolArray]:
    if len(marks) > 1:
        yield from marks.values()


def _left_out(marks: Marks) -> Iterator[tuple[BoolArray, BoolArray]]:
    if len(marks) > 2:
        for name, own in marks.items():
            yield own, np.logical_and.reduce([other for others, other in marks.items() if others != name])


def _agreed(marks: Marks) -> Iterator[BoolArray]:
    for _, agreed in _left_out(marks):
        yield agreed


def _against(
    marks: Sequence[Marks],
    predicted: BoolArray,
    drawn: Resampler,
    labels: Sequence[str],
    people: Callable[[Marks], Iterator[tuple[BoolArray, BoolArray]]],
    references: Callable[[Marks], Iterator[BoolArray]],
) -> Against | None:
    shape = (len(marks), len(labels))
    hits, sizes = np.zeros(shape), np.zeros(shape)
    model_hits, model_sizes, given_by_people = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    comparisons = 0
    for row, given in enumerate(marks):
        for first, second in people(given):
            hits[row] += first & second
            sizes[row] += first.astype(int) + second
            comparisons += 1
        for reference in references(given):
            model_hits[row] += predicted[row] & reference
            model_sizes[row] += predicted[row].astype(int) + reference
            given_by_people[row] += reference
    if not comparisons:
        return None
    # A category that no reference has is undefined for both sides: what the model gave there is no comparison.
    support = drawn.sums(given_by_people)
    of_people = _f1_statistic(drawn.sums(hits), drawn.sums(sizes), support)
    of_model = _f1_statistic(drawn.sums(model_hits), drawn.sums(model_sizes), support)

    def lead(weights: FloatArray) -> FloatArray:
        return of_model(weights) - of_people(weights)

    return Against(
        _figures(of_people, drawn, labels),
        _figures(of_model, drawn, labels),
        _figures(lead, drawn, labels, share=False),
        comparisons,
    )


def _f1_statistic(hits: FloatArray, sizes: FloatArray, support: FloatArray) -> Statistic:
    """F1 of each category, macro and micro: float[m, k + 2]; `support` is how often a reference has the label."""

    def statistic(weights: FloatArray) -> FloatArray:
        n_hits, n_sizes = weights @ hits, weights @ sizes
        f1 = np.where(weights @ support > 0, 2.0 * n_hits / np.maximum(n_sizes, 1.0), np.nan)
        known = np.isfinite(f1)
        macro = np.where(known.any(axis=1), np.nansum(f1, axis=1) / np.maximum(known.sum(axis=1), 1), np.nan)
        total = n_sizes.sum(axis=1)
        micro = np.where(total > 0, 2.0 * n_hits.sum(axis=1) / np.maximum(total, 1.0), np.nan)
        return np.column_stack([f1, macro, micro])

    return statistic


def _figures(statistic: Statistic, drawn: Resampler, labels: Sequence[str], *, share: bool = True) -> F1Figures:
    values = [None if np.isnan(value) else float(value) for value in statistic(np.ones((1, drawn.groups)))[0]]
    bounds = drawn.interval(statistic, share=share)
    names = [*labels, "macro_f1", "micro_f1"]
    intervals = {name: as_interval(*bounds[:, column]) for column, name in enumerate(names)}
    return F1Figures(dict(zip(labels, values[:-2], strict=True)), values[-2], values[-1], intervals)

"""Annotators compared with each other, and the model in the place of one of them.

Who counts. A corpus row carries ``extra["annotators"]``: annotator id to the labels that this annotator gave. The
annotators of a policy are all ids that occur in it. If an id is missing at a labelled row, that annotator read the row
and gave no label: votes are counted in the same way (always out of three). Unlabelled rows are left out.

Two comparisons, each made for the annotators and, in the same way, for the model:

- *pairwise*: each annotator against each other one; the model against each single annotator;
- *left out*: each annotator against the labels that both others gave; the model against the labels that any two gave.

F1 of a against b is ``2 |a and b| / (|a| + |b|)``, the same in both directions. Hits and sizes are summed over all
comparisons of all policies before dividing, so policies weigh by their labels, as in the model's own metrics. The lead
is the model's F1 minus the annotators'. A lead above 0 means that the model agrees with the annotators more than they
agree with each other, not that its labels are better than a person's: a single decision of an annotator is noisy, and
a model that estimates the share of votes is closer to each annotator than another noisy annotator is
(`clausetag.eval.research.ceiling` computes by how much).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.metrics.gold import label_matrix
from clausetag.eval.people.agreement import masi_alpha
from clausetag.eval.statistics.f1 import f1_statistic
from clausetag.eval.statistics.resample import Interval, Resampler, Statistic, as_interval
from clausetag.model.decision import BoolArray

Marks = dict[str, BoolArray]
"""Annotator id to bool[k], the labels given to one unit."""
Pair = tuple[BoolArray, BoolArray]


NON_INFERIORITY_MARGIN = 0.05
"""The model counts as not inferior to a person if the interval of its lead in F1 lies above minus this margin."""


@dataclass(frozen=True, slots=True)
class F1Metrics:
    """F1, or a difference of two, with intervals; None if no reference has the label."""

    macro_f1: float | None
    micro_f1: float | None
    per_category: Mapping[str, float | None]
    ci95: Mapping[str, Interval | None]
    """By label, and by "macro_f1" and "micro_f1"."""


@dataclass(frozen=True, slots=True)
class Against:
    """One comparison: the annotators, the model in the place of one, and the model's lead."""

    annotators: F1Metrics
    model: F1Metrics
    lead: F1Metrics
    comparisons: int
    """Rows compared; a row counts once for each pair of annotators."""


@dataclass(frozen=True, slots=True)
class People:
    """Both comparisons with annotators."""

    pairwise: Against
    left_out: Against | None
    """None if no row has three annotators."""
    alpha_masi: float | None
    """Krippendorff's alpha of the annotators over label sets, MASI distance; None unless every row has three."""


def compare_with_people(
    units: Sequence[Sentence], predictions: ArrayLike, drawn: Resampler, labels: Sequence[str] = LABELS
) -> People | None:
    """Both comparisons for `units` and the model's labels bool[n, k]; None if the corpus names no annotators.

    Raises:
        ValueError: numbers of rows differ, or an annotator gave a label that is not one of `labels`.
    """
    predicted = np.asarray(predictions, dtype=bool)
    if not len(predicted) == len(units) == len(drawn.rows):
        raise ValueError(f"{len(predicted)} predictions and {len(drawn.rows)} groups for {len(units)} units")
    marks = annotator_marks(units, labels)
    pairwise = _against(marks, predicted, drawn, labels, _pairwise)
    if pairwise is None:
        return None
    return People(pairwise, _against(marks, predicted, drawn, labels, _left_out), _alpha(marks))


def _alpha(marks: Sequence[Marks]) -> float | None:
    known = [list(given.values()) for given in marks if given]
    if {len(given) for given in known} != {3}:
        return None
    # Alpha does not depend on who gave a label, so an annotator's place in the team can replace the id.
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


def _pairwise(marks: Marks) -> tuple[list[Pair], list[BoolArray]]:
    """Pairs of annotators, and the references for the model: each single annotator."""
    pairs = list(combinations(marks.values(), 2))
    return pairs, list(marks.values()) if pairs else []


def _left_out(marks: Marks) -> tuple[list[Pair], list[BoolArray]]:
    """Each annotator with the labels that all others gave, and the references for the model: those labels."""
    if len(marks) < 3:
        return [], []
    agreed = [
        np.logical_and.reduce([given for other, given in marks.items() if other != annotator]) for annotator in marks
    ]
    return list(zip(marks.values(), agreed, strict=True)), agreed


def _against(
    marks: Sequence[Marks],
    predicted: BoolArray,
    drawn: Resampler,
    labels: Sequence[str],
    compared: Callable[[Marks], tuple[list[Pair], list[BoolArray]]],
) -> Against | None:
    shape = (len(marks), len(labels))
    hits, sizes = np.zeros(shape), np.zeros(shape)
    model_hits, model_sizes, support = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    comparisons = 0
    for row, given in enumerate(marks):
        pairs, references = compared(given)
        comparisons += len(pairs)
        for first, second in pairs:
            hits[row] += first & second
            sizes[row] += first.astype(int) + second
        for reference in references:
            model_hits[row] += predicted[row] & reference
            model_sizes[row] += predicted[row].astype(int) + reference
            support[row] += reference
    if not comparisons:
        return None
    # A category that no reference has is undefined on both sides, even if the model predicted it.
    given_by_people = drawn.sums(support)
    of_people = f1_statistic(drawn.sums(hits), drawn.sums(sizes), given_by_people)
    of_model = f1_statistic(drawn.sums(model_hits), drawn.sums(model_sizes), given_by_people)
    return Against(
        _metrics(of_people, drawn, labels),
        _metrics(of_model, drawn, labels),
        _metrics(lambda weights: of_model(weights) - of_people(weights), drawn, labels, share=False),
        comparisons,
    )


def _metrics(statistic: Statistic, drawn: Resampler, labels: Sequence[str], *, share: bool = True) -> F1Metrics:
    values = [None if np.isnan(value) else float(value) for value in statistic(np.ones((1, drawn.groups)))[0]]
    bounds = drawn.interval(statistic, share=share).T
    intervals = [as_interval(*bounds[column]) for column in range(len(values))]
    ci95 = dict(zip([*labels, "macro_f1", "micro_f1"], [*intervals[2:], *intervals[:2]], strict=True))
    return F1Metrics(values[0], values[1], dict(zip(labels, values[2:], strict=True)), ci95)

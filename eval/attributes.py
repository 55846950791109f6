"""`clausetag eval DATA --attributes`: how well a model finds the values of attributes.

Two readings of the same predictions: given the gold categories (a value counts only where the gold labels allow it),
and end to end (the model's own categories decide which values are possible). Beside them, where the data allow it,
OPP-115's annotators against each other, and TF-IDF with logistic regression; and a figure by the protocol of Polisis
(Harkous et al., USENIX Security 2018): for each value the mean of the F1 of its presence and of its absence, on the
segments of its categories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clausetag.data.attributes import ATTRIBUTES, VALUES, possible_values
from clausetag.data.corpora.attribute_labels import with_attributes
from clausetag.data.errors import DataError
from clausetag.data.records import Sentence
from clausetag.eval.baselines.values import fit_value_baseline
from clausetag.eval.benchmarks.benchmark import Benchmark
from clausetag.eval.evaluate import BOOTSTRAP_SEED
from clausetag.eval.leakage.contamination import contamination, refuse_leakage
from clausetag.eval.metrics.classification import multilabel_metrics
from clausetag.eval.metrics.values import annotator_values, guide_values, majority_values
from clausetag.eval.people.annotators import compare_with_people
from clausetag.eval.statistics.bootstrap import bootstrap_intervals
from clausetag.eval.statistics.resample import Interval, Resampler, resampler
from clausetag.model.decision import BoolArray, FloatArray, value_scores
from clausetag.model.tagger import Tagger

NAMES = tuple(f"{name}: {value}" for name, value in VALUES)
MIN_SUPPORT = 5
"""Values with fewer positives are listed, and left out of every macro average."""


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value: metrics from 0 to 1 (None if undefined), its number of positives, the interval of its F1."""

    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None
    support: int
    ci95: Interval | None


@dataclass(frozen=True, slots=True)
class ValueMetrics:
    """Metrics of one set of predictions; macro averages are over values with at least `MIN_SUPPORT` positives."""

    micro_f1: float | None
    macro_f1: float | None
    micro_ci95: Interval | None
    attributes: Mapping[str, Mapping[str, float | int | None]]
    """Micro and macro F1 and the number of positives of each attribute."""
    values: Mapping[str, ValueRow]
    """By "attribute: value"."""


@dataclass(frozen=True, slots=True)
class AttributeResults:
    """What `clausetag eval --attributes` writes."""

    data: str
    unit: str
    n: int
    """Sentences (or segments) whose gold labels can have values."""
    given_categories: ValueMetrics
    end_to_end: ValueMetrics
    annotators: Mapping[str, float | None] | None
    """Micro F1 of one annotator against another, of the model against one, and the model's lead."""
    baseline: ValueMetrics | None
    """TF-IDF with logistic regression, given the gold categories."""
    polisis: Mapping[str, float] | None
    """By attribute, and their "mean"; of segments only."""
    model: Mapping[str, Any]
    in_sample: bool
    notes: tuple[str, ...]
    command: str = ""


@dataclass(frozen=True, slots=True)
class _Gold:
    """Gold values bool [n, values] of n rows, which values their labels allow, and the rows as `Sentence`s."""

    rows: tuple[Sentence, ...]
    gold: BoolArray
    possible: BoolArray


def evaluate_attributes(tagger: Tagger, benchmark: Benchmark, *, in_sample: bool, baselines: bool) -> AttributeResults:
    """Measure the values that `tagger` finds in the units of `benchmark`.

    Raises:
        DataError: the model has no attribute heads, or the data have no attributes.
        LeakageError: the model has seen the units, and `in_sample` is false.
    """
    if not tagger.attributes:
        raise DataError("the model has no attribute heads; add them with `clausetag attributes`")
    if benchmark.isolated:
        raise DataError(f"{benchmark.data} has no attributes; measure opp115, policies or a labelled JSONL file")
    seen = contamination(
        tagger.trained_on.hashes, benchmark.units, tagger.trained_on.policies, limit=benchmark.max_contamination
    )
    refuse_leakage(seen, in_sample=in_sample)
    known = _gold(benchmark.units)
    if not known.gold.any():
        raise DataError(f"{benchmark.data}: no sentence has attributes")
    head = benchmark.head if benchmark.unit == "sentence" else "opp115"
    scores, thresholds, own_possible = _predictions(tagger, benchmark, known.rows, head)
    drawn = resampler([row.policy for row in known.rows], seed=BOOTSTRAP_SEED)
    decided = scores >= thresholds
    measured = known.possible.any(axis=1)
    people = baseline = None
    if any("annotators" in row.extra for row in known.rows):
        people = _annotators(known, decided & known.possible, drawn)
        if baselines and benchmark.baseline is not None:
            train, validation = (_gold(rows) for rows in (benchmark.baseline.train, benchmark.baseline.validation))
            fitted = fit_value_baseline(
                [row.text for row in train.rows],
                (train.gold, train.possible),
                [row.text for row in validation.rows],
                (validation.gold, validation.possible),
            )
            floor, limits = fitted([row.text for row in known.rows])
            baseline = _metrics((floor >= limits) & known.possible, known, floor, drawn)
    return AttributeResults(
        data=benchmark.data,
        unit=benchmark.unit,
        n=int(measured.sum()),
        given_categories=_metrics(decided & known.possible, known, scores, drawn),
        end_to_end=_metrics(decided & own_possible, known, scores, drawn),
        annotators=people,
        baseline=baseline,
        polisis=_polisis(decided, known) if benchmark.unit == "passage" else None,
        model={"name": tagger.config.get("name"), "hash": tagger.hash},
        in_sample=in_sample,
        notes=("the model has seen this data: these metrics say how well it fits",) if seen.leaks else (),
    )


def _gold(units: Sequence[Sentence]) -> _Gold:
    """The labelled units that somebody read for attributes."""
    if any("annotators" in unit.extra for unit in units):
        return _Gold(tuple(units), *majority_values(units))
    read = tuple(unit if unit.attributes is not None else one for unit, one in _paired(units))
    known = tuple(unit for unit in read if unit.attributes is not None)
    return _Gold(known, *guide_values(known))


def _paired(units: Sequence[Sentence]) -> list[tuple[Sentence, Sentence]]:
    return list(zip(units, with_attributes(units), strict=True))


def _predictions(
    tagger: Tagger, benchmark: Benchmark, rows: Sequence[Sentence], head: str
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Scores float [n, values] and thresholds [values], and which the model's own labels allow, bool [n, values].

    A passage has the highest score of its sentences, and the labels that the model gives to the passage.
    """
    values = tagger.artifact.values_of(head)
    if values is None:
        raise DataError(f"the model has no attributes for the label source {head!r}")
    logits = tagger.value_logits(benchmark.sentences)[:, values[0]]
    of_sentences = value_scores(logits, values[1])
    found: dict[tuple[str, int | None], FloatArray] = {}
    for sentence, score in zip(benchmark.sentences, of_sentences, strict=True):
        key = (sentence.policy, sentence.passage if benchmark.unit == "passage" else sentence.index)
        found[key] = np.maximum(found[key], score) if key in found else score
    nothing = np.zeros(len(VALUES))
    scores = np.array([found.get((row.policy, row.index), nothing) for row in rows])
    if benchmark.unit == "passage":
        keys, by_label = tagger.score_passages(benchmark.sentences)
        chosen = by_label >= tagger.thresholds("passage")
        named = {key: [tagger.labels[i] for i in np.flatnonzero(row)] for key, row in zip(keys, chosen, strict=True)}
    else:
        tagged = tagger.tag_sentences(benchmark.sentences, head=head)
        named = {(one.policy, one.index): list(one.labels or ()) for one in tagged}
    own = np.array([possible_values(named.get((row.policy, row.index), ())) for row in rows], dtype=bool)
    return scores, values[1].thresholds, own


def _metrics(decided: BoolArray, known: _Gold, scores: FloatArray, drawn: Resampler) -> ValueMetrics:
    counted = known.gold.sum(axis=0) >= MIN_SUPPORT
    # Average precision compares sentences of the value's categories only: elsewhere the score has no meaning.
    masked = np.where(known.possible, scores, -1.0)
    points = multilabel_metrics(decided, known.gold, NAMES, scores=masked)
    intervals = bootstrap_intervals(decided, known.gold, drawn, labels=NAMES)
    values = {
        name: ValueRow(own.precision, own.recall, own.f1, own.average_precision, own.support, interval["f1"])
        for (name, own), interval in zip(points.per_category.items(), intervals.per_category.values(), strict=True)
    }
    attributes: dict[str, Mapping[str, float | int | None]] = {}
    for attribute in ATTRIBUTES:
        columns = np.flatnonzero([name == attribute.name for name, _ in VALUES])
        part = multilabel_metrics(decided[:, columns], known.gold[:, columns], [NAMES[place] for place in columns])
        attributes[attribute.name] = {
            "micro_f1": part.micro_f1,
            "macro_f1": _macro([values[NAMES[place]] for place in columns if counted[place]]),
            "support": int(known.gold[:, columns].sum()),
        }
    return ValueMetrics(
        micro_f1=points.micro_f1,
        macro_f1=_macro([values[NAMES[place]] for place in np.flatnonzero(counted)]),
        micro_ci95=intervals.summary["micro_f1"],
        attributes=attributes,
        values=values,
    )


def _macro(rows: Sequence[ValueRow]) -> float | None:
    return float(np.mean([row.f1 or 0.0 for row in rows])) if rows else None


def _annotators(known: _Gold, decided: BoolArray, drawn: Resampler) -> dict[str, float | None] | None:
    """One annotator against another, and the model against one, over all values that the gold categories allow."""
    rows = []
    for row, possible in zip(known.rows, known.possible, strict=True):
        given = annotator_values(row)
        names = {
            annotator: [NAMES[place] for place in np.flatnonzero(given[annotator] & possible)]
            if annotator in given
            else []
            for annotator in row.extra["annotators"]
        }
        rows.append(replace(row, attributes=None, extra={"annotators": names}))
    people = compare_with_people(rows, decided, drawn, NAMES)
    if people is None:
        return None
    return {
        "annotator": people.pairwise.annotators.micro_f1,
        "model": people.pairwise.model.micro_f1,
        "lead": people.pairwise.lead.micro_f1,
    }


def _polisis(decided: BoolArray, known: _Gold) -> dict[str, float]:
    """The mean F1 of presence and absence by attribute, over values with positives, and the mean over attributes."""
    found: dict[str, float] = {}
    for attribute in ATTRIBUTES:
        scores: list[float] = []
        for column in np.flatnonzero([name == attribute.name for name, _ in VALUES]):
            rows = known.possible[:, column]
            gold, guessed = known.gold[rows, column], decided[rows, column]
            if gold.sum() < MIN_SUPPORT:
                continue
            f1 = [2 * (a & b).sum() / max(1, a.sum() + b.sum()) for a, b in ((gold, guessed), (~gold, ~guessed))]
            scores.append(float(np.mean(f1)))
        if scores:
            found[attribute.name] = float(np.mean(scores))
    return found | {"mean": float(np.mean(list(found.values())))} if found else {}

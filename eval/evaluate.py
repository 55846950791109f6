"""Measure a tagger on a benchmark: scores, labels, and every figure with its interval, floors and ceilings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from clausetag.data.errors import DataError, MissingExtraError
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.text import is_boilerplate, text_hash
from clausetag.eval.benchmarks.benchmarks import BaselineData, Benchmark
from clausetag.eval.benchmarks.folds import FoldTagger, unit_thresholds
from clausetag.eval.leakage.contamination import OverlapResult, overlap, refuse_leakage
from clausetag.eval.metrics.calibration import calibration
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.eval.metrics.multilabel_scores import Scores
from clausetag.eval.people.people import compare_with_people
from clausetag.eval.results import BaselineFigures, Figures, Results
from clausetag.eval.statistics.bootstrap import RankIntervals, bootstrap_intervals, rank_intervals
from clausetag.eval.statistics.resample import Resampler, resampler
from clausetag.model.decision import BoolArray, FloatArray, decide, uncalibrate

BOOTSTRAP_SEED = 0
Measure = Callable[[BoolArray, BoolArray, FloatArray], Scores]


class TrainedOn(Protocol):
    """What an artifact records of its training data."""

    @property
    def policies(self) -> frozenset[str]: ...
    @property
    def hashes(self) -> frozenset[str]: ...
    @property
    def context(self) -> frozenset[str]: ...
    @property
    def validation_policies(self) -> frozenset[str]: ...
    @property
    def validation(self) -> frozenset[str]: ...


class HeadSettings(Protocol):
    """Calibration of one head: float[k] each."""

    @property
    def slope(self) -> Any: ...
    @property
    def intercept(self) -> Any: ...


class Scorer(Protocol):
    """What evaluation needs of a tagger; `clausetag.model.tagger.Tagger` is one."""

    @property
    def labels(self) -> Sequence[str]: ...
    @property
    def trained_on(self) -> TrainedOn: ...
    @property
    def hash(self) -> str: ...
    @property
    def config(self) -> Mapping[str, Any]: ...
    def score(self, sentences: Sequence[Sentence], *, head: str | None = None) -> Any: ...
    def score_passages(self, sentences: Sequence[Sentence]) -> tuple[list[tuple[str, int]], Any]: ...
    def score_texts(self, texts: Sequence[str], head: str = "passage") -> Any: ...
    def head(self, name: str | None = None) -> HeadSettings: ...
    def thresholds(self, head: str) -> Any: ...
    def min_labels(self, head: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Labelling:
    """One system's answers to the units: probabilities float[n, k] and labels bool[n, k]."""

    scores: FloatArray
    predicted: BoolArray


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures, and what they were made from."""

    benchmark: Benchmark
    results: Results
    gold: BoolArray
    model: Labelling
    thresholds: FloatArray
    """float[n, k]: those that each unit was decided by."""
    baselines: Mapping[str, Labelling]

    @property
    def units(self) -> tuple[Sentence, ...]:
        """The measured rows."""
        return self.benchmark.units


def evaluate_tagger(
    tagger: Scorer | FoldTagger, benchmark: Benchmark, *, in_sample: bool = False, baselines: bool = True
) -> Evaluation:
    """Measure `tagger` on `benchmark`.

    Raises:
        LeakageError: the model has seen the units, and `in_sample` is false.
        DataError: the model's labels are not the benchmark's.
    """
    labels = benchmark.labels
    if tuple(tagger.labels) != labels:
        raise DataError(
            f"{benchmark.data}: has the labels {', '.join(labels)}, and the model others, or in another order "
            f"({', '.join(tagger.labels)})"
        )
    trained_on = tagger.trained_on
    seen = overlap(trained_on.hashes, benchmark.units, trained_on.policies, limit=benchmark.max_overlap)
    refuse_leakage(seen, in_sample=in_sample)
    units = benchmark.units
    measure = metric(labels)
    scores = unit_scores(tagger, benchmark)
    if benchmark.threshold is None:
        thresholds = unit_thresholds(tagger, units, benchmark.head)
        min_labels = int(tagger.min_labels(benchmark.head))
    else:
        thresholds, min_labels = np.full((len(units), len(labels)), benchmark.threshold), 0
    gold = gold_matrix(units, labels)
    # Isolated texts name no policy; their intervals are too narrow by what texts of one policy have in common.
    groups = [str(row) if benchmark.isolated else unit.policy for row, unit in enumerate(units)]
    drawn = resampler(groups, seed=BOOTSTRAP_SEED)

    def figures(values: FloatArray, limits: FloatArray, least: int, ranks: RankIntervals) -> Figures:
        predicted = decide(values, limits, least)
        intervals = bootstrap_intervals(predicted, gold, drawn, labels=labels, ranks=ranks)
        return Figures(measure(predicted, gold, values), intervals)

    others: dict[str, Labelling] = {}
    rows: list[BaselineFigures] = []
    fitted: list[Any] = []
    more: list[str] = []
    if baselines and benchmark.baseline is not None:
        fitted, more = fit_baselines(benchmark.baseline, units)
        for own in fitted:
            values = own.score(units)
            limits = own.thresholds if benchmark.threshold is None else np.full(len(labels), benchmark.threshold)
            others[own.name] = Labelling(values, decide(values, limits, min_labels))
            found = figures(values, limits, min_labels, rank_intervals(values, gold, drawn))
            rows.append(BaselineFigures(own.name, own.title, own.description, found))
    ranks = rank_intervals(scores, gold, drawn)
    variants = {least: figures(scores, thresholds, least, ranks) for least in (0, 1)}
    headline = variants[min_labels]
    half = np.full(len(labels), 0.5)
    predicted = decide(scores, thresholds, min_labels)
    recipe = tagger.config.get("recipe")
    configured = recipe if isinstance(recipe, Mapping) else {"name": recipe}
    from clausetag.model.provenance import git_revision, versions

    results = Results(
        data=benchmark.data,
        unit=benchmark.unit,
        head=benchmark.head,
        figures=headline,
        at_0_5=figures(scores, half, min_labels, ranks),
        min_labels=min_labels,
        variants=variants,
        groups="texts" if benchmark.isolated else "policies",
        thresholds=dict(zip(labels, thresholds.mean(axis=0).tolist(), strict=True)),
        calibration=calibration(scores, gold, drawn, labels),
        before_calibration=calibration(_uncalibrated(tagger, units, scores, benchmark.head), gold, drawn, labels),
        people=None if benchmark.isolated else compare_with_people(units, predicted, drawn, labels),
        baselines=tuple(rows),
        baseline_source=benchmark.baseline.source if rows and benchmark.baseline is not None else None,
        overlap=seen,
        in_sample=in_sample,
        model={"name": tagger.config.get("name"), "hash": tagger.hash},
        recipe=configured.get("name"),
        seeds={"model": configured.get("seed"), "bootstrap": BOOTSTRAP_SEED},
        versions=versions("train"),
        git=git_revision(),
        notes=(*_notes(tagger, benchmark, seen, headline, drawn), *more),
        published=benchmark.published,
        remarks=benchmark.remarks,
    )
    return Evaluation(benchmark, results, gold, Labelling(scores, predicted), thresholds, others)


def _notes(
    tagger: Scorer | FoldTagger, benchmark: Benchmark, seen: OverlapResult, headline: Figures, drawn: Resampler
) -> list[str]:
    notes = [*headline.scores.notes, *benchmark.notes]
    if seen.leaks:
        notes.append("the model has seen this data: these figures say how well it fits, not how good it is")
    read = overlap(tagger.trained_on.context, benchmark.units)
    if read.count:
        notes.append(f"training read {read.count} of these {read.total} texts as context, without their labels")
    if isinstance(tagger, FoldTagger):
        notes.append("each policy is scored by a model that was trained without it; thresholds shown are their mean")
    chose = overlap(tagger.trained_on.validation, benchmark.units, tagger.trained_on.validation_policies)
    if chose.leaks:
        notes.append(
            f"{chose.count} of these {chose.total} texts chose the model's epoch, thresholds or calibration: figures "
            "by its thresholds, and its calibration, look better here than on other policies"
        )
    if 2 <= drawn.groups < 10:
        drawn_by = "texts" if benchmark.isolated else "policies"
        notes.append(f"intervals from {drawn.groups} {drawn_by} are wide, and rough for rare categories")
    return notes


def unit_scores(tagger: Scorer | FoldTagger, benchmark: Benchmark) -> FloatArray:
    """Probabilities float[n, k] of the units, read in their policies: unlabelled sentences are context."""
    if benchmark.isolated:
        return np.asarray(tagger.score_texts([unit.text for unit in benchmark.units], head=benchmark.head))
    if benchmark.unit == "passage":
        keys, scores = tagger.score_passages(benchmark.sentences)
        wanted = [(unit.policy, unit.index) for unit in benchmark.units]
    else:
        keys = [(sentence.policy, sentence.index) for sentence in benchmark.sentences]
        scores = tagger.score(benchmark.sentences, head=benchmark.head)
        wanted = [(unit.policy, unit.index) for unit in benchmark.units]
    position = {key: row for row, key in enumerate(keys)}
    matrix = np.asarray(scores, dtype=np.float64)
    if len(matrix) != len(keys):
        raise ValueError(f"the tagger returned {len(matrix)} rows of scores for {len(keys)} {benchmark.unit}s")
    # A labelled segment can hold no sentence (a lone rule or bullet): the model sees nothing there and gives nothing.
    found = np.zeros((len(wanted), len(benchmark.labels)))
    for row, key in enumerate(wanted):
        if key in position:
            found[row] = matrix[position[key]]
    return found


def _uncalibrated(tagger: Scorer | FoldTagger, units: Sequence[Sentence], scores: FloatArray, head: str) -> FloatArray:
    """The probabilities before calibration, float[n, k]; each unit's by the fold that scored it."""
    if not isinstance(tagger, FoldTagger):
        settings = tagger.head(head)
        return uncalibrate(scores, settings.slope, settings.intercept)
    raw = np.empty_like(scores)
    for row, unit in enumerate(units):
        settings = tagger.fold(unit.policy).head(head)
        raw[row] = uncalibrate(scores[row], settings.slope, settings.intercept)
    return raw


def fit_baselines(data: BaselineData, units: Sequence[Sentence]) -> tuple[list[Any], list[str]]:
    """The baselines fitted on `data` without the texts that are measured, and a note on what was left out."""
    from clausetag.eval.baselines.baseline import fit_baselines as fit

    measured = {text_hash(unit.text) for unit in units if not is_boilerplate(unit.text)}
    train, validation = (
        [row for row in rows if text_hash(row.text) not in measured] for rows in (data.train, data.validation)
    )
    left_out = len(data.train) + len(data.validation) - len(train) - len(validation)
    notes = [f"rows left out of the baselines' data because they are measured here: {left_out}"] if left_out else []
    try:
        return list(fit(train, validation)), notes
    except DataError as error:
        return [], [*notes, f"no baseline: {error}"]


def metric(labels: tuple[str, ...] = LABELS) -> Measure:
    """The project's `evaluate` metric as a function of labels bool[n, k], gold bool[n, k] and scores float[n, k]."""
    try:
        from clausetag.eval.metrics.multilabel import MultiLabel
    except ImportError as error:
        raise MissingExtraError("evaluation", error.name) from None
    computing = MultiLabel(keep_in_memory=True)

    def measure(predicted: BoolArray, gold: BoolArray, scores: FloatArray) -> Scores:
        figures = computing.compute(
            predictions=predicted.astype(int), references=gold.astype(int), labels=labels, scores=scores
        )
        return Scores.from_dict(figures)

    return measure

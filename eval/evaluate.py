"""Measure a model on a benchmark: scores, labels, and every metric with its interval, baselines and annotators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clausetag.data.errors import DataError, MissingExtraError
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.text import is_boilerplate, text_hash
from clausetag.eval.baselines.models import Baseline, fit_baselines
from clausetag.eval.benchmarks.benchmark import BaselineData, Benchmark
from clausetag.eval.benchmarks.folds import FoldTagger, unit_calibration, unit_thresholds
from clausetag.eval.leakage.contamination import Contamination, contamination, refuse_leakage
from clausetag.eval.metrics.classification import MultilabelMetrics
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.eval.people.annotators import compare_with_people
from clausetag.eval.results import BaselineMetrics, Metrics, Results
from clausetag.eval.scorer import Scorer
from clausetag.eval.statistics.bootstrap import RankIntervals, bootstrap_intervals, rank_intervals
from clausetag.eval.statistics.calibration import calibration
from clausetag.eval.statistics.resample import Resampler, resampler
from clausetag.model.decision import BoolArray, FloatArray, decide, uncalibrate
from clausetag.model.provenance import git_revision, versions

BOOTSTRAP_SEED = 0


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """One system's output for the units: probabilities float[n, k] and labels bool[n, k]."""

    scores: FloatArray
    predicted: BoolArray


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results, and the arrays that they were computed from."""

    benchmark: Benchmark
    results: Results
    gold: BoolArray
    model: ModelOutput
    thresholds: FloatArray
    """float[n, k]: the thresholds that applied to each unit."""
    baselines: Mapping[str, ModelOutput]

    @property
    def units(self) -> tuple[Sentence, ...]:
        """The measured rows."""
        return self.benchmark.units


def evaluate_tagger(
    tagger: Scorer | FoldTagger, benchmark: Benchmark, *, in_sample: bool = False, baselines: bool = True
) -> Evaluation:
    """Measure `tagger` on `benchmark`; `in_sample` allows data that the model has seen.

    Raises:
        LeakageError: the model has seen the units, and `in_sample` is false.
        DataError: the model's labels are not the benchmark's.
    """
    labels, units = benchmark.labels, benchmark.units
    if tuple(tagger.labels) != labels:
        raise DataError(
            f"{benchmark.data} has the labels {', '.join(labels)}, but the model has others, or another order "
            f"({', '.join(tagger.labels)})"
        )
    trained_on = tagger.trained_on
    seen = contamination(trained_on.hashes, units, trained_on.policies, limit=benchmark.max_contamination)
    refuse_leakage(seen, in_sample=in_sample)
    compute = evaluate_metric(labels)
    scores = unit_scores(tagger, benchmark)
    if benchmark.threshold is None:
        thresholds = unit_thresholds(tagger, units, benchmark.head)
        min_labels = int(tagger.min_labels(benchmark.head))
    else:
        thresholds, min_labels = np.full((len(units), len(labels)), benchmark.threshold), 0
    gold = gold_matrix(units, labels)
    # Isolated texts name no policy. Drawing texts ignores that texts of one policy are alike: intervals are too narrow.
    groups = [str(row) if benchmark.isolated else unit.policy for row, unit in enumerate(units)]
    drawn = resampler(groups, seed=BOOTSTRAP_SEED)

    def measure(values: FloatArray, limits: FloatArray, least: int, ranks: RankIntervals) -> Metrics:
        predicted = decide(values, limits, least)
        intervals = bootstrap_intervals(predicted, gold, drawn, labels=labels, ranks=ranks)
        return Metrics(compute(predicted, gold, values), intervals)

    outputs: dict[str, ModelOutput] = {}
    rows: list[BaselineMetrics] = []
    baseline_notes: list[str] = []
    if baselines and benchmark.baseline is not None:
        fitted, baseline_notes = fit_without(benchmark.baseline, units)
        for own in fitted:
            values = own.score(units)
            limits = own.thresholds if benchmark.threshold is None else np.full(len(labels), benchmark.threshold)
            outputs[own.name] = ModelOutput(values, decide(values, limits, min_labels))
            metrics = measure(values, limits, min_labels, rank_intervals(values, gold, drawn))
            rows.append(BaselineMetrics(own.name, own.title, own.description, metrics))
    ranks = rank_intervals(scores, gold, drawn)
    variants = {least: measure(scores, thresholds, least, ranks) for least in (0, 1)}
    predicted = decide(scores, thresholds, min_labels)
    recipe = tagger.config.get("recipe")
    configured = recipe if isinstance(recipe, Mapping) else {"name": recipe}
    uncalibrated = uncalibrate(scores, *unit_calibration(tagger, units, benchmark.head))
    results = Results(
        data=benchmark.data,
        unit=benchmark.unit,
        head=benchmark.head,
        metrics=variants[min_labels],
        at_0_5=measure(scores, np.full(len(labels), 0.5), min_labels, ranks),
        min_labels=min_labels,
        variants=variants,
        groups="texts" if benchmark.isolated else "policies",
        thresholds=dict(zip(labels, thresholds.mean(axis=0).tolist(), strict=True)),
        calibration=calibration(scores, gold, drawn, labels),
        before_calibration=calibration(uncalibrated, gold, drawn, labels),
        people=None if benchmark.isolated else compare_with_people(units, predicted, drawn, labels),
        baselines=tuple(rows),
        baseline_source=benchmark.baseline.source if rows and benchmark.baseline is not None else None,
        contamination=seen,
        in_sample=in_sample,
        model={"name": tagger.config.get("name"), "hash": tagger.hash},
        recipe=configured.get("name"),
        seeds={"model": configured.get("seed"), "bootstrap": BOOTSTRAP_SEED},
        versions=versions("train"),
        git=git_revision(),
        notes=(*variants[min_labels].points.notes, *_notes(tagger, benchmark, seen, drawn), *baseline_notes),
        published=benchmark.published,
        remarks=benchmark.remarks,
    )
    return Evaluation(benchmark, results, gold, ModelOutput(scores, predicted), thresholds, outputs)


def _notes(tagger: Scorer | FoldTagger, benchmark: Benchmark, seen: Contamination, drawn: Resampler) -> list[str]:
    notes = list(benchmark.notes)
    trained_on, units = tagger.trained_on, benchmark.units
    if seen.leaks:
        notes.append("the model has seen this data: these metrics say how well it fits, not how good it is")
    read = contamination(trained_on.context, units)
    if read.count:
        notes.append(f"training read {read.count} of these {read.total} texts as context, without their labels")
    if isinstance(tagger, FoldTagger):
        notes.append("each policy is scored by a model that was trained without it; thresholds shown are their mean")
    chose = contamination(trained_on.validation, units, trained_on.validation_policies)
    if chose.leaks:
        notes.append(
            f"{chose.count} of these {chose.total} texts chose the model's epoch, thresholds or calibration: metrics "
            "at its thresholds, and its calibration, look better here than on other policies"
        )
    if 2 <= drawn.groups < 10:
        drawn_by = "texts" if benchmark.isolated else "policies"
        notes.append(f"intervals from {drawn.groups} {drawn_by} are wide, and rough for rare categories")
    return notes


def unit_scores(tagger: Scorer | FoldTagger, benchmark: Benchmark) -> FloatArray:
    """Probabilities float[n, k] of the units; each is read in its policy, with unlabelled sentences as context."""
    if benchmark.isolated:
        return np.asarray(tagger.score_texts([unit.text for unit in benchmark.units], head=benchmark.head))
    if benchmark.unit == "passage":
        keys, scores = tagger.score_passages(benchmark.sentences)
    else:
        keys = [(sentence.policy, sentence.index) for sentence in benchmark.sentences]
        scores = tagger.score(benchmark.sentences, head=benchmark.head)
    matrix = np.asarray(scores, dtype=np.float64)
    if len(matrix) != len(keys):
        raise ValueError(f"the tagger returned {len(matrix)} rows of scores for {len(keys)} {benchmark.unit}s")
    by_key = dict(zip(keys, matrix, strict=True))
    # A labelled segment without a sentence (only a rule or a bullet) has no scores: no label is predicted for it.
    nothing = np.zeros(len(benchmark.labels))
    rows = [by_key.get((unit.policy, unit.index), nothing) for unit in benchmark.units]
    return np.array(rows).reshape(len(rows), len(nothing))


def fit_without(data: BaselineData, units: Sequence[Sentence]) -> tuple[tuple[Baseline, ...], list[str]]:
    """The baselines fitted on `data` without the texts of `units`, and notes on what was left out."""
    measured = {text_hash(unit.text) for unit in units if not is_boilerplate(unit.text)}
    train, validation = (
        [row for row in rows if text_hash(row.text) not in measured] for rows in (data.train, data.validation)
    )
    left_out = len(data.train) + len(data.validation) - len(train) - len(validation)
    notes = [f"rows left out of the baselines' data because they are measured here: {left_out}"] if left_out else []
    try:
        return fit_baselines(train, validation), notes
    except DataError as error:
        return (), [*notes, f"no baseline: {error}"]


def evaluate_metric(
    labels: tuple[str, ...] = LABELS,
) -> Callable[[BoolArray, BoolArray, FloatArray], MultilabelMetrics]:
    """The project's `evaluate` metric as a function of labels bool[n, k], gold bool[n, k] and scores float[n, k].

    Raises:
        MissingExtraError: the libraries evaluate or datasets are not installed.
    """
    try:
        from clausetag.eval.metrics.multilabel.multilabel import MultiLabel
    except ImportError as error:
        raise MissingExtraError("evaluation", error.name) from None
    metric = MultiLabel(keep_in_memory=True)

    def compute(predicted: BoolArray, gold: BoolArray, scores: FloatArray) -> MultilabelMetrics:
        values = metric.compute(
            predictions=predicted.astype(int), references=gold.astype(int), labels=labels, scores=scores
        )
        return MultilabelMetrics.from_dict(values)

    return compute

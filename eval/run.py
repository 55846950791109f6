"""`clausetag eval`: score a benchmark with a model, measure, and write the figures with where they come from.

clausetag eval opp115 --split test -o out/opp115
clausetag eval policies --model DIR -o out/policies
clausetag eval privacyglue --test DIR -o out/privacyglue
clausetag eval my-labels.jsonl --split validation -o out/mine
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from clausetag.data.errors import DataError, MissingExtraError
from clausetag.data.labels import LABELS
from clausetag.data.schema import Sentence, write_jsonl
from clausetag.eval.agreement import annotator_f1, model_f1
from clausetag.eval.benchmarks import BaselineData, Benchmark, load_benchmark
from clausetag.eval.bootstrap import bootstrap_intervals
from clausetag.eval.gold import gold_labels, gold_matrix
from clausetag.eval.metrics import Scores
from clausetag.eval.overlap import OverlapResult, overlap, refuse_leakage
from clausetag.eval.report import terminal, write_report
from clausetag.eval.results import Agreement, BaselineScores, Results
from clausetag.model.decision import BoolArray, FloatArray, decide

BOOTSTRAP_SEED = 0
Measure = Callable[[BoolArray, BoolArray], Scores]


class TrainedOn(Protocol):
    """What an artifact records of its training data."""

    @property
    def policies(self) -> frozenset[str]: ...
    @property
    def hashes(self) -> frozenset[str]: ...
    @property
    def context(self) -> frozenset[str]: ...


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
    def thresholds(self, head: str) -> Any: ...
    def min_labels(self, head: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures, and the predictions that they were made from: float[n, k] and bool[n, k] of the benchmark's units."""

    results: Results
    units: tuple[Sentence, ...]
    scores: FloatArray
    predicted: BoolArray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `clausetag eval`."""
    parser.add_argument("data", metavar="DATA", help="opp115, privacyglue, policies, or a labelled JSONL file")
    parser.add_argument("--split", help="OPP-115's train, validation or test (default), or the 'split' of JSONL rows")
    parser.add_argument("--model", metavar="DIR", help="model folder (default: the shipped one, or CLAUSETAG_MODEL)")
    parser.add_argument("--unit", choices=("sentence", "passage"), help="what is measured (default: sentence)")
    parser.add_argument("--head", help="label source whose thresholds apply: guide or opp115 (default: the data's own)")
    parser.add_argument("--test", metavar="PATH", help="privacyglue: its test_dataset.csv or the folder that holds it")
    parser.add_argument("--unmask", action="store_true", help="opp115: use the labels of the held-back segments")
    parser.add_argument("--in-sample", action="store_true", help="measure on data that the model has seen, and say so")
    parser.add_argument("-o", "--output", metavar="DIR", help="folder for metrics.json, report.md, report.html, …")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag eval`; returns the exit code.

    Raises:
        ClausetagError: the data or the model are missing or wrong, or the model has seen the data.
    """
    from clausetag.model.tagger import Tagger

    return run(arguments, Tagger.load(arguments.model))


def run(arguments: argparse.Namespace, tagger: Scorer) -> int:
    """`main` with a tagger already loaded."""
    benchmark = load_benchmark(
        arguments.data,
        unit=arguments.unit,
        split=arguments.split,
        head=arguments.head,
        test=arguments.test,
        unmask=arguments.unmask,
    )
    evaluation = evaluate_tagger(tagger, benchmark, in_sample=arguments.in_sample)
    evaluation = replace(evaluation, results=replace(evaluation.results, command=command_of(arguments)))
    if arguments.output is not None:
        folder = Path(arguments.output)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_jsonl(folder / "predictions.jsonl", prediction_rows(evaluation, LABELS))
            write_report(evaluation.results, folder)
        except OSError as error:
            raise DataError(f"{folder}: {error.strerror or error}") from None
    print(terminal(evaluation.results))
    if arguments.output is not None:
        print(f"written to {arguments.output}", file=sys.stderr)
    return 0


def command_of(arguments: argparse.Namespace) -> str:
    """The command line of these arguments, without the model and with file names in place of paths."""
    words = ["clausetag", "eval", Path(arguments.data).name]
    for option in ("split", "unit", "head", "test"):
        value = getattr(arguments, option)
        if value is not None:
            words += [f"--{option}", Path(value).name]
    words += [f"--{flag.replace('_', '-')}" for flag in ("unmask", "in_sample") if getattr(arguments, flag)]
    return " ".join(words)


def evaluate_tagger(tagger: Scorer, benchmark: Benchmark, *, in_sample: bool = False) -> Evaluation:
    """Measure `tagger` on `benchmark`.

    Raises:
        LeakageError: the model has seen the units, and `in_sample` is false.
        DataError: the model's labels are not the project's.
    """
    if tuple(tagger.labels) != LABELS:
        raise DataError("the model's labels, or their order, are not those of this version; it cannot be compared")
    trained_on = tagger.trained_on
    seen = overlap(trained_on.hashes, benchmark.units, trained_on.policies, limit=benchmark.max_overlap)
    refuse_leakage(seen, in_sample=in_sample)
    scores = unit_scores(tagger, benchmark)
    head = benchmark.head
    if benchmark.threshold is None:
        thresholds = np.asarray(tagger.thresholds(head), dtype=np.float64)
        min_labels = int(tagger.min_labels(head))
    else:
        thresholds, min_labels = np.full(len(LABELS), benchmark.threshold), 0
    predicted = decide(scores, thresholds, min_labels)
    results = _results(tagger, benchmark, seen, in_sample, scores, thresholds, min_labels)
    return Evaluation(results, benchmark.units, scores, predicted)


def unit_scores(tagger: Scorer, benchmark: Benchmark) -> FloatArray:
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
    found = np.zeros((len(wanted), len(LABELS)))
    for row, key in enumerate(wanted):
        if key in position:
            found[row] = matrix[position[key]]
    return found


def _results(
    tagger: Scorer,
    benchmark: Benchmark,
    seen: OverlapResult,
    in_sample: bool,
    scores: FloatArray,
    thresholds: FloatArray,
    min_labels: int,
) -> Results:
    from clausetag.train.provenance import git_revision, versions

    units = benchmark.units
    measure = _metric()
    gold = gold_matrix(units)
    predicted = decide(scores, thresholds, min_labels)
    headline = measure(predicted, gold)
    notes = [*headline.notes, *benchmark.notes]
    agreement = None
    if any(unit.extra.get("annotators") for unit in units):
        agreement = Agreement(annotator_f1(units), model_f1(predicted, units))
    data = benchmark.baseline
    if seen.leaks:
        notes.append("the model has seen this data: these figures say how well it fits, not how good it is")
    read = overlap(tagger.trained_on.context, units)
    if read.count:
        notes.append(f"training read {read.count} of these {read.total} texts as context, without their labels")
    # Isolated texts name no policy; their intervals are too narrow by what texts of one policy have in common.
    groups = [str(row) if benchmark.isolated else unit.policy for row, unit in enumerate(units)]
    recipe = tagger.config.get("recipe")
    configured = recipe if isinstance(recipe, Mapping) else {"name": recipe}
    return Results(
        data=benchmark.data,
        unit=benchmark.unit,
        head=benchmark.head,
        scores=headline,
        at_0_5=measure(decide(scores, np.full(len(LABELS), 0.5), min_labels), gold),
        min_labels=min_labels,
        variants={least: measure(decide(scores, thresholds, least), gold) for least in (0, 1)},
        intervals=bootstrap_intervals(predicted, gold, groups, seed=BOOTSTRAP_SEED),
        interval_groups="texts" if benchmark.isolated else "policies",
        thresholds=dict(zip(LABELS, thresholds.tolist(), strict=True)),
        agreement=agreement,
        baseline=None if data is None else _baseline(data, units, gold, benchmark.threshold, min_labels, measure),
        overlap=seen,
        in_sample=in_sample,
        model={"name": tagger.config.get("name"), "hash": tagger.hash},
        recipe=configured.get("name"),
        seeds={"model": configured.get("seed"), "bootstrap": BOOTSTRAP_SEED},
        versions=versions(),
        git=git_revision(),
        notes=tuple(notes),
    )


def _baseline(
    data: BaselineData,
    units: Sequence[Sentence],
    gold: BoolArray,
    threshold: float | None,
    min_labels: int,
    measure: Measure,
) -> BaselineScores:
    """The baselines by the same rule as the model: own thresholds or the benchmark's, same `min_labels`."""
    from clausetag.train.baseline import fit_tfidf

    baseline = fit_tfidf(data.train, data.validation)
    thresholds = baseline.thresholds if threshold is None else np.full(len(LABELS), threshold)
    predicted = decide(baseline.score(units), thresholds, min_labels)
    return BaselineScores(data.source, measure(predicted, gold), measure(baseline.floor(units), gold))


def _metric() -> Measure:
    """The project's `evaluate` metric as a function of two bool[n, k] matrices."""
    try:
        from clausetag.eval.multilabel import MultiLabel
    except ImportError as error:
        raise MissingExtraError(f"evaluation needs {error.name}: pip install 'clausetag[train]'") from None
    metric = MultiLabel(keep_in_memory=True)

    def measure(predicted: BoolArray, gold: BoolArray) -> Scores:
        return Scores.from_dict(metric.compute(predictions=predicted.astype(int), references=gold.astype(int)))

    return measure


def prediction_rows(evaluation: Evaluation, labels: Sequence[str] = LABELS) -> list[dict[str, Any]]:
    """Rows of predictions.jsonl: predicted `labels` and `scores`; the right labels under `gold`, votes as they were."""
    rows = []
    for unit, scores, predicted in zip(evaluation.units, evaluation.scores, evaluation.predicted, strict=True):
        names = [label for label, given in zip(labels, predicted, strict=True) if given]
        by_label = {label: round(float(score), 6) for label, score in zip(labels, scores, strict=True)}
        row = unit.with_prediction(names, by_label).row()
        row["gold"] = list(gold_labels(unit, labels) or ())
        if unit.votes is not None:
            row["votes"] = dict(unit.votes)
        rows.append(row)
    return rows

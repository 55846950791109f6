"""`clausetag eval`: measure a model on a benchmark and write the results.

clausetag eval opp115 --split test -o out/opp115
clausetag eval policies --model DIR -o out/policies
clausetag eval privacyglue --test DIR -o out/privacyglue
clausetag eval opp115 --attributes -o out/attributes
clausetag eval my-labels.jsonl --split validation -o out/mine
clausetag eval opp115 --model runs/seed1 --model runs/seed2 --model runs/seed3 -o out/seeds
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clausetag.data.errors import DataError
from clausetag.eval.attributes import evaluate_attributes
from clausetag.eval.benchmarks.benchmark import Benchmark
from clausetag.eval.benchmarks.folds import FoldTagger, is_folds, load_folds
from clausetag.eval.benchmarks.load import load_benchmark
from clausetag.eval.evaluate import Evaluation, evaluate_tagger
from clausetag.eval.report.attributes import tables, write_attributes
from clausetag.eval.report.output import write_evaluation
from clausetag.eval.report.text import terminal
from clausetag.eval.scorer import Scorer
from clausetag.eval.seeds import over_seeds, write_seeds
from clausetag.eval.seeds import terminal as seeds_terminal
from clausetag.model.tagger import Tagger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `clausetag eval`."""
    parser.add_argument(
        "data",
        metavar="DATA",
        help="opp115, privacyglue, policies (the five), a labelled JSONL file, or a folder that `data build` wrote",
    )
    parser.add_argument("--split", help="opp115: train, validation or test (default); JSONL: rows with this 'split'")
    parser.add_argument(
        "--model",
        metavar="DIR",
        action="append",
        help="model folder (default: CLAUSETAG_MODEL or the shipped model); for policies, also a folder of "
        "leave-one-out models; repeat the option for mean and standard deviation over several runs",
    )
    parser.add_argument("--unit", choices=("sentence", "passage"), help="what is measured (default: sentence)")
    parser.add_argument("--head", help="label source whose thresholds apply: guide or opp115 (default: the data's own)")
    parser.add_argument("--test", metavar="PATH", help="privacyglue: its test_dataset.csv, or the folder that holds it")
    parser.add_argument("--unmask", action="store_true", help="opp115: use the labels of the held-back segments")
    parser.add_argument("--attributes", action="store_true", help="measure attributes instead of categories")
    parser.add_argument("--in-sample", action="store_true", help="measure on data that the model has seen, and say so")
    parser.add_argument("--no-baselines", action="store_true", help="leave out the baselines, which take most time")
    parser.add_argument("-o", "--output", metavar="DIR", help="folder for metrics.json, report.md, report.html, …")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag eval`; returns the exit code.

    Raises:
        ClausetagError: the data or a model are missing or damaged, or a model has seen the data.
    """
    models: list[str | None] = list(arguments.model or [None])
    if "" in models:
        raise DataError("--model is empty; give a folder, or leave --model out for the shipped model")
    return run(arguments, [load(model) for model in models])


def load(model: str | os.PathLike[str] | None) -> Scorer | FoldTagger:
    """The tagger of a model folder, or of a folder of leave-one-out models.

    Raises:
        ArtifactError: it is missing, incomplete or damaged, or no model of this project.
    """
    return load_folds(model) if model is not None and is_folds(model) else Tagger.load(model)


def run(arguments: argparse.Namespace, taggers: Sequence[Scorer | FoldTagger]) -> int:
    """`main` with the taggers already loaded."""
    if len({tagger.hash for tagger in taggers}) < len(taggers):
        raise DataError("the same model was given twice; give one folder for each seed")
    labels = tuple(taggers[0].labels)
    if any(tuple(tagger.labels) != labels for tagger in taggers):
        raise DataError("the models have different labels; measure them one by one")
    folder = None if arguments.output is None else Path(arguments.output)
    if folder is not None:
        check_folder(folder)
    benchmark = load_benchmark(
        arguments.data,
        unit=arguments.unit,
        split=arguments.split,
        head=arguments.head,
        test=arguments.test,
        unmask=arguments.unmask,
        labels=labels,
    )
    if arguments.attributes:
        return _run_attributes(arguments, taggers, benchmark, folder)
    evaluations: list[Evaluation] = []
    for number, tagger in enumerate(taggers):
        # The baselines are the same for every run, so the first run measures them.
        baselines = not arguments.no_baselines and number == 0
        evaluation = evaluate_tagger(tagger, benchmark, in_sample=arguments.in_sample, baselines=baselines)
        results = replace(evaluation.results, command=command_of(arguments))
        evaluations.append(replace(evaluation, results=results))
    spread = over_seeds([evaluation.results for evaluation in evaluations]) if len(evaluations) > 1 else None
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for number, evaluation in enumerate(evaluations, start=1):
                write_evaluation(evaluation, folder if spread is None else folder / f"run{number}")
            if spread is not None:
                write_seeds(spread, folder)
        except OSError as error:
            raise DataError(f"{folder}: {error.strerror or error}") from None
    print(terminal(evaluations[0].results) if spread is None else seeds_terminal(spread))
    if folder is not None:
        print(f"written to {arguments.output}", file=sys.stderr)
    return 0


def _run_attributes(
    arguments: argparse.Namespace, taggers: Sequence[Scorer | FoldTagger], benchmark: Benchmark, folder: Path | None
) -> int:
    if len(taggers) > 1 or not isinstance(taggers[0], Tagger):
        raise DataError("--attributes measures one model at a time, and no folder of leave-one-out models")
    results = evaluate_attributes(
        taggers[0], benchmark, in_sample=arguments.in_sample, baselines=not arguments.no_baselines
    )
    results = replace(results, command=command_of(arguments))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_attributes(results, folder)
    for table in tables(results):
        print(table.caption, *table.terminal(), table.note, "", sep="\n")
    return 0


def check_folder(folder: Path) -> None:
    """Check that the output folder can be written, before spending minutes on measuring.

    Raises:
        DataError: it is a file, or cannot be written.
    """
    try:
        created = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise DataError(f"{folder}: cannot be written; give another folder to -o")
        if created:
            folder.rmdir()  # so that nothing is left behind if the measurement is refused
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}; give a folder to -o") from None


def command_of(arguments: argparse.Namespace) -> str:
    """The command line of these arguments, without the model, with paths cut to file names."""
    words = ["clausetag", "eval", Path(arguments.data).name]
    for option in ("split", "unit", "head", "test"):
        value = getattr(arguments, option)
        if value is not None:
            words += [f"--{option}", Path(value).name]
    flags = ("attributes", "unmask", "in_sample", "no_baselines")
    words += [f"--{flag.replace('_', '-')}" for flag in flags if getattr(arguments, flag)]
    return " ".join(words)

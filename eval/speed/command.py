"""`clausetag bench`: speed, memory and start-up time of the models and of what one would use instead.

clausetag bench --quick                    # under two minutes: our models beside one pipeline, in two rounds
clausetag bench -o runs/bench              # under five minutes: three rounds, with BERT-base and the baselines
clausetag bench --full --policies policies.jsonl.gz --html pages/ --metrics metrics.json -o runs/bench    # the tables

Each measurement runs in a new process. All systems are measured once in each of several rounds, so that a slow spell of
the machine falls on all of them. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from clausetag.data.errors import ClausetagError, DataError, MissingExtraError
from clausetag.data.jsonl import write_text
from clausetag.eval.speed.settings import DEFAULT, FULL, QUICK, SIZES, Settings
from clausetag.model.artifact import DEFAULT as DEFAULT_MODEL
from clausetag.model.artifact import find_artifact, load_artifact, shipped
from clausetag.model.runtime import available_cores

FAST = "fast"
_BUSY = 0.5
"""Load average per core above which measurements mean little."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `clausetag bench`."""
    parser.add_argument("-o", "--output", metavar="DIR", help="folder for bench.json, bench_about.json, .md and .svg")
    parser.add_argument(
        "--model",
        metavar="DIR",
        action="append",
        help="model folder or name of a shipped model; repeatable (default: CLAUSETAG_MODEL or standard, and fast)",
    )
    parser.add_argument(
        "--policies", metavar="PATH", help="policies to sample from, besides the five: any input of `clausetag predict`"
    )
    parser.add_argument("--sample", type=int, default=20, metavar="N", help="policies to sample (default: 20)")
    parser.add_argument(
        "--html", metavar="PATH", help="web pages for the end-to-end measurement (default: made from the texts)"
    )
    parser.add_argument(
        "--grow",
        type=int,
        metavar="N",
        help=f"policies in the largest run, {SIZES[0]} to {SIZES[-1]} (default: {DEFAULT.grow}; --quick {QUICK.grow}, "
        f"--full {FULL.grow})",
    )
    parser.add_argument(
        "--metrics", metavar="FILE", help="metrics.json of `clausetag eval opp115`, for the F1 of the baselines"
    )
    efforts = parser.add_mutually_exclusive_group()
    efforts.add_argument(
        "--quick", action="store_const", dest="effort", const=QUICK, help="two rounds of our models and one pipeline"
    )
    efforts.add_argument(
        "--full", action="store_const", dest="effort", const=FULL, help="five rounds of every system, and longer runs"
    )
    parser.set_defaults(effort=DEFAULT)


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag bench`; return the exit code.

    Raises:
        ClausetagError: an argument is wrong, or a model cannot be measured.
    """
    from clausetag.eval.speed.report import markdown, plot, terminal
    from clausetag.eval.speed.results import load_average
    from clausetag.eval.speed.run import Benchmark
    from clausetag.eval.speed.worker import Processes

    say = partial(print, file=sys.stderr, flush=True)
    settings = _settings(arguments)
    folder = None if arguments.output is None else Path(arguments.output)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ClausetagError(f"{folder}: is a file; give a folder to -o")
    load, cores = load_average(), available_cores()
    if load is not None and load > _BUSY * cores:
        say(f"clausetag: the machine is busy (load {load:g} on {cores} cores), so the results will mean little")
    with TemporaryDirectory(prefix="clausetag-bench-") as scratch:
        rows, about = Benchmark(settings, Processes(Path(scratch)), say).run()
    if folder is not None:
        texts: dict[str, str] = {}
        try:
            texts["bench.svg"] = plot(rows)
        except MissingExtraError as error:
            say(f"clausetag: skipped bench.svg: {error}")
        texts["bench.md"] = markdown(rows, about, next(iter(texts), None))
        texts["bench_about.json"] = json.dumps(about, indent=1) + "\n"
        # Written last: where bench.json exists, the other files are complete.
        texts["bench.json"] = json.dumps([row.to_dict() for row in rows], indent=1) + "\n"
        folder.mkdir(parents=True, exist_ok=True)
        for stale in ("bench.json", "bench.svg"):
            (folder / stale).unlink(missing_ok=True)
        for name, text in texts.items():
            write_text(folder / name, text)
    print(terminal(rows, about))
    if folder is not None:
        say(f"written to {folder}")
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    """Check the arguments and load the models.

    Raises:
        ClausetagError: an argument is wrong, or what it names is missing.
    """
    grow = arguments.effort.grow if arguments.grow is None else arguments.grow
    if not SIZES[0] <= grow <= SIZES[-1]:
        raise DataError(f"--grow {grow}: use {SIZES[0]} to {SIZES[-1]}")
    if arguments.sample < 1:
        raise DataError(f"--sample {arguments.sample}: use 1 or more")
    for name in ("policies", "html", "metrics"):
        path = getattr(arguments, name)
        if path is not None and not (path and Path(path).exists()):
            raise DataError(f"--{name} {path}: no such file or folder")
    artifacts = [load_artifact(model) for model in arguments.model or _default_models()]
    if len({artifact.folder.name for artifact in artifacts}) < len(artifacts):
        raise DataError("two models have folders of the same name, which names their rows; rename one")
    return Settings(
        tuple(artifacts),
        arguments.policies,
        arguments.sample,
        arguments.html,
        grow,
        _baseline_f1(arguments.metrics),
        arguments.effort,
    )


def _default_models() -> list[str | None]:
    """The default model, and `fast` beside the shipped `standard`."""
    return [None, FAST] if shipped(FAST).is_dir() and find_artifact(None).name == DEFAULT_MODEL else [None]


def _baseline_f1(path: str | None) -> Mapping[str, float]:
    from clausetag.eval.speed.results import baseline_f1

    if path is None:
        return {}
    try:
        return baseline_f1(path)
    except (OSError, ValueError, AttributeError) as error:
        reason = "not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
        raise DataError(f"--metrics {path}: {reason}") from None

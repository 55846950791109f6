"""`clausetag bench`: how fast the models are, beside what a user would pick instead, in one run on one machine.

clausetag bench --policies policies.jsonl.gz --html pages/ --metrics runs/eval/opp115/metrics.json -o runs/bench
clausetag bench --quick    # a minute, to see that everything runs; its figures say nothing

Every measurement is a process of its own; rows take turns over several rounds, so that what slows the machine for a
while slows them all. Run it where nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from clausetag.data.errors import ClausetagError, DataError
from clausetag.data.jsonl import write_text
from clausetag.eval.speed.machine import BUSY, load_average
from clausetag.eval.speed.report import markdown, terminal
from clausetag.eval.speed.settings import QUICK, SIZES, Amounts, Say, Settings
from clausetag.model.artifact import DEFAULT, find_artifact, load_artifact, shipped
from clausetag.model.runtime import available_cores

FAST = "fast"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag bench`."""
    parser.add_argument("-o", "--output", metavar="DIR", help="folder for bench.json, bench_about.json, .md and .svg")
    parser.add_argument(
        "--model",
        metavar="DIR",
        action="append",
        help="model folder or shipped name, repeatable (default: CLAUSETAG_MODEL or the shipped standard, and fast)",
    )
    parser.add_argument(
        "--policies", metavar="PATH", help="real policies beside the five: a table, folder or file as predict reads it"
    )
    parser.add_argument("--sample", type=int, default=20, metavar="N", help="policies drawn from PATH (default: 20)")
    parser.add_argument(
        "--html", metavar="PATH", help="real pages for the end-to-end rate (default: made of the texts)"
    )
    parser.add_argument(
        "--grow", type=int, default=1_000, metavar="N", help="most policies in one run, 10 to 10000 (default: 1000)"
    )
    parser.add_argument(
        "--metrics", metavar="FILE", help="metrics.json of `clausetag eval opp115`: F1 of the baselines"
    )
    parser.add_argument("--quick", action="store_true", help="tiny amounts, to see that everything runs")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag bench`; returns the exit code."""
    from clausetag.eval.speed.run import run

    settings = _settings(arguments)
    folder = None if arguments.output is None else Path(arguments.output)
    if folder is not None:
        _check_folder(folder)
    average, cores = load_average(), available_cores()
    if average is not None and average > BUSY * cores and not arguments.quick:
        print(
            f"clausetag: the machine is busy (load {average:g} on {cores} cores); the figures will be worth little",
            file=sys.stderr,
        )
    with TemporaryDirectory(prefix="clausetag-bench-") as scratch:
        rows, about = run(settings, Path(scratch), Say(sys.stderr.isatty()))
    if folder is not None:
        from clausetag.eval.speed.plot import f1_against_speed

        texts = {
            "bench.svg": f1_against_speed(rows).file(),
            "bench.md": markdown(rows, about, "bench.svg"),
            "bench_about.json": json.dumps(about, indent=1) + "\n",
            # Last, so that its presence means complete.
            "bench.json": json.dumps([row.to_dict() for row in rows], indent=1) + "\n",
        }
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bench.json").unlink(missing_ok=True)
        for name, text in texts.items():
            write_text(folder / name, text)
    print(terminal(rows, about))
    if folder is not None:
        print(f"written to {folder}", file=sys.stderr)
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    """Check the arguments and load what they name.

    Raises:
        ClausetagError: something is missing or cannot be meant.
    """
    if not 10 <= arguments.grow <= SIZES[-1]:
        raise DataError(f"--grow {arguments.grow}: use 10 to {SIZES[-1]}")
    if arguments.sample < 1:
        raise DataError(f"--sample {arguments.sample}: use 1 or more")
    for name in ("policies", "html", "metrics"):
        path = getattr(arguments, name)
        if path is not None and not (path and Path(path).exists()):
            raise DataError(f"--{name} {path}: no such file or folder")
    artifacts = [load_artifact(model) for model in arguments.model or _default_models()]
    if len({artifact.folder.name for artifact in artifacts}) < len(artifacts):
        raise DataError("two models have the same name; rows are named after the models' folders")
    return Settings(
        tuple(artifacts),
        arguments.policies,
        arguments.sample,
        arguments.html,
        10 if arguments.quick else arguments.grow,
        _baseline_f1(arguments.metrics),
        QUICK if arguments.quick else Amounts(),
    )


def _default_models() -> list[str | None]:
    """The default model, and the shipped fast one where there is one."""
    named = find_artifact(None).name
    return [None, FAST] if shipped(FAST).is_dir() and named in (DEFAULT,) else [None]


def _baseline_f1(path: str | None) -> Mapping[str, float]:
    from clausetag.eval.speed.subjects import f1_of_baselines

    if path is None:
        return {}
    try:
        return {str(kind): value for kind, value in f1_of_baselines(path).items()}
    except (OSError, ValueError, AttributeError) as error:
        reason = "not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
        raise DataError(f"--metrics {path}: {reason}") from None


def _check_folder(folder: Path) -> None:
    """Refuse, before minutes are spent, what could not be written."""
    if folder.exists() and not folder.is_dir():
        raise ClausetagError(f"{folder}: is a file; give a folder to -o")

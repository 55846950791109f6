"""Builds both shipped tiers anew, stage by stage: `make reproduce` runs this.

    python -m clausetag.train.reproduce policies.jsonl.gz --extra labelled.jsonl --dry-run

From OPP-115, the five policies, the packaged backbones and any unlabelled policies (rows of id and text). Every stage
is a `clausetag` command; its stamp holds a hash of the command, of its input files and of the stages before it. A stage
with the right stamp is not run again; a stamp that differs is an error, since something would be mixed. At the end the
measured F1 stand beside those of the shipped cards; one outside its interval is a failure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clausetag.data.errors import ClausetagError, RecipeError
from clausetag.data.jsonl import write_text
from clausetag.eval.tables import terminal_table
from clausetag.model.artifact import load_artifact, sha256_of

FOLDS = 3
"""Teachers, each trained without a third of the policies."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A command that makes a file or folder, what it reads, and about how many hours it takes on two cores."""

    name: str
    command: tuple[str, ...]
    made: str
    """Exists when the stage is complete."""
    after: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    hours: float = 0.0


def stages(unlabelled: str, extra: Sequence[str], root: Path, tokens: int) -> list[Stage]:
    """All stages in order. Hours are estimated from the rates that docs/SPEED.md and docs/LOG.md report."""

    def at(name: str) -> str:
        return str(root / name)

    joined = [at("today.jsonl"), at("uncertain.jsonl")]
    labels = [
        Stage(
            f"labels-{name}",
            ("data", "join", f"data/annotations/{name}.jsonl", unlabelled, "-o", at(f"{name}.jsonl")),
            at(f"{name}.jsonl"),
            files=(f"data/annotations/{name}.jsonl", unlabelled),
        )
        for name in ("today", "uncertain")
    ]
    labelled = tuple(stage.name for stage in labels)
    more = ("--set", f"extra={','.join([*joined, *extra])}")
    held = [word for path in extra for word in ("--held", path)]
    pool = Stage(
        "pool",
        ("data", "pool", unlabelled, *held, "-o", at("pool.jsonl")),
        at("pool.jsonl"),
        files=(unlabelled, *extra),
        hours=0.5,
    )
    pretrain = Stage(
        "pretrain",
        ("pretrain", at("pool.jsonl"), "--tokens", str(tokens), "-o", at("backbone")),
        at("backbone/config.json"),
        ("pool",),
        hours=tokens / 6.5e6,
    )
    teachers = [
        Stage(
            f"teacher-{number}",
            ("train", "teacher", *more, "--set", f"fold={number}/{FOLDS}", "-o", at(f"teacher-{number}")),
            at(f"teacher-{number}/manifest.json"),
            labelled,
            files=tuple(extra),
            hours=1.5,
        )
        for number in range(1, FOLDS + 1)
    ]
    taught = [word for stage in teachers for word in ("--teacher", str(Path(stage.made).parent))]
    distil = Stage(
        "distil",
        ("distil", "default", *more, *taught, "--pool", at("pool.jsonl"), "-o", at("distilled")),
        at("distilled/distilled.json"),
        ("pool", *(stage.name for stage in teachers)),
        hours=1.5,
    )
    distilled = ("--set", f"distilled={at('distilled')}")
    standard = Stage(
        "standard",
        ("train", "default", *more, *distilled, "--set", f"backbone={at('backbone')}", "-o", at("standard")),
        at("standard/manifest.json"),
        ("pretrain", "distil"),
        hours=2.0,
    )
    fast = Stage(
        "fast",
        ("train", "fast", *more, *distilled, "--set", f"start={at('standard')}", "-o", at("fast")),
        at("fast/manifest.json"),
        ("standard",),
        hours=0.7,
    )
    evaluations, exports = [], []
    for tier in ("standard", "fast"):
        figures: list[str] = []
        for unit in ("sentence", "passage"):
            name = f"eval-{tier}-{unit}"
            measure = ("eval", "opp115", "--unit", unit, "--model", at(tier), "--no-baselines", "-o", at(name))
            evaluations.append(Stage(name, measure, at(f"{name}/metrics.json"), (tier,), hours=0.05))
            figures += ["--metrics", at(f"{name}/metrics.json")]
        after = tuple(stage.name for stage in evaluations[-2:])
        command = ("export", at(tier), "--name", tier, *figures, "-o", at(f"models/{tier}"))
        exports.append(Stage(f"export-{tier}", command, at(f"models/{tier}/manifest.json"), after))
    return [*labels, pool, pretrain, *teachers, distil, standard, fast, *evaluations, *exports]


def run(wanted: Sequence[Stage], root: Path, clausetag: Callable[[Sequence[str]], int]) -> None:
    """Run the stages that have no stamp yet.

    Raises:
        RecipeError: a stage was made of other inputs, or its command failed.
    """
    stamps: dict[str, str] = {}
    for number, stage in enumerate(wanted, 1):
        inputs = {path: sha256_of(Path(path)) for path in stage.files}
        before = [stamps[name] for name in stage.after]
        stamp = hashlib.sha256(json.dumps([stage.command, inputs, before]).encode()).hexdigest()
        stamps[stage.name] = stamp
        path = root / "stamps" / f"{stage.name}.json"
        done = json.loads(path.read_text(encoding="utf-8"))["stamp"] if path.is_file() else None
        if done not in (None, stamp):
            raise RecipeError(
                f"{stage.name}: was made of other inputs; delete {stage.made} with its folder, and {path}, or give "
                "another -o"
            )
        title = f"[{number}/{len(wanted)}] {stage.name}"
        if done == stamp and Path(stage.made).exists():
            print(f"{title}: finished before")
            continue
        print(f"{title}: clausetag {' '.join(stage.command)}", flush=True)
        # A stage that was interrupted after its last file has no stamp; all its commands refuse to overwrite.
        if not Path(stage.made).exists() and clausetag(stage.command) != 0:
            raise RecipeError(f"{stage.name}: the command failed; run make reproduce again when its cause is removed")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({"stamp": stamp, "command": stage.command, "inputs": inputs}, indent=1) + "\n")


def compared(root: Path) -> tuple[list[list[str]], bool]:
    """Measured F1 beside the figures of the shipped cards, and whether each card's figure is in its interval."""
    rows: list[list[str]] = []
    within = True
    for tier in ("standard", "fast"):
        cards = {(row["data"], row["unit"]): row for row in load_artifact(tier).config["figures"]}
        for unit in ("sentence", "passage"):
            found: dict[str, Any] = json.loads((root / f"eval-{tier}-{unit}" / "metrics.json").read_text("utf-8"))
            card = cards.get((found["data"], unit))
            for name in ("macro_f1", "micro_f1"):
                low, high = found["ci95"][name]
                known = None if card is None else float(card[name])
                inside = known is None or low <= known <= high
                within &= inside
                shown = "-" if known is None else f"{known:.3f}"
                verdict = "not on the card" if known is None else "inside" if inside else "OUTSIDE"
                rows.append([tier, unit, name, f"{found[name]:.3f} [{low:.3f}, {high:.3f}]", shown, verdict])
    return rows, within


def _in_a_process(command: Sequence[str]) -> int:
    """Run a `clausetag` command in a process of its own, so that its memory is free afterwards."""
    return subprocess.run([sys.executable, "-m", "clausetag.cli", *command]).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m clausetag.train.reproduce`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make reproduce", description=__doc__.splitlines()[0])
    parser.add_argument("unlabelled", help="policies: JSONL of id and text (may end in .gz), CSV or Parquet")
    parser.add_argument("--extra", action="append", default=[], metavar="FILE", help="labelled JSONL (repeatable)")
    parser.add_argument("--tokens", type=int, default=8_000_000, help="tokens of pretraining (default: %(default)s)")
    parser.add_argument("-o", "--output", default="runs/reproduce", metavar="DIR")
    parser.add_argument("--dry-run", action="store_true", help="only list the stages and their hours")
    given = parser.parse_args(arguments)
    root = Path(given.output)
    extra = [path for given_paths in given.extra for path in given_paths.split(",")]
    wanted = stages(given.unlabelled, extra, root, given.tokens)
    left = [stage for stage in wanted if not (root / "stamps" / f"{stage.name}.json").is_file()]
    for stage in wanted:
        print(f"{stage.name:22} {'finished' if stage not in left else f'about {stage.hours:.1f} hours'}")
    print(
        f"{len(left)} of {len(wanted)} stages left, about {sum(stage.hours for stage in left):.0f} hours on two cores"
    )
    if given.dry_run:
        return 0
    try:
        run(wanted, root, _in_a_process)
        rows, within = compared(root)
    except (ClausetagError, OSError) as error:
        print(f"clausetag: {error}", file=sys.stderr)
        return 2
    print("\n".join(terminal_table(["model", "unit", "figure", "measured [95 %]", "card", "the card's is"], rows)))
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())

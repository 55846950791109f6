"""`clausetag eval compare`: is one run better than another? Paired tests of every F1 over policies.

clausetag eval opp115 --model runs/a -o out/a
clausetag eval opp115 --model runs/b -o out/b
clausetag eval compare out/a out/b
clausetag eval compare out/a out/a/predictions-tfidf.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from clausetag.data.corpora.privacyglue import POLICY as PRIVACYGLUE
from clausetag.data.errors import DataError
from clausetag.data.jsonl import write_text
from clausetag.eval.predictions import aligned, read_predictions
from clausetag.eval.statistics.resample import DRAWS, resampler
from clausetag.eval.statistics.significance import (
    LEVEL,
    MARGIN,
    RANDOMISATIONS,
    Difference,
    as_rows,
    paired_tests,
    smallest_p,
)
from clausetag.eval.tables import MISSING, markdown_table, number, terminal_table

NAMES = {"macro_f1": "Macro", "micro_f1": "Micro"}
HEADER = ["F1", "A", "B", "A - B [95 %]", "p", "p (Holm)", "A is", "within the margin"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `clausetag eval compare`."""
    what = "folder that `clausetag eval -o` wrote, or a predictions file in it (a baseline's)"
    parser.add_argument("first", metavar="A", help=what)
    parser.add_argument("second", metavar="B", help="the same, of another run on the same data")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"bootstrap draws (default: {DRAWS})")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the draws (default: 0)")
    parser.add_argument(
        "--margin",
        type=float,
        default=MARGIN,
        metavar="F1",
        help="A is no worse (non-inferior) if its interval excludes a loss of so much or more (default: %(default)s)",
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="folder for comparison.json and comparison.md")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag eval compare`; returns the exit code.

    Raises:
        DataError: a run is missing or damaged, or the two were measured on different data.
    """
    if arguments.draws < 100 or arguments.seed < 0:
        raise DataError("--draws must be at least 100 and --seed not negative")
    margin = arguments.margin
    if not 0 < margin < 1:
        raise DataError(f"--margin {margin:g}: give an F1 difference between 0 and 1, such as {MARGIN}")
    first = read_predictions(arguments.first)
    second = aligned(first, read_predictions(arguments.second))
    groups, drawn_by = [policy for policy, _ in first.keys], "policies"
    if set(groups) == {PRIVACYGLUE}:  # texts that name no policy
        groups, drawn_by = [str(row) for row in range(len(groups))], "texts"
    drawn = resampler(groups, draws=arguments.draws, seed=arguments.seed)
    tests = paired_tests(first.predicted, second.predicted, first.gold, drawn, first.labels, margin=margin)
    rows = len(first.keys)
    cells = [_cells(name, own) for name, own in tests.items()]
    changed = int((first.predicted != second.predicted).any(axis=1).sum())
    lines = [
        _summary(tests, margin),
        f"F1; differences with 95 % intervals by paired bootstrap over {drawn_by} ({drawn.draws} draws); p by "
        f"approximate randomisation over {drawn_by}, corrected by Holm over the overall metrics and over the "
        f"categories; a verdict needs p below {LEVEL} and an interval without 0",
        f"Within the margin: the interval excludes that A is worse by {margin:g} or more (non-inferiority); without "
        "evidence of a difference and outside the margin, the question is open",
        f"The two label {changed} of {rows} rows differently",
    ]
    if drawn_by == "texts":
        lines.append("The rows name no policy: texts were drawn instead, which makes the intervals too narrow")
    least = smallest_p(drawn.groups)
    if least * 2 >= LEVEL:
        lines.append(f"{drawn.groups} {drawn_by} are too few: no difference, however large, could be evidence here")
    elif least * len(first.labels) >= LEVEL:
        lines.append(f"{drawn.groups} {drawn_by} are too few for evidence on a single category")
    for letter, own in (("A", first), ("B", second)):
        if own.in_sample:
            lines.append(f"{letter} is in-sample: that system may have been trained on these rows")
    if arguments.output is not None:
        folder = Path(arguments.output)
        names = {"first": Path(arguments.first).name, "second": Path(arguments.second).name}
        content = {
            **names,
            "n": rows,
            drawn_by: drawn.groups,
            "draws": drawn.draws,
            "randomisations": RANDOMISATIONS,
            "seed": drawn.seed,
            "rows_that_differ": changed,
            "figures": as_rows(tests),
            "in_sample": [first.in_sample, second.in_sample],
            "margin": margin,
            "notes": lines[4:],
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            text = [f"# {names['first']} (A) against {names['second']} (B)", "", *markdown_table(HEADER, cells), ""]
            write_text(folder / "comparison.md", "\n".join([*text, *(f"- {line}" for line in lines)]) + "\n")
            write_text(folder / "comparison.json", json.dumps(content, ensure_ascii=False, indent=2) + "\n")
        except OSError as error:
            raise DataError(f"{folder}: {error.strerror or error}") from None
    title = f"A = {arguments.first} against B = {arguments.second}, {rows} rows of {drawn.groups} {drawn_by}"
    print("\n".join([title, "", *terminal_table(HEADER, cells, rules=(2,)), "", *lines]))
    if arguments.output is not None:
        print(f"written to {arguments.output}", file=sys.stderr)
    return 0


def _cells(name: str, own: Difference) -> list[str]:
    difference = MISSING if own.difference is None else f"{own.difference:+.3f}"
    if own.ci95 is not None:
        difference += f" [{own.ci95[0]:+.3f}, {own.ci95[1]:+.3f}]"
    verdict = "undefined" if own.first is None else own.verdict
    values = [number(own.first), number(own.second), difference, number(own.p, 4), number(own.p_holm, 4)]
    within = {None: MISSING, True: "yes", False: "no"}[own.non_inferior]
    return [NAMES.get(name, name), *values, verdict, within]


def _summary(tests: dict[str, Difference], margin: float) -> str:
    """The outcome in one line."""
    parts = []
    for name in NAMES:
        verdict = tests[name].verdict
        outcome = "no evidence of a difference" if verdict == "no evidence" else f"A is {verdict}"
        if verdict == "no evidence" and tests[name].non_inferior:
            outcome += f", and A is not worse by {margin:g} or more"
        parts.append(f"{NAMES[name].lower()} F1: {outcome}")
    for verdict in ("better", "worse"):
        names = [name for name, own in tests.items() if name not in NAMES and own.verdict == verdict]
        if names:
            parts.append(f"{verdict} in {', '.join(names)}")
    return "; ".join(parts)

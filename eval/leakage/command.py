"""`clausetag eval leakage`: which texts of one split are also in another, exactly or nearly.

clausetag eval leakage
clausetag eval leakage opp115 my-labels.jsonl --unit sentence --threshold 0.7 -o out/leakage
clausetag eval leakage privacyglue_opp115/ -o out/privacyglue-leakage
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import floor
from pathlib import Path
from typing import Any

from clausetag.data.errors import DataError
from clausetag.data.jsonl import write_jsonl, write_text
from clausetag.data.text import MIN_WORDS, SHINGLE
from clausetag.eval.leakage.near_duplicates import (
    MIN_ALIKE_SHARE,
    MIN_ALIKE_TEXTS,
    PERMUTATIONS,
    Comparison,
    Match,
    Split,
    compare_splits,
    lsh_for,
    repeated,
)
from clausetag.eval.leakage.splits import UNITS, load_splits
from clausetag.eval.tables import MISSING, markdown_table, terminal_table

THRESHOLD = 0.8
MIN_THRESHOLD = 0.5
"""Below it, two texts differ in more shingles than they share, and are not near duplicates."""
SHOWN = 20
"""Pairs of policies in the terminal and in leakage.md; leakage.json has all."""
_HEADER = ("A", "B", "Texts A", "Texts B", "Exact", "Near", "Share of B", "Pairs", "Same policy", "Short")
_ALIKE_TITLE = (
    f"Policies that look alike (at least {MIN_ALIKE_TEXTS} texts and {MIN_ALIKE_SHARE:.0%} in common, short ones aside)"
)


@dataclass(frozen=True, slots=True)
class Leakage:
    """What `clausetag eval leakage` found; `comparisons` and `repeats` (texts per split) are by unit."""

    threshold: float
    comparisons: Mapping[str, Sequence[Comparison]]
    repeats: Mapping[str, Mapping[str, int]]
    notes: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `clausetag eval leakage`."""
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="*",
        help="opp115 (default; compared with the five policies too), policies, PrivacyGLUE's folder or a .csv of it, "
        "or a JSONL file",
    )
    parser.add_argument("--unit", choices=UNITS, help="compare only sentences or only passages (default: both)")
    parser.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        metavar="J",
        help=f"smallest Jaccard similarity of near duplicates, {MIN_THRESHOLD} to 1 (default: {THRESHOLD})",
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="folder for leakage.json, leakage.md and leakage.jsonl")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag eval leakage`; returns the exit code, 0 whatever is found.

    Raises:
        DataError: the data are missing or damaged, the threshold is out of range, or the folder cannot be written.
    """
    if not MIN_THRESHOLD <= arguments.threshold <= 1.0:
        raise DataError(f"--threshold {arguments.threshold:g}: give a number from {MIN_THRESHOLD} to 1")
    splits, notes = load_splits(arguments.data, UNITS if arguments.unit is None else (arguments.unit,))
    leakage = find_leakage(splits, arguments.threshold, notes)
    if arguments.output is not None:
        write_leakage(leakage, Path(arguments.output))
    print(terminal(leakage))
    if arguments.output is not None:
        print(f"written to {arguments.output}", file=sys.stderr)
    return 0


def find_leakage(
    splits: Mapping[str, Sequence[Split]], threshold: float = THRESHOLD, notes: Sequence[str] = ()
) -> Leakage:
    """Compare every pair of splits of each unit."""
    return Leakage(
        threshold,
        {unit: compare_splits(found, threshold) for unit, found in splits.items()},
        {unit: {split.name: repeated(split) for split in found} for unit, found in splits.items()},
        tuple(notes),
    )


def write_leakage(leakage: Leakage, folder: Path) -> None:
    """Write leakage.jsonl (the matching texts), leakage.md and, last, leakage.json into `folder`.

    Raises:
        DataError: the folder cannot be written.
    """
    rows = [
        match_row(unit, comparison, match)
        for unit, comparisons in leakage.comparisons.items()
        for comparison in comparisons
        for match in comparison.matches
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_jsonl(folder / "leakage.jsonl", rows)
        write_text(folder / "leakage.md", markdown(leakage))
        write_text(folder / "leakage.json", json.dumps(to_dict(leakage), ensure_ascii=False, indent=2) + "\n")
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from None


def match_row(unit: str, comparison: Comparison, match: Match) -> dict[str, Any]:
    """One row of leakage.jsonl: the kind of match, and both texts with their places."""
    sides = (("a", comparison.a, match.a), ("b", comparison.b, match.b))
    return {
        "unit": unit,
        "kind": "exact" if match.exact else "near",
        "similarity": round(match.similarity, 4),
        **{key: {"split": side.split, **asdict(text)} for key, side, text in sides},
    }


def to_dict(leakage: Leakage) -> dict[str, Any]:
    """The content of leakage.json."""
    shape = lsh_for(leakage.threshold)
    return {
        "threshold": leakage.threshold,
        "shingle_words": SHINGLE,
        "lsh": {
            "permutations": PERMUTATIONS,
            "bands": shape.bands,
            "rows": shape.rows,
            "recall_at_threshold": round(shape.recall(leakage.threshold), 6),
        },
        "units": {
            unit: {
                "repeated_within": dict(leakage.repeats[unit]),
                "pairs": [_pair_dict(comparison) for comparison in comparisons],
            }
            for unit, comparisons in leakage.comparisons.items()
        },
        "notes": list(leakage.notes),
    }


def _pair_dict(comparison: Comparison) -> dict[str, Any]:
    exact = sum(match.exact for match in comparison.matches)
    return {
        **{
            key: asdict(side) | {"share": round(side.share, 6)}
            for key, side in (("a", comparison.a), ("b", comparison.b))
        },
        "exact_pairs": exact,
        "near_pairs": len(comparison.matches) - exact,
        "same_policy_pairs": comparison.same_policy,
        "policies_in_both": comparison.policies,
        "policies_alike": [asdict(alike) | {"share": round(alike.share, 4)} for alike in comparison.alike],
    }


def _cells(comparison: Comparison) -> list[str]:
    """One row of the table; exact, near, share and short are those of B, the side that is measured on."""
    a, b, same = comparison.a, comparison.b, comparison.same_policy
    counts = (a.texts, b.texts, b.exact, b.near)
    row = [a.split, b.split, *(f"{count:,}" for count in counts), f"{b.share:.2%}", f"{len(comparison.matches):,}"]
    return [*row, MISSING if same is None else f"{same:,}", f"{b.short:,}"]


def _facts(leakage: Leakage) -> list[str]:
    shape = lsh_for(leakage.threshold)
    recall = floor(shape.recall(leakage.threshold) * 10_000) / 100  # never rounded up to 100 %
    lines = [
        "Exact and Near count texts of B that are also in A: with the same letters and digits, or with a Jaccard "
        f"similarity of word {SHINGLE}-shingles of at least {leakage.threshold:g}; a text with an exact copy is not "
        "near",
        f"Texts of fewer than {MIN_WORDS} words are boilerplate: Short counts those of B that A has too; of the other "
        "columns only Texts counts them; Share of B is of all its texts",
        f"Near duplicates are found by MinHash ({shape.bands} bands of {shape.rows}) and verified: none is false, and "
        f"a pair right at the threshold is found with a chance of {recall:.2f} %, more similar ones with a higher one",
    ]
    for unit, repeats in leakage.repeats.items():
        counted = ", ".join(f"{name} {count:,}" for name, count in repeats.items())
        lines.append(f"{unit.capitalize()}s that repeat an earlier one of their own split: {counted}")
    for unit, comparisons in leakage.comparisons.items():
        shared = [(own.a.split, own.b.split, len(own.policies)) for own in comparisons if own.policies]
        if shared:
            counted = ", ".join(f"{a} and {b} {count:,}" for a, b, count in shared)
            lines.append(f"Policies that have {unit}s in both splits: {counted}")
    return lines + [note[:1].upper() + note[1:] for note in leakage.notes]


def _alike(comparisons: Sequence[Comparison], unit: str) -> list[str]:
    found = [(alike, own.a.split, own.b.split) for own in comparisons for alike in own.alike]
    found.sort(key=lambda item: -item[0].share)
    lines = [
        f"{alike.a} ({a}) and {alike.b} ({b}): {alike.shared} {unit}s, {alike.share:.0%} of the shorter one's"
        for alike, a, b in found[:SHOWN]
    ]
    return lines + ([f"… and {len(found) - SHOWN} more, in leakage.json"] if len(found) > SHOWN else [])


def terminal(leakage: Leakage) -> str:
    """The tables in aligned columns, and facts below them."""
    lines: list[str] = []
    for unit, comparisons in leakage.comparisons.items():
        table = terminal_table(_HEADER, [_cells(comparison) for comparison in comparisons], left=2)
        lines += [f"Leakage between splits, {unit}s", "", *table, ""]
        if alike := _alike(comparisons, unit):
            lines += [_ALIKE_TITLE, *(f"  {line}" for line in alike), ""]
    return "\n".join([*lines, *_facts(leakage)])


def markdown(leakage: Leakage) -> str:
    """leakage.md."""
    lines = ["# Leakage between splits", ""]
    for unit, comparisons in leakage.comparisons.items():
        table = markdown_table(_HEADER, [_cells(comparison) for comparison in comparisons], left=2)
        lines += [f"## {unit.capitalize()}s", "", *table, ""]
        if alike := _alike(comparisons, unit):
            lines += [_ALIKE_TITLE + ":", "", *(f"- {line}" for line in alike), ""]
    return "\n".join([*lines, *(f"- {fact}" for fact in _facts(leakage))]) + "\n"

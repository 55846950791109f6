"""`clausetag eval leakage`: which texts of one split stand in another, exactly or nearly.

clausetag eval leakage
clausetag eval leakage opp115 my-labels.jsonl --unit sentence --threshold 0.7 -o out/leakage
clausetag eval leakage privacyglue_opp115/ -o out/privacyglue-leakage
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    Side,
    Split,
    compare_splits,
    lsh_for,
    repeated,
)
from clausetag.eval.leakage.splits import UNITS, load_splits

THRESHOLD = 0.8
MIN_THRESHOLD = 0.5
"""Below it, two texts have more shingles apart than in common, and are no near duplicates."""
SHOWN = 20
"""Pairs of policies in the terminal and in leakage.md; leakage.json has all."""
MISSING = "-"
_HEADER = ("A", "B", "Texts A", "Texts B", "Exact", "Near", "Share of B", "Pairs", "Same policy", "Short")
_NAMES = 2
"""Columns of `_HEADER` that hold words; the others hold numbers."""


@dataclass(frozen=True, slots=True)
class Leakage:
    """What `clausetag eval leakage` found; `comparisons` and `repeats` (split to texts) are by unit."""

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
        help="opp115 (default; with the five policies), policies, a folder or .csv as PrivacyGLUE's, or JSONL",
    )
    parser.add_argument("--unit", choices=UNITS, help="compare sentences or passages alone (default: both)")
    parser.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        metavar="J",
        help=f"least similarity of near duplicates, {MIN_THRESHOLD} to 1 (default: {THRESHOLD})",
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="folder for leakage.json, leakage.md and leakage.jsonl")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag eval leakage`; returns the exit code, 0 whatever is found.

    Raises:
        DataError: the data are missing or wrong, the threshold is out of range, or the folder cannot be written.
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
    """Compare the splits of each unit, pair by pair."""
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
    """One row of leakage.jsonl: what kind of match, and both texts with where they stand."""
    row: dict[str, Any] = {
        "unit": unit,
        "kind": "exact" if match.exact else "near",
        "similarity": round(match.similarity, 4),
    }
    for key, side, text in (("a", comparison.a, match.a), ("b", comparison.b, match.b)):
        row[key] = {"split": side.split, "policy": text.policy, "index": text.index, "text": text.text}
    return row


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
        "a": _side_dict(comparison.a),
        "b": _side_dict(comparison.b),
        "exact_pairs": exact,
        "near_pairs": len(comparison.matches) - exact,
        "same_policy_pairs": comparison.same_policy,
        "policies_in_both": None if comparison.policies is None else list(comparison.policies),
        "policies_alike": [
            {"a": alike.a, "b": alike.b, "shared": alike.shared, "share": round(alike.share, 4)}
            for alike in comparison.alike
        ],
    }


def _side_dict(side: Side) -> dict[str, Any]:
    counts = {"texts": side.texts, "exact": side.exact, "near": side.near, "short": side.short}
    return {"split": side.split, **counts, "share": round(side.share, 6)}


def _cells(comparison: Comparison) -> list[str]:
    """One row of the table; exact, near, share and short are those of B, the side that is measured on."""
    a, b, same = comparison.a, comparison.b, comparison.same_policy
    counts = (a.texts, b.texts, b.exact, b.near)
    row = [a.split, b.split, *(f"{count:,}" for count in counts), f"{b.share:.2%}", f"{len(comparison.matches):,}"]
    return [*row, MISSING if same is None else f"{same:,}", f"{b.short:,}"]


def _facts(leakage: Leakage) -> list[str]:
    shape = lsh_for(leakage.threshold)
    recall = floor(shape.recall(leakage.threshold) * 10_000) / 100  # never rounded up to certainty
    lines = [
        "Exact and Near count texts of B that stand in A, by letters and digits alone, or by at least "
        f"{leakage.threshold:g} Jaccard similarity of word {SHINGLE}-shingles; a text with an exact copy is not near",
        f"Texts of fewer than {MIN_WORDS} words are boilerplate: Short counts those of B that A has too, and no other "
        "column but Texts does; Share of B is of all its texts",
        f"Near duplicates are found by MinHash ({shape.bands} bands of {shape.rows}) and verified: none is false, and "
        f"a pair right at the threshold is found with a chance of {recall:.2f} %, others more surely",
    ]
    for unit, repeats in leakage.repeats.items():
        counted = ", ".join(f"{name} {count:,}" for name, count in repeats.items())
        lines.append(f"{unit.capitalize()}s that repeat an earlier one of their own split: {counted}")
    for unit, comparisons in leakage.comparisons.items():
        both = [
            f"{comparison.a.split} and {comparison.b.split} {len(comparison.policies):,}"
            for comparison in comparisons
            if comparison.policies
        ]
        if both:
            lines.append(f"Policies that have {unit}s in both splits: {', '.join(both)}")
    return lines + [note[:1].upper() + note[1:] for note in leakage.notes]


def _alike(leakage: Leakage, unit: str) -> list[str]:
    found = [
        (alike, comparison.a.split, comparison.b.split)
        for comparison in leakage.comparisons[unit]
        for alike in comparison.alike
    ]
    found.sort(key=lambda item: -item[0].share)
    lines = [
        f"{alike.a} ({a}) and {alike.b} ({b}): {alike.shared} {unit}s, {alike.share:.0%} of the shorter one's"
        for alike, a, b in found[:SHOWN]
    ]
    return lines + ([f"… and {len(found) - SHOWN} more, in leakage.json"] if len(found) > SHOWN else [])


_ALIKE_TITLE = (
    f"Policies that look alike (at least {MIN_ALIKE_TEXTS} texts and {MIN_ALIKE_SHARE:.0%} in common, short ones aside)"
)


def terminal(leakage: Leakage) -> str:
    """The tables in aligned columns, with the facts under them."""
    lines: list[str] = []
    for unit, comparisons in leakage.comparisons.items():
        rows = [list(_HEADER), *(_cells(comparison) for comparison in comparisons)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
        laid = [
            "  ".join(
                cell.ljust(width) if column < _NAMES else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        lines += [f"Leakage between splits, {unit}s", "", laid[0], "-" * len(laid[0]), *laid[1:], ""]
        if alike := _alike(leakage, unit):
            lines += [_ALIKE_TITLE, *(f"  {line}" for line in alike), ""]
    return "\n".join([*lines, *_facts(leakage)])


def markdown(leakage: Leakage) -> str:
    """leakage.md."""
    lines = ["# Leakage between splits", ""]
    for unit, comparisons in leakage.comparisons.items():
        rules = ["---"] * _NAMES + ["---:"] * (len(_HEADER) - _NAMES)
        rows = [list(_HEADER), rules, *(_cells(comparison) for comparison in comparisons)]
        lines += [f"## {unit.capitalize()}s", ""]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows] + [""]
        if alike := _alike(leakage, unit):
            lines += [_ALIKE_TITLE + ":", "", *(f"- {line}" for line in alike), ""]
    return "\n".join([*lines, *(f"- {fact}" for fact in _facts(leakage))]) + "\n"

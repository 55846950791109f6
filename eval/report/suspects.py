"""Gold labels that are probably wrong, each with the surroundings that a reader needs to judge it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clausetag.data.records import Sentence
from clausetag.eval.people.label_quality import LabelQuality
from clausetag.eval.report.errors import Unit, given_by, surroundings
from clausetag.model.decision import BoolArray


def suspect_list(
    units: Sequence[Sentence],
    sentences: Sequence[Sentence],
    quality: LabelQuality,
    *,
    unit: Unit = "sentence",
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Rows with a suspect label, ready for JSON, worst row first (ties by policy and index); at most `limit`.

    Keys: `policy`, `index`, `text`, `heading`, `before`, `after`, `gold`, `wrong` and `missing` (label to
    self-confidence), `score` (of the row), `votes` and `annotators` (None where the data have none).

    Args:
        units: the n rows of `quality`.
        sentences: all sentences of their policies, for the surroundings; may be empty.
        unit: what `units` are; the `index` of a passage is its number in the policy.

    Raises:
        ValueError: `units` are not as many as the rows of `quality`.
    """
    if len(units) != len(quality.scores):
        raise ValueError(f"{len(units)} units for {len(quality.scores)} rows of label quality")
    rows = [int(row) for row in np.flatnonzero(quality.suspect.any(axis=1))]
    rows.sort(key=lambda row: (quality.scores[row], units[row].policy, units[row].index))
    rows = rows[:limit]
    found = []
    for row, place in zip(rows, surroundings([units[row] for row in rows], sentences, unit=unit), strict=True):
        one, marks, doubted = units[row], quality.gold[row], quality.suspect[row]
        found.append(
            {
                "policy": one.policy,
                "index": one.index,
                "text": one.text,
                "heading": place.heading,
                "before": place.before,
                "after": place.after,
                "gold": [quality.labels[column] for column in np.flatnonzero(marks)],
                "wrong": _named(quality, row, doubted & marks),
                "missing": _named(quality, row, doubted & ~marks),
                "score": round(float(quality.scores[row]), 4),
                "votes": None if one.votes is None else {name: round(share, 4) for name, share in one.votes.items()},
                "annotators": {who: list(names) for who, names in (given_by(one) or {}).items()} or None,
            }
        )
    return found


def _named(quality: LabelQuality, row: int, marks: BoolArray) -> dict[str, float]:
    return {
        quality.labels[column]: round(float(quality.self_confidence[row, column]), 4)
        for column in np.flatnonzero(marks)
    }

"""Single cases for a reader to judge: the model's errors, and gold labels that are probably wrong.

An error does not say whether the model or the gold label is at fault; `clausetag.eval.people.label_quality` ranks the
gold labels by how probably they are wrong.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.jsonl import by_policy
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.people.label_quality import LabelQuality
from clausetag.eval.report.confusions import as_marks
from clausetag.model.decision import BoolArray

Unit = Literal["sentence", "passage"]
CONTEXT_CHARACTERS = 240
"""Length to which a neighbouring passage is cut; its nearest part is kept."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The text around a unit; None at the ends of a policy and where nothing is known."""

    heading: str | None
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """A unit with its gold labels. All tuples of labels are in label order."""

    policy: str
    index: int
    text: str
    around: Surroundings
    gold: tuple[str, ...]
    votes: Mapping[str, float] | None
    """Label to share of the annotators who gave it; None if the data have none."""
    annotators: Mapping[str, tuple[str, ...]] | None
    """Annotator id to the labels that this annotator gave; None if the data name no annotators."""


@dataclass(frozen=True, slots=True)
class ErrorCase(Case):
    """A unit with at least one missed label or false alarm."""

    predicted: tuple[str, ...]
    missed: tuple[str, ...]
    false_alarms: tuple[str, ...]
    forced: tuple[str, ...]
    """Predicted although below the threshold, because every unit gets at least one label."""
    scores: Mapping[str, float]
    """Of all labels."""
    confidence: float
    """How sure the model was of its worst mistake: the score of a false alarm, or 1 - score of a missed label."""


@dataclass(frozen=True, slots=True)
class SuspectCase(Case):
    """A unit with at least one gold label that is probably wrong or missing."""

    wrong: Mapping[str, float]
    """Labels given but probably wrong, to their self-confidence."""
    missing: Mapping[str, float]
    """Labels not given but probably right, to the self-confidence of their absence."""
    score: float
    """Label quality of the unit, 0 to 1; the lower, the more probably a label is wrong."""


def list_errors(
    units: Sequence[Sentence],
    sentences: Sequence[Sentence],
    gold: ArrayLike,
    scores: ArrayLike,
    predicted: ArrayLike,
    thresholds: ArrayLike,
    labels: Sequence[str] = LABELS,
    *,
    unit: Unit = "sentence",
) -> list[ErrorCase]:
    """The units with an error, most confident errors first; ties by policy and index.

    Args:
        units: the n rows measured.
        sentences: all sentences of their policies, for the surroundings; may be empty.
        gold, predicted: 0/1 [n, k].
        scores: float[n, k], calibrated probabilities.
        thresholds: float[k], or float[n, k] if each row has its own.
        unit: what `units` are; the `index` of a passage is its number in the policy.

    Raises:
        ValueError: the shapes don't fit together.
    """
    truth, guess = as_marks(gold, predicted, labels)
    values, limits = np.asarray(scores, dtype=np.float64), np.asarray(thresholds, dtype=np.float64)
    fit = values.shape == truth.shape and limits.shape in (truth.shape, truth.shape[1:])
    if not fit or len(units) != len(truth):
        sizes = f"scores {values.shape}, thresholds {limits.shape}, gold {truth.shape}"
        raise ValueError(f"{len(units)} units and {sizes} don't fit together")
    below = guess & (values < limits)
    mistaken = np.where(truth, 1.0 - values, values) * (truth != guess)
    rows = np.flatnonzero((truth != guess).any(axis=1)).tolist()
    found = [
        ErrorCase(
            **case,
            predicted=_named(guess[row], labels),
            missed=_named(truth[row] & ~guess[row], labels),
            false_alarms=_named(guess[row] & ~truth[row], labels),
            forced=_named(below[row], labels),
            scores=dict(zip(labels, values[row].tolist(), strict=True)),
            confidence=float(mistaken[row].max()),
        )
        for row, case in zip(rows, _cases(rows, units, sentences, truth, labels, unit), strict=True)
    ]
    return sorted(found, key=lambda case: (-case.confidence, case.policy, case.index))


def list_suspects(
    units: Sequence[Sentence],
    sentences: Sequence[Sentence],
    quality: LabelQuality,
    *,
    unit: Unit = "sentence",
    limit: int | None = None,
) -> list[SuspectCase]:
    """At most `limit` units with a suspect gold label, lowest label quality first; ties by policy and index.

    Args:
        units: the n rows of `quality`.
        sentences, unit: as for `list_errors`.

    Raises:
        ValueError: `units` and `quality` differ in their number of rows.
    """
    if len(units) != len(quality.scores):
        raise ValueError(f"{len(units)} units for {len(quality.scores)} rows of label quality")
    rows: list[int] = np.flatnonzero(quality.suspect.any(axis=1)).tolist()
    rows.sort(key=lambda row: (quality.scores[row], units[row].policy, units[row].index))
    rows = rows[:limit]

    def doubted(row: int, marks: BoolArray) -> dict[str, float]:
        confidences = dict(zip(quality.labels, quality.self_confidence[row].tolist(), strict=True))
        return {label: round(confidences[label], 4) for label in _named(quality.suspect[row] & marks, quality.labels)}

    return [
        SuspectCase(
            **case,
            wrong=doubted(row, quality.gold[row]),
            missing=doubted(row, ~quality.gold[row]),
            score=round(float(quality.scores[row]), 4),
        )
        for row, case in zip(rows, _cases(rows, units, sentences, quality.gold, quality.labels, unit), strict=True)
    ]


def _cases(
    rows: Sequence[int],
    units: Sequence[Sentence],
    sentences: Sequence[Sentence],
    gold: BoolArray,
    labels: Sequence[str],
    unit: Unit,
) -> list[dict[str, Any]]:
    """The fields of `Case` for each of the rows."""
    places = surroundings([units[row] for row in rows], sentences, unit=unit)
    return [
        {
            "policy": (own := units[row]).policy,
            "index": own.index,
            "text": own.text,
            "around": place,
            "gold": _named(gold[row], labels),
            "votes": own.votes,
            "annotators": {who: tuple(given) for who, given in (own.extra.get("annotators") or {}).items()} or None,
        }
        for row, place in zip(rows, places, strict=True)
    ]


def surroundings(
    units: Sequence[Sentence], sentences: Sequence[Sentence], *, unit: Unit = "sentence"
) -> list[Surroundings]:
    """Heading and neighbours of each unit: the sentence before and after, or the nearest part of those passages.

    A unit need not be in `sentences` itself (a passage may hold no sentence), and gaps in the numbering are skipped.
    A passage without a heading of its own gets that of its first sentence.
    """
    policies = {row.policy for row in units}
    contexts: dict[str, tuple[list[int], list[str], list[str | None]]] = {}
    for policy, group in by_policy(row for row in sentences if row.policy in policies).items():
        parts: dict[int, list[Sentence]] = {}
        for sentence in group:
            position = sentence.index if unit == "sentence" else sentence.passage
            if position is not None:
                parts.setdefault(position, []).append(sentence)
        positions = sorted(parts)
        texts = [" ".join(sentence.text for sentence in parts[position]) for position in positions]
        contexts[policy] = positions, texts, [parts[position][0].heading for position in positions]
    found = []
    for row in units:
        positions, texts, headings = contexts.get(row.policy, ([], [], []))
        here, beyond = bisect_left(positions, row.index), bisect_right(positions, row.index)
        before = texts[here - 1] if here else None
        after = texts[beyond] if beyond < len(texts) else None
        if unit == "passage":
            before, after = _end_of(before), _start_of(after)
        heading = row.heading if row.heading is not None or here == beyond else headings[here]
        # The heading can be a sentence of its own; once is enough.
        found.append(Surroundings(heading, None if before == heading else before, after))
    return found


def _named(marks: BoolArray, labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(label for label, marked in zip(labels, marks, strict=True) if marked)


def _start_of(text: str | None) -> str | None:
    if text is None or len(text) <= CONTEXT_CHARACTERS:
        return text
    return text[:CONTEXT_CHARACTERS].rsplit(maxsplit=1)[0] + " …"


def _end_of(text: str | None) -> str | None:
    if text is None or len(text) <= CONTEXT_CHARACTERS:
        return text
    return "… " + text[-CONTEXT_CHARACTERS:].split(maxsplit=1)[-1]

"""Where a model and the gold labels differ: which category goes for which, and every wrong unit with its surroundings.

Pure functions on arrays and sentences; reports draw and print what they return. Whether model or gold is at fault,
the difference alone does not say: `eval.people.label_quality` ranks gold labels by how probably they are wrong.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clausetag.data.jsonl import by_policy
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.model.decision import BoolArray, FloatArray

IntArray = NDArray[np.int64]
Unit = Literal["sentence", "passage"]
CONTEXT_CHARACTERS = 240
"""What is shown of a neighbouring passage: as much of it as lies nearest."""


@dataclass(frozen=True, slots=True)
class Confusions:
    """Which category is mistaken for which, in the order of `labels`.

    A unit has many labels, so no single wrong one stands for a single right one. What is counted is co-occurrence: a
    unit in which i is missed (gold, not predicted) and j is a false alarm (predicted, not gold) adds 1 to
    ``pairs[i, j]``. A unit with several misses and several false alarms adds 1 to *each* of its pairs, so rows do not
    add up to misses nor columns to false alarms; `missed` and `false_alarms` are those totals. The diagonal of `pairs`
    is 0, since no label is both missed and a false alarm. `hits[i]` counts the units in which i is gold and predicted.
    """

    labels: tuple[str, ...]
    pairs: IntArray
    """int[k, k]: row missed, column false alarm in the same unit."""
    nothing_instead: IntArray
    """int[k]: the label is missed in a unit without any false alarm."""
    out_of_nothing: IntArray
    """int[k]: the label is a false alarm in a unit without any miss."""
    missed: IntArray
    false_alarms: IntArray
    hits: IntArray
    units: int
    wrong_units: int

    @property
    def matrix(self) -> IntArray:
        """int[k + 1, k + 1] to draw: `pairs`, last column `nothing_instead`, last row `out_of_nothing`, corner 0."""
        k = len(self.labels)
        matrix = np.zeros((k + 1, k + 1), dtype=np.int64)
        matrix[:k, :k], matrix[:k, k], matrix[k, :k] = self.pairs, self.nothing_instead, self.out_of_nothing
        return matrix

    def largest(self, limit: int) -> list[tuple[str, str, int]]:
        """The `limit` most frequent (missed, false alarm, count), without those that never occur; ties by label."""
        order = np.argsort(-self.pairs, axis=None, kind="stable")[:limit]
        cells = [(int(cell // len(self.labels)), int(cell % len(self.labels))) for cell in order]
        return [(self.labels[i], self.labels[j], int(self.pairs[i, j])) for i, j in cells if self.pairs[i, j]]

    def to_dict(self) -> dict[str, Any]:
        """Lists and numbers, ready for JSON."""
        names = ("pairs", "nothing_instead", "out_of_nothing", "missed", "false_alarms", "hits")
        arrays = {name: getattr(self, name).tolist() for name in names}
        return {"labels": list(self.labels), **arrays, "units": self.units, "wrong_units": self.wrong_units}


def confusions(gold: ArrayLike, predicted: ArrayLike, labels: Sequence[str] = LABELS) -> Confusions:
    """Count `Confusions` of `predicted` against `gold`, both 0/1 of shape [n, k], columns in the order of `labels`.

    Raises:
        ValueError: the shapes differ, or the number of columns is not that of `labels`.
    """
    truth, guess = _marks(gold, predicted, labels)
    misses, alarms = truth & ~guess, guess & ~truth
    return Confusions(
        labels=tuple(labels),
        pairs=misses.T.astype(np.int64) @ alarms.astype(np.int64),
        nothing_instead=misses[~alarms.any(axis=1)].sum(axis=0),
        out_of_nothing=alarms[~misses.any(axis=1)].sum(axis=0),
        missed=misses.sum(axis=0),
        false_alarms=alarms.sum(axis=0),
        hits=(truth & guess).sum(axis=0),
        units=len(truth),
        wrong_units=int((misses | alarms).any(axis=1).sum()),
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a person needs beside a unit to judge it; None at the ends of a policy, and where nothing is known."""

    heading: str | None
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class ErrorItem:
    """One unit in which at least one label is missed or a false alarm.

    `gold`, `predicted`, `missed`, `false_alarms` and `forced` are in label order; `forced` are predicted labels below
    their threshold, given because each unit gets at least one. `scores` has all labels. `votes` maps a label to the
    share of annotators who gave it, `annotators` an annotator's id to the labels that this one gave; both None where
    the data have none. `wrong` maps each missed label and false alarm to how sure the model was of that mistake:
    1 - score of a miss, the score of a false alarm.
    """

    policy: str
    index: int
    text: str
    heading: str | None
    before: str | None
    after: str | None
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    missed: tuple[str, ...]
    false_alarms: tuple[str, ...]
    forced: tuple[str, ...]
    scores: Mapping[str, float]
    votes: Mapping[str, float] | None
    annotators: Mapping[str, tuple[str, ...]] | None
    wrong: Mapping[str, float]
    confidence: float
    """The largest value of `wrong`."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; scores and confidences rounded to 4 digits."""
        tuples = ("gold", "predicted", "missed", "false_alarms", "forced")
        annotators = self.annotators
        return {
            **{name: getattr(self, name) for name in ("policy", "index", "text", "heading", "before", "after")},
            **{name: list(getattr(self, name)) for name in tuples},
            "scores": _rounded(self.scores),
            "votes": None if self.votes is None else _rounded(self.votes),
            "annotators": None if annotators is None else {who: list(given) for who, given in annotators.items()},
            "wrong": _rounded(self.wrong),
            "confidence": round(self.confidence, 4),
        }


def error_list(
    units: Sequence[Sentence],
    sentences: Sequence[Sentence],
    gold: ArrayLike,
    scores: ArrayLike,
    predicted: ArrayLike,
    thresholds: ArrayLike,
    labels: Sequence[str] = LABELS,
    *,
    unit: Unit = "sentence",
) -> list[ErrorItem]:
    """The wrong ones among `units`, those of which the model was surest first; ties by policy and index.

    Args:
        units: the n rows measured.
        sentences: all sentences of their policies, from which the surroundings are taken; may be empty.
        gold, predicted: 0/1 [n, k].
        scores: float[n, k], calibrated probabilities.
        thresholds: float[k], or float[n, k] where rows have thresholds of their own.
        unit: what `units` are; the `index` of a passage is its number in the policy.

    Raises:
        ValueError: the shapes don't belong together.
    """
    truth, guess = _marks(gold, predicted, labels)
    values = np.asarray(scores, dtype=np.float64)
    limits = np.asarray(thresholds, dtype=np.float64)
    fit = values.shape == truth.shape and limits.shape in (truth.shape, truth.shape[1:])
    if not fit or len(units) != len(truth):
        sizes = f"scores {values.shape}, thresholds {limits.shape}, gold {truth.shape}"
        raise ValueError(f"{len(units)} units and {sizes} don't fit together")
    limits = np.broadcast_to(limits, values.shape)
    rows = np.flatnonzero((truth != guess).any(axis=1)).tolist()
    places = surroundings([units[row] for row in rows], sentences, unit=unit)
    items = [
        _item(units[row], place, truth[row], guess[row], values[row], limits[row], labels)
        for row, place in zip(rows, places, strict=True)
    ]
    return sorted(items, key=_surest_first)


def surroundings(
    units: Sequence[Sentence], sentences: Sequence[Sentence], *, unit: Unit = "sentence"
) -> list[Surroundings]:
    """Heading and neighbours of each unit: the sentence before and after, or the nearest part of those passages.

    A unit need not stand in `sentences` itself (a passage may hold no sentence); gaps in the numbering are skipped.
    A passage without a heading of its own gets its first sentence's.
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
        if before == heading:
            before = None  # the heading is a sentence of its own; once is enough
        found.append(Surroundings(heading, before, after))
    return found


def given_by(unit: Sentence) -> dict[str, tuple[str, ...]] | None:
    """Annotator id to the labels that this one gave the unit; None where the data name no annotators."""
    annotators = unit.extra.get("annotators")
    return {who: tuple(given) for who, given in annotators.items()} if annotators else None


def _marks(gold: ArrayLike, predicted: ArrayLike, labels: Sequence[str]) -> tuple[BoolArray, BoolArray]:
    truth, guess = np.asarray(gold, dtype=bool), np.asarray(predicted, dtype=bool)
    if truth.shape != guess.shape or truth.shape[1:] != (len(labels),):
        raise ValueError(f"need gold and predicted [n, {len(labels)}], found {truth.shape} and {guess.shape}")
    return truth, guess


def _item(
    unit: Sentence,
    place: Surroundings,
    gold: BoolArray,
    predicted: BoolArray,
    scores: FloatArray,
    thresholds: FloatArray,
    labels: Sequence[str],
) -> ErrorItem:
    def named(marks: BoolArray) -> tuple[str, ...]:
        return tuple(labels[column] for column in np.flatnonzero(marks).tolist())

    sure = np.where(gold, 1.0 - scores, scores)
    wrong = {labels[column]: float(sure[column]) for column in np.flatnonzero(gold != predicted).tolist()}
    return ErrorItem(
        policy=unit.policy,
        index=unit.index,
        text=unit.text,
        heading=place.heading,
        before=place.before,
        after=place.after,
        gold=named(gold),
        predicted=named(predicted),
        missed=named(gold & ~predicted),
        false_alarms=named(predicted & ~gold),
        forced=named(predicted & (scores < thresholds)),
        scores=dict(zip(labels, scores.tolist(), strict=True)),
        votes=unit.votes,
        annotators=given_by(unit),
        wrong=wrong,
        confidence=max(wrong.values()),
    )


def _surest_first(item: ErrorItem) -> tuple[float, str, int]:
    return -item.confidence, item.policy, item.index


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in values.items()}


def _start_of(text: str | None) -> str | None:
    if text is None or len(text) <= CONTEXT_CHARACTERS:
        return text
    return text[:CONTEXT_CHARACTERS].rsplit(maxsplit=1)[0] + " …"


def _end_of(text: str | None) -> str | None:
    if text is None or len(text) <= CONTEXT_CHARACTERS:
        return text
    return "… " + text[-CONTEXT_CHARACTERS:].split(maxsplit=1)[-1]

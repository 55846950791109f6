"""predictions.jsonl: what `clausetag eval` writes for each measured row, and reading it back as matrices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clausetag.data.errors import DataError
from clausetag.data.labels import LABELS, check_labels
from clausetag.data.records import Sentence
from clausetag.data.text import text_hash
from clausetag.eval.metrics.gold import gold_labels, label_matrix
from clausetag.model.decision import BoolArray, FloatArray

PREDICTIONS = "predictions.jsonl"
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Predictions:
    """One system's answers: n rows by (policy, index), hashes of their texts, gold and predicted bool[n, k]."""

    name: str
    keys: tuple[Key, ...]
    hashes: tuple[str, ...]
    gold: BoolArray
    predicted: BoolArray
    unit: str | None
    """"sentence" or "passage"; None where a lone file does not say."""
    in_sample: bool = False
    """The system may have been trained on these rows."""
    labels: tuple[str, ...] = LABELS
    """The columns of `gold` and `predicted`."""


def prediction_rows(
    units: Sequence[Sentence],
    scores: FloatArray,
    predicted: BoolArray,
    unit: str,
    labels: Sequence[str] = LABELS,
    *,
    in_sample: bool = False,
) -> list[dict[str, Any]]:
    """Rows to write: predicted `labels` and `scores`; the right labels under `gold`, votes as they were, the `unit`.

    With `in_sample` every row says that the system may have learnt it.
    """
    rows = []
    for own, values, chosen in zip(units, scores, predicted, strict=True):
        names = [label for label, given in zip(labels, chosen, strict=True) if given]
        by_label = {label: round(float(score), 6) for label, score in zip(labels, values, strict=True)}
        row = own.with_prediction(names, by_label).row()
        row["gold"] = list(gold_labels(own, labels) or ())
        if own.votes is not None:
            row["votes"] = dict(own.votes)
        row["unit"] = unit
        if in_sample:
            row["in_sample"] = True
        rows.append(row)
    return rows


def read_predictions(source: str) -> Predictions:
    """Read a folder that `clausetag eval -o` wrote, or one file of predictions in it (a baseline's, for example).

    Raises:
        DataError: there is no such file, a row is no prediction, or two rows have the same policy and index.
    """
    path = Path(source)
    path = path / PREDICTIONS if path.is_dir() else path
    if not path.is_file():
        raise DataError(f"{source}: no {PREDICTIONS} there; give a folder that `clausetag eval … -o` wrote")
    keys: list[Key] = []
    hashes: list[str] = []
    gold: list[Sequence[str]] = []
    predicted: list[Sequence[str]] = []
    units: set[str | None] = set()
    seen: dict[Key, int] = {}
    in_sample = False
    labels = LABELS
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            where = f"{source}, line {number}"
            if not keys:
                labels = _labels_of(line)
            row = _row(line, where, labels)
            key = (row["policy"], row["index"])
            if key in seen:
                raise DataError(f"{where}: {key[0]} {key[1]} stands in line {seen[key]} already")
            seen[key] = number
            keys.append(key)
            hashes.append(text_hash(row["text"]))
            gold.append(row["gold"])
            predicted.append(row["labels"])
            units.add(row.get("unit"))
            in_sample = in_sample or row.get("in_sample") is True
    if not keys:
        raise DataError(f"{source}: holds no prediction")
    unit = units.pop() if len(units) == 1 else None
    matrices = label_matrix(gold, labels), label_matrix(predicted, labels)
    return Predictions(source, tuple(keys), tuple(hashes), *matrices, unit, in_sample, labels)


def _labels_of(line: bytes) -> tuple[str, ...]:
    """The system's labels: those that the first row has scores of, if they are not among the twelve."""
    try:
        row = json.loads(line.decode("utf-8"))
        scores = row.get("scores") if isinstance(row, dict) else None
    except (ValueError, RecursionError):  # said by `_row`
        return LABELS
    return tuple(scores) if isinstance(scores, dict) and not set(scores) <= set(LABELS) else LABELS


def _row(line: bytes, where: str, labels: tuple[str, ...]) -> Mapping[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
        if not isinstance(row, dict):
            raise ValueError("not a JSON object")
        for field, kind in (("policy", str), ("index", int), ("text", str), ("gold", list), ("labels", list)):
            if not isinstance(row.get(field), kind):
                raise ValueError(f"has no {field!r}; predictions are written by `clausetag eval … -o`")
        check_labels(row["gold"], labels)
        check_labels(row["labels"], labels)
    except UnicodeDecodeError:
        raise DataError(f"{where}: not UTF-8") from None
    except RecursionError:
        raise DataError(f"{where}: not JSON (brackets nest too deeply)") from None
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    return row


def aligned(first: Predictions, second: Predictions) -> Predictions:
    """`second` with its rows in the order of `first`.

    Raises:
        DataError: the two are not of the same rows, texts and right labels, so figures of them cannot be compared.
    """
    pair = f"{first.name} and {second.name}"
    if first.unit != second.unit and first.unit and second.unit:
        raise DataError(f"{pair} measure different units ({first.unit}, {second.unit}); they cannot be compared")
    if first.labels != second.labels:
        raise DataError(f"{pair} have different labels; they cannot be compared")
    place = {key: row for row, key in enumerate(second.keys)}
    missing = [key for key in first.keys if key not in place]
    if missing or len(first.keys) != len(second.keys):
        both = len(first.keys) - len(missing)
        raise DataError(
            f"{pair} were measured on different data ({len(first.keys)} and {len(second.keys)} rows, {both} in both); "
            "evaluate both on the same data"
        )
    order = np.array([place[key] for key in first.keys], dtype=np.int64)
    texts = sum(own != second.hashes[row] for own, row in zip(first.hashes, order, strict=True))
    if texts:
        raise DataError(f"{pair} were measured on different data: {texts} rows of the same id have another text")
    labels = int((first.gold != second.gold[order]).any(axis=1).sum())
    if labels:
        raise DataError(f"{pair} were measured against different right labels ({labels} rows); evaluate both again")
    return Predictions(
        second.name,
        first.keys,
        first.hashes,
        first.gold,
        second.predicted[order],
        second.unit,
        second.in_sample,
        second.labels,
    )

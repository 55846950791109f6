"""predictions.jsonl: what `clausetag eval` writes for each measured row, and reading it back as matrices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
_FIELDS = {"policy": str, "index": int, "text": str, "gold": list, "labels": list}


@dataclass(frozen=True, slots=True)
class Predictions:
    """One system's predictions for n rows."""

    name: str
    keys: tuple[Key, ...]
    """Policy and index of each row."""
    hashes: tuple[str, ...]
    """Of the rows' texts."""
    gold: BoolArray
    """bool[n, k]"""
    predicted: BoolArray
    """bool[n, k]"""
    unit: str | None
    """"sentence" or "passage"; None if the file does not say."""
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
    """Rows to write: predicted `labels` and `scores`, the right labels under `gold`, the votes, and the `unit`.

    With `in_sample`, every row says that the system may have been trained on it.
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
    """Read a folder that `clausetag eval -o` wrote, or one predictions file in it (of a baseline, for example).

    Raises:
        DataError: there is no such file, a row is not a prediction, or two rows have the same policy and index.
    """
    path = Path(source)
    path = path / PREDICTIONS if path.is_dir() else path
    if not path.is_file():
        raise DataError(f"{source}: has no {PREDICTIONS}; give a folder that `clausetag eval … -o` wrote")
    rows: list[Mapping[str, Any]] = []
    lines: dict[Key, int] = {}
    labels = LABELS
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            where = f"{source}, line {number}"
            row = _parsed(line, where)
            if not rows:
                labels = _labels_of(row)
            _check(row, where, labels)
            key = (row["policy"], row["index"])
            if key in lines:
                raise DataError(f"{where}: repeats {key[0]} {key[1]} of line {lines[key]}; give each row once")
            lines[key] = number
            rows.append(row)
    if not rows:
        raise DataError(f"{source}: has no prediction")
    units = {row.get("unit") for row in rows}
    return Predictions(
        name=source,
        keys=tuple(lines),
        hashes=tuple(text_hash(row["text"]) for row in rows),
        gold=label_matrix([row["gold"] for row in rows], labels),
        predicted=label_matrix([row["labels"] for row in rows], labels),
        unit=units.pop() if len(units) == 1 else None,
        in_sample=any(row.get("in_sample") is True for row in rows),
        labels=labels,
    )


def _parsed(line: bytes, where: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise DataError(f"{where}: not UTF-8") from None
    except RecursionError:
        raise DataError(f"{where}: not JSON (brackets nest too deeply)") from None
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: not a JSON object")
    return row


def _labels_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The system's labels: the twelve, or those of the first row's scores if they are others."""
    scores = row.get("scores")
    return tuple(scores) if isinstance(scores, dict) and not set(scores) <= set(LABELS) else LABELS


def _check(row: Mapping[str, Any], where: str, labels: tuple[str, ...]) -> None:
    for field, kind in _FIELDS.items():
        if not isinstance(row.get(field), kind):
            raise DataError(f"{where}: has no {field!r}; predictions are written by `clausetag eval … -o`")
    try:
        check_labels(row["gold"], labels)
        check_labels(row["labels"], labels)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None


def aligned(first: Predictions, second: Predictions) -> Predictions:
    """`second` with its rows in the order of `first`.

    Raises:
        DataError: the two do not have the same rows, texts and gold labels, so they cannot be compared.
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
        raise DataError(f"{pair} were measured on different data: {texts} rows with the same id have different texts")
    labels = int((first.gold != second.gold[order]).any(axis=1).sum())
    if labels:
        raise DataError(f"{pair} were measured against different gold labels ({labels} rows); evaluate both again")
    return replace(second, keys=first.keys, hashes=first.hashes, gold=first.gold, predicted=second.predicted[order])

"""Labels without texts: what may be shared where the texts may not, and joined again by whoever has those.

A file is JSONL. Its first line names the labels; each further line is a policy: its id, where it is from, and for each
labelled sentence the hash of its text (`clausetag.data.text.text_hash`) with the numbers of its labels in that first
line; an unlabelled sentence of the same text stands there without numbers (null), to tell the two apart.

    {"labels": ["First Party Collection/Use", …]}
    {"policy": "u00001", "source": "…", "name": "…", "sentences": [["0123456789abcdef", [0, 2]], …]}

clausetag data strip labelled.jsonl -o labels.jsonl
clausetag data join labels.jsonl policies.jsonl.gz -o labelled.jsonl      # policies: rows of id and text
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clausetag.data.documents.sniff import extract_text
from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy, iter_json_rows, write_jsonl
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.segment import segment
from clausetag.data.text import SURROGATE, text_hash


@dataclass(frozen=True, slots=True)
class BarePolicy:
    """One policy's labels: (text hash, labels) of its sentences in order, and what is known of the policy.

    Labels are None for an unlabelled sentence that has the text of a labelled one.
    """

    policy: str
    sentences: tuple[tuple[str, tuple[str, ...] | None], ...]
    about: Mapping[str, Any]


def strip(sentences: Iterable[Sentence], path: str | os.PathLike[str]) -> int:
    """Write the labels of labelled sentences without their texts; returns how many policies there are."""
    rows: list[dict[str, Any]] = [{"labels": list(LABELS)}]
    for policy, group in by_policy(sentences).items():
        about = {key: group[0].extra[key] for key in ("source", "name") if key in group[0].extra}
        keys = {text_hash(one.text) for one in group if one.labels is not None}
        labelled = [
            [text_hash(one.text), None if one.labels is None else sorted(map(LABELS.index, one.labels))]
            for one in group
            if text_hash(one.text) in keys
        ]
        if labelled:
            rows.append({"policy": policy, **about, "sentences": labelled})
    write_jsonl(path, rows)
    return len(rows) - 1


def read_bare(path: str | os.PathLike[str]) -> list[BarePolicy]:
    """Read a file that `strip` wrote.

    Raises:
        DataError: it cannot be read, or a line is not of this form; the message names file, line and reason.
    """
    names: list[str] = []
    found: list[BarePolicy] = []
    for number, row in iter_json_rows(path):
        try:
            if not names:
                names = list(row["labels"])
                unknown = [name for name in names if name not in LABELS]
                if unknown:
                    raise ValueError(f"unknown label {unknown[0]!r}")
                continue
            marks = tuple(
                (str(key), None if places is None else tuple(names[place] for place in places))
                for key, places in row["sentences"]
            )
            about = {key: row[key] for key in ("source", "name") if key in row}
            found.append(BarePolicy(str(row["policy"]), marks, about))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{os.fspath(path)}, line {number}: not labels without texts ({error!r})") from None
    if not found:
        raise DataError(f"{os.fspath(path)}: holds no policy")
    return found


def join(policies: Iterable[tuple[str, str]], bare: Iterable[BarePolicy]) -> tuple[list[dict[str, Any]], list[str]]:
    """Labelled rows of the policies (id, text) that `bare` has labels for, and notes on what did not fit.

    A policy is found by its id, its sentences by their hashes, in order of occurrence; a sentence without labels
    (cut differently, or another version of the text) is an unlabelled row: context.
    """
    wanted = {own.policy: own for own in bare}
    rows: list[dict[str, Any]] = []
    lost = 0
    for policy, text in policies:
        own = wanted.pop(policy, None)
        if own is None:
            continue
        marks: dict[str, list[tuple[str, ...] | None]] = {}
        for key, labels in own.sentences:
            marks.setdefault(key, []).append(labels)
        for sentence in segment(extract_text(policy, text)):
            row = sentence.row() | dict(own.about)
            left = marks.get(text_hash(sentence.text))
            labels = left.pop(0) if left else None
            if labels is not None:
                row["labels"] = list(labels)
            rows.append(row)
        lost += sum(labels is not None for left in marks.values() for labels in left)
    notes = []
    if lost:
        notes.append(f"labels of {lost} sentences found no sentence of that text")
    if wanted:
        notes.append(f"{len(wanted)} policies with labels are not among the texts ({', '.join(sorted(wanted)[:3])} …)")
    return rows, notes


def read_policies(path: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """Ids and texts of a JSONL of policies, compressed by gzip if its name ends in .gz.

    Raises:
        DataError: it cannot be read, or a row has no id or text.
    """
    name = os.fspath(path)
    if not name.endswith(".gz"):
        rows: Iterable[tuple[int, Any]] = iter_json_rows(path)
    else:
        rows = _compressed(Path(path))
    for number, row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not isinstance(row.get("text"), str):
            raise DataError(f"{name}, line {number}: expected a policy with 'id' and 'text'")
        if SURROGATE.search(row["id"]):
            raise DataError(f"{name}, line {number}: the id {row['id']!r} holds half a character; change it")
        yield row["id"], row["text"]


def _compressed(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, json.loads(line)
    except (OSError, EOFError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read as JSONL compressed by gzip ({reason})") from None

"""Labels without texts: they can be shared where the texts cannot, and joined with the texts by whoever has them.

A file is JSONL. Its first line lists the labels. Each further line is a policy: its id, source and name, its split
(train or validation) if it has one, and for each labelled sentence the hash of its text
(`clausetag.data.text.text_hash`) with the positions of its labels in that list. Unlabelled sentences with the same text
as a labelled one are listed too, with null, so that the two can be told apart.

    {"labels": ["First Party Collection/Use", …]}
    {"policy": "u00001", "source": "…", "name": "…", "sentences": [["0123456789abcdef", [0, 2]], …]}

clausetag data strip labelled.jsonl -o labels.jsonl
clausetag data join labels.jsonl policies.jsonl.gz -o labelled.jsonl      # policies: rows of id and text
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clausetag.data.documents.sniff import extract_text
from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy, iter_json_rows, write_jsonl
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.segment import segment
from clausetag.data.text import text_hash

_ABOUT = ("source", "name", "split")
"""Keys of the rows that are the same for a whole policy."""


@dataclass(frozen=True, slots=True)
class BarePolicy:
    """The (text hash, labels) of a policy's sentences in order, and its source, name and split (`about`).

    Labels are None for an unlabelled sentence with the same text as a labelled one.
    """

    policy: str
    sentences: tuple[tuple[str, tuple[str, ...] | None], ...]
    about: Mapping[str, Any]


def strip(sentences: Iterable[Sentence], path: str | os.PathLike[str]) -> int:
    """Write the labels of sentences without their texts; returns the number of policies."""
    rows: list[dict[str, Any]] = [{"labels": list(LABELS)}]
    for policy, group in by_policy(sentences).items():
        about = {key: group[0].extra[key] for key in _ABOUT if key in group[0].extra}
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
        DataError: it cannot be read, or a line has another form; the message names file, line and reason.
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
            about = {key: row[key] for key in _ABOUT if key in row}
            found.append(BarePolicy(str(row["policy"]), marks, about))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{os.fspath(path)}, line {number}: expected labels without texts ({error!r})") from None
    if not found:
        raise DataError(f"{os.fspath(path)}: holds no policy")
    return found


def join(policies: Iterable[tuple[str, str]], bare: Iterable[BarePolicy]) -> tuple[list[dict[str, Any]], list[str]]:
    """Labelled rows of the policies (id, text) that `bare` has labels for, and notes on labels that found no text.

    Policies are matched by id, sentences by hash and order of occurrence. A sentence without a match (because it is
    split differently or the text has changed) becomes an unlabelled row, which is context.
    """
    wanted = {one.policy: one for one in bare}
    rows: list[dict[str, Any]] = []
    lost = 0
    for policy, text in policies:
        labelled = wanted.pop(policy, None)
        if labelled is None:
            continue
        marks: dict[str, list[tuple[str, ...] | None]] = {}
        for key, labels in labelled.sentences:
            marks.setdefault(key, []).append(labels)
        for sentence in segment(extract_text(policy, text)):
            row = sentence.row() | dict(labelled.about)
            left = marks.get(text_hash(sentence.text))
            labels = left.pop(0) if left else None
            if labels is not None:
                row["labels"] = list(labels)
            rows.append(row)
        lost += sum(labels is not None for left in marks.values() for labels in left)
    notes = []
    if lost:
        notes.append(f"labels of {lost} sentences match no sentence of the texts")
    if wanted:
        notes.append(f"{len(wanted)} policies with labels are not among the texts ({', '.join(sorted(wanted)[:3])} …)")
    return rows, notes

"""Attribute labels without texts: readings of the five policies and of policies of today, joined to sentences by hash.

`annotations/attributes.jsonl`: the first line lists the values, each further line is one reading of one policy, with
the hash of each sentence's text (`clausetag.data.text.text_hash`) and the positions of its values in that list.
Readings "a" and "b" are independent of each other, "gold" is adjudicated from both (`DATASHEET.md`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

from clausetag.data.attributes import VALUES, Value, grouped, possible_values
from clausetag.data.errors import DataError
from clausetag.data.records import Sentence
from clausetag.data.text import text_hash

READINGS = ("gold", "a", "b")
"""In order of preference, where a policy was read more than once."""

_Marks = tuple[tuple[str, tuple[Value, ...]], ...]


@cache
def attribute_readings() -> dict[tuple[str, str], _Marks]:
    """The (text hash, values) of each sentence, in order, for each (policy, reading).

    Raises:
        DataError: the file is damaged.
    """
    lines = files("clausetag.data").joinpath("annotations", "attributes.jsonl").read_text(encoding="utf-8").splitlines()
    found: dict[tuple[str, str], _Marks] = {}
    try:
        names = [(str(name), str(value)) for name, value in json.loads(lines[0])["values"]]
        if not set(names) <= set(VALUES):
            raise ValueError("the first line lists an unknown value")
        for line in lines[1:]:
            row = json.loads(line)
            marks = tuple((key, tuple(names[place] for place in places)) for key, places in row["sentences"])
            found[row["policy"], row["reading"]] = marks
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"annotations/attributes.jsonl: damaged ({error!r})") from None
    return found


def with_attributes(sentences: Sequence[Sentence], readings: Sequence[str] = READINGS) -> list[Sentence]:
    """The sentences with the attributes of the first of `readings` that their policy has.

    A sentence is found by its policy, the hash of its text, and the order of occurrence. Values that its labels cannot
    have are left out; sentences that were not read keep what they have.
    """
    left: dict[str, dict[str, list[tuple[Value, ...]]]] = {}
    found: list[Sentence] = []
    for sentence in sentences:
        if sentence.policy not in left:
            marks: dict[str, list[tuple[Value, ...]]] = {}
            name = next((name for name in readings if (sentence.policy, name) in attribute_readings()), "")
            for key, values in attribute_readings().get((sentence.policy, name), ()):
                marks.setdefault(key, []).append(values)
            left[sentence.policy] = marks
        same = left[sentence.policy].get(text_hash(sentence.text))
        if same:
            possible = dict(zip(VALUES, possible_values(sentence.labels or ()), strict=True))
            sentence = replace(sentence, attributes=grouped(value for value in same.pop(0) if possible[value]))
        found.append(sentence)
    return found

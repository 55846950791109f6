"""Carry labels without texts over to sentences with other boundaries, after a change of the segmenter.

python scripts/migrate_labels.py data/annotations/today.jsonl --old old.jsonl --new new.jsonl

OLD and NEW are the sentences of the same policies with the old and the new boundaries, as `clausetag data join` of the
old and the new code writes them. Both are lists of words, which are aligned. A new sentence gets the labels (or values)
of the old sentences that it consists of, if all of these were read and it has all their words, or all but a list
marker. Other new sentences, such as parts of an old one with labels, get none: which part states what is not known; the
parts of a sentence without labels have none. The counts are printed.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from clausetag.data.jsonl import iter_json_rows
from clausetag.data.text import text_hash

_WORD = re.compile(r"[^\W_]+")
_MARKER = re.compile(r"\d{1,3}|[a-z]|[ivx]{1,5}|and|or")
_SPARE = 2
"""Words of an old sentence that a new one may lack, if they are no more than a marker."""

Marks = list[list[int] | None]


def migrated(old: Sequence[str], marks: Marks, new: Sequence[str], counts: Counter[str]) -> list[list[int] | None]:
    """The marks of the `new` sentences, from those of the `old` ones; None where they are not known."""
    old_words = [(word.lower(), number) for number, text in enumerate(old) for word in _WORD.findall(text)]
    new_words = [(word.lower(), number) for number, text in enumerate(new) for word in _WORD.findall(text)]
    matcher = SequenceMatcher(None, [word for word, _ in old_words], [word for word, _ in new_words], autojunk=False)
    shared: dict[int, Counter[int]] = defaultdict(Counter)
    matched: dict[int, set[int]] = defaultdict(set)
    for block in matcher.get_matching_blocks():
        for place in range(block.size):
            source = old_words[block.a + place][1]
            shared[new_words[block.b + place][1]][source] += 1
            matched[source].add(block.a + place)
    sizes = Counter(number for _, number in old_words)
    missing = {
        number: [word for place, (word, of) in enumerate(old_words) if of == number and place not in matched[number]]
        for number in sizes
        if len(matched[number]) < sizes[number]
    }
    found: list[list[int] | None] = []
    for number, text in enumerate(new):
        sources = {source: count for source, count in shared[number].items() if marks[source] is not None}
        is_read = bool(sources) and len(sources) == len(shared[number])
        values = sorted({value for source in sources for value in marks[source] or ()})
        whole = all(
            count + len(missing.get(source, ())) >= sizes[source]
            and len(missing.get(source, ())) <= _SPARE
            and all(map(_MARKER.fullmatch, missing.get(source, ())))
            for source, count in sources.items()
        )
        if not is_read:
            found.append(None)
            continue
        same = [source for source in sources if old[source] == text]
        kind = "as before" if same else "joined or trimmed" if whole else "part without labels"
        if not whole and values:
            counts["dropped: a part"] += 1
            found.append(None)
            continue
        counts[kind] += 1
        found.append(values)
    return found


def main() -> None:
    """Rewrite the file in place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bare", type=Path)
    parser.add_argument("--old", action="append", required=True, help="may be repeated")
    parser.add_argument("--new", action="append", required=True)
    given = parser.parse_args()
    old, new = _texts(given.old), _texts(given.new)
    head, *lines = [json.loads(line) for line in given.bare.read_text(encoding="utf-8").splitlines()]
    counts: Counter[str] = Counter()
    for row in lines:
        if row["policy"] not in old:
            counts["policies without texts"] += 1
            continue
        left: dict[str, Marks] = defaultdict(list)
        for key, places in row["sentences"]:
            left[key].append(places)
        marks: Marks = [left[key].pop(0) if left.get(key := text_hash(text)) else None for text in old[row["policy"]]]
        counts["labelled before"] += sum(places is not None for places in marks)
        counts["lost before"] += sum(places is not None for rest in left.values() for places in rest)
        texts = new[row["policy"]]
        found = migrated(old[row["policy"]], marks, texts, counts)
        keys = {text_hash(text) for text, places in zip(texts, found, strict=True) if places is not None}
        row["sentences"] = [
            [text_hash(text), places]
            for text, places in zip(texts, found, strict=True)
            if (places is not None or "reading" not in row) and text_hash(text) in keys
        ]
        counts["labelled now"] += sum(places is not None for places in found)
    rows: Iterable[Any] = (json.dumps(row, ensure_ascii=False) + "\n" for row in (head, *lines))
    given.bare.write_text("".join(rows), encoding="utf-8")
    print(", ".join(f"{kind}: {count:,}" for kind, count in sorted(counts.items())))


def _texts(paths: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        for _, row in iter_json_rows(path):
            found[row["policy"]].append(row["text"])
    return found


if __name__ == "__main__":
    main()

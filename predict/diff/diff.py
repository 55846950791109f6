"""Compares two versions of a policy, sentence by sentence: unchanged, moved, changed, added, removed.

1. Sentences whose normalised text is equal are aligned in order: unchanged.
2. Of the rest, equal sentences in different places: moved.
3. Of the rest, sentences that differ only in a date ("Last updated: …"), and then the most similar pairs: changed.
   What remains was added or removed.

`clausetag.predict.diff.align` finds the pairs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, get_args

from clausetag.data.documents.blocks import normalise
from clausetag.data.documents.structure.dates import without_date
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.predict.diff.align import Pair, Places, Similarity, common_subsequence, others

Status = Literal["unchanged", "moved", "changed", "added", "removed"]
STATUSES: tuple[Status, ...] = get_args(Status)

_SHAPES = str.maketrans("‘’‚‛′“”„‟″«»‐‑‒–—―−", '\'\'\'\'\'"""""""-------')
_TOKEN = re.compile(r"(?<!\s)\s*+(?:\w++(?:['’]\w++)*+|[^\w\s])")
"""A word or a punctuation mark, with the white space before it."""


@dataclass(frozen=True, slots=True)
class WordEdit:
    """A run of words: kept ("="), only in the old sentence ("-") or only in the new one ("+")."""

    kind: Literal["=", "-", "+"]
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One sentence of the old version, one of the new version, or a pair of both."""

    status: Status
    old: Sentence | None
    new: Sentence | None
    similarity: float | None = None
    """Of a changed pair, from 0 to 1."""
    known: tuple[str, ...] = LABELS
    """All labels of the model that tagged both, in order."""

    @property
    def gained(self) -> tuple[str, ...]:
        """Labels that only the new sentence has, in their order."""
        return _only(self.new, self.old)

    @property
    def lost(self) -> tuple[str, ...]:
        """Labels that only the old sentence has, in their order."""
        return _only(self.old, self.new)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of either sentence, in their order."""
        found = {label for side in (self.old, self.new) if side for label in side.labels or ()}
        return tuple(label for label in self.known if label in found)

    @property
    def sentence(self) -> Sentence:
        """The new sentence, or the old one if it was removed."""
        sentence = self.new or self.old
        assert sentence is not None
        return sentence

    @property
    def place(self) -> str:
        """The positions in both versions, as "12 -> 14", or the only one there is."""
        return " -> ".join(str(side.index) for side in (self.old, self.new) if side)

    @property
    def signs(self) -> dict[str, str]:
        """For each label that a pair gained or lost, "+" or "-"."""
        if self.old is None or self.new is None:
            return {}
        return dict.fromkeys(self.gained, "+") | dict.fromkeys(self.lost, "-")

    def edits(self) -> tuple[WordEdit, ...]:
        """The word differences of a changed pair; empty for any other change."""
        if self.status != "changed" or self.old is None or self.new is None:
            return ()
        return word_edits(self.old.text, self.new.text)

    def row(self) -> dict[str, Any]:
        """The JSON object of this change. Every row has every key; what does not apply is None."""
        row: dict[str, Any] = {"status": self.status}
        for side, sentence in (("old", self.old), ("new", self.new)):
            for key in ("policy", "index", "start", "end", "heading", "text"):
                row[f"{side}_{key}"] = None if sentence is None else getattr(sentence, key)
            row[f"{side}_labels"] = None if sentence is None else list(sentence.labels or ())
            stated = None if sentence is None else sentence.attributes
            row[f"{side}_attributes"] = None if stated is None else {name: list(stated[name]) for name in stated}
        edits = [[edit.kind, edit.text] for edit in self.edits()]
        similarity = None if self.similarity is None else round(self.similarity, 4)
        return row | {
            "gained": list(self.gained),
            "lost": list(self.lost),
            "similarity": similarity,
            "words": edits or None,
        }


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """Added, removed and changed sentences of a category; a changed pair counts for the labels of both sentences."""

    label: str
    added: int
    removed: int
    changed: int


def comparison_key(text: str) -> str:
    """The text without what makes no difference: white space, invisible characters, the shapes of quotes and dashes."""
    return normalise(text).translate(_SHAPES)


def diff_sentences(
    old: Sequence[Sentence], new: Sequence[Sentence], labels: tuple[str, ...] = LABELS
) -> tuple[Change, ...]:
    """Every sentence of both versions exactly once, in the order of the new one; removed ones stand where they were.

    `old` and `new` are the sentences of one document each, in order; `labels` are those of the model that tagged them.
    """
    old_keys = [comparison_key(sentence.text) for sentence in old]
    new_keys = [comparison_key(sentence.text) for sentence in new]
    kept = common_subsequence(old_keys, new_keys)
    left_old = others(len(old), (i for i, _ in kept))
    left_new = others(len(new), (j for _, j in kept))
    moved = _equal_pairs(dict(enumerate(old_keys)), dict(enumerate(new_keys)), left_old, left_new)
    moved_old, moved_new = {i for i, _ in moved}, {j for _, j in moved}
    places = Places(kept)
    similarity_of = Similarity([s.text for s in old], [s.text for s in new], places)
    left_old = [i for i in left_old if i not in moved_old]
    left_new = [j for j in left_new if j not in moved_new]
    dated = _equal_pairs(_without_dates(old, left_old), _without_dates(new, left_new), left_old, left_new)
    redated = {i for i, _ in dated}, {j for _, j in dated}
    similar = {pair: similarity_of.of(*pair) for pair in dated} | similarity_of.pairs(
        [i for i in left_old if i not in redated[0]], [j for j in left_new if j not in redated[1]]
    )
    pairs: dict[int, tuple[int, Status, float | None]] = {j: (i, "unchanged", None) for i, j in kept}
    pairs |= {j: (i, "moved", None) for i, j in moved}
    pairs |= {j: (i, "changed", similarity) for (i, j), similarity in similar.items()}
    in_order = sorted(i for j, (i, status, _) in pairs.items() if status != "moved" and places.same(i, j))
    removed = deque(others(len(old), (i for i, _, _ in pairs.values())))
    changes: list[Change] = []

    def add_removed(after: int) -> None:
        """Add what was removed between the old sentence `after` and the next one that kept its place."""
        number = bisect_right(in_order, after)
        end = in_order[number] if number < len(in_order) else len(old)
        while removed and removed[0] < end:
            changes.append(Change("removed", old[removed.popleft()], None, known=labels))

    add_removed(-1)
    for j, sentence in enumerate(new):
        if j not in pairs:
            changes.append(Change("added", None, sentence, known=labels))
            continue
        i, status, similarity = pairs[j]
        changes.append(Change(status, old[i], sentence, similarity, labels))
        if status != "moved" and places.same(i, j):
            add_removed(i)
    return tuple(changes)


def count_categories(changes: Iterable[Change], labels: Sequence[str] = LABELS) -> list[CategoryCount]:
    """Counts of the categories that occur among the added, removed and changed sentences, in the order of `labels`."""
    counts: Counter[tuple[str, Status]] = Counter()
    for change in changes:
        counts.update((label, change.status) for label in change.labels)
    table = [
        CategoryCount(label, counts[label, "added"], counts[label, "removed"], counts[label, "changed"])
        for label in labels
    ]
    return [row for row in table if row.added or row.removed or row.changed]


def word_edits(old: str, new: str) -> tuple[WordEdit, ...]:
    """The differences of two texts in words and punctuation; what was removed comes before what replaced it.

    The kept and added runs joined give `new`; the kept and removed ones give `old`, except for white space.
    """
    left, right = _TOKEN.findall(old), _TOKEN.findall(new)
    pairs = common_subsequence([comparison_key(token) for token in left], [comparison_key(token) for token in right])
    pieces: list[WordEdit] = []
    i = j = 0
    for i_next, j_next in [*pairs, (len(left), len(right))]:
        pieces += [WordEdit("-", token) for token in left[i:i_next]]
        pieces += [WordEdit("+", token) for token in right[j:j_next]]
        pieces += [WordEdit("=", token) for token in right[j_next : j_next + 1]]
        i, j = i_next + 1, j_next + 1
    runs = groupby(pieces, key=lambda piece: piece.kind)
    return tuple(WordEdit(kind, "".join(piece.text for piece in run)) for kind, run in runs)


def _only(side: Sentence | None, other: Sentence | None) -> tuple[str, ...]:
    there = set(other.labels or ()) if other else set()
    return tuple(label for label in (side.labels or () if side else ()) if label not in there)


def _without_dates(sentences: Sequence[Sentence], left: Iterable[int]) -> dict[int, Hashable]:
    """What else the sentences at `left` say that have a date."""
    keys = {i: without_date(sentences[i].text) for i in left}
    return {i: key for i, key in keys.items() if key is not None}


def _equal_pairs(
    old_keys: Mapping[int, Hashable], new_keys: Mapping[int, Hashable], left_old: Iterable[int], left_new: Iterable[int]
) -> list[Pair]:
    """Equal sentences in different places: the first with the first, the second with the second."""
    waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for i in left_old:
        if i in old_keys:
            waiting[old_keys[i]].append(i)
    return [(waiting[key].popleft(), j) for j in left_new if waiting.get(key := new_keys.get(j))]

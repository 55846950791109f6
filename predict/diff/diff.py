"""Two versions of a policy, sentence by sentence: what stayed, moved, changed, came and went.

1. Sentences whose normalised text is equal are aligned in order (`clausetag.predict.diff.align`): unchanged.
2. Of those left, equal ones that stand elsewhere: moved.
3. Of those left, the most similar pairs: changed. What remains was added or removed.

Similarity is the share of words that two sentences have in common, rare words counting more: Dice's coefficient of the
bags of words, each word weighted by log(1 + sentences / sentences with it) over both versions. A pair between the same
unchanged neighbours is a change from `SAME_PLACE` on, any other one from `ELSEWHERE` on.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, get_args

from clausetag.data.documents.blocks import normalise
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.text import words
from clausetag.predict.diff.align import Pair, common_subsequence

Status = Literal["unchanged", "moved", "changed", "added", "removed"]
STATUSES: tuple[Status, ...] = get_args(Status)

SAME_PLACE = 0.4
"""Similarity from which two sentences between the same unchanged neighbours are one that was changed.

Judged by eye on 60 pairs of versions of real policies: of 40 such pairs between 0.4 and 0.5 about 34 were one statement
reworded, between 0.35 and 0.4 it was 7 of 9, below 0.3 about half.
"""
ELSEWHERE = 0.6
"""The same for sentences in different places: 12 of 15 pairs between 0.6 and 0.7, and below 0.6 about half."""

_SHAPES = str.maketrans("‘’‚‛′“”„‟″«»‐‑‒–—―−", '\'\'\'\'\'"""""""-------')
_TOKEN = re.compile(r"\s*(?:\w+(?:['’]\w+)*|[^\w\s])")
"""A word or a sign, with the space in front."""

# What bounds the search for changed pairs: about 300 pairs a sentence are looked up, 12 of them are compared.
_RARE_WORDS = 8
_MAX_SENTENCES_OF_WORD = 32
_NEIGHBOURS = 8
_COMPARED = 12


@dataclass(frozen=True, slots=True)
class WordEdit:
    """A run of words: kept ("="), only in the old sentence ("-") or only in the new one ("+")."""

    kind: Literal["=", "-", "+"]
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One sentence of the old version, of the new one, or a pair."""

    status: Status
    old: Sentence | None
    new: Sentence | None
    similarity: float | None = None
    """Of a changed pair, 0 to 1."""
    known: tuple[str, ...] = LABELS
    """All labels of the model that tagged both, in order."""

    @property
    def gained(self) -> tuple[str, ...]:
        """Labels that only the new sentence has, in the order of the labels."""
        return _only(self.new, self.old)

    @property
    def lost(self) -> tuple[str, ...]:
        """Labels that only the old sentence has, in the order of the labels."""
        return _only(self.old, self.new)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of either sentence, in the order of the labels."""
        found = {label for side in (self.old, self.new) if side for label in side.labels or ()}
        return tuple(label for label in self.known if label in found)

    def edits(self) -> tuple[WordEdit, ...]:
        """The difference in words of a changed pair; nothing for any other."""
        if self.status != "changed" or self.old is None or self.new is None:
            return ()
        return word_edits(self.old.text, self.new.text)

    def row(self) -> dict[str, Any]:
        """The JSON object of this change; every key is in every row, None where there is nothing."""
        row: dict[str, Any] = {"status": self.status}
        for side, sentence in (("old", self.old), ("new", self.new)):
            for key in ("policy", "index", "start", "end", "heading", "text"):
                row[f"{side}_{key}"] = None if sentence is None else getattr(sentence, key)
            row[f"{side}_labels"] = None if sentence is None else list(sentence.labels or ())
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
    """How many sentences of a category were added, removed and changed; a changed one counts for either's labels."""

    label: str
    added: int
    removed: int
    changed: int


def comparison_key(text: str) -> str:
    """What must be equal for two sentences to be the same: all but white space, invisible signs, and the shapes of
    quotes and dashes."""
    return normalise(text).translate(_SHAPES)


def diff_sentences(
    old: Sequence[Sentence], new: Sequence[Sentence], labels: tuple[str, ...] = LABELS
) -> tuple[Change, ...]:
    """Every sentence of both versions exactly once, in the order of the new version; a removed one stands where it was.

    Both are the sentences of one document each, in order, tagged (by a model with these `labels`) or not.
    """
    old_keys = [comparison_key(sentence.text) for sentence in old]
    new_keys = [comparison_key(sentence.text) for sentence in new]
    kept = common_subsequence(old_keys, new_keys)
    left_old = _others(len(old), (i for i, _ in kept))
    left_new = _others(len(new), (j for _, j in kept))
    moved = _equal_pairs(old_keys, new_keys, left_old, left_new)
    taken = {i for i, _ in moved}, {j for _, j in moved}
    place = _Places(kept)
    similar = _Similarity(old, new, place).pairs(
        [i for i in left_old if i not in taken[0]], [j for j in left_new if j not in taken[1]]
    )
    pairs: dict[int, tuple[int, Status, float | None]] = {j: (i, "unchanged", None) for i, j in kept}
    pairs |= {j: (i, "moved", None) for i, j in moved}
    pairs |= {j: (i, "changed", similarity) for (i, j), similarity in similar.items()}
    in_order = sorted(i for j, (i, status, _) in pairs.items() if status != "moved" and place.same(i, j))
    removed = deque(_others(len(old), (i for i, _, _ in pairs.values())))
    changes: list[Change] = []

    def add_removed(after: int) -> None:
        """What was removed behind the old sentence `after` and before the next one that is still in its place."""
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
        if status != "moved" and place.same(i, j):
            add_removed(i)
    return tuple(changes)


def count_categories(changes: Iterable[Change], labels: Sequence[str] = LABELS) -> list[CategoryCount]:
    """For each category that occurs among the added, removed and changed sentences, how many there are, in the order of
    the labels."""
    counts: Counter[tuple[str, Status]] = Counter()
    for change in changes:
        counts.update((label, change.status) for label in change.labels)
    table = [
        CategoryCount(label, counts[label, "added"], counts[label, "removed"], counts[label, "changed"])
        for label in labels
    ]
    return [row for row in table if row.added or row.removed or row.changed]


def word_edits(old: str, new: str) -> tuple[WordEdit, ...]:
    """The difference of two texts in words and signs, what was removed before what was added in its place.

    Kept and added runs put together give `new`, kept and removed ones `old` but for its white space.
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


def _others(length: int, taken: Iterable[int]) -> list[int]:
    gone = set(taken)
    return [number for number in range(length) if number not in gone]


def _equal_pairs(
    old_keys: Sequence[str], new_keys: Sequence[str], left_old: Iterable[int], left_new: Iterable[int]
) -> list[Pair]:
    """Equal sentences in different places, the first with the first."""
    waiting: defaultdict[str, deque[int]] = defaultdict(deque)
    for i in left_old:
        waiting[old_keys[i]].append(i)
    return [(waiting[key].popleft(), j) for j in left_new if waiting.get(key := new_keys[j])]


class _Places:
    """Between which unchanged neighbours a sentence stands."""

    def __init__(self, kept: Sequence[Pair]) -> None:
        self._old = [i for i, _ in kept]
        self._new = [j for _, j in kept]

    def of_old(self, i: int) -> int:
        return bisect_left(self._old, i)

    def of_new(self, j: int) -> int:
        return bisect_left(self._new, j)

    def same(self, i: int, j: int) -> bool:
        return self.of_old(i) == self.of_new(j)


class _Similarity:
    """Finds the changed pairs among the sentences that are equal to none."""

    def __init__(self, old: Sequence[Sentence], new: Sequence[Sentence], places: _Places) -> None:
        self._places = places
        self._old = [Counter(words(sentence.text)) for sentence in old]
        self._new = [Counter(words(sentence.text)) for sentence in new]
        holding = Counter(word for bag in (*self._old, *self._new) for word in bag)
        total = len(old) + len(new)
        self._weight = {word: math.log(1 + total / count) for word, count in holding.items()}

    def pairs(self, left_old: Sequence[int], left_new: Sequence[int]) -> dict[Pair, float]:
        """The pairs to be taken for changes, each sentence in one at most, with their similarities.

        The pair that is furthest above its threshold comes first, of equals the one whose places are nearest.
        """
        holders: defaultdict[str, list[int]] = defaultdict(list)
        by_place: defaultdict[int, list[int]] = defaultdict(list)
        for i in left_old:
            by_place[self._places.of_old(i)].append(i)
            for word in self._old[i]:
                holders[word].append(i)
        rank: Counter[int] = Counter()
        new_in_place = Counter(self._places.of_new(j) for j in left_new)
        found: list[tuple[float, float, int, int, float]] = []
        for j in left_new:
            place = self._places.of_new(j)
            there = by_place.get(place, [])
            middle = rank[place] * len(there) // new_in_place[place]
            rank[place] += 1
            near = there[max(middle - _NEIGHBOURS, 0) : middle + _NEIGHBOURS + 1]
            for i in self._likely(j, near, holders):
                similarity = self._of(i, j)
                margin = similarity - (SAME_PLACE if self._places.same(i, j) else ELSEWHERE)
                if margin >= 0:
                    distance = abs(i / len(self._old) - j / len(self._new))
                    found.append((-margin, distance, i, j, similarity))
        chosen: dict[Pair, float] = {}
        used_old: set[int] = set()
        used_new: set[int] = set()
        for _, _, i, j, similarity in sorted(found):
            if i not in used_old and j not in used_new:
                used_old.add(i)
                used_new.add(j)
                chosen[i, j] = similarity
        return chosen

    def _likely(self, j: int, near: Sequence[int], holders: dict[str, list[int]]) -> list[int]:
        """The old sentences worth comparing: those that share most of the new one's rare words, or stand near."""
        known = [word for word in self._new[j] if len(holders.get(word, ())) in range(1, _MAX_SENTENCES_OF_WORD + 1)]
        rare = sorted(known, key=lambda word: (-self._weight[word], word))[:_RARE_WORDS]
        shared: Counter[int] = Counter(near)
        for word in rare:
            shared.update(holders[word])
        return [i for i, _ in shared.most_common(_COMPARED)]

    def _of(self, i: int, j: int) -> float:
        old, new = self._old[i], self._new[j]
        both = sum(self._weight[word] * min(count, new[word]) for word, count in old.items() if word in new)
        total = sum(self._weight[word] * count for bag in (old, new) for word, count in bag.items())
        return 2 * both / total if total else 0.0

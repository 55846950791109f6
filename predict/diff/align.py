"""Aligns two sequences: equal items in the same order, and then similar sentences.

A textbook longest common subsequence takes time and memory for every pair of equal items: 10,000,000,000 for two lists
of 100,000 equal lines. Here the number of pairs is bounded. If there are more, the rarest items are aligned first, and
then the gaps between them, as patience diff and histogram diff do.

The similarity of two sentences is Dice's coefficient of their bags of words, in which each word has the weight
log(1 + sentences / sentences that have it), counted over both versions.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise

from clausetag.data.text import words

Pair = tuple[int, int]

SAME_PLACE = 0.4
"""Similarity from which two sentences between the same unchanged neighbours are one that was changed.

Judged by eye on 60 pairs of versions of real policies: of 40 such pairs between 0.4 and 0.5 about 34 were one statement
reworded, between 0.35 and 0.4 it was 7 of 9, below 0.3 about half.
"""
ELSEWHERE = 0.6
"""The same for sentences in different places: 12 of 15 pairs between 0.6 and 0.7, and below 0.6 about half."""

MAX_PAIRS = 1_000_000
_PAIRS_PER_ITEM = 50
_MAX_DEPTH = 16
# Limits of the search for changed pairs: about 300 pairs a sentence are looked up, 12 of them are compared.
_RARE_WORDS = 8
_MAX_SENTENCES_OF_WORD = 32
_NEIGHBOURS = 8
_COMPARED = 12


def common_subsequence(old: Sequence[Hashable], new: Sequence[Hashable], max_pairs: int = MAX_PAIRS) -> list[Pair]:
    """Pairs (position in `old`, position in `new`) of equal items, increasing on both sides.

    It is a longest one if there are at most 50 equal pairs per item and `max_pairs` in total; else it may be shorter.
    It takes time O(n log n) in either case.
    """
    found: list[Pair] = []
    gaps = [(0, len(old), 0, len(new), 0)]
    while gaps:
        a, a_end, b, b_end, depth = gaps.pop()
        while a < a_end and b < b_end and old[a] == new[b]:
            found.append((a, b))
            a, b = a + 1, b + 1
        while a < a_end and b < b_end and old[a_end - 1] == new[b_end - 1]:
            a_end, b_end = a_end - 1, b_end - 1
            found.append((a_end, b_end))
        if a == a_end or b == b_end:
            continue
        pairs, complete = _candidates(old, new, (a, a_end), (b, b_end), depth, max_pairs)
        chain = increasing_chain(pairs)
        found += chain
        if not complete:
            edges = [(a - 1, b - 1), *chain, (a_end, b_end)]
            gaps += [(i + 1, i_next, j + 1, j_next, depth + 1) for (i, j), (i_next, j_next) in pairwise(edges)]
    return sorted(found)


def _candidates(
    old: Sequence[Hashable], new: Sequence[Hashable], in_old: Pair, in_new: Pair, depth: int, max_pairs: int
) -> tuple[list[Pair], bool]:
    """Equal pairs within two ranges, and whether they are all, so that the gaps between them need no further search."""
    places: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for i in range(*in_old):
        places[old[i]][0].append(i)
    for j in range(*in_new):
        if new[j] in places:
            places[new[j]][1].append(j)
    shared = sorted((both for both in places.values() if both[1]), key=lambda both: len(both[0]) * len(both[1]))
    limit = min(_PAIRS_PER_ITEM * (in_old[1] - in_old[0] + in_new[1] - in_new[0]), max_pairs)
    pairs: list[Pair] = []
    for number, (left, right) in enumerate(shared):
        if len(pairs) + len(left) * len(right) > limit:
            if number and depth < _MAX_DEPTH:
                return pairs, False
            # Nothing is rare enough to be an anchor: pair the first with the first, the second with the second, …
            return [pair for both in shared for pair in zip(*both, strict=False)], True
        pairs += [(i, j) for i in left for j in right]
    return pairs, True


def increasing_chain(pairs: Iterable[Pair]) -> list[Pair]:
    """A longest selection of `pairs` that increases strictly on both sides, in time O(n log n)."""
    # The pairs of one old position come in falling order of the new one, so no two of them fit into one chain.
    ordered = sorted(pairs, key=lambda pair: (pair[0], -pair[1]))
    ends: list[int] = []  # for each length, the smallest new position at which a chain ends
    last: list[int] = []  # the pair that it ends with
    before: list[int] = []
    for number, (_, j) in enumerate(ordered):
        length = bisect_left(ends, j)
        before.append(last[length - 1] if length else -1)
        if length == len(ends):
            ends.append(j)
            last.append(number)
        else:
            ends[length] = j
            last[length] = number
    chain: list[Pair] = []
    number = last[-1] if last else -1
    while number >= 0:
        chain.append(ordered[number])
        number = before[number]
    return chain[::-1]


class Places:
    """Where a sentence stands: the number of unchanged sentences before it."""

    def __init__(self, kept: Sequence[Pair]) -> None:
        """`kept` are the pairs of unchanged sentences, in order."""
        self._old = [i for i, _ in kept]
        self._new = [j for _, j in kept]

    def of_old(self, i: int) -> int:
        return bisect_left(self._old, i)

    def of_new(self, j: int) -> int:
        return bisect_left(self._new, j)

    def same(self, i: int, j: int) -> bool:
        """Whether an old and a new sentence stand between the same unchanged neighbours."""
        return self.of_old(i) == self.of_new(j)


def others(length: int, taken: Iterable[int]) -> list[int]:
    """The numbers from 0 to `length` - 1 that are not `taken`."""
    gone = set(taken)
    return [number for number in range(length) if number not in gone]


class Similarity:
    """Finds the changed pairs among the sentences that are equal to no other."""

    def __init__(self, old: Sequence[str], new: Sequence[str], places: Places) -> None:
        self._places = places
        self._old = [Counter(words(text)) for text in old]
        self._new = [Counter(words(text)) for text in new]
        holding = Counter(word for bag in (*self._old, *self._new) for word in bag)
        total = len(old) + len(new)
        self._weight = {word: math.log(1 + total / count) for word, count in holding.items()}

    def pairs(self, left_old: Sequence[int], left_new: Sequence[int]) -> dict[Pair, float]:
        """The pairs of sentences that count as changed, with their similarities; each sentence is in at most one pair.

        Only the sentences at `left_old` and `left_new` are paired. The pair that is furthest above its threshold is
        taken first; of equal ones, the one whose positions are nearest.
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
                similarity = self.of(i, j)
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
        """The old sentences worth comparing: those that share most rare words with the new one, or stand near."""
        known = [word for word in self._new[j] if len(holders.get(word, ())) in range(1, _MAX_SENTENCES_OF_WORD + 1)]
        rare = sorted(known, key=lambda word: (-self._weight[word], word))[:_RARE_WORDS]
        shared: Counter[int] = Counter(near)
        for word in rare:
            shared.update(holders[word])
        return [i for i, _ in shared.most_common(_COMPARED)]

    def of(self, i: int, j: int) -> float:
        """The similarity of an old and a new sentence, from 0 to 1."""
        old, new = self._old[i], self._new[j]
        both = sum(self._weight[word] * min(count, new[word]) for word, count in old.items() if word in new)
        total = sum(self._weight[word] * count for bag in (old, new) for word, count in bag.items())
        return 2 * both / total if total else 0.0

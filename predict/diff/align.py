"""Common subsequences of long sequences: exact where there are few matching pairs, anchored at rare items elsewhere.

A textbook longest common subsequence takes time and memory for every pair of equal items, ten thousand million for
two lists of 100,000 equal lines. Here the pairs that are looked at once are bounded: where there would be more, the
rarest items are aligned first and the gaps between them by themselves, as patience and histogram diffs do.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise

Pair = tuple[int, int]

_PAIRS_PER_ITEM = 50
_MAX_PAIRS = 1_000_000
_MAX_DEPTH = 16


def common_subsequence(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Pair]:
    """Pairs (position in `old`, position in `new`) of equal items, increasing on both sides.

    It is a longest one where the equal pairs are no more than 50 an item and a million; else it may be shorter. Time
    is O(n log n) in either case.
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
        pairs, complete = _candidates(old, new, (a, a_end), (b, b_end), depth)
        chain = increasing_chain(pairs)
        found += chain
        if not complete:
            edges = [(a - 1, b - 1), *chain, (a_end, b_end)]
            gaps += [(i + 1, i_next, j + 1, j_next, depth + 1) for (i, j), (i_next, j_next) in pairwise(edges)]
    return sorted(found)


def _candidates(
    old: Sequence[Hashable], new: Sequence[Hashable], in_old: Pair, in_new: Pair, depth: int
) -> tuple[list[Pair], bool]:
    """Equal pairs within two ranges, and whether the gaps between them need no further look."""
    places: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for i in range(*in_old):
        places[old[i]][0].append(i)
    for j in range(*in_new):
        if new[j] in places:
            places[new[j]][1].append(j)
    shared = sorted((both for both in places.values() if both[1]), key=lambda both: len(both[0]) * len(both[1]))
    budget = min(_PAIRS_PER_ITEM * (in_old[1] - in_old[0] + in_new[1] - in_new[0]), _MAX_PAIRS)
    pairs: list[Pair] = []
    for number, (left, right) in enumerate(shared):
        if len(pairs) + len(left) * len(right) > budget:
            if number and depth < _MAX_DEPTH:
                return pairs, False
            # Nothing is rare enough for an anchor: the first with the first, the second with the second, and so on.
            return [pair for both in shared for pair in zip(*both, strict=False)], True
        pairs += [(i, j) for i in left for j in right]
    return pairs, True


def increasing_chain(pairs: Iterable[Pair]) -> list[Pair]:
    """A longest choice of `pairs` that increases strictly on both sides, in O(n log n)."""
    # For one position of the old side the new ones come in falling order, so that no two of them fit into a chain.
    ordered = sorted(pairs, key=lambda pair: (pair[0], -pair[1]))
    ends: list[int] = []  # smallest last position of a chain of each length
    last: list[int] = []  # the pair that ends there
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

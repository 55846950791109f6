"""Common subsequences: as long as those of the textbook algorithm, in bounded time and memory."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clausetag.predict.diff import align
from clausetag.predict.diff.align import MAX_PAIRS, Places, Similarity, common_subsequence, increasing_chain

_LETTERS = st.text("abcd", max_size=14)


def _longest(old: Sequence[str], new: Sequence[str]) -> int:
    row = [0] * (len(new) + 1)
    for item in old:
        before = row
        row = [0]
        for j, other in enumerate(new):
            row.append(before[j] + 1 if item == other else max(row[j], before[j + 1]))
    return row[-1]


def _check(old: Sequence[str], new: Sequence[str], max_pairs: int = MAX_PAIRS) -> list[tuple[int, int]]:
    pairs = common_subsequence(old, new, max_pairs)
    assert all(old[i] == new[j] for i, j in pairs)
    assert all(i < i_next and j < j_next for (i, j), (i_next, j_next) in pairwise(pairs))
    return pairs


@given(_LETTERS, _LETTERS)
def test_it_is_a_longest_one(old: str, new: str) -> None:
    assert len(_check(old, new)) == _longest(old, new)


@given(_LETTERS, _LETTERS)
@settings(max_examples=200)
def test_with_few_pairs_at_a_time_it_is_still_a_common_one(old: str, new: str) -> None:
    pairs = _check(old, new, max_pairs=3)
    assert bool(pairs) == bool(set(old) & set(new))


def test_rare_items_are_anchors_where_pairs_are_too_many() -> None:
    """Without anchors, the n-th "more" would be paired with the n-th, and all pairs after a deletion would be wrong."""
    old = [word for number in range(100) for word in (f"section {number}", "more")]
    new = old[:40] + old[46:120] + old[125:]
    assert [i for i, _ in _check(old, new, max_pairs=200)] == [*range(40), *range(46, 120), *range(125, 200)]


def test_many_equal_lines_are_never_paired_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def counted(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
        looked_at.append(len(pairs))
        return increasing_chain(pairs)

    monkeypatch.setattr(align, "increasing_chain", counted)
    rng = random.Random(0)
    old = [rng.choice(("a", "b", "c")) for _ in range(3_000)]
    new = [rng.choice(("a", "b", "d")) for _ in range(3_000)]
    assert len(_check(old, new)) > 600
    assert len(_check(["a"] * 100_000, ["a"] * 90_000)) == 90_000
    assert sum(looked_at) <= 300_000


def test_the_longest_chain() -> None:
    assert increasing_chain([]) == []
    assert increasing_chain([(2, 0), (1, 1), (0, 2)]) in ([(0, 2)], [(1, 1)], [(2, 0)])
    assert increasing_chain([(0, 0), (0, 1), (1, 0), (1, 1)]) == [(0, 0), (1, 1)]
    assert increasing_chain([(0, 5), (1, 1), (2, 2), (3, 0), (4, 3)]) == [(1, 1), (2, 2), (4, 3)]


def test_repeated_words_count_as_often_as_both_have_them() -> None:
    similarity = Similarity(["data data data"], ["data"], Places([]))
    assert similarity.of(0, 0) == pytest.approx(0.5)


def test_of_equally_similar_sentences_the_nearest_is_the_pair() -> None:
    old = ["red green blue one"] * 3
    new = ["a b c d", "e f g h", "red green blue two"]
    assert list(Similarity(old, new, Places([])).pairs(range(3), range(3))) == [(2, 2)]
    assert list(Similarity(old, new[::-1], Places([])).pairs(range(3), range(3))) == [(0, 0)]

"""Exact and near duplicates between splits: what counts, what is counted apart, and that the order plays no part."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clausetag.data.text import jaccard, shingles, words
from clausetag.eval.leakage.near_duplicates import (
    MIN_RECALL,
    Comparison,
    Split,
    Text,
    compare_splits,
    lsh_for,
    near_pairs,
    repeated,
)

LONG = (
    "When you open an account at our farm shop we ask for your name and the address of your house so that the "
    "carrier knows where to leave the box and whom to ring"
)
"""34 words, so 32 shingles: one changed word in the middle leaves 29 of 35 in common."""


def split(name: str, *texts: str, policy: str | None = None) -> Split:
    return Split(name, tuple(Text(policy or f"{name}.example", index, text) for index, text in enumerate(texts)))


def compare(a: Split, b: Split, threshold: float = 0.8) -> Comparison:
    (found,) = compare_splits([a, b], threshold)
    return found


def test_exact_copies_differ_in_case_spacing_and_punctuation_alone() -> None:
    found = compare(split("a", "We never sell your e-mail address."), split("b", "we never sell\nyour “EMail” address"))
    assert (found.b.exact, found.b.near, found.a.exact) == (1, 0, 1)
    (match,) = found.matches
    assert match.exact and match.similarity == 1.0
    assert (match.a.policy, match.b.policy) == ("a.example", "b.example")


def test_exact_copies_of_other_words_match_once() -> None:
    hyphenated = LONG.replace("farm shop", "farm-shop"), LONG.replace("farm shop", "farmshop")
    found = compare(split("a", hyphenated[0]), split("b", hyphenated[1]))
    assert [match.exact for match in found.matches] == [True]


def test_one_changed_word_is_near_and_its_similarity_exact() -> None:
    found = compare(split("a", LONG), split("b", "Nothing of that kind is done here.", LONG.replace("shop", "stall")))
    (match,) = found.matches
    assert not match.exact and match.similarity == pytest.approx(29 / 35)
    assert match.b.index == 1
    assert (found.b.exact, found.b.near, found.b.texts, found.b.share) == (0, 1, 2, 0.5)


def test_same_words_in_another_order_are_no_duplicate() -> None:
    backwards = " ".join(reversed(LONG.split()))
    assert compare(split("a", LONG), split("b", backwards), 0.5).matches == ()


def test_the_threshold_itself_counts() -> None:
    # 6 words against 5 of them: 3 of 4 shingles.
    a, b = split("a", "one two three four five six"), split("b", "one two three four five")
    assert compare(a, b, 0.75).b.near == 1
    assert compare(a, b, 0.76).b.near == 0


def test_identical_shingles_of_other_texts_are_near() -> None:
    # The second says its round once more: the same set of shingles, another text.
    a, b = split("a", "red red red red red"), split("b", "red red red red red red")
    (match,) = compare(a, b, 1.0).matches
    assert not match.exact and match.similarity == 1.0


def test_a_text_with_an_exact_copy_is_not_near_as_well() -> None:
    found = compare(split("a", LONG, LONG.replace("shop", "stall")), split("b", LONG))
    assert (found.b.exact, found.b.near, len(found.matches)) == (1, 0, 2)
    assert (found.a.exact, found.a.near) == (1, 1)


def test_boilerplate_is_counted_apart() -> None:
    found = compare(split("a", "Contact us", "***"), split("b", "CONTACT US:", "Contact us", "---", "Cookies", LONG))
    assert found.matches == ()
    assert (found.b.short, found.a.short, found.b.share) == (2, 1, 0.0)


def test_policies_in_both_and_pairs_of_one_policy() -> None:
    a = Split("a", (Text("one", 0, LONG), Text("two", 0, LONG)))
    b = Split("b", (Text("two", 5, LONG), Text("three", 0, "We answer every letter within a week.")))
    found = compare(a, b)
    assert found.policies == ("two",)
    assert (len(found.matches), found.same_policy) == (2, 1)


def test_a_source_without_policies_has_no_same_policy_count() -> None:
    nameless = Split("b", (Text(None, 0, LONG),))
    found = compare(split("a", LONG), nameless)
    assert found.policies is None and found.same_policy is None and found.alike == ()
    assert found.b.exact == 1


def numbered(count: int, start: int = 0) -> list[str]:
    return [f"Paragraph {number} of the rules says what becomes of box {number}." for number in range(start, count)]


def test_policies_that_share_much_look_alike() -> None:
    short = split("a", *numbered(4), "Contact us", "Imprint", "Cookies")
    long = split("b", *numbered(20, start=1))
    (alike,) = compare(short, long).alike
    assert (alike.a, alike.b, alike.shared, alike.share) == ("a.example", "b.example", 3, 0.75)
    (turned,) = compare(long, short).alike
    assert (turned.a, turned.b, turned.shared, turned.share) == ("b.example", "a.example", 3, 0.75)


def test_a_tenth_of_the_shorter_policy_is_enough() -> None:
    first, second = numbered(30), numbered(67, start=27)
    (alike,) = compare(split("a", *first), split("b", *second)).alike
    assert (alike.shared, alike.share) == (3, 0.1)


@pytest.mark.parametrize(("sizes", "common"), [((4, 20), 2), ((31, 40), 3)])
def test_few_texts_or_a_small_share_are_not_alike(sizes: tuple[int, int], common: int) -> None:
    first, second = numbered(sizes[0]), numbered(sizes[0] - common + sizes[1], start=sizes[0] - common)
    found = compare(split("a", *first), split("b", *second))
    assert found.b.exact == common and found.alike == ()


def test_a_policy_is_not_alike_to_itself() -> None:
    texts = numbered(5)
    found = compare(split("a", *texts, policy="same"), split("b", *texts, policy="same"))
    assert found.same_policy == 5 and found.alike == ()


def test_every_pair_of_splits_once_and_empty_ones_too() -> None:
    found = compare_splits([split("a", LONG), split("b"), split("c", LONG)], 0.8)
    assert [(each.a.split, each.b.split, each.b.exact) for each in found] == [
        ("a", "b", 0),
        ("a", "c", 1),
        ("b", "c", 0),
    ]
    assert found[0].b.share == 0.0


def test_repeats_within_a_split() -> None:
    assert repeated(split("a", LONG, LONG.upper(), LONG, "Cookies", "Cookies", "We sell none of it at all.")) == 2


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.75, 0.8, 0.95, 1.0])
def test_recall_at_every_threshold(threshold: float) -> None:
    shape = lsh_for(threshold)
    assert shape.recall(threshold) >= MIN_RECALL
    assert shape.bands * shape.rows <= 128 and shape.bands >= 2
    assert shape.recall(0.0) == 0.0 and shape.recall(1.0) == 1.0


def test_recall_is_the_textbook_formula() -> None:
    assert lsh_for(0.8).recall(0.5) == pytest.approx(1 - (1 - 0.5**5) ** 25)


WORD = st.sampled_from(["we", "you", "keep", "sell", "share", "data", "name", "box", "farm", "shop"])
TEXT = st.lists(WORD, min_size=3, max_size=14).map(" ".join)
SPLIT = st.lists(st.tuples(st.sampled_from(["p", "q", "r"]), TEXT), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, max_size=12, unique=True), st.sampled_from([0.5, 0.8, 1.0]))
def test_near_pairs_are_those_of_brute_force(texts: list[str], threshold: float) -> None:
    sets = [shingles(words(text)) for text in texts]
    every = {(i, j): jaccard(sets[i], sets[j]) for i, j in combinations(range(len(sets)), 2)}
    assert {(i, j): value for i, j, value in near_pairs(sets, threshold)} == {
        pair: value for pair, value in every.items() if value >= threshold
    }


def summary(found: Comparison) -> list[tuple[object, ...]]:
    return sorted((match.a.text, match.b.text, match.similarity, match.exact) for match in found.matches)


@settings(max_examples=40, deadline=None)
@given(SPLIT, SPLIT, st.randoms(use_true_random=False))
def test_neither_the_order_of_texts_nor_of_splits_matters(
    left: list[tuple[str, str]], right: list[tuple[str, str]], random: Random
) -> None:
    def as_split(name: str, rows: list[tuple[str, str]]) -> Split:
        return Split(name, tuple(Text(policy, index, text) for index, (policy, text) in enumerate(rows)))

    found = compare(as_split("a", left), as_split("b", right), 0.5)
    turned = compare(as_split("b", right), as_split("a", left), 0.5)
    assert (found.a, found.b, found.same_policy) == (turned.b, turned.a, turned.same_policy)
    assert summary(found) == sorted((b, a, value, exact) for a, b, value, exact in summary(turned))
    assert sorted((one.b, one.a, one.shared, one.share) for one in turned.alike) == sorted(
        (one.a, one.b, one.shared, one.share) for one in found.alike
    )
    mixed = list(left)
    random.shuffle(mixed)
    shuffled = compare(as_split("a", mixed), as_split("b", right), 0.5)
    assert (shuffled.a, shuffled.b, summary(shuffled)) == (found.a, found.b, summary(found))

"""The word runs by which two texts are compared."""

from __future__ import annotations

import pytest

from clausetag.data.text import is_boilerplate, jaccard, shingles, short_hash, text_hash, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We DON'T, ever!", ("we", "don", "t", "ever")),
        ("snake_case e-mail: 24/7", ("snake", "case", "e", "mail", "24", "7")),
        ("Die Straße über Zürich", ("die", "strasse", "über", "zürich")),
        ("We have\tno\u00a0name\n\nfor it", ("we", "have", "no", "name", "for", "it")),
        ("*** — …", ()),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


def test_shingles_are_all_runs_of_three_words() -> None:
    assert shingles(words("We don't, ever!")) == {"we don t", "don t ever"}
    assert shingles(tuple("abc")) == {"a b c"}
    assert shingles(tuple("aaaaaa")) == {"a a a"}
    assert shingles(("ab", "c", "d")) != shingles(("a", "bc", "d"))


def test_a_shorter_sequence_is_one_shingle() -> None:
    assert shingles(("a", "b")) == {"a b"}
    assert shingles(("a",)) == {"a"}


def test_jaccard() -> None:
    assert jaccard(frozenset("ab"), frozenset("bc")) == pytest.approx(1 / 3)
    assert jaccard(frozenset("abc"), frozenset("abc")) == 1.0
    assert jaccard(frozenset("ab"), frozenset("abcd")) == jaccard(frozenset("abcd"), frozenset("ab")) == 0.5
    assert jaccard(frozenset("ab"), frozenset("cd")) == jaccard(frozenset("ab"), frozenset()) == 0.0
    assert jaccard(frozenset(), frozenset()) == 1.0


def test_texts_of_fewer_than_five_words_are_boilerplate() -> None:
    assert is_boilerplate("Contact us – by mail") and not is_boilerplate("Contact us – by e-mail today")


def test_the_pool_is_recorded_in_eight_digits() -> None:
    assert short_hash(text_hash("We collect your e-mail address.")) == "e36a8fb5"

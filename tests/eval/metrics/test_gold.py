"""Votes to labels, labels to columns."""

from __future__ import annotations

import pytest

from clausetag.data.labels import CHOICE, FIRST_PARTY, LABELS, SECURITY
from clausetag.data.records import Sentence
from clausetag.eval.metrics.gold import gold_labels, gold_matrix, label_matrix


def test_majority_is_more_than_half_of_the_votes() -> None:
    sentence = Sentence("p", 0, "Invented.", votes={SECURITY: 2 / 3, FIRST_PARTY: 1 / 3, CHOICE: 0.5})
    assert gold_labels(sentence) == (SECURITY,)
    shifted = Sentence("p", 0, "Invented.", votes={SECURITY: 1 / 3, FIRST_PARTY: 2 / 3})
    assert gold_labels(shifted) == (FIRST_PARTY,)


def test_stated_labels_go_before_votes() -> None:
    assert gold_labels(Sentence("p", 0, "Invented.", labels=(CHOICE,), votes={SECURITY: 1.0})) == (CHOICE,)
    assert gold_labels(Sentence("p", 0, "Invented.", labels=(), votes={SECURITY: 1.0})) == ()


def test_unlabelled_is_no_negative_example() -> None:
    context = Sentence("p", 3, "Invented.")
    assert gold_labels(context) is None
    with pytest.raises(ValueError, match="sentence 3 of p is unlabelled"):
        gold_matrix([context])


def test_columns_are_in_the_documented_order() -> None:
    first, second = label_matrix([("First Party Collection/Use",), ("Practice not covered", "Do Not Track")])
    assert first.nonzero()[0].tolist() == [0]
    assert second.nonzero()[0].tolist() == [7, 11]
    assert label_matrix([]).shape == (0, len(LABELS))
    with pytest.raises(ValueError, match="unknown label 'Cookies'"):
        label_matrix([("Cookies",)])

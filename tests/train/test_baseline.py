"""TF-IDF with logistic regression learns what is easy, and chooses thresholds on validation alone."""

from __future__ import annotations

import numpy as np
import pytest

from clausetag.data.errors import DataError
from clausetag.data.labels import CHOICE, FIRST_PARTY, LABELS, SECURITY
from clausetag.data.schema import Sentence
from clausetag.train.baseline import fit_tfidf

SAID = (
    ("We collect the address of number {}.", {"labels": (FIRST_PARTY,)}),
    ("You can switch off cookie {} in the settings.", {"votes": {CHOICE: 2 / 3, SECURITY: 1 / 3}}),
    ("Welcome to page {}.", {"labels": ()}),
    ("The disks of room {} are encrypted and we collect nothing.", {}),
)


def policy(name: str, rows: int = 24) -> list[Sentence]:
    return [
        Sentence(name, index, SAID[index % 4][0].format(index), **SAID[index % 4][1])  # type: ignore[arg-type]
        for index in range(rows)
    ]


def test_learns_majority_labels_and_skips_unlabelled_rows() -> None:
    baseline = fit_tfidf(policy("train"), policy("validation"))
    asked = [Sentence("test", 0, SAID[kind][0].format(77)) for kind in range(3)]
    decided = baseline.predict(asked)
    assert [[LABELS[column] for column in np.flatnonzero(row)] for row in decided] == [[FIRST_PARTY], [CHOICE], []]
    # Every sentence on encryption is unlabelled; a minority vote is no label. Neither may teach Data Security.
    assert baseline.classifiers[LABELS.index(SECURITY)] is None
    assert not baseline.score(asked)[:, LABELS.index(SECURITY)].any()


def test_thresholds_come_from_validation_alone() -> None:
    train = policy("train")
    usual = fit_tfidf(train, policy("validation"))
    # A validation policy whose labels sit on other texts moves thresholds, not scores.
    odd = [Sentence("validation", index, SAID[2][0].format(index), labels=(FIRST_PARTY,)) for index in range(40)]
    other = fit_tfidf(train, [*odd, *policy("more")])
    assert usual.score(train).tolist() == other.score(train).tolist()
    assert usual.thresholds.tolist() != other.thresholds.tolist()


def test_floor_always_gives_the_commonest_label_of_training() -> None:
    more = [Sentence("more", index, f"Cookie {index} again.", labels=(CHOICE,)) for index in range(9)]
    rows = [*policy("train"), *more]
    floor = fit_tfidf(rows, policy("validation")).floor(rows)
    assert floor[:, LABELS.index(CHOICE)].all()
    assert floor.sum() == len(rows)


def test_is_deterministic_and_scores_nothing_for_no_rows() -> None:
    first, second = (fit_tfidf(policy("train"), policy("validation")) for _ in range(2))
    assert first.score(policy("test")).tolist() == second.score(policy("test")).tolist()
    assert first.score([]).shape == (0, len(LABELS))


@pytest.mark.parametrize("empty", ["train", "validation"])
def test_nothing_labelled_is_an_error(empty: str) -> None:
    bare = [Sentence("bare", 0, "Invented.")]
    parts = {"train": policy("train"), "validation": policy("validation")} | {empty: bare}
    with pytest.raises(DataError, match="labelled sentences"):
        fit_tfidf(parts["train"], parts["validation"])


def test_too_little_text_is_an_error() -> None:
    lone = [Sentence("p", 0, "Unrepeated.", labels=(CHOICE,))]
    with pytest.raises(DataError, match="more training text"):
        fit_tfidf(lone, lone)

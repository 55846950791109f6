from __future__ import annotations

import pytest

from clausetag.data.corpora.features import features, to_dataset
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence

pytest.importorskip("datasets", reason="the extra train is not installed")
FIRST, SECURITY = LABELS[0], LABELS[5]


def test_label_ids_follow_the_order_of_the_labels() -> None:
    label = features()["labels"].feature
    # Written out, since a saved dataset or model means these ids whatever the code says later.
    assert label.names == [
        "First Party Collection/Use",
        "Third Party Sharing/Collection",
        "User Choice/Control",
        "User Access, Edit and Deletion",
        "Data Retention",
        "Data Security",
        "Policy Change",
        "Do Not Track",
        "International and Specific Audiences",
        "Introductory/Generic",
        "Privacy contact information",
        "Practice not covered",
    ]
    assert label.str2int("Data Security") == 5


def test_rows_keep_labels_votes_and_what_is_absent() -> None:
    dataset = to_dataset(
        [
            Sentence("p", 0, "We collect names.", 2, 5, 22, "Data", (FIRST,), {FIRST: 2 / 3, SECURITY: 1 / 3}),
            Sentence("p", 1, "Context."),
            Sentence("p", 2, "Nothing.", labels=()),
            Sentence("p", 3, "Locked.", labels=(SECURITY,)),
            Sentence("p", 4, "Locked up.", votes={FIRST: 1 / 3, SECURITY: 2 / 3}),
        ]
    )
    assert dataset.features == features()
    first = dataset[0]
    assert [first[key] for key in ("policy", "index", "passage", "start", "end")] == ["p", 0, 2, 5, 22]
    assert (first["text"], first["heading"]) == ("We collect names.", "Data")
    assert first["votes"] == pytest.approx([2 / 3, 0, 0, 0, 0, 1 / 3, *[0] * 6])
    assert dataset["labelled"][:] == [True, False, True, True, True]
    assert dataset["labels"][:] == [[0], [], [], [5], [5]]
    assert dataset[3]["votes"] == [0, 0, 0, 0, 0, 1, *[0] * 6]
    assert (dataset[1]["passage"], dataset[1]["heading"]) == (None, None)


def test_an_empty_list_has_the_columns() -> None:
    dataset = to_dataset([])
    assert len(dataset) == 0
    assert dataset.features == features()

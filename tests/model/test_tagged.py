from __future__ import annotations

import dataclasses

import pytest

import clausetag
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.model.tagged import Tagged


@pytest.fixture(scope="module")
def tagged() -> Tagged:
    return clausetag.load().tag("We never sell your data. You may ask us to delete <script>alert(1)</script> & more.")


def test_it_is_a_list_that_counts(tagged: Tagged) -> None:
    assert isinstance(tagged, list) and len(tagged) == 2
    assert tagged == list(tagged)
    counts = tagged.counts()
    assert tuple(counts) == LABELS
    assert counts["Third Party Sharing/Collection"] == 1 and counts["Do Not Track"] == 0
    assert sum(counts.values()) == sum(len(sentence.labels or ()) for sentence in tagged)


def test_its_line_says_what_is_stated(tagged: Tagged) -> None:
    assert repr(tagged).startswith("<2 sentences: ") and "Third Party Sharing/Collection 1" in repr(tagged)
    assert "Do Not Track" not in repr(tagged)
    assert repr(Tagged([], LABELS)) == "<0 sentences: no label>"
    assert repr(Tagged(tagged[:1], LABELS)).startswith("<1 sentence: ")


def test_a_notebook_shows_it_as_text_whatever_it_says(tagged: Tagged) -> None:
    page = tagged._repr_html_()
    assert "<script" not in page and "&lt;script&gt;" in page and "&amp; more" in page
    assert page.count("<tr title=") == 2
    for sentence in tagged:
        assert all(f">{label}</span>" in page for label in sentence.labels or ())


def test_a_notebook_is_not_filled_with_a_book(tagged: Tagged) -> None:
    page = Tagged(list(tagged) * 200, LABELS)._repr_html_()
    assert page.count("<tr title=") == 300 and "100 more sentences are not shown" in page


def test_labels_of_ones_own(tagged: Tagged) -> None:
    own = Tagged([dataclasses.replace(tagged[0], labels=("Mine",), scores={"Mine": 0.9})], ("Mine", "Yours"))
    assert own.counts() == {"Mine": 1, "Yours": 0}
    assert 'title="Mine 0.90"' in own._repr_html_()


def test_the_table_has_attributes() -> None:
    one = Sentence("p", 0, "We use it.", labels=(LABELS[0],), attributes={"Purpose": ("Advertising", "Marketing")})
    assert "<small>Purpose: Advertising, Marketing</small>" in Tagged([one], LABELS)._repr_html_()

from __future__ import annotations

from pathlib import Path

import pytest

from clausetag.data.corpora.five import FIVE, document_of, read_five, read_source, sources, text_sha256
from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy
from clausetag.data.labels import DO_NOT_TRACK, LABELS
from clausetag.data.segment import SEGMENTER_VERSION, segment
from clausetag.eval.people.agreement import pass_agreement


def test_the_shipped_segmentation_is_what_the_segmenter_gives_today() -> None:
    """A shifted offset, another extractor or segmenter, or a changed text all show here."""
    gold = by_policy(read_five())
    assert tuple(gold) == FIVE
    for policy in FIVE:
        document = document_of(policy)
        assert text_sha256(document.text) == sources()[policy]["text_sha256"]
        assert sources()[policy]["segmenter_version"] == SEGMENTER_VERSION
        fresh = [(s.index, s.passage, s.start, s.end, s.text, s.heading) for s in segment(document)]
        assert fresh == [(s.index, s.passage, s.start, s.end, s.text, s.heading) for s in gold[policy]]
        assert all(s.text == document.text[s.start : s.end] for s in gold[policy])


def test_markup_and_notice_are_no_part_of_the_text() -> None:
    for policy in FIVE:
        document = document_of(policy)
        assert "](" not in document.text and "# " not in document.text
        assert "Wayback Machine" not in document.text
    assert "archived on 2019-11-05" in (document_of("000_sagenext").notice or "")
    assert document_of("002_clicentrix").notice is None


def test_gold_follows_the_guide() -> None:
    for row in read_five():
        assert row.labels
        first, second = (set(row.extra["passes"][name]) for name in "ab")
        assert first and second and first | second <= set(LABELS)
        if first == second:
            assert set(row.labels) == first and "adjudicated" not in row.extra
        else:
            assert row.extra["adjudicated"]
            assert first & second <= set(row.labels) <= first | second


def test_agreement_of_the_passes_is_what_the_datasheet_says() -> None:
    rows = read_five()
    found = pass_agreement([r.extra["passes"]["a"] for r in rows], [r.extra["passes"]["b"] for r in rows])
    assert found.n == 365
    assert found.kappa[DO_NOT_TRACK] is None
    datasheet = (Path(__file__).parents[3] / "data" / "DATASHEET.md").read_text(encoding="utf-8")
    assert f"MASI distance: {found.alpha:.3f}" in datasheet
    for label, kappa in found.kappa.items():
        assert kappa is None or f"| {kappa:.3f} |" in next(
            li for li in datasheet.splitlines() if li.startswith(f"| {label}")
        )


def test_an_unknown_policy_is_a_clear_error() -> None:
    with pytest.raises(DataError, match="not one of the five"):
        read_source("005_nobody")

"""Suspicious boundaries are counted before and after the repairs."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import pytest

from clausetag.eval.research.cuts import main, suspicious


def test_a_suspicious_boundary_is_named() -> None:
    parts = ["We left the EU-U.S. ", "Shield. ", "2. ", "We may ask.We tell • you."]
    ends = list(accumulate(map(len, parts)))
    cut = list(zip([0, *ends], ends, strict=False))
    assert [kind for kind, _ in suspicious("".join(parts), cut)] == [
        "after EU-U.S.",
        "after a number or letter that is a whole sentence",
        "no space after a stop",
        "a bullet within a sentence",
    ]
    assert not list(suspicious("We ask. You answer.", [(0, 8), (8, 19)]))


def test_the_table_has_both_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(
        "Policy\n\nWe joined the EU-U.S. Data Privacy Framework. We care.\n", encoding="utf-8"
    )
    main([str(tmp_path / "a.txt")])
    lines = capsys.readouterr().out.splitlines()
    assert "| sentences | 4 | 3 |" in lines and "| after EU-U.S. | 1 | 0 |" in lines

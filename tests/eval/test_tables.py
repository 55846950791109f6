"""Cells and tables of text: rounding, undefined values, rules, and signs that mean something in Markdown."""

from __future__ import annotations

from clausetag.eval.tables import Table, number, with_interval


def test_numbers_are_rounded_and_undefined_ones_are_a_dash() -> None:
    assert (number(0.65277), number(0.65277, 4), number(0.0), number(None)) == ("0.653", "0.6528", "0.000", "-")
    assert with_interval(0.65277, (0.6, 0.7177)) == "0.653 [0.60, 0.72]"
    assert with_interval(0.65277, (0.6, 0.7177), 4) == "0.6528 [0.600, 0.718]"
    assert (with_interval(0.65277, None), with_interval(None, (0.1, 0.2))) == ("0.653", "-")
    assert with_interval(0.05, (-0.021, 0.1), sign=True) == "+0.050 [-0.02, +0.10]"


def test_a_table_is_aligned_and_a_rule_precedes_its_totals() -> None:
    table = Table("t", ["Category", "F1"], [["a|b", "0.5"], ["c", "-"], ["Macro", "0.25"]], totals=1)
    assert table.terminal() == [
        "Category    F1",
        "--------------",
        "a|b        0.5",
        "c            -",
        "--------------",
        "Macro     0.25",
    ]
    assert table.markdown()[:3] == ["| Category | F1 |", "| --- | ---: |", "| a\\|b | 0.5 |"]
    assert table.numeric == (False, True)

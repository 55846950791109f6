"""What the benchmark prints and draws: every system and every number that was measured."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from clausetag.data.errors import MissingExtraError
from clausetag.eval.speed.report import markdown, plot, tables, terminal
from clausetag.eval.speed.results import Row, SystemRounds, row_of
from clausetag.eval.speed.systems import alternatives, ours

HOSTILE = "<script>$x_{{ y }}$ & | \"'"


@pytest.fixture
def rows() -> list[Row]:
    found = []
    for seconds, system in enumerate([*ours(Path("standard")), *alternatives("", {})], start=1):
        one = SystemRounds(system, 100)
        one.add(float(seconds), [0.2], 90.0)
        one.add(2.0 * seconds, [0.3], 90.0)
        f1 = {"clausetag": 0.6577, "tfidf": 0.5}.get(system.kind)
        references = ([10.0, 5.0], [])
        found.append(
            row_of(
                one,
                word_pieces=2000,
                sentences_per_policy=50.0,
                references=references,
                macs=1e9,
                peak=4.0,
                macro_f1=f1,
            )
        )
    return found


@pytest.fixture
def about() -> dict[str, Any]:
    machine = {"cpu": "Invented CPU", "flags": ["avx2"], "cores": 4, "usable_cores": 2, "system": "Linux x86_64"}
    latency = {"policy": "shop", "words": 2693}
    seconds = {"median": 0.78, "spread": [0.7154, 0.861]}
    return {
        "quick": False,
        "load_average": [1.62, None],
        "machine": machine,
        "texts": {"policies": 25, "sentences": 100, "word_pieces": 2000, "latency": latency},
        "rounds": 2,
        "threads": 2,
        "ratios": [
            {"name": "a / b", "value": 15.84, "spread": [15.6, 16.5], "target": 4.0, "met": True},
            {"name": "c / d", "value": 2.0, "spread": [1.9, 2.4], "target": 2.2, "met": False},
            {"name": "e / f", "value": 303.4, "spread": [257, 310], "target": None, "met": None},
        ],
        "cold_start": {"predict_s": {"standard": seconds}, "import_s": seconds},
        "end_to_end": [
            {
                "tier": "standard",
                "pages": 58,
                "source": "as given",
                "share": 0.654,
                "sentences_per_s": 1743.4,
                "stages": {"extract": 1.0, "write": 3.0},
            }
        ],
        "growth_tier": "standard",
        "growth": [
            {
                "policies": 10000,
                "seconds": 485.2,
                "seconds_per_policy": 0.04852,
                "seconds_per_1000_words": 0.0228,
                "peak_mb": 217.4,
            }
        ],
        "peak_size": 1024,
        "peak_gmac_per_s": {"1": 450.0, "2": 861.0},
        "peaks_gmac_per_s": {
            "ONNX Runtime, 8-bit integers": {"1": 450.0, "2": 861.0},
            "torch, bfloat16": {"1": 90.0, "2": 170.0},
        },
        "skipped": [{"name": "a system", "reason": "needs torch"}],
    }


def test_every_number_stands_in_its_column(rows: list[Row], about: dict[str, Any]) -> None:
    found = {table.caption: table for table in tables(rows, about)}
    throughput = [dict(zip(found["Throughput"].header, cells, strict=True)) for cells in found["Throughput"].rows]
    assert throughput[1] == {
        "": "clausetag standard",
        "threads": "2",
        "sentences/s": "37.5 [25, 50]",
        "pieces/s": "750",
        "policies/s": "0.75",
        "peak MB": "90",
        "p50 ms": "250",
        "p99 ms": "300",
        "x MiniLM": "5",
        "x BERT": "-",
    }
    assert found["Ratios on 2 threads"].rows == [
        ["a / b", "15.8 [15.6, 16.5]", "4", "met"],
        ["c / d", "2 [1.9, 2.4]", "2.2", "missed"],
        ["e / f", "303 [257, 310]", "-", ""],
    ]
    assert found["Start of a new process"].rows[0][1] == "0.780 [0.715, 0.861]"
    end = found["End to end, 2 threads"]
    assert (end.header, end.rows) == (
        ["", "share", "sentences/s", "extract", "write"],
        [["standard", "65 %", "1,743", "25.0 %", "75.0 %"]],
    )
    assert found["From few policies to many, standard"].rows == [["10,000", "485", "48.5", "22.8", "217"]]
    peak = found["Against the machine's peak"]
    assert [cells[0] for cells in peak.rows] == ["clausetag standard, 1 thread", "clausetag standard, 2 threads"]
    assert peak.rows[1][1:] == ["0.375", "861", "9 %"]


def test_terminal_and_markdown_hold_the_same_tables(rows: list[Row], about: dict[str, Any]) -> None:
    shown, written = terminal(rows, about), markdown(rows, about, "bench.svg")
    for table in tables(rows, about):
        assert table.caption in shown and f"## {table.caption}" in written
        assert all(cell in shown and cell in written for cells in table.rows for cell in cells)
    for text in (shown, written):
        assert "Invented CPU, 2 of 4 cores usable (avx2)" in text and "load average 1.6 to -" in text
        assert "skipped: a system: needs torch" in text
        assert "quick" not in text and "quick" in terminal(rows, {**about, "quick": True})
    assert "(bench.svg)" in written and "![" not in markdown(rows, about, None)
    assert "- TF-IDF + LR: fitted on the five policies" in written


def test_the_plot_names_every_system_with_its_speed_and_f1(rows: list[Row]) -> None:
    text = plot([replace(rows[0], name=HOSTILE), *rows[1:]])
    words = ["".join(node.itertext()) for node in ElementTree.fromstring(text).iter() if node.tag.endswith("text")]
    assert f"{HOSTILE}, 1 thread: 75 (F1 0.658)" in words
    assert "transformers pipeline, BERT-base size, batch 32, 2 threads: 15" in words
    assert all(any(word.startswith(row.key) for word in words) for row in rows[1:])


def test_the_same_rows_give_the_same_plot(rows: list[Row]) -> None:
    assert plot(rows) == plot(rows)
    assert "dc:date" not in plot(rows[:1])


def test_without_matplotlib_the_error_says_what_to_install(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        plot(rows)

"""A run of the benchmark: order of the measurements, and what comes of them. No timing is judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clausetag.data.corpora.five import FIVE, document_of
from clausetag.data.errors import ClausetagError
from clausetag.data.segment import segment
from clausetag.eval.speed.results import Row
from clausetag.eval.speed.run import Benchmark
from clausetag.eval.speed.settings import DEFAULT, FULL, QUICK, Effort, Settings
from clausetag.eval.speed.systems import BERT_32, MINILM_32
from clausetag.eval.speed.worker import Processes
from clausetag.model.artifact import load_artifact
from tests.eval.speed.processes import TRIAL, InThisProcess, Scripted

TINY = {
    "vocab_size": 1200,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


def run(processes: Any, effort: Effort, **more: Any) -> tuple[list[Row], dict[str, Any], list[str]]:
    """A run with the shipped fast model as ours."""
    said: list[str] = []
    settings = Settings((load_artifact("fast"),), grow=10, effort=effort, encoder="unused", **more)
    rows, about = Benchmark(settings, processes, said.append, find_package=lambda name: name).run()
    return rows, about, said


def test_rounds_go_over_all_systems_and_ratios_are_of_the_same_round(tmp_path: Path) -> None:
    # In the second round the machine is half as fast; the ratio doesn't change.
    processes = Scripted(tmp_path, {"clausetag fast": [1.0, 1.0, 2.0, 2.0, 1.0, 1.0], MINILM_32: [8.0, 16.0, 8.0]})
    rows, about, said = run(processes, replace(FULL, rounds=3), f1={"tfidf": 0.5})
    assert processes.calls[:3] == [("clausetag fast", 1), ("clausetag fast", 2), (MINILM_32, 2)]
    assert len(processes.calls) == 3 * 8
    assert processes.calls[:8] == processes.calls[8:16] == processes.calls[16:]
    assert [line for line in said if line.startswith("round")] == [f"round {number} of 3" for number in (1, 2, 3)]
    own, reference, tfidf = rows[1], rows[2], rows[-1]
    total = sum(len(segment(document_of(policy))) for policy in FIVE)
    assert own.sentences == own.sentences_per_s == total and own.sentences_per_s_spread == (total / 2, total)
    assert reference.sentences == min(800, total)
    expected = total / (reference.sentences / 8)
    assert own.ratio_minilm_pipeline == pytest.approx(expected)
    assert own.ratio_minilm_pipeline_spread == pytest.approx((expected, expected))
    assert reference.ratio_minilm_pipeline == 1
    assert own.latency_ms_p50 == pytest.approx(150) and own.latency_repeats == 6
    assert own.gmac_per_s is not None and own.peak_share == pytest.approx(own.gmac_per_s / 200)
    pieces = about["texts"]["word_pieces"] / about["texts"]["sentences"]
    assert own.word_pieces_per_s == pytest.approx(own.sentences_per_s * pieces)
    assert own.macro_f1 is not None and tfidf.macro_f1 == 0.5 and reference.macro_f1 is None
    assert [one["name"] for one in about["ratios"]] == [f"fast / {other}" for other in (MINILM_32, BERT_32)]


def test_whole_runs_are_measured_too(tmp_path: Path) -> None:
    _, about, _ = run(Scripted(tmp_path, {}), replace(FULL, rounds=1, starts=2))
    (pages,) = about["end_to_end"]
    # Shares of the three rounds: 0.75, 0.375 and 0.6.
    assert (pages["share"], pages["share_spread"]) == (0.6, [0.375, 0.75])
    assert (pages["sentences_per_s"], pages["model_sentences_per_s"]) == (1.8, 3.0)
    (growth,) = about["growth"]
    assert (growth["policies"], growth["seconds_per_policy"]) == (10, 0.2)
    assert growth["seconds_per_1000_words"] == pytest.approx(2000 / growth["words"], abs=1e-5)
    assert about["cold_start"]["predict_s"]["fast"] == {"median": 0.5, "spread": [0.5, 0.5]}
    assert about["cold_start"]["import_s"]["median"] == 0.05
    assert about["skipped"] == [] and about["quick"] is False


@pytest.mark.parametrize(("effort", "others"), [(QUICK, 1), (DEFAULT, 4), (FULL, 6)])
def test_each_effort_measures_as_many_systems_as_it_says(effort: Effort, others: int, tmp_path: Path) -> None:
    processes = Scripted(tmp_path, {})
    rows, about, _ = run(processes, effort)
    assert len(rows) == 2 + others and len(processes.calls) == effort.rounds * len(rows)
    assert (about["effort"], about["quick"]) == (effort.name, effort is QUICK)
    assert about["peak_gmac_per_s"]["2"] == 200 and about["peaks_gmac_per_s"]["torch, bfloat16"]["2"] == 180
    assert any(row.name == MINILM_32 for row in rows) and about["skipped"] == []


def test_another_system_that_fails_is_left_out_and_ours_is_an_error(tmp_path: Path) -> None:
    processes = Scripted(tmp_path, {BERT_32: "was killed"})
    rows, about, said = run(processes, replace(FULL, rounds=2))
    assert BERT_32 not in {row.name for row in rows} and len(rows) == 7
    assert processes.calls.count((BERT_32, 2)) == 1
    assert about["skipped"] == [{"name": BERT_32, "reason": "was killed"}]
    assert f"skipped: {BERT_32}: was killed" in said
    assert rows[0].ratio_bert_base_pipeline is None and rows[1].ratio_minilm_pipeline is not None
    with pytest.raises(ClausetagError, match="clausetag fast: no room"):
        run(Scripted(tmp_path, {"clausetag fast": "no room"}), replace(FULL, rounds=1))


def test_a_quick_run_measures_our_models_where_nothing_else_is_installed(tmp_path: Path) -> None:
    settings = Settings((load_artifact("fast"),), grow=2, effort=replace(TRIAL, others=None, policies=1))
    benchmark = Benchmark(settings, InThisProcess(tmp_path), print, find_package=lambda name: None)  # type: ignore[arg-type]
    rows, about = benchmark.run()
    assert [(row.tier, row.threads) for row in rows] == [("fast", 1), ("fast", 2)]
    for row in rows:
        low, high = row.sentences_per_s_spread
        assert 0 < low <= row.sentences_per_s <= high and row.peak_mb > 10
        assert 0 < row.latency_ms_p50 <= row.latency_ms_p99
        assert row.peak_share is not None and row.peak_share > 0
    assert about["texts"]["policies"] == 1 and about["effort"] == "trial"
    (pages,) = about["end_to_end"]
    assert list(pages["stages"]) == ["extract", "screen", "segment", "tokenise", "network", "decide", "write"]
    assert pages["share"] > 0 and about["growth"][0]["peak_mb"] > 10
    assert len(about["skipped"]) == 6
    tfidf = {"name": "TF-IDF + LR", "reason": "needs sklearn, threadpoolctl; run pip install '.[train]'"}
    assert tfidf in about["skipped"]


@pytest.mark.slow
def test_a_quick_run_with_all_systems_in_processes_of_their_own(tiny_backbone: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    settings = Settings(
        (load_artifact("fast"),),
        grow=10,
        effort=replace(TRIAL, others=None),
        encoder=str(tiny_backbone),
        random_config=TINY,
    )
    rows, about = Benchmark(settings, Processes(tmp_path), print).run()
    assert about["skipped"] == [] and len(rows) == 8
    assert all(row.sentences_per_s > 0 and row.ratio_minilm_pipeline for row in rows)
    assert about["cold_start"]["import_s"]["median"] > 0

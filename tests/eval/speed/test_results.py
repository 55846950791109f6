"""Rows of bench.json from raw measurements, worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clausetag.eval.speed.results import (
    Row,
    SystemRounds,
    baseline_f1,
    card_f1,
    compare_tiers,
    machine,
    network_macs,
    ratio,
    row_of,
)
from clausetag.eval.speed.systems import BERT_32, MINILM_32, System, alternatives, ours


def measured(system: System, sentences: int, *seconds: float) -> SystemRounds:
    one = SystemRounds(system, sentences)
    for number, each in enumerate(seconds):
        one.add(each, [0.1 * each, 0.2 * each], 90.0 - number)
    return one


def row(one: SystemRounds, **changes: object) -> Row:
    arguments = {
        "word_pieces": 2500,
        "sentences_per_policy": 80.0,
        "references": ((), ()),
        "macs": None,
        "peak": None,
        "macro_f1": None,
    }
    return row_of(one, **{**arguments, **changes})  # type: ignore[arg-type]


def test_a_row_has_medians_and_spreads_over_the_rounds() -> None:
    # 100, 50 and 20 sentences a second: the mean would be 56.7.
    found = row(measured(ours(Path("standard"))[1], 100, 1.0, 2.0, 5.0), macs=1e9, peak=2.0, macro_f1=0.63)
    assert (found.sentences_per_s, found.sentences_per_s_spread, found.rounds) == (50.0, (20.0, 100.0), 3)
    assert (found.word_pieces_per_s, found.policies_per_s) == (50.0 * 25, 50.0 / 80)
    assert found.peak_mb == 90.0
    # Of 100, 200, 200, 400, 500 and 1000 ms.
    assert found.latency_ms_p50 == pytest.approx(300) and found.latency_ms_p99 == pytest.approx(1000)
    assert found.latency_repeats == 6
    assert (found.gmac_per_s, found.peak_share) == (0.5, 0.25)
    assert (found.ratio_minilm_pipeline, found.ratio_bert_base_pipeline) == (None, None)
    assert found.to_dict()["latency_ms_p50"] == 300.0 and found.to_dict()["sentences_per_s_spread"] == [20.0, 100.0]


def test_p99_is_a_measurement_that_at_least_99_of_100_do_not_exceed() -> None:
    one = SystemRounds(ours(Path("standard"))[0], 100)
    one.add(1.0, [number / 1000 for number in range(1, 101)], 90.0)
    assert row(one).latency_ms_p99 == pytest.approx(99)


def test_the_peak_share_is_of_our_own_network_only() -> None:
    other = row(measured(alternatives("", {})[0], 100, 1.0), macs=1e9, peak=10.0)
    assert (other.gmac_per_s, other.peak_share) == (None, None)
    assert row(measured(ours(Path("standard"))[0], 100, 1.0), macs=1e9).peak_share is None


def test_ratios_are_taken_round_by_round() -> None:
    # The ratio of the medians, 4 / 1, is another number.
    assert ratio([2.0, 4.0, 9.0], [1.0, 1.0, 9.0]) == (2.0, (1.0, 4.0))
    assert ratio([1.0], []) == (None, None)
    one = measured(ours(Path("standard"))[1], 100, 1.0, 2.0)
    found = row(one, references=([10.0, 5.0], [1.0, 1.0]))
    assert (found.ratio_minilm_pipeline, found.ratio_minilm_pipeline_spread) == (10.0, (10.0, 10.0))
    assert (found.ratio_bert_base_pipeline, found.ratio_bert_base_pipeline_spread) == (75.0, (50.0, 100.0))


def test_tiers_are_compared_with_pipelines_and_each_other_against_targets() -> None:
    standard, fast = ours(Path("standard")), ours(Path("fast"))
    pipeline = next(system for system in alternatives("", {}) if system.name == MINILM_32)
    rounds = [measured(standard[1], 100, 2.0), measured(fast[1], 100, 1.0), measured(pipeline, 100, 10.0)]
    # Rows of one thread take no part.
    rounds.append(measured(standard[0], 100, 0.001))
    found = compare_tiers(rounds, ["standard", "fast"], 2)
    assert [(one["name"], one["value"], one["target"], one["met"]) for one in found] == [
        (f"standard / {MINILM_32}", 5.0, 4.0, True),
        (f"fast / {MINILM_32}", 10.0, None, None),
        ("fast / standard", 2.0, 2.2, False),
    ]
    assert compare_tiers(rounds, ["fast", "standard"], 2)[-1]["name"] == "fast / standard"
    assert not any(BERT_32 in one["name"] for one in found)


def test_multiply_adds_of_a_network() -> None:
    minilm = {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6}
    # 6 layers of 12 h² a token, and 2 h a pair of tokens.
    assert network_macs(minilm, [1]) == 6 * (12 * 384**2 + 2 * 384)
    assert network_macs(minilm, [100, 100]) == 2 * 6 * (100 * 12 * 384**2 + 2 * 384 * 100**2)
    assert network_macs({}, [1]) is None


def test_f1_comes_from_the_card_and_from_metrics_of_the_same_data(tmp_path: Path) -> None:
    result = {"data": "opp115 test", "unit": "passage", "macro_f1": 0.7}
    assert card_f1({"figures": [result, {**result, "unit": "sentence", "macro_f1": 0.6}]}) == 0.6
    assert card_f1({"figures": [result, {**result, "data": "policies", "unit": "sentence"}]}) is None
    baselines = {"source": "train", "majority": {"macro_f1": 0.1}, "tfidf": {"macro_f1": 0.5}}
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"data": "opp115 test", "unit": "sentence", "baselines": baselines}), encoding="utf-8")
    assert baseline_f1(path) == {"tfidf": 0.5}


def test_the_machine_is_described() -> None:
    found = machine()
    assert found["usable_cores"] >= 1 and found["cpu"] and "clausetag" in found["versions"]

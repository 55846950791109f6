"""The files of an evaluation: in-sample results say so, and show no suspect gold labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clausetag.data.labels import FIRST_PARTY, LABELS, SECURITY
from clausetag.data.records import Sentence
from clausetag.eval.benchmarks.benchmark import Benchmark
from clausetag.eval.evaluate import Evaluation, evaluate_tagger
from clausetag.eval.report.confusions import confusions
from clausetag.eval.report.output import page_of, write_evaluation


@pytest.fixture
def evaluation(fake_tagger: Callable[..., Any]) -> Evaluation:
    """Two policies of four sentences; one gold label has a low score where others of its kind have high ones."""
    units = tuple(
        Sentence(policy, index, f"{policy} {index}", labels=(FIRST_PARTY if index % 2 else SECURITY,))
        for policy in "pq"
        for index in range(4)
    )
    scores = {unit.text: dict.fromkeys(unit.labels or (), 0.9) for unit in units}
    scores["q 3"] = {SECURITY: 0.95, FIRST_PARTY: 0.02}
    benchmark = Benchmark("invented", "sentence", "guide", units, units, None)
    return evaluate_tagger(fake_tagger(scores), benchmark, baselines=False)


@pytest.mark.parametrize("in_sample", [False, True])
def test_in_sample_results_are_marked_and_show_no_suspects(
    in_sample: bool, evaluation: Evaluation, tmp_path: Path
) -> None:
    own = replace(evaluation, results=replace(evaluation.results, in_sample=in_sample))
    written = write_evaluation(own, tmp_path)
    assert written[-1] == tmp_path / "metrics.json" and sorted(written) == sorted(tmp_path.iterdir())
    rows = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row.get("in_sample", False) for row in rows} == {in_sample}
    assert ("in-sample" in (tmp_path / "report.md").read_text(encoding="utf-8")) == in_sample
    page = page_of(own, confusions(own.gold, own.model.predicted, LABELS))
    assert page.in_sample == in_sample and bool(page.suspects) != in_sample
    assert [case.text for case in page.errors] == ["q 3"]

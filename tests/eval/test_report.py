"""Reports: one set of cells, laid out four ways; well-formed, escaped, never half-written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from clausetag.data.labels import DO_NOT_TRACK, FIRST_PARTY, LABELS
from clausetag.eval.agreement import PairwiseF1
from clausetag.eval.bootstrap import bootstrap_intervals
from clausetag.eval.metrics import multilabel_scores
from clausetag.eval.overlap import OverlapResult
from clausetag.eval.report import html, markdown, svg, table, terminal, write_report
from clausetag.eval.results import Agreement, BaselineScores, Results


@pytest.fixture
def results() -> Results:
    rng = np.random.default_rng(0)
    gold = rng.random((60, 12)) < 0.3
    gold[:, LABELS.index(DO_NOT_TRACK)] = False
    predicted = np.where(rng.random(gold.shape) < 0.8, gold, ~gold)
    scores = multilabel_scores(predicted, gold)
    pairwise = PairwiseF1(dict.fromkeys(LABELS, 0.625), 0.625, 0.635, 180)
    return Results(
        data="<invented> & small",
        unit="sentence",
        head="guide",
        scores=scores,
        at_0_5=scores,
        min_labels=0,
        variants={0: scores, 1: scores},
        intervals=bootstrap_intervals(predicted, gold, [str(row // 10) for row in range(60)], draws=100),
        interval_groups="policies",
        thresholds=dict.fromkeys(LABELS, 0.5),
        agreement=Agreement(pairwise, pairwise),
        baseline=BaselineScores("invented policies", multilabel_scores(gold, gold), scores),
        overlap=OverlapResult(0.0, 0, 60, (), ()),
        in_sample=False,
        model={"name": "fake", "hash": "0123"},
        recipe="none",
        seeds={"model": 1},
        versions={"python": "3"},
        git=None,
        notes=scores.notes,
    )


def test_rows_carry_every_category_and_the_means(results: Results) -> None:
    header, rows = table(results)
    assert [row[0] for row in rows] == [*LABELS, "Macro", "Micro", "Weighted"]
    assert {len(row) for row in rows} == {len(header)} == {9}
    first = dict(zip(header, rows[0], strict=True))
    own = results.scores.per_category[FIRST_PARTY]
    assert first["Support"] == str(own.support)
    assert first["F1 [95 %]"].startswith(f"{own.f1:.3f} [")
    assert first["TF-IDF + LR F1"] == "1.000"
    assert first["Annotator vs annotator F1"] == "0.625"
    absent = dict(zip(header, rows[LABELS.index(DO_NOT_TRACK)], strict=True))
    assert (absent["F1 [95 %]"], absent["Support"]) == ("-", "0")
    micro = dict(zip(header, rows[-2], strict=True))
    assert micro["Model vs annotator F1"] == "0.635"


def test_columns_without_figures_are_left_out(results: Results) -> None:
    bare = replace(results, agreement=None, baseline=None)
    header, rows = table(bare)
    assert len(header) == 6 == len(rows[0])
    for render in (markdown, html, svg, terminal):
        assert "TF-IDF" not in render(bare)


def test_terminal_columns_are_aligned(results: Results) -> None:
    lines = terminal(results).splitlines()
    assert len({len(line) for line in lines[2:20]}) == 1


def test_markdown_is_one_table(results: Results) -> None:
    lines = [line for line in markdown(results).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 12 + 3
    assert len({line.count("|") for line in lines}) == 1


def test_picture_and_page_are_well_formed_and_escaped(results: Results) -> None:
    root = ElementTree.fromstring(svg(results))
    bars = [node for node in root.iter() if node.get("fill") == "#4477aa"]
    assert len(bars) == 11  # Do Not Track has no positive
    shown = html(results)
    assert "<invented>" not in shown and "&lt;invented&gt; &amp; small" in shown
    assert svg(results) in shown and shown.count("<tr>") == 1 + 12 + 3
    assert "src=" not in shown and "<link" not in shown and "<script" not in shown


def test_in_sample_marks_every_figure_of_the_model(results: Results) -> None:
    header, _ = table(replace(results, in_sample=True))
    marked = [name for name in header if "in-sample" in name]
    assert len(marked) == 5
    assert {name for name in header if name not in marked} == {
        "Category", "Support", "TF-IDF + LR F1", "Annotator vs annotator F1",
    }  # fmt: skip


def test_metrics_file_is_strict_json_with_intervals(tmp_path: Path, results: Results) -> None:
    paths = write_report(results, tmp_path)
    assert paths[-1].name == "metrics.json"
    metrics = json.loads(paths[-1].read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert set(metrics["per_category"]) == set(LABELS)
    low, high = metrics["per_category"][FIRST_PARTY]["ci95"]
    assert low <= metrics["per_category"][FIRST_PARTY]["f1"] <= high
    assert metrics["per_category"][DO_NOT_TRACK]["ci95"] is None
    assert metrics["ci95"]["policies"] == 6
    assert metrics["agreement"]["annotators"]["macro_f1"] == 0.625
    assert metrics["baseline"]["tfidf_logistic_regression"]["macro_f1"] == 1.0
    assert metrics["git"] is None


def test_failure_leaves_no_half_written_file(tmp_path: Path, results: Results) -> None:
    broken = replace(results, thresholds={FIRST_PARTY: float("nan")})
    with pytest.raises(ValueError):
        broken.write_json(tmp_path / "metrics.json")
    assert list(tmp_path.iterdir()) == []

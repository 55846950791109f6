"""Reports: one set of cells, laid out several ways; undefined figures shown as such, in-sample ones marked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clausetag.data.labels import DO_NOT_TRACK, FIRST_PARTY, LABELS
from clausetag.data.records import Sentence
from clausetag.eval.leakage.contamination import Contamination
from clausetag.eval.metrics.classification import multilabel_metrics
from clausetag.eval.people.annotators import compare_with_people
from clausetag.eval.report.text import IN_FULL, by_category, markdown, tables, terminal
from clausetag.eval.results import BaselineMetrics, Metrics, Published, Results
from clausetag.eval.statistics.bootstrap import bootstrap_intervals, rank_intervals
from clausetag.eval.statistics.calibration import calibration
from clausetag.eval.statistics.resample import resampler


@pytest.fixture
def results() -> Results:
    rng = np.random.default_rng(0)
    gold = rng.random((60, 12)) < 0.3
    gold[:, LABELS.index(DO_NOT_TRACK)] = False
    predicted = np.where(rng.random(gold.shape) < 0.8, gold, ~gold)
    values = np.where(predicted, 0.8, 0.1)
    drawn = resampler([str(row // 10) for row in range(60)], draws=100)
    ranks = rank_intervals(values, gold, drawn)
    metrics = Metrics(
        multilabel_metrics(predicted, gold, scores=values), bootstrap_intervals(predicted, gold, drawn, ranks=ranks)
    )
    perfect = Metrics(multilabel_metrics(gold, gold), bootstrap_intervals(gold, gold, drawn))
    given = [[LABELS[column] for column in np.flatnonzero(row)] for row in gold]
    units = [
        Sentence(str(row // 10), row, "Invented.", labels=(), extra={"annotators": dict.fromkeys("123", given[row])})
        for row in range(60)
    ]
    return Results(
        data="<invented> & small",
        unit="sentence",
        head="guide",
        metrics=metrics,
        at_0_5=perfect,
        min_labels=0,
        variants={0: metrics, 1: metrics},
        groups="policies",
        thresholds=dict.fromkeys(LABELS, 0.5),
        calibration=calibration(values, gold, drawn),
        before_calibration=calibration(values / 2, gold, drawn),
        people=compare_with_people(units, predicted, drawn),
        baselines=(BaselineMetrics("tfidf", "TF-IDF + LR", "words", perfect),),
        baseline_source="invented policies",
        contamination=Contamination(0.0, 0, 60, 0.02, (), ()),
        in_sample=False,
        model={"name": "fake", "hash": "0123"},
        recipe="none",
        seeds={"model": 1},
        versions={"python": "3"},
        git=None,
        notes=metrics.points.notes,
    )


def test_rows_carry_every_category_and_the_means(results: Results) -> None:
    cells = by_category(results)
    assert [row[0] for row in cells.rows] == [*LABELS, "Macro", "Micro", "Weighted"]
    first = dict(zip(cells.header, cells.rows[0], strict=True))
    own = results.metrics.points.per_category[FIRST_PARTY]
    assert first["Support"] == str(own.support)
    assert first["F1 [95 %]"].startswith(f"{own.f1:.3f} [")
    assert first["AP [95 %]"].startswith(f"{own.average_precision:.3f} [")
    assert first["TF-IDF + LR F1"] == "1.000"
    assert first["Person vs person F1"] == "1.000"
    assert first["Model vs person F1"] == f"{own.f1:.3f}"  # the three agree with gold in this fixture
    absent = dict(zip(cells.header, cells.rows[LABELS.index(DO_NOT_TRACK)], strict=True))
    assert (absent["F1 [95 %]"], absent["AP [95 %]"], absent["Support"]) == ("-", "-", "0")


def test_each_column_shows_its_own_metrics(results: Results) -> None:
    half = [row[6] for row in by_category(results).rows]
    assert half[0].startswith("1.000") and half[-3].startswith("1.000")
    (found,) = [table for table in tables(results) if table.caption == "Calibration by category"]
    row = dict(zip(found.header, found.rows[0], strict=True))
    before, after = (side.per_category[FIRST_PARTY] for side in (results.before_calibration, results.calibration))
    assert before.ece != after.ece and row["ECE before"] == f"{before.ece:.4f}"
    assert row["ECE after [95 %]"].startswith(f"{after.ece:.4f}") and row["Brier before"] == f"{before.brier:.4f}"
    overall = {row[0]: row[1] for row in tables(results)[1].rows}
    assert overall["Hamming loss (0 at best)"].startswith(f"{results.metrics.points.hamming_loss:.4f} [")


def test_every_table_is_a_rectangle_and_stands_in_every_report(results: Results) -> None:
    published = replace(results, published=(Published("Somebody's", 0.5, 0.6, "a paper"),))
    found = tables(published)
    assert len(found) == 6
    for cells in found:
        assert {len(row) for row in cells.rows} == {len(cells.header)}
        assert f"## {cells.caption}" in markdown(published)
        assert (cells.caption in terminal(published)) != (cells.caption == IN_FULL)
    assert "| Somebody's | 0.500 | 0.600 | a paper |" in markdown(published)


def test_columns_without_figures_are_left_out(results: Results) -> None:
    bare = replace(results, people=None, baselines=(), baseline_source=None)
    assert len(by_category(bare).header) == 7
    for text in (markdown(bare), terminal(bare)):
        assert "TF-IDF" not in text and "Person" not in text


def test_terminal_columns_are_aligned(results: Results) -> None:
    lines = terminal(results).splitlines()
    assert len({len(line) for line in lines[3:21]}) == 1


def test_in_sample_marks_every_metric_of_the_model(results: Results) -> None:
    for cells in tables(replace(results, in_sample=True)):
        for name in cells.header:
            others = ("Category", "Support", "Positives", "Metric", "TF-IDF", "Person vs")
            assert ("in-sample" in name) != name.startswith(others), name


def test_metrics_file_is_strict_json_with_intervals(tmp_path: Path, results: Results) -> None:
    results.write_json(tmp_path / "metrics.json")
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert set(metrics["per_category"]) == set(LABELS)
    low, high = metrics["per_category"][FIRST_PARTY]["ci95"]
    assert low <= metrics["per_category"][FIRST_PARTY]["f1"] <= high
    assert metrics["per_category"][FIRST_PARTY]["ci95_of"]["f1"] == [low, high]
    assert metrics["per_category"][DO_NOT_TRACK]["ci95"] is None
    assert metrics["ci95"]["policies"] == 6
    assert metrics["ci95"]["hamming_loss"][0] < metrics["hamming_loss"] < metrics["ci95"]["hamming_loss"][1]
    assert metrics["people"]["pairwise"]["annotators"]["macro_f1"] == 1.0
    assert metrics["baselines"]["tfidf"]["macro_f1"] == 1.0
    assert set(metrics["calibration"]) == {"before", "after"}
    assert metrics["git"] is None


def test_failure_leaves_no_half_written_file(tmp_path: Path, results: Results) -> None:
    broken = replace(results, thresholds={FIRST_PARTY: float("nan")})
    with pytest.raises(ValueError):
        broken.write_json(tmp_path / "metrics.json")
    assert list(tmp_path.iterdir()) == []

"""The benchmark: the same texts for every row, figures that fit together, nothing half-written. No timing is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from clausetag.data.corpora.five import document_of
from clausetag.data.errors import ClausetagError
from clausetag.data.segment import segment
from clausetag.eval.speed import command as bench
from clausetag.eval.speed import process as bench_process
from clausetag.eval.speed import run as bench_run
from clausetag.eval.speed import runs as bench_runs
from clausetag.eval.speed import worker as bench_worker
from clausetag.eval.speed.process import JobError
from clausetag.eval.speed.settings import QUICK, Amounts, Say, Settings
from clausetag.eval.speed.subjects import BERT_32, MINILM_32, Subject, alternatives, ours
from clausetag.eval.speed.texts import (
    five_policies,
    write_documents,
)
from clausetag.model.artifact import load_artifact

TINY = {
    "vocab_size": 1200,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
NEEDED = {"name", "tier", "threads", "sentences_per_s", "word_pieces_per_s", "peak_mb", "latency_ms_p50"}


def bench_main(*arguments: str) -> int:
    parser = ArgumentParser()
    bench.add_arguments(parser)
    return bench.main(parser.parse_args(list(arguments)))


@pytest.fixture
def no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the packages of the other rows is installed."""
    monkeypatch.setattr(bench_run, "missing", lambda subject: list(subject.needs))


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    write_documents(path, [document_of("000_sagenext"), document_of("003_empxtrack")])
    return path


class Jobs:
    """Answers in place of processes; a row's name may be given its seconds, or what it fails with."""

    def __init__(self, by_name: Mapping[str, list[float] | str]) -> None:
        self.by_name = {name: list(value) if isinstance(value, list) else value for name, value in by_name.items()}
        self.calls: list[str] = []

    def __call__(self, kind: str, job: Mapping[str, Any], threads: int, scratch: Path) -> dict[str, Any]:
        if kind == "peak":
            return {"gmac_per_s": 100.0 * threads}
        if kind == "growth":
            return {"seconds": 1.0, "peak_mb": 50.0}
        if kind == "end_to_end":
            return {"pages": 2, "sentences": 9, "seconds": [4.0], "model_seconds": [3.0], "stages": {"write": 1.0}}
        name = job["subject"]["name"]
        self.calls.append(name)
        planned = self.by_name.get(name, [])
        if isinstance(planned, str):
            raise JobError(planned)
        return {"seconds": planned.pop(0) if planned else 1.0, "latencies": [0.2, 0.1], "peak_mb": 80.0}


def run_with(jobs: Jobs, settings: Settings, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(bench_run, "run_job", jobs)
    monkeypatch.setattr(bench_runs, "run_job", jobs)
    monkeypatch.setattr(bench_runs, "timed", lambda command: 0.5)
    monkeypatch.setattr(bench_runs, "import_seconds", lambda: 0.05)
    monkeypatch.setattr(bench_run, "missing", lambda subject: [])
    return bench_run.run(settings, scratch, Say(rewrite=False))


def test_a_quick_run_by_the_command_writes_everything(
    no_others: None,
    tiny_artifact: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    folder = tmp_path / "out"
    assert bench_main("--quick", "--model", str(tiny_artifact), "-o", str(folder)) == 0
    said = capsys.readouterr()
    assert sorted(p.name for p in folder.iterdir()) == ["bench.json", "bench.md", "bench.svg", "bench_about.json"]
    assert list((tmp_path / "tmp").iterdir()) == []
    rows = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
    about = json.loads((folder / "bench_about.json").read_text(encoding="utf-8"))
    assert [(row["tier"], row["threads"]) for row in rows] == [(tiny_artifact.name, 1), (tiny_artifact.name, 2)]
    for row in rows:
        assert set(row) >= NEEDED
        assert all(row[key] > 0 for key in NEEDED - {"name", "tier"})
        assert row["latency_ms_p50"] <= row["latency_ms_p99"]
        low, high = row["sentences_per_s_spread"]
        assert low <= row["sentences_per_s"] <= high
        pieces = about["texts"]["word_pieces"] / about["texts"]["sentences"]
        assert row["word_pieces_per_s"] == pytest.approx(row["sentences_per_s"] * pieces, rel=0.01)
        assert row["int8_peak_share"] > 0
    assert [one["policies"] for one in about["growth"]] == [10]
    assert about["growth"][0]["peak_mb"] > 10
    stages = about["end_to_end"][0]["stages"]
    assert list(stages) == ["extract", "screen", "segment", "tokenise", "network", "decide", "write"]
    assert about["end_to_end"][0]["share"] > 0 and about["cold_start"]["import_s"]["median"] > 0
    assert len(about["skipped"]) == 6
    assert "skipped: TF-IDF + LR: needs sklearn, threadpoolctl; run pip install '.[train]'" in said.err
    ElementTree.parse(folder / "bench.svg")
    for text in (said.out, (folder / "bench.md").read_text(encoding="utf-8")):
        parts = (f"clausetag {tiny_artifact.name}", "End to end", "From few policies to many", "int8 peak", "quick try")
        assert all(part in text for part in parts)


def test_rows_take_turns_and_ratios_are_of_the_same_round(
    tiny_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings((load_artifact(tiny_artifact),), grow=10, amounts=Amounts(rounds=3), backbone="unused")
    name = f"clausetag {tiny_artifact.name}"
    total = sum(len(segment(document)) for document in five_policies())
    # The machine is half as fast in the second round; the ratio does not move.
    plan = {name: [1.0, 1.0, 2.0, 2.0, 1.0, 1.0], MINILM_32: [8.0, 16.0, 8.0]}
    jobs = Jobs(plan)
    rows, about = run_with(jobs, settings, tmp_path, monkeypatch)
    assert len(jobs.calls) == 3 * 8 and jobs.calls[:8] == jobs.calls[8:16] == jobs.calls[16:]
    assert len({row.key for row in rows}) == 8
    own, reference = rows[1], next(row for row in rows if row.name == MINILM_32)
    assert own.sentences == total and own.sentences_per_s == total
    assert own.sentences_per_s_spread == (total / 2, total)
    assert reference.sentences == min(800, total)
    expected = total / (reference.sentences / 8)
    assert own.ratio_minilm_pipeline == pytest.approx(expected)
    assert own.ratio_minilm_pipeline_spread == pytest.approx((expected, expected))
    assert reference.ratio_minilm_pipeline == 1
    assert own.latency_ms_p50 == pytest.approx(150) and own.latency_repeats == 6
    assert own.int8_peak_share == pytest.approx(own.gmac_per_s / 200)
    assert about["end_to_end"][0]["share"] == 0.75
    assert [one["name"] for one in about["ratios"]] == [
        f"{tiny_artifact.name} / {other}" for other in (MINILM_32, BERT_32)
    ]


def test_another_row_that_fails_is_left_out_and_ours_is_an_error(
    tiny_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings((load_artifact(tiny_artifact),), grow=10, amounts=Amounts(rounds=2), backbone="unused")
    jobs = Jobs({BERT_32: "was killed"})
    rows, about = run_with(jobs, settings, tmp_path, monkeypatch)
    assert BERT_32 not in {row.name for row in rows} and len(rows) == 7
    assert jobs.calls.count(BERT_32) == 1
    assert about["skipped"] == [{"name": BERT_32, "reason": "was killed"}]
    assert rows[0].ratio_bert_base_pipeline is None and rows[0].ratio_minilm_pipeline is not None
    with pytest.raises(ClausetagError, match=f"clausetag {tiny_artifact.name}: no room"):
        run_with(Jobs({f"clausetag {tiny_artifact.name}": "no room"}), settings, tmp_path, monkeypatch)


def test_every_kind_of_row_tags_the_texts(tiny_artifact: Path, tiny_backbone: Path, texts: Path) -> None:
    pytest.importorskip("sentence_transformers")
    rows = [ours(tiny_artifact)[1], *alternatives(str(tiny_backbone), TINY)]
    assert {subject.kind for subject in rows} == {"clausetag", "pipeline", "embedding", "tfidf"}
    for subject in rows:
        small = replace(subject, sentences=4, latencies=2)
        job = json.loads(json.dumps({"subject": asdict(small), "texts": str(texts), "latency": 0}))
        found = bench_worker.measure_row(job)
        assert found["seconds"] > 0 and len(found["latencies"]) == 2 and found["peak_mb"] > 10, subject.name


@pytest.mark.slow
def test_a_run_with_all_rows(tiny_artifact: Path, tiny_backbone: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    settings = Settings(
        (load_artifact(tiny_artifact),), grow=10, amounts=QUICK, backbone=str(tiny_backbone), random_config=TINY
    )
    rows, about = bench_run.run(settings, tmp_path, Say(rewrite=False))
    assert about["skipped"] == [] and len(rows) == 8
    assert all(row.sentences_per_s > 0 and row.ratio_minilm_pipeline for row in rows)


def test_a_process_of_its_own_says_in_one_line_why_it_failed(tmp_path: Path, texts: Path) -> None:
    subject = Subject("clausetag nosuch", "clausetag", 1, str(tmp_path / "nosuch"), "nosuch")
    with pytest.raises(JobError, match="no such folder"):
        bench_process.run_job("row", {"subject": asdict(subject), "texts": str(texts), "latency": 0}, 1, tmp_path)
    with pytest.raises(JobError, match="KeyError: 'nosuch'"):
        bench_process.run_job("nosuch", {}, 1, tmp_path)
    assert bench_process.environment(2)["OMP_NUM_THREADS"] == "2"


def test_no_process_goes_on_after_an_interrupt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen):  # type: ignore[type-arg]
        def wait(self, timeout: float | None = None) -> int:
            if self not in started:
                started.append(self)
                raise KeyboardInterrupt
            return super().wait(timeout)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt), (tmp_path / "errors").open("wb") as stream:
        bench_process._finish([sys.executable, "-c", "import time; time.sleep(600)"], 1, stream)
    assert started[0].returncode not in (None, 0)


def test_an_interrupted_run_leaves_the_old_files(
    tiny_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "bench.json").write_text("[]", encoding="utf-8")
    monkeypatch.setattr(bench_run, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        bench_main("--model", str(tiny_artifact), "-o", str(tmp_path / "out"))
    assert [p.read_text(encoding="utf-8") for p in (tmp_path / "out").iterdir()] == ["[]"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grow", "9"], "--grow 9: use 10 to 10000"),
        (["--sample", "0"], "--sample 0: use 1 or more"),
        (["--policies", "nosuch.jsonl"], "--policies nosuch.jsonl: no such file or folder"),
        (["--html", ""], "--html : no such file or folder"),
        (["--metrics", "list.json"], "list.json: holds no baselines"),
        (["--metrics", "broken.json"], "broken.json: not JSON"),
        (["--metrics", "five.json"], "is not of OPP-115's test sentences"),
        (["-o", "list.json"], "list.json: is a file"),
        (["--model", "nosuch"], "'nosuch': no such folder"),
        (["--policies", "empty.jsonl"], "empty.jsonl: holds no English privacy policy"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], message: str, tiny_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "empty.jsonl").write_text("{}\n", encoding="utf-8")
    five = {"data": "policies", "unit": "sentence", "baselines": {}}
    (tmp_path / "five.json").write_text(json.dumps(five), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLAUSETAG_MODEL", str(tiny_artifact))
    with pytest.raises(ClausetagError, match=message) as raised:
        bench_main(*arguments)
    assert "\n" not in str(raised.value)
    assert len(list(tmp_path.iterdir())) == 4

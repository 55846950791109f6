"""`clausetag bench` from arguments to files: nothing half-written, and wrong usage is one line."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from clausetag.data.errors import ClausetagError
from clausetag.eval.speed import command, worker
from tests.eval.speed.processes import InThisProcess, Scripted


def bench(*arguments: str) -> int:
    parser = ArgumentParser()
    command.add_arguments(parser)
    return command.main(parser.parse_args(list(arguments)))


def test_the_command_writes_all_files_and_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(worker, "Processes", lambda scratch: Scripted(scratch, {}))
    folder = tmp_path / "out"
    assert bench("--quick", "--model", "fast", "-o", str(folder)) == 0
    said = capsys.readouterr()
    assert sorted(p.name for p in folder.iterdir()) == ["bench.json", "bench.md", "bench.svg", "bench_about.json"]
    assert list((tmp_path / "tmp").iterdir()) == []
    rows = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
    about = json.loads((folder / "bench_about.json").read_text(encoding="utf-8"))
    assert [row["tier"] for row in rows[:2]] == ["fast", "fast"] and about["growth"][0]["policies"] == 10
    ElementTree.parse(folder / "bench.svg")
    for text in (said.out, (folder / "bench.md").read_text(encoding="utf-8")):
        parts = ("clausetag fast", "End to end", "From few policies to many", "machine's peak", "quick run")
        assert all(part in text for part in parts)


@pytest.mark.slow
def test_a_quick_run_in_processes_of_its_own(tmp_path: Path) -> None:
    assert bench("--quick", "--model", "fast", "-o", str(tmp_path)) == 0
    assert (tmp_path / "bench.json").is_file()


def test_an_interrupted_run_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(InThisProcess):
        def measure(self, *_: object) -> dict[str, object]:
            raise KeyboardInterrupt

    (tmp_path / "bench.json").write_text("[]", encoding="utf-8")
    monkeypatch.setattr(worker, "Processes", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench("--model", "fast", "-o", str(tmp_path))
    assert [p.read_text(encoding="utf-8") for p in tmp_path.iterdir()] == ["[]"]


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
        (["--model", "fast", "--model", "fast"], "two models"),
        (["--policies", "empty.jsonl"], "empty.jsonl: no English privacy policy"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "empty.jsonl").write_text("{}\n", encoding="utf-8")
    five = {"data": "policies", "unit": "sentence", "baselines": {}}
    (tmp_path / "five.json").write_text(json.dumps(five), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLAUSETAG_MODEL", "fast")
    with pytest.raises(ClausetagError, match=message) as raised:
        bench(*arguments)
    assert "\n" not in str(raised.value)
    assert len(list(tmp_path.iterdir())) == 4

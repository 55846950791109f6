"""A document that takes too long to read becomes an error row, and the run goes on with the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clausetag.cli import main
from tests.predict.ray_fixture import ray, ray_rows

POLICY = "We collect your name and your address. We share them with nobody. You may ask us to delete them. "
SLOW = "# Privacy\n\n" + "[" * 2_000_000
"""The Markdown parser needs a minute for it."""


@pytest.mark.parametrize("as_rows", [False, True])
def test_a_run_goes_on_after_a_document_that_takes_too_long(
    as_rows: bool, tmp_path: Path, tiny_artifact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {"a": POLICY, "b": SLOW, "c": f"{POLICY}\n\n" * 3_000, "d": POLICY}
    given = tmp_path / "policies.jsonl"
    if as_rows:
        given.write_text("".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items()))
    else:
        given = tmp_path / "policies"
        given.mkdir()
        for name, text in texts.items():
            (given / f"{name}.md").write_text(text)
    out = tmp_path / "out"
    command = [
        "predict",
        str(given),
        "-o",
        str(out),
        "--model",
        str(tiny_artifact),
        "--document-seconds",
        "5",
        "--quiet",
    ]
    assert main(command) == 1
    rows = {row["policy"]: row for row in map(json.loads, (out / "summary.jsonl").read_text().splitlines())}
    assert list(rows) == ["a", "b", "c", "d"]
    assert [name for name, row in rows.items() if "error" in row] == ["b"]
    assert rows["b"]["error"]["code"] == "unreadable"
    assert "reading it took more than 5 seconds" in capsys.readouterr().err
    assert rows["c"]["sentences"] == 9_000
    assert json.loads((out / "run.json").read_text())["options"]["document_seconds"] == 5


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    for name, text in (("a", POLICY), ("b", SLOW)):
        (tmp_path / f"{name}.md").write_text(text)
    return tmp_path


def test_tasks_for_label_studio_too(slow: Path, tiny_artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model", str(tiny_artifact), "--document-seconds", "1"]
    inputs = [str(slow / "a.md"), str(slow / "b.md")]
    assert main(["data", "export-label-studio", *inputs, "-o", str(slow / "tasks.json"), *options]) == 1
    assert "b.md: reading it took more than 1 seconds" in capsys.readouterr().err
    assert len(json.loads((slow / "tasks.json").read_text())) == 3


def test_a_comparison_too(slow: Path, tiny_artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model", str(tiny_artifact), "--document-seconds", "1"]
    assert main(["diff", str(slow / "a.md"), str(slow / "b.md"), *options]) == 2
    assert "b.md: reading it took more than 1 seconds" in capsys.readouterr().err


def test_a_run_on_many_machines_too(slow: Path, tiny_artifact: Path) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("fsspec")
    out = slow / "out"
    options = ["--model", str(tiny_artifact), "--document-seconds", "1", "--quiet"]
    assert ray(str(slow / "*.md"), "-o", str(out), *options) == 1
    (failed,) = (row for row in ray_rows(out, "documents") if row["error"])
    assert failed["policy"] == "b" and "more than 1 seconds" in str(failed["error"])
    assert json.loads((out / "run.json").read_text())["options"]["document_seconds"] == 1


@pytest.mark.parametrize("command", ["diff a.md b.md", "data export-label-studio a.md -o tasks.json"])
def test_other_commands_refuse_no_time_too(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--document-seconds=0"]) == 2
    assert "--document-seconds" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_time_that_cannot_be_meant(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "x.md", f"--document-seconds={seconds}"]) == 2
    assert "--document-seconds" in capsys.readouterr().err

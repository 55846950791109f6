"""Long runs: what they count and say, and the options that cannot be meant."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from clausetag.cli import main
from clausetag.data.labels import LABELS
from clausetag.predict.pages.summary import FLAG_MEANINGS
from clausetag.predict.writers.writer import RUN_JSON
from tests.predict.run_fixture import command


@pytest.mark.usefixtures("fake")
def test_the_summary_counts_what_was_written(inputs: Path, tmp_path: Path) -> None:
    assert main([*command(inputs, tmp_path / "out"), "--strict"]) == 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "predictions.jsonl").read_text("utf-8").splitlines()]
    found = json.loads((tmp_path / "out" / RUN_JSON).read_text())
    failures = [row["error"]["code"] for row in rows if "error" in row]
    sentences = [row for row in rows if "error" not in row]
    assert found["documents"]["total"] == 16
    assert found["documents"]["failed"] == len(failures) == sum(found["failures"].values())
    assert found["failures"] == {code: failures.count(code) for code in sorted(set(failures))}
    assert found["failures"]["not_english"] == 1
    assert found["sentences"] == len(sentences)
    assert found["unlabelled"] == sum(not row["labels"] for row in sentences)
    assert found["labels"] == {label: sum(label in row["labels"] for row in sentences) for label in LABELS}
    assert found["model"]["hash"] == "fake" and found["model"]["thresholds"]["Data Security"] == 0.5
    assert found["options"]["formats"] == ["jsonl", "csv", "parquet", "html"] and found["options"]["strict"]
    assert found["started"] <= found["finished"] and found["seconds"] >= 0


@pytest.mark.usefixtures("fake")
def test_a_file_has_no_summary_unless_asked(inputs: Path, tmp_path: Path) -> None:
    arguments = command(inputs, tmp_path / "out.jsonl")
    main(arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.jsonl"]
    main([*arguments, "--run-json", str(tmp_path / "runs" / "one.json"), "--quiet"])
    assert json.loads((tmp_path / "runs" / "one.json").read_text())["documents"]["total"] == 16


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume needs -o"),
        (["--run-json", "x.json"], "--run-json needs -o"),
        (["-o", "out", "--run-json", ""], "--run-json is empty"),
        (["-o", "out", "--run-json", "."], "is a folder; give a file"),
        (["-o", "out.jsonl", "--run-json", "out.jsonl"], "is the output of -o"),
    ],
)
def test_options_that_cannot_be_meant(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "x.txt", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("fake")
def test_quiet_says_only_what_went_wrong(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command(inputs, tmp_path / "out"), "--quiet"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines and all(line.startswith("clausetag: ") and "wrote" not in line for line in lines)


@pytest.mark.usefixtures("fake")
def test_files_passed_over_are_counted_also_in_a_resumed_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, text in {"a.txt": "We sell.", "b.css": "p", "c.css": "p", "d.js": "x", "e.log": "We keep."}.items():
        (folder / name).write_text(text)
    (folder / "t.csv").write_text("url,body\n1,We ask.\n")
    said = "clausetag: 5 files passed over: 2 .css, 1 .csv, 1 .js, 1 .log; --all reads them by content"
    assert main(["predict", str(folder), "-o", str(tmp_path / "out"), "--quiet"]) == 0
    assert capsys.readouterr().err == said + "\n"
    counts = json.loads((tmp_path / "out" / RUN_JSON).read_text())["passed_over"]
    assert counts == {".css": 2, ".csv": 1, ".js": 1, ".log": 1}
    assert main(["predict", str(folder)]) == 0
    assert capsys.readouterr().err == said + "\n"
    columns = ["--id-column", "url", "--text-column", "body"]
    assert main(["predict", str(folder), "--all", *columns, "-o", str(tmp_path / "all"), "--quiet"]) == 0
    found = json.loads((tmp_path / "all" / RUN_JSON).read_text())
    assert capsys.readouterr().err == "" and found["passed_over"] == {} and found["documents"]["total"] == 6
    assert found["options"]["all"] is True and found["options"]["columns"] == ["url", "body"]


@pytest.mark.usefixtures("fake")
def test_what_a_page_loses_is_said_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prose = "<p>We collect your name and your address when you order, and share this personal data with no one.</p>" * 4
    lost = f"<footer>{'<p>When you write to us, this information goes to a third party in another country.</p>' * 2}"
    hidden = "<p hidden>They disclose your personal data to whoever asks for it in writing and pays them well."
    pages = {"lossy": f"<main>{prose}</main>{hidden}{lost}</footer>", "whole": f"<h1>Privacy policy</h1>{prose}"}
    for name, body in pages.items():
        (tmp_path / f"{name}.html").write_text(f"<!doctype html><title>Privacy</title>{body}")
    files = [str(tmp_path / f"{name}.html") for name in pages]
    assert main(["predict", *files, "-o", str(tmp_path / "out"), "--format", "jsonl", "--format", "html"]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert warnings == [f"clausetag: warning: lossy: {FLAG_MEANINGS['text_set_aside']}"]
    found = json.loads((tmp_path / "out" / RUN_JSON).read_text())
    assert found["words"] == {"kept": 72 + 74, "set_aside": {"footer": 15, "hidden": 16}}
    assert found["flags"] == {"text_set_aside": 1}
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as lines:
        rows = [
            (row["words"], row["set_aside"], row["set_aside_places"], row["flags"]) for row in csv.DictReader(lines)
        ]
    assert rows == [("72", "31", "footer: 15, hidden: 16", "text_set_aside"), ("74", "0", "", "")]
    written = [(tmp_path / "out" / "html" / f"{name}.html").read_text(encoding="utf-8") for name in pages]
    assert ["footer: 15, hidden: 16" in page for page in written] == [True, False]
    assert ["left out of the page" in page for page in written] == [True, False]

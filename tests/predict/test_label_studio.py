"""`clausetag data export-label-studio` as a user runs it, and its way back."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from clausetag.cli import main
from clausetag.data.corpora.five import read_five, read_source
from clausetag.data.jsonl import read_jsonl
from clausetag.data.labels import LABELS, SECURITY
from clausetag.model.tagger import Tagger

_POLICIES = ("000_sagenext", "004_vtiger")


@pytest.fixture(autouse=True)
def model(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUSETAG_MODEL", str(tiny_artifact))


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for policy in _POLICIES:
        (folder / f"{policy}.txt").write_text(read_source(policy), encoding="utf-8")
    return folder


def test_tasks_with_the_models_labels_and_the_interface(inputs: Path, tmp_path: Path, tiny_artifact: Path) -> None:
    out = tmp_path / "new" / "tasks.json"
    assert main(["data", "export-label-studio", str(inputs), "-o", str(out)]) == 0
    tasks = json.loads(out.read_text(encoding="utf-8"))
    gold = [sentence for sentence in read_five() if sentence.policy in _POLICIES]
    assert [(t["data"]["policy"], t["data"]["meta"]["index"], t["data"]["text"]) for t in tasks] == [
        (s.policy, s.index, s.text) for s in gold
    ]
    tagger = Tagger.load(tiny_artifact)
    tagged = tagger.tag_sentences(gold)
    for task, sentence in zip(tasks, tagged, strict=True):
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == tagger.hash
        assert prediction["result"][0]["value"]["choices"] == list(sentence.labels or ())
    choices = ElementTree.parse(out.with_suffix(".xml")).iter("Choice")
    assert [choice.get("value") for choice in choices] == list(LABELS)


def test_there_and_back(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = tmp_path / "tasks.json"
    assert main(["data", "export-label-studio", str(inputs), "--uncertain-first", "-o", str(tasks)]) == 0
    asked = json.loads(tasks.read_text(encoding="utf-8"))
    scores = [task["predictions"][0]["score"] for task in asked]
    assert scores == sorted(scores) and scores[0] < scores[-1]
    region = {"from_name": "labels", "to_name": "text", "type": "choices", "value": {"choices": [SECURITY]}}
    done = [
        {"id": n, "data": t["data"], "annotations": [{"completed_by": 1, "result": [region]}]}
        for n, t in enumerate(asked[:20])
    ]
    export = tmp_path / "export.json"
    export.write_text(json.dumps(done), encoding="utf-8")
    out = tmp_path / "labelled.jsonl"
    command = ["data", "import-label-studio", str(export), "--tasks", str(tasks), "-o", str(out)]
    capsys.readouterr()
    assert main(command) == 0
    assert capsys.readouterr().out == "2 policies, 136 sentences, 20 labelled\n"
    rows = read_jsonl(out)
    gold = {(s.policy, s.index): s for s in read_five()}
    for row in rows:
        same = gold[row.policy, row.index]
        assert (row.text, row.passage, row.start, row.end, row.heading) == (
            same.text,
            same.passage,
            same.start,
            same.end,
            same.heading,
        )


def test_a_bad_input_is_named_and_the_others_done(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (inputs / "empty.txt").write_bytes(b"")
    out = tmp_path / "tasks.json"
    assert main(["data", "export-label-studio", str(inputs), "-o", str(out)]) == 1
    assert "empty.txt" in capsys.readouterr().err
    assert len(json.loads(out.read_text(encoding="utf-8"))) == 136


@pytest.mark.parametrize(
    ("source", "output", "message"),
    [("missing.txt", "t.json", "nothing was written"), ("in", "t.jsonl", "ends in .json"), ("in", "", "ends in .json")],
)
def test_wrong_usage(
    source: str,
    output: str,
    message: str,
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "export-label-studio", source, "-o", output]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]

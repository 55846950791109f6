"""No command overwrites what it reads: each refuses in one line, before any work, and all files stay as they were."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from clausetag.cli import main
from clausetag.data.errors import DataError
from clausetag.data.overwriting import refuse_among

POLICY = "<p>We collect your name and your address. We share them with nobody. You may ask us to delete them.</p>"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_artifact: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLAUSETAG_MODEL", str(tiny_artifact))
    folder = tmp_path / "policies"
    folder.mkdir()
    for name in ("a.html", "b.html"):
        (folder / name).write_text(POLICY)
    row = {"policy": "a", "index": 0, "text": "We collect your name.", "labels": ["First Party Collection/Use"]}
    (tmp_path / "labelled.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "page.html").write_text(POLICY)
    (tmp_path / "table.jsonl").write_text(json.dumps({"id": "a", "text": "We sell your data."}) + "\n")
    os.symlink("page.html", tmp_path / "symlink.html")
    os.link("page.html", tmp_path / "hardlink.html")
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(command: str) -> int:
    return main(command.split())


def refused(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The message with which a command is refused; nothing may have changed."""
    before = content(Path())
    capsys.readouterr()
    assert run(command) == 2
    assert content(Path()) == before
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("clausetag: ")
    return err


@pytest.mark.parametrize(
    "command",
    [
        "predict page.html -o page.html",
        "predict policies/a.html page.html -o ./policies/../page.html",
        "predict symlink.html -o page.html",
        "predict page.html -o symlink.html",
        "predict page.html -o hardlink.html",
        "predict table.jsonl -o table.jsonl",
        "predict *.html -o page.html",
        "predict policies -o policies/a.html",
        "predict policies -o policies",
        "predict policies -o policies --format html",
        "predict page.html -o out --run-json page.html",
        "predict policies -o out --run-json policies/b.html",
        "predict page.html -o page.html --resume",
        "predict policies -o policies --engine ray",
        "diff policies/a.html page.html -o page.html",
        "diff page.html policies/a.html -o symlink.html",
        "data strip labelled.jsonl -o labelled.jsonl",
        "data join labelled.jsonl table.jsonl -o table.jsonl",
        "data pool table.jsonl --held labelled.jsonl -o labelled.jsonl",
        "data import-label-studio table.jsonl --tasks labelled.jsonl -o labelled.jsonl",
        "data export-label-studio policies -o policies",
        "eval labelled.jsonl -o .",
        "eval compare policies policies -o policies",
        "export policies -o policies",
        "train labelled.jsonl -o labelled.jsonl",
        "pretrain labelled.jsonl -o labelled.jsonl",
        "distil default --teacher policies --pool labelled.jsonl -o labelled.jsonl",
    ],
)  # fmt: skip
def test_outputs_that_are_inputs_are_refused(command: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "ray" in command:
        pytest.importorskip("ray")
    assert "give another" in refused(command, capsys)


@pytest.mark.parametrize(
    "command",
    [
        "predict out -o out", "predict . -o out", "predict out/html/*.html -o out", "predict out/texts -o out",
        "predict copy.txt -o out", "predict out/predictions.jsonl -o out", "predict out/index.html -o out",
    ],
)  # fmt: skip
def test_a_run_over_its_own_output_is_refused(command: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict policies -o out --format jsonl,html --quiet") == 0
    assert run("predict policies -o out --format jsonl,html --quiet") == 0, "the same again is allowed"
    os.link("out/texts/a.txt", "copy.txt")
    assert "out" in refused(command, capsys)


def test_a_second_run_that_would_read_the_page_of_the_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict policies -o policies/all.html --quiet") == 0
    assert "policies/all.html is an output" in refused("predict policies -o policies/all.html", capsys)
    assert run("predict policies/a.html -o policies/all.html --quiet") == 0


def test_standard_input_from_the_output(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("page.html") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert "standard input comes from it" in refused("predict - -o page.html", capsys)
        assert "standard input comes from it" in refused("diff - policies/a.html -o page.html", capsys)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(POLICY.encode())))
    assert run("predict - -o page.html --quiet") == 0


def test_names_that_differ_in_case_are_one_file_where_the_system_says_so(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = os.stat
    monkeypatch.setattr(
        os, "stat", lambda path, **named: stat(str(path).lower() if path == "PAGE.html" else path, **named)
    )
    assert "it is the input page.html" in refused("predict page.html -o PAGE.html", capsys)


def test_new_outputs_beside_inputs_are_allowed(here: Path) -> None:
    assert run("predict policies/a.html -o policies/a.jsonl --quiet") == 0
    assert run("diff policies/a.html page.html -o policies/diff.html") == 0
    refuse_among([Path("page.html")], [Path("missing"), Path("policies")], "-o x")
    with pytest.raises(DataError, match=r"the input hardlink[.]html is an output"):
        refuse_among([Path("hardlink.html")], [Path("page.html")], "-o x")

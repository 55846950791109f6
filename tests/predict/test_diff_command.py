"""`clausetag diff` as a user runs it."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from clausetag.cli import main, parse
from clausetag.data.corpora.five import read_source
from clausetag.predict.diff.diff import STATUSES

_OLD = read_source("004_vtiger")
_NEW = _OLD.replace("up to 48 hours", "up to 10 days").replace("Use of Web beacons", "We sell your data.")


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of no terminal that the tests may run in."""
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(autouse=True)
def model(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUSETAG_MODEL", str(tiny_artifact))


@pytest.fixture
def versions(tmp_path: Path) -> tuple[str, str]:
    for name, text in (("old", _OLD), ("new", _NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "privacy.txt").write_text(text, encoding="utf-8")
    return str(tmp_path / "old" / "privacy.txt"), str(tmp_path / "new" / "privacy.txt")


def test_the_terminal(versions: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *versions]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{versions[0]} -> {versions[1]}\n")
    assert "101 sentences before, 101 after: 99 unchanged, 0 moved, 1 changed, 1 added, 1 removed" in text
    assert "up to [-48 hours-] {+10 days+} to take effect." in text
    assert text.index("We sell your data.") < text.index("[-48 hours-]")


def test_rows(versions: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "made" / "out.jsonl"
    assert main(["diff", *versions, "-o", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 102 and {row["status"] for row in rows} == set(STATUSES) - {"moved"}
    assert [row["new_index"] for row in rows if row["new_index"] is not None] == list(range(101))
    assert all(row["old_labels"] for row in rows if row["status"] != "added")
    for row in rows:
        assert set(row["gained"]) == set(row["new_labels"] or ()) - set(row["old_labels"] or ())
        assert set(row["lost"]) == set(row["old_labels"] or ()) - set(row["new_labels"] or ())


@pytest.mark.parametrize("suffix", ["md", "html"])
def test_pages_name_the_model(suffix: str, versions: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / f"out.{suffix}"
    assert main(["diff", *versions, "-o", str(out), "--head", "guide"]) == 0
    text = out.read_text(encoding="utf-8")
    assert "Labels by the model " in text and "head guide" in text and "10 days" in text


def test_exit_code(versions: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    old, new = versions
    assert main(["diff", old, new, "--exit-code"]) == 1
    assert main(["diff", old, old, "--exit-code"]) == 0
    assert main(["diff", old, "missing.txt", "--exit-code"]) == 2


def test_kinds_may_differ_and_one_may_be_stdin(
    versions: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    page.write_text("<h1>Privacy</h1><p>We log visits.</p><p>We sell nothing.</p>", encoding="utf-8")
    text = "# Privacy\n\nWe log visits.\n\nWe sell data.\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
    assert main(["diff", str(page), "-"]) == 0
    assert "3 sentences before, 3 after: 2 unchanged, 0 moved, 1 changed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["OLD", "missing.txt"], "missing.txt: no such file"),
        (["OLD", "folder"], "folder: holds more than one document"),
        (["OLD", "empty.txt"], "empty.txt: "),
        (["-", "-"], "only one of OLD and NEW"),
        (["OLD", ""], "is empty; give a path"),
        (["OLD", "OLD", "-o", "out.csv"], "use a file that ends in .jsonl, .md, .html"),
        (["OLD", "OLD", "-o", ""], "use a file that ends in"),
        (["OLD", "OLD", "-o", "folder/dir.md"], "is a folder"),
        (["OLD", "OLD", "--head", "nobody"], "no head 'nobody'"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str],
    message: str,
    versions: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder" / "dir.md").mkdir(parents=True)
    for name in ("folder/a.txt", "folder/b.txt"):
        (tmp_path / name).write_text("We log visits.", encoding="utf-8")
    (tmp_path / "empty.txt").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    assert main(["diff", *(versions[0] if word == "OLD" else word for word in arguments)]) == 2
    said = capsys.readouterr().err
    assert message in said and said.startswith("clausetag: ") and said.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_the_how_to_is_what_the_command_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """But for the labels, which are the shipped model's."""
    how_to = (Path(__file__).parents[2] / "docs" / "HOWTO_COMPARE_VERSIONS.md").read_text(encoding="utf-8")
    for line in re.findall(r"^clausetag (.*)$", how_to, re.MULTILINE):
        parse(shlex.split(line, comments=True))
    new = _OLD.replace("up to 48 hours", "up to 10 days")
    new = re.sub(
        r"We respond to all enquiries within 30 days\.", r"\g<0> We may sell usage details to advertisers.", new
    )
    new = re.sub(r"(?ms)^Children's Privacy$.*?^We are in compliance.*?\n", "", new)
    for name, text in (("004_vtiger", _OLD), ("vtiger-new", new)):
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    assert main(["diff", str(tmp_path / "004_vtiger.txt"), str(tmp_path / "vtiger-new.txt")]) == 0
    (shown,) = re.findall(r"```\n(004_vtiger.*?)```", how_to, re.DOTALL)
    printed = capsys.readouterr().out

    def texts(of: str) -> list[str]:
        lines = of.splitlines()
        return lines[:2] + [line for line in lines if re.match(r"    \S|\[", line)]

    assert texts(printed) == texts(shown)

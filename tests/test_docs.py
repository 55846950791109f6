"""The README's commands exist, parse, and its Python runs; recipes and targets that it names are there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from clausetag.cli import COMMANDS, SUBCOMMANDS, parse
from clausetag.data.labels import LABELS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands(program: str) -> list[list[str]]:
    found: list[list[str]] = []
    for block in blocks("sh"):
        for line in block.splitlines():
            for part in line.split("|"):
                words = shlex.split(part, comments=True)
                if words and words[0] == program:
                    found.append(words[1:])
    return found


def test_every_command_line_of_the_readme_parses() -> None:
    lines = commands("clausetag")
    assert len(lines) >= 8
    for words in lines:
        module = parse(words)[1]
        below = tuple(words[:2])
        assert module == (SUBCOMMANDS[below][0] if below in SUBCOMMANDS else COMMANDS[words[0]][0])


def test_every_verb_is_documented() -> None:
    used = {words[0] for words in commands("clausetag")} | set(re.findall(r"`clausetag (\w+)", README))
    assert set(COMMANDS) <= used
    assert set(SUBCOMMANDS) <= {tuple(words[:2]) for words in commands("clausetag")}


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for words in commands("make"):
        for word in words:
            assert "=" in word or word in targets
    assert {"all", "test", "train", "eval", "predict", "serve", "check", "clean", "help"} <= targets


def test_ci_runs_the_readmes_test_command() -> None:
    assert ["test"] in commands("make")
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_python_of_the_readme_runs(
    tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLAUSETAG_MODEL", str(tiny_artifact))
    (code,) = blocks("python")
    exec(compile(code, "README", "exec"), {})
    assert "We never sell your data." in capsys.readouterr().out


def test_the_row_of_the_readme_is_a_row() -> None:
    (row,) = (json.loads(block) for block in blocks("json"))
    assert list(row) == ["policy", "index", "passage", "start", "end", "text", "heading", "labels", "scores"]
    assert list(row["scores"]) == list(LABELS)
    assert row["end"] - row["start"] == len(row["text"])


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_package_and_data_file_is_in_the_wheels_list() -> None:
    """A folder missing from `packages` works in an editable install and is gone from the wheel."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found = {
        "clausetag" + "".join(f".{part}" for part in path.parent.relative_to(ROOT).parts)
        for path in ROOT.glob("**/__init__.py")
        if not {"tests", ".venv", "build"} & set(path.relative_to(ROOT).parts)
    }
    assert found - {"clausetag.eval.research"} == set(project["packages"])  # studies stay out of the wheel
    data = project["package-data"]
    for package in found:
        folder = ROOT.joinpath(*package.split(".")[1:])
        for path in folder.iterdir():
            if path.suffix in {".html", ".js", ".css", ".json", ".toml"} and folder != ROOT:
                assert any(path.match(pattern) for pattern in data.get(package, ())), path

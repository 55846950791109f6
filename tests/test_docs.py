"""The documents agree with the code: their commands parse, their Python runs, the files that they link to exist."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from clausetag.cli import COMMANDS, SUBCOMMANDS, parse
from clausetag.data.labels import LABELS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "data" / "DATASHEET.md"]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def commands(program: str, *paths: Path) -> list[list[str]]:
    """The arguments of every call of `program` in the shell blocks of `paths`."""
    found: list[list[str]] = []
    for path in paths or DOCUMENTS:
        for block in blocks(path, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"[|]|&&", line):
                    words = [word for word in shlex.split(part, comments=True) if not re.match(r"[A-Z_0-9]+=", word)]
                    if words and words[0] == program:
                        found.append(words[1:])
    return found


def test_every_documented_command_line_parses() -> None:
    lines = commands("clausetag")
    assert len(lines) >= 40
    for words in lines:
        module = parse(words)[1]
        below = tuple(words[:2])
        assert module == (SUBCOMMANDS[below][0] if below in SUBCOMMANDS else COMMANDS[words[0]][0])


def test_every_command_is_documented() -> None:
    lines = commands("clausetag")
    assert set(COMMANDS) <= {words[0] for words in lines}
    assert set(SUBCOMMANDS) <= {tuple(words[:2]) for words in lines}


def test_every_documented_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for word in (word for words in commands("make") for word in words):
        assert "=" in word or word in targets, word
    assert {"all", "test", "train", "eval", "predict", "serve", "check", "clean", "help"} <= targets


def test_ci_runs_the_readmes_test_command() -> None:
    assert ["test"] in commands("make", ROOT / "README.md")
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_python_of_the_readme_runs(
    tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLAUSETAG_MODEL", str(tiny_artifact))
    (code,) = blocks(ROOT / "README.md", "python")
    exec(compile(code, "README", "exec"), {})
    assert "We never sell your data." in capsys.readouterr().out


def test_the_row_of_the_readme_is_a_row() -> None:
    (row,) = (json.loads(block) for block in blocks(ROOT / "README.md", "json"))
    names = ["policy", "index", "passage", "start", "end", "text", "heading", "labels", "scores"]
    assert list(row) == [*names, "attributes", "attribute_scores"]
    assert list(row["scores"]) == list(LABELS)
    assert row["end"] - row["start"] == len(row["text"])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_links_to_is_there(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            assert (path.parent / target.partition("#")[0]).exists(), target


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

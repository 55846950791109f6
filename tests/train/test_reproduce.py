"""`make reproduce`: every stage is a command that exists, what is made stays, and the figures decide."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clausetag.cli import parse
from clausetag.data.errors import RecipeError
from clausetag.model.artifact import load_artifact
from clausetag.train.config import read_recipe
from clausetag.train.reproduce import Stage, compared, main, run, stages


def test_every_stage_is_a_command_with_a_valid_recipe(tmp_path: Path) -> None:
    wanted = stages("policies.jsonl", ["mine.jsonl"], tmp_path, 8_000_000)
    names = [stage.name for stage in wanted]
    for number, stage in enumerate(wanted):
        arguments, _ = parse(stage.command)
        if stage.command[0] == "train":
            recipe = read_recipe(arguments.recipe, arguments.overrides)
            assert {Path(path).name for path in recipe.extra} == {"today.jsonl", "uncertain.jsonl", "mine.jsonl"}
        assert set(stage.after) <= set(names[:number]), stage.name
    folds = [word for stage in wanted for word in stage.command if word.startswith("fold=")]
    assert folds == ["fold=1/3", "fold=2/3", "fold=3/3"]


class Commands:
    """In place of `clausetag`: notes the commands, and makes the file that the last word names."""

    def __init__(self, fails: str = "") -> None:
        self.run: list[str] = []
        self.fails = fails

    def __call__(self, command: Sequence[str]) -> int:
        self.run.append(command[0])
        if command[0] == self.fails:
            return 1
        Path(command[-1]).write_text("made", encoding="utf-8")
        return 0


def two(tmp_path: Path, *more: str) -> list[Stage]:
    first, second = (str(tmp_path / name) for name in ("first", "second"))
    return [
        Stage("a", ("one", first), first, files=(str(tmp_path / "input"),)),
        Stage("b", ("two", *more, second), second, ("a",)),
    ]


def test_a_finished_stage_is_not_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "input").write_text("1")
    commands = Commands(fails="two")
    with pytest.raises(RecipeError, match="b: the command failed"):
        run(two(tmp_path), tmp_path, commands)
    commands.fails = ""
    run(two(tmp_path), tmp_path, commands)
    assert commands.run == ["one", "two", "two"]
    run(two(tmp_path), tmp_path, commands)
    assert commands.run == ["one", "two", "two"] and "[2/2] b: finished before" in capsys.readouterr().out


def test_what_was_made_of_other_inputs_is_not_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "input").write_text("1")
    run(two(tmp_path), tmp_path, Commands())
    with pytest.raises(RecipeError, match="b: was made of other inputs; delete"):
        run(two(tmp_path, "--other"), tmp_path, Commands())
    (tmp_path / "input").write_text("2")
    with pytest.raises(RecipeError, match="a: was made of other inputs; delete"):
        run(two(tmp_path), tmp_path, Commands())
    # What a stage makes follows from what the stage before was made of.
    (tmp_path / "stamps" / "a.json").unlink()
    (tmp_path / "first").unlink()
    with pytest.raises(RecipeError, match="b: was made of other inputs; delete"):
        run(two(tmp_path), tmp_path, Commands())


def measured(root: Path, shift: float) -> None:
    for tier in ("standard", "fast"):
        for row in load_artifact(tier).config["figures"]:
            folder = root / f"eval-{tier}-{row['unit']}"
            if row["data"] == "opp115 test":
                folder.mkdir(parents=True, exist_ok=True)
                figures = {name: row[name] + shift for name in ("macro_f1", "micro_f1")}
                ci95 = {name: [value - 0.03, value + 0.03] for name, value in figures.items()}
                values: dict[str, Any] = {"data": row["data"], **figures, "ci95": ci95}
                (folder / "metrics.json").write_text(json.dumps(values), encoding="utf-8")


def test_the_cards_figures_lie_in_the_measured_intervals_or_it_fails(tmp_path: Path) -> None:
    measured(tmp_path, 0.01)
    rows, within = compared(tmp_path)
    assert within and len(rows) == 8 and {row[-1] for row in rows} == {"inside"}
    measured(tmp_path, -0.05)
    rows, within = compared(tmp_path)
    assert not within and "OUTSIDE" in {row[-1] for row in rows}


def test_the_hours_are_listed_beforehand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policies.jsonl", "--extra", "a.jsonl,b.jsonl", "-o", str(tmp_path), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "pretrain               about 1.2 hours" in out and "16 of 16 stages left" in out
    assert main(["policies.jsonl", "-o", str(tmp_path)]) == 2  # there is no such file
    assert "policies.jsonl" in capsys.readouterr().err

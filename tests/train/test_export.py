"""`clausetag export`: what a model ships with, and what its card may say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clausetag.data.errors import ClausetagError
from clausetag.data.labels import LABELS
from clausetag.model.artifact import load_artifact
from clausetag.model.tagger import Tagger
from clausetag.train.export import export


def metrics(path: Path, model_hash: str, /, **changed: Any) -> str:
    """A metrics.json of `clausetag eval`, cut to what a card takes from it."""
    scores = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 4, "predicted": 4}
    values = {
        "in_sample": False,
        "model": {"name": None, "hash": model_hash},
        "data": "opp115 test",
        "recipe": "mine",
        "unit": "sentence",
        "n": 10,
        "macro_f1": 0.51234567,
        "micro_f1": 0.6,
        "command": "clausetag eval opp115",
        "per_category": dict.fromkeys(LABELS, scores),
        **changed,
    }
    path.write_text(json.dumps(values), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "own", "command"),
    [
        ("small", True, "clausetag eval opp115 --model small"),
        ("small", False, "clausetag eval opp115"),  # measured on another model, of the recipe that the row names
        ("standard", True, "clausetag eval opp115"),
    ],
)
def test_figures_come_with_the_command_that_gives_them(
    name: str, own: bool, command: str, tiny_artifact: Path, tmp_path: Path
) -> None:
    given = metrics(tmp_path / "metrics.json", load_artifact(tiny_artifact).hash if own else "0123456789ab")
    export(str(tiny_artifact), tmp_path / name, [given], name)
    (figure,) = Tagger.load(tmp_path / name).config["figures"]
    assert (figure["command"], figure["macro_f1"]) == (command, 0.512346)
    card = (tmp_path / name / "README.md").read_text(encoding="utf-8")
    row = f"| opp115 test | sentence | 10 | 0.512 | 0.600 | another model, of the recipe `mine` | `{command}` |"
    assert row in card


def test_full_precision_weights_stay_behind(tiny_artifact: Path, tmp_path: Path) -> None:
    assert (tiny_artifact / "model.safetensors").is_file()
    export(str(tiny_artifact), tmp_path / "small", [], "small")
    assert {path.name for path in (tmp_path / "small").iterdir()} == {
        *("README.md", "config.json", "manifest.json", "model.onnx", "tokenizer.json", "tokenizer_config.json"),
        "trained_on.json",
    }


@pytest.mark.parametrize(
    ("changed", "message"), [({"in_sample": True}, "in-sample"), ({"model": None}, "not a metrics")]
)
def test_what_is_no_figure_for_a_card(
    changed: dict[str, Any], message: str, tiny_artifact: Path, tmp_path: Path
) -> None:
    given = metrics(tmp_path / "metrics.json", "", **changed)
    with pytest.raises(ClausetagError, match=message):
        export(str(tiny_artifact), tmp_path / "small", [given], "small")
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]

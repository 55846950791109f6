"""`clausetag eval compare` from files to verdict, and what it refuses to compare."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clausetag.cli import main as cli
from clausetag.data.errors import DataError
from clausetag.data.jsonl import write_jsonl
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.compare import add_arguments, main
from clausetag.eval.predictions import prediction_rows, read_predictions


def compare(*given: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args(given))


def write_run(folder: Path, quality: float, policies: int = 15, seed: int = 0) -> str:
    rng = np.random.default_rng(1)
    gold = rng.random((policies * 20, 12)) < 0.3
    noise = np.random.default_rng(seed).random(gold.shape)
    predicted = np.where(noise < quality, gold, ~gold)
    units = [
        Sentence(
            f"p{row // 20}", row % 20, f"Invented sentence number {row}.", labels=tuple(np.array(LABELS)[gold[row]])
        )
        for row in range(len(gold))
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_jsonl(folder / "predictions.jsonl", prediction_rows(units, predicted * 1.0, predicted, "sentence"))
    return str(folder)


def test_itself_and_a_worse_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = write_run(tmp_path / "good", 0.95), write_run(tmp_path / "bad", 0.6)
    assert cli(["eval", "compare", good, good, "--draws", "200"]) == 0
    said = capsys.readouterr().out
    assert "no evidence of a difference" in said and "better" not in said.partition("A - B")[2].partition("\n\n")[0]
    assert compare(good, bad + "/predictions.jsonl", "--draws", "200", "-o", str(tmp_path / "out")) == 0
    assert "macro F1: A is better" in capsys.readouterr().out
    written = json.loads((tmp_path / "out/comparison.json").read_text(encoding="utf-8"))
    assert [row["figure"] for row in written["figures"]] == ["macro_f1", "micro_f1", *LABELS]
    assert all(row["verdict"] == "better" for row in written["figures"])
    assert written["policies"] == 15
    assert "| Macro |" in (tmp_path / "out/comparison.md").read_text(encoding="utf-8")


def test_a_system_that_is_hardly_worse_is_within_the_margin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, close, far = (write_run(tmp_path / name, share) for name, share in (("g", 0.9), ("c", 0.897), ("f", 0.85)))
    assert compare(close, good, "--draws", "200", "--margin", "0.05", "-o", str(tmp_path / "out")) == 0
    assert "no evidence of a difference, and A is not worse by 0.05 or more" in capsys.readouterr().out
    written = json.loads((tmp_path / "out/comparison.json").read_text(encoding="utf-8"))
    assert written["margin"] == 0.05 and written["figures"][1]["non_inferior"] is True
    assert compare(close, good, "--draws", "200", "--margin", "0.0001") == 0
    assert "and A is not worse" not in capsys.readouterr().out
    assert compare(far, good, "--draws", "200", "--margin", "0.05", "-o", str(tmp_path / "out")) == 0
    written = json.loads((tmp_path / "out/comparison.json").read_text(encoding="utf-8"))
    assert written["figures"][1]["non_inferior"] is False
    assert cli(["eval", "compare", good, close, "--margin", "0"]) == 2
    assert "--margin 0: give an F1 difference between 0 and 1" in capsys.readouterr().err


def test_order_of_rows_does_not_matter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write_run(tmp_path / "a", 0.9)
    bad = Path(write_run(tmp_path / "b", 0.7))
    assert compare(good, str(bad), "--draws", "200") == 0
    first = capsys.readouterr().out
    path = bad / "predictions.jsonl"
    path.write_text("".join(reversed(path.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")
    assert compare(good, str(bad), "--draws", "200") == 0
    assert capsys.readouterr().out == first


def test_too_few_policies_are_said_to_be_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = write_run(tmp_path / "a", 0.95, policies=5), write_run(tmp_path / "b", 0.6, policies=5)
    assert compare(good, bad, "--draws", "200") == 0
    said = capsys.readouterr().out
    assert "too few" in said and "A is better" not in said
    seven, worse = write_run(tmp_path / "e", 0.95, policies=7), write_run(tmp_path / "f", 0.6, policies=7)
    assert compare(seven, worse, "--draws", "200") == 0
    said = capsys.readouterr().out
    assert "macro F1: A is better" in said and "too few for evidence on a single category" in said
    alone, other = write_run(tmp_path / "c", 0.95, policies=1), write_run(tmp_path / "d", 0.6, policies=1)
    assert compare(alone, other, "--draws", "200") == 0
    said = capsys.readouterr().out
    assert "1 policies are too few" in said and "A is better" not in said


def test_texts_without_policies_are_drawn_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, quality in (("a", 0.95), ("b", 0.6)):
        write_run(tmp_path / name, quality, policies=3)
        edit(
            tmp_path / name / "predictions.jsonl",
            lambda rows: [row.update(policy="privacyglue", index=place) for place, row in enumerate(rows)],
        )
    assert compare(str(tmp_path / "a"), str(tmp_path / "b"), "--draws", "200") == 0
    said = capsys.readouterr().out
    assert "60 texts" in said and "texts were drawn instead" in said and "A is better" in said


def test_in_sample_runs_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = write_run(tmp_path / "a", 0.95), write_run(tmp_path / "b", 0.6)
    edit(tmp_path / "a/predictions.jsonl", lambda rows: [row.update(in_sample=True) for row in rows])
    assert compare(good, bad, "--draws", "200", "-o", str(tmp_path / "out")) == 0
    said = capsys.readouterr().out
    assert "A is in-sample" in said and "B is in-sample" not in said
    assert json.loads((tmp_path / "out/comparison.json").read_text(encoding="utf-8"))["in_sample"] == [True, False]


def edit(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.pop(), r"different data \(300 and 299 rows, 299 in both\)"),
        (lambda rows: rows[0].update(policy="else"), r"different data \(300 and 300 rows, 299 in both\)"),
        (
            lambda rows: rows[3].update(text="Something else altogether."),
            "1 rows with the same id",
        ),
        (lambda rows: rows[3].update(gold=[LABELS[7]] if rows[3]["gold"] != [LABELS[7]] else []), "gold labels"),
        (lambda rows: [row.update(unit="passage") for row in rows], "different units"),
        (lambda rows: rows[1].update(index=0), "line 2: repeats p0 0 of line 1"),
        (lambda rows: rows[1].pop("gold"), "line 2: has no 'gold'"),
        (lambda rows: rows[1].update(labels=["Cookies"]), "line 2: .*Cookies"),
        (lambda rows: rows.clear(), "has no prediction"),
    ],
)
def test_what_cannot_be_compared(tmp_path: Path, change: Callable[[list[dict[str, Any]]], Any], said: str) -> None:
    good, bad = write_run(tmp_path / "a", 0.9), write_run(tmp_path / "b", 0.7)
    edit(tmp_path / "b/predictions.jsonl", change)
    with pytest.raises(DataError, match=said):
        compare(good, bad)


def test_missing_and_broken_files_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write_run(tmp_path / "a", 0.9)
    assert cli(["eval", "compare", good, str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "broken.jsonl").write_text("{not json\n", encoding="utf-8")
    assert cli(["eval", "compare", good, str(tmp_path / "broken.jsonl")]) == 2
    assert "line 1" in capsys.readouterr().err
    (tmp_path / "deep.jsonl").write_text("[" * 200_000, encoding="utf-8")
    assert cli(["eval", "compare", good, str(tmp_path / "deep.jsonl")]) == 2
    assert "nest too deeply" in capsys.readouterr().err
    (tmp_path / "latin.jsonl").write_bytes(b'{"policy": "\xe9"}\n')
    assert cli(["eval", "compare", good, str(tmp_path / "latin.jsonl")]) == 2
    assert "UTF-8" in capsys.readouterr().err
    assert cli(["eval", "compare", good, good, "--draws", "1"]) == 2


def test_predictions_come_back_as_they_went(tmp_path: Path) -> None:
    found = read_predictions(write_run(tmp_path / "a", 0.9))
    assert found.gold.shape == found.predicted.shape == (300, 12)
    assert 0.8 < (found.gold == found.predicted).mean() < 0.95
    assert (found.keys[0], found.unit) == (("p0", 0), "sentence")

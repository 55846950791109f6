"""Labels of one's own through every door: trained, tagged, written, compared, evaluated, labelled anew, served."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from clausetag.cli import main
from clausetag.data.errors import DataError, RecipeError
from clausetag.data.jsonl import read_jsonl, write_jsonl
from clausetag.data.labels import LABELS, SECURITY
from clausetag.data.palette import palette
from clausetag.eval.predictions import read_predictions
from clausetag.model.artifact import load_artifact
from clausetag.model.tagger import Tagger
from clausetag.predict.writers.rows import csv_columns, summary_csv_columns
from clausetag.train.config import recipe_from
from clausetag.train.examples.training_data import assemble
from clausetag.train.run import run_training

OWN = ("Sale & rent", "Kids", "Address <of us>")
SAID = {
    "Sale & rent": "We may sell or rent your {} to advertisers.",
    "Kids": "Children under {} years must ask their parents.",
    "Address <of us>": "Write to us by e-mail with any question about {}.",
}
BARE = "This site is hosted on {} and made with care."
THINGS = ("name", "thirteen", "cookies", "phone", "sixteen", "servers", "browser", "twelve")
SMALL = {"context": False, "window": 48, "batch_tokens": 48, "epochs": 1}
"""Sentences alone, in small batches: one long epoch, as the first of several could be kept for a tie in F1."""
TEXT = "We may sell or rent your phone to advertisers.\n\nChildren under twelve years must ask their parents.\n"


def rows(policy: str, split: str, shift: int) -> list[dict[str, Any]]:
    """Sixteen sentences of a policy: each label, none, and in the first policy two at once."""
    found = []
    for index in range(16):
        thing = THINGS[(index // 4 + shift) % len(THINGS)]
        labels = [OWN[index % 4]] if index % 4 < 3 else []
        text = (SAID[labels[0]] if labels else BARE).format(f"{thing} {policy}")
        if index == 8 and shift == 0:
            labels, text = [OWN[0], OWN[1]], f"{text} Children and their parents too."
        found.append({"policy": policy, "index": index, "text": text, "labels": labels, "split": split})
    return found


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "own.jsonl"
    train = [row for n in range(36) for row in rows(f"shop {n}", "train", n)]
    held = [row for n in range(3) for row in rows(f"forum {n}", "validation", n + 1)]
    test = [row for n in range(3) for row in rows(f"bank {n}", "test", n + 2)]
    write_jsonl(path, [*train, *held, *test])
    return path


@pytest.fixture(scope="module")
def keys(tiny_recipe: dict[str, object], labelled: Path) -> dict[str, object]:
    taken = {key: value for key, value in tiny_recipe.items() if not key.startswith("policies")}
    return {**taken, "name": "mine", "labels": list(OWN), "extra": [str(labelled)], **SMALL}


@pytest.fixture(scope="module")
def model(keys: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    run_training(recipe_from(keys), folder, quiet=True)
    return folder


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text(TEXT)
    (folder / "b.txt").write_text(
        TEXT.replace("twelve", "thirteen") + "\nThis site is hosted on servers and made with care.\n"
    )
    return folder


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().err.strip()
    assert said.startswith("clausetag: ") and "\n" not in said
    return said


def test_it_learns_them_with_one_head(model: Path) -> None:
    artifact = load_artifact(model)
    assert (artifact.labels, artifact.heads, artifact.default_head) == (OWN, ("guide",), "guide")
    assert artifact.settings["guide"].min_labels == 0
    tagger = Tagger.load(model)
    assert tagger.labels == OWN
    found = tagger.tag(TEXT)
    assert [sentence.labels for sentence in found] == [(OWN[0],), (OWN[1],)]
    assert all(list(sentence.scores or ()) == list(OWN) for sentence in found)
    assert tagger.tag("This site is hosted on servers and made with care.")[0].labels == ()


def test_the_card_speaks_of_these_labels_and_not_of_opp115(model: Path) -> None:
    card = (model / "README.md").read_text(encoding="utf-8")
    assert ", ".join(OWN) in card and "own.jsonl" in card
    assert "OPP-115" not in card and "NonCommercial" not in card


def test_at_least_one_label_if_the_recipe_says_so(keys: dict[str, object], tmp_path: Path) -> None:
    run_training(recipe_from({**keys, "min_labels": 1}), tmp_path / "run", quiet=True)
    assert all(sentence.labels for sentence in Tagger.load(tmp_path / "run").tag(TEXT + "\nIt rains.\n"))


def test_a_model_of_other_labels_lends_its_encoder_alone(
    keys: dict[str, object], tiny_artifact: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    recipe = {**keys, "start": str(tiny_artifact), "encoder_lr": 0.0}
    run_training(recipe_from(recipe), tmp_path / "run", quiet=True)
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny_artifact, tmp_path / "run"))
    encoder = [name for name in before if name.startswith("encoder.")]
    assert encoder and all(np.array_equal(before[name], after[name]) for name in encoder)
    assert len(after["shared.bias"]) == len(OWN)
    artifact = load_artifact(tmp_path / "run")
    assert artifact.config["start"]["hash"] == load_artifact(tiny_artifact).hash
    assert load_artifact(tiny_artifact).trained_on().policies < artifact.trained_on().policies
    assert "NonCommercial" in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")


def test_a_model_of_the_same_labels_goes_on_with_its_heads(
    keys: dict[str, object], model: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    recipe = {**keys, "start": str(model), "encoder_lr": 0.0, "head_lr": 0.0}
    run_training(recipe_from(recipe), tmp_path / "run", quiet=True)
    before, after = (load_file(folder / "model.safetensors") for folder in (model, tmp_path / "run"))
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_model_of_own_labels_is_no_start_for_the_twelve(
    tiny_recipe: dict[str, object], model: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="other labels"):
        run_training(recipe_from({**tiny_recipe, "start": str(model)}), tmp_path / "run", quiet=True)


def test_without_validation_rows_it_is_untuned(keys: dict[str, object], labelled: Path, tmp_path: Path) -> None:
    kept = [json.loads(line) for line in labelled.read_text(encoding="utf-8").splitlines()]
    write_jsonl(tmp_path / "few.jsonl", [row for row in kept if row["split"] == "train"])
    few = {**keys, "extra": [str(tmp_path / "few.jsonl")]}
    with pytest.raises(RecipeError, match="no validation data"):
        assemble(recipe_from(few))
    run_training(recipe_from({**few, "unvalidated": True}), tmp_path / "run", quiet=True)
    assert list(load_artifact(tmp_path / "run").settings["guide"].thresholds) == [0.5] * len(OWN)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"opp115": ["train"]}, "opp115 has OPP-115's labels"),
        ({"opp115_validation": ["validation"]}, "opp115_validation has OPP-115's labels"),
        ({"policies": ["004_vtiger"]}, "policies has OPP-115's labels"),
        ({"policies_validation": ["004_vtiger"]}, "policies_validation has OPP-115's labels"),
        ({"leave_out": "004_vtiger"}, "leave_out has OPP-115's labels"),
        ({"privacyglue": "folder"}, "privacyglue has OPP-115's labels"),
        ({"distilled": "folder"}, "distilled has OPP-115's labels"),
        ({"guide_from_opp115": True}, "guide_from_opp115 has OPP-115's labels"),
        ({"labels": ["a", "A"]}, "labels: the label 'A' occurs twice"),
        ({"labels": ["text"]}, "labels: the label 'text' is the name of another column"),
        ({"labels": [], "min_labels": 1}, "min_labels goes with custom labels"),
        ({"min_labels": 2}, "min_labels = 2: must be less than or equal to 1"),
        ({"extra": []}, "no training data"),
    ],
)
def test_recipes_that_are_refused(keys: dict[str, object], wrong: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe_from({**keys, **wrong})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_twelve_by_name_are_the_twelve(keys: dict[str, object]) -> None:
    named = recipe_from({**keys, "labels": list(LABELS), "opp115": ["train"]})
    assert not named.own_labels
    assert named.label_set == recipe_from({**keys, "labels": []}).label_set == LABELS


def test_a_label_that_the_recipe_does_not_name(
    keys: dict[str, object], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.jsonl"
    lines = labelled.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:4], lines[4].replace(OWN[0], "Sale")]), encoding="utf-8")
    recipe = tmp_path / "mine.toml"
    recipe.write_text(f"[data]\nlabels = {json.dumps(list(OWN))}\n[model]\nbackbone = {json.dumps(keys['backbone'])}\n")
    assert main(["train", str(recipe), "--set", f"extra={path}", "-o", str(tmp_path / "run")]) == 2
    assert f"{path}, line 5: unknown label 'Sale'; the labels are {', '.join(OWN)}" in one_line(capsys)
    assert not (tmp_path / "run").exists()


def test_every_format_has_these_labels_and_no_other(model: Path, texts: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "out"
    command = ["predict", str(texts), "--model", str(model), "--format", "jsonl,csv,parquet,html", "-o", str(out)]
    assert main([*command, "--quiet"]) == 0
    found = read_jsonl(out / "predictions.jsonl", OWN)
    assert [sentence.labels for sentence in found] == [(OWN[0],), (OWN[1],), (OWN[0],), (OWN[1],), ()]
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as lines:
        table = list(csv.DictReader(lines))
    assert tuple(table[0]) == csv_columns(OWN)
    assert [row["labels"] for row in table] == ["; ".join(sentence.labels or ()) for sentence in found]
    assert float(table[0][OWN[0]]) == (found[0].scores or {})[OWN[0]]
    structs = parquet.read_table(out / "predictions.parquet").to_pylist()
    assert [list(row["scores"]) for row in structs] == [list(OWN)] * 5
    summary = [json.loads(line) for line in (out / "summary.jsonl").read_text(encoding="utf-8").splitlines()]
    assert summary[0]["counts"] == {OWN[0]: 1, OWN[1]: 1, OWN[2]: 0}
    assert (summary[0]["present"], summary[0]["absent"]) == ([OWN[0], OWN[1]], [OWN[2]])
    with (out / "summary.csv").open(encoding="utf-8", newline="") as lines:
        assert tuple(next(csv.reader(lines))) == summary_csv_columns(OWN)
    assert json.loads((out / "run.json").read_text())["labels"] == {OWN[0]: 2, OWN[1]: 2, OWN[2]: 0}


def test_pages_have_a_legend_codes_and_hues_of_these_labels(model: Path, texts: Path, tmp_path: Path) -> None:
    from lxml import html

    out = tmp_path / "out"
    command = ["predict", str(texts), "--model", str(model), "--quiet"]
    assert main([*command, "--format", "html", "-o", str(out)]) == 0
    assert main([*command, "-o", str(tmp_path / "one.html")]) == 0
    colours = palette(OWN)
    for path, counts in (
        (out / "index.html", ["2", "2", "0"]),
        (out / "html" / "a.html", ["1", "1", "0"]),
        (tmp_path / "one.html", ["2", "2", "0"]),
    ):
        page = path.read_text(encoding="utf-8")
        tree = html.fromstring(page)
        chips = [chip for chip in tree.find_class("chip") if chip.get("data-l") != "none"]
        assert [chip.get("title") for chip in chips] == list(OWN)
        assert [chip.find_class("n")[0].text for chip in chips] == counts
        assert [chip.find_class("b")[0].text for chip in chips] == [colours.codes[label] for label in OWN]
        assert all(colours.hue_rules(label) in page for label in OWN)
        assert ".l3 {" not in page and not any(label in page for label in LABELS)
        assert "<of us>" not in page
    assert "Not mentioned: Address" in (out / "html" / "a.html").read_text(encoding="utf-8")
    row = html.fromstring((out / "index.html").read_text(encoding="utf-8")).xpath("//tbody/tr")[0]
    assert [cell.text_content() for cell in row.findall("td")][-4:] == ["2", "1", "1", "0"]


def test_the_terminal_names_what_is_missing(model: Path, texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(texts / "a.txt"), "--model", str(model)]) == 0
    said = capsys.readouterr().out
    assert f"not mentioned: {OWN[2]}" in said
    assert not any(label in said for label in LABELS)


def test_versions_are_compared_by_these_labels(
    model: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (texts / "c.txt").write_text(TEXT + "\nWrite to us by e-mail with any question about cookies.\n")
    given = ["diff", str(texts / "a.txt"), str(texts / "c.txt"), "--model", str(model)]
    for suffix in ("jsonl", "md", "html"):
        assert main([*given, "-o", str(tmp_path / f"diff.{suffix}")]) == 0
    found = [json.loads(line) for line in (tmp_path / "diff.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["status"], row["gained"]) for row in found][-1] == ("added", [OWN[2]])
    page = (tmp_path / "diff.html").read_text(encoding="utf-8")
    assert palette(OWN).hue_rules(OWN[2]) in page and "k2" in page and "<of us>" not in page
    assert f"{OWN[2]}  " in capsys.readouterr().out


def test_evaluation_by_these_labels(
    model: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("evaluate")
    out = tmp_path / "eval"
    assert main(["eval", str(labelled), "--split", "test", "--model", str(model), "-o", str(out)]) == 0
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert list(metrics["per_category"]) == list(metrics["thresholds"]) == list(OWN)
    assert [row["support"] for row in metrics["per_category"].values()] == [12, 12, 12]
    assert metrics["macro_f1"] > 0.8 and metrics["n"] == 48
    assert list(metrics["calibration"]["after"]["per_category"]) == list(OWN)
    assert any("whose labels are others" in note for note in metrics["notes"])
    report = (out / "report.html").read_text(encoding="utf-8")
    assert palette(OWN).hue_rules(OWN[1]) in report and "<of us>" not in report
    predictions = read_predictions(str(out))
    assert predictions.labels == OWN and predictions.gold.shape == (48, 3)
    assert all(label not in report for label in LABELS)
    capsys.readouterr()
    assert main(["eval", "compare", str(out), str(out), "--draws", "100"]) == 0
    assert OWN[1] in capsys.readouterr().out


def test_data_with_other_labels_than_the_model_are_refused(
    model: Path, tiny_artifact: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for data in ("opp115", "policies"):
        assert main(["eval", data, "--model", str(model)]) == 2
        assert f"{data} has OPP-115's labels, but the model has others (Sale & rent, Kids" in one_line(capsys)
    assert main(["eval", str(labelled), "--model", str(tiny_artifact)]) == 2
    assert f"{labelled}, line 1: unknown label 'Sale & rent'; the labels are First" in one_line(capsys)
    path = tmp_path / "twelve.jsonl"
    write_jsonl(path, [{"policy": "p", "index": 0, "text": "It is safe.", "labels": [SECURITY]}])
    assert main(["eval", str(path), "--model", str(model)]) == 2
    assert f"{path}, line 1: unknown label 'Data Security'; the labels are Sale & rent" in one_line(capsys)
    both = ["--model", str(model), "--model", str(tiny_artifact)]
    assert main(["eval", str(path), *both, "-o", str(tmp_path / "out")]) == 2
    assert "different labels" in one_line(capsys)
    assert not (tmp_path / "out").exists()


def test_runs_of_different_labels_are_not_compared(tmp_path: Path) -> None:
    from clausetag.eval.predictions import aligned

    row = {"policy": "p", "index": 0, "text": "It is safe.", "gold": [], "labels": []}
    write_jsonl(tmp_path / "a.jsonl", [{**row, "scores": dict.fromkeys(OWN, 0.1)}])
    write_jsonl(tmp_path / "b.jsonl", [{**row, "scores": dict.fromkeys(LABELS, 0.1)}])
    write_jsonl(tmp_path / "c.jsonl", [{**row, "scores": dict.fromkeys(OWN, 0.1), "labels": ["Sale"]}])
    first, second = (read_predictions(str(tmp_path / f"{name}.jsonl")) for name in "ab")
    with pytest.raises(DataError, match="different labels"):
        aligned(first, second)
    with pytest.raises(DataError, match="unknown label 'Sale'"):
        read_predictions(str(tmp_path / "c.jsonl"))


def test_label_studio_there_and_back(
    model: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(f"labels = {json.dumps(list(OWN))}\n")
    tasks, by_model = tmp_path / "tasks.json", tmp_path / "model.json"
    export = ["data", "export-label-studio", str(texts), "-o"]
    assert main([*export, str(tasks), "--labels", str(recipe)]) == 0
    assert main([*export, str(by_model), "--model", str(model), "--uncertain-first"]) == 0
    for path in (tasks, by_model):
        choices = ElementTree.parse(path.with_suffix(".xml")).iter("Choice")
        assert [choice.get("value") for choice in choices] == list(OWN)
    assert all("predictions" not in task for task in json.loads(tasks.read_text(encoding="utf-8")))
    given = json.loads(by_model.read_text(encoding="utf-8"))
    said = [task["predictions"][0]["result"][0]["value"]["choices"] for task in given]
    assert {tuple(choices) for choices in said} == {(OWN[0],), (OWN[1],), ()}
    for task in given:
        region = {"from_name": "labels", "to_name": "text", "type": "choices", "value": {"choices": [OWN[2]]}}
        task["annotations"] = [{"completed_by": 1, "result": [region]}]
    done = tmp_path / "export.json"
    done.write_text(json.dumps(given), encoding="utf-8")
    back = ["data", "import-label-studio", str(done), "-o", str(tmp_path / "back.jsonl")]
    assert main([*back, "--labels", str(recipe)]) == 0
    assert {sentence.labels for sentence in read_jsonl(tmp_path / "back.jsonl", OWN)} == {(OWN[2],)}
    capsys.readouterr()
    assert main(back) == 2
    assert "unknown label 'Address <of us>'; the labels are First" in one_line(capsys)
    assert main([*export, str(tasks), "--labels", str(recipe), "--uncertain-first"]) == 2
    assert "no model tags these tasks" in one_line(capsys)


def test_the_service_answers_with_these_labels(model: Path) -> None:
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    from clausetag.serving.http.app import create_app
    from clausetag.serving.runtime.service import Service
    from clausetag.serving.settings import Settings

    service = Service(Settings(), load=lambda: Tagger.load(model, threads=1))
    with TestClient(create_app(service)) as client:
        for _ in range(1000):  # the model is warmed in the background
            if client.get("/readyz").status_code == 200:
                break
            time.sleep(0.05)
        answer = client.post("/predict", json={"text": TEXT}).json()
        assert answer["summary"] == {OWN[0]: 1, OWN[1]: 1, OWN[2]: 0}
        assert [list(row["scores"]) for row in answer["sentences"]] == [list(OWN)] * 2
        one = client.post("/predict", json={"text": TEXT, "categories": [OWN[1]], "thresholds": {OWN[1]: 1.0}}).json()
        assert one["summary"] == {OWN[1]: 0}
        assert client.get("/info").json()["labels"] == list(OWN)
        for wrong, field in (
            ({"categories": [SECURITY]}, "categories.0"),
            ({"thresholds": {"X": 0.5}}, "thresholds.X"),
        ):
            response = client.post("/predict", json={"text": TEXT, **wrong})
            assert (response.status_code, response.json()["error"]["field"]) == (422, field)
        described = client.get("/openapi.json").text
        assert json.dumps(OWN[2])[1:-1] in described and SECURITY not in described

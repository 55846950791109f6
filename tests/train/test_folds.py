"""Leave-one-policy-out: no fold sees the policy that it leaves out, and a stopped series goes on where it was."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clausetag.cli import main
from clausetag.data.corpora.five import read_five
from clausetag.data.errors import DataError, LeakageError, RecipeError
from clausetag.data.labels import LABELS
from clausetag.data.text import is_boilerplate, text_hash
from clausetag.model.artifact import TrainedOn, load_artifact
from clausetag.train import folds as folds_module
from clausetag.train import run
from clausetag.train.config import Recipe, recipe_from
from clausetag.train.examples.training_data import assemble
from clausetag.train.folds import divided, out_of_fold

POLICIES = ("000_sagenext", "003_empxtrack", "004_vtiger")


def texts_of(policy: str) -> set[str]:
    return {text_hash(row.text) for row in read_five() if row.policy == policy and not is_boilerplate(row.text)}


@pytest.fixture(scope="module")
def recipe(tiny_recipe: dict[str, object]) -> Recipe:
    settings: dict[str, Any] = {
        **tiny_recipe,
        "name": "lopo",
        "policies": list(POLICIES),
        "policies_validation": [],
        "leave_out": "each",
        "unvalidated": True,
        "epochs": 2,
    }
    return recipe_from(settings)


@pytest.fixture(scope="module")
def folds(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lopo")
    run.train_folds(recipe, folder, quiet=True)
    return folder


def test_no_fold_has_seen_the_policy_that_it_leaves_out(folds: Path) -> None:
    assert {path.name for path in folds.iterdir()} == set(POLICIES)
    for policy in POLICIES:
        artifact = load_artifact(folds / policy)
        seen = artifact.trained_on()
        assert seen.policies == set(POLICIES) - {policy}
        assert not (seen.hashes | seen.context) & texts_of(policy)
        assert artifact.config["recipe"]["leave_out"] == policy
        assert policy not in artifact.config["recipe"]["policies"]
        assert not artifact.config["validation"]


def test_a_fold_that_nothing_validates_keeps_its_last_epoch_and_says_that_it_is_untuned(folds: Path) -> None:
    artifact = load_artifact(folds / POLICIES[0])
    assert artifact.config["untuned"] == ["guide"]
    assert list(artifact.settings) == ["guide"]
    head = artifact.settings["guide"]
    assert head.thresholds.tolist() == [0.5] * len(LABELS)
    assert (head.slope.tolist(), head.intercept.tolist()) == ([1.0] * len(LABELS), [0.0] * len(LABELS))
    assert head.min_labels == 1
    assert json.loads((folds / POLICIES[0] / "run.json").read_text(encoding="utf-8"))["best_epoch"] == 2


def test_a_finished_fold_is_kept_and_a_missing_one_trained(
    recipe: Recipe, folds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folds, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / POLICIES[1])
    # Killed after its first checkpoint, before its end.
    (tmp_path / "run" / POLICIES[2] / "manifest.json").unlink()
    trained: list[str] = []
    monkeypatch.setattr(
        run, "run_training", lambda fold, target, **_: trained.append(f"{fold.leave_out} {target.name}")
    )
    run.train_folds(recipe, tmp_path / "run", quiet=True)
    assert trained == [f"{POLICIES[1]} {POLICIES[1]}", f"{POLICIES[2]} {POLICIES[2]}"]


def test_finished_folds_of_another_recipe_are_not_mixed_in(recipe: Recipe, folds: Path) -> None:
    other = recipe_from({**recipe.as_dict(), "epochs": 3})
    with pytest.raises(RecipeError, match="another recipe or start model"):
        run.train_folds(other, folds, quiet=True)


def test_the_command_trains_each_fold(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []
    monkeypatch.setattr(run, "run_training", lambda fold, target, **_: trained.append(f"{fold.start} {target.name}"))
    settings = ["start=", "policies=000_sagenext,004_vtiger"]
    assert main(["train", "lopo", *(word for pair in settings for word in ("--set", pair)), "-o", str(tmp_path)]) == 0
    assert trained == [" 000_sagenext", " 004_vtiger"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main(["train", "lopo", "-o", str(tmp_path / "run")]) == 2


def test_validation_rows_of_extra_tune_a_fold_and_the_left_out_policy_does_not(recipe: Recipe, tmp_path: Path) -> None:
    rows = [
        {"policy": name, "index": i, "text": f"The {name} shop keeps letter {i} for good.", "labels": [LABELS[4]]}
        | {"split": name}
        for name in ("train", "validation")
        for i in range(6)
    ]
    path = tmp_path / "extra.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    fold = recipe_from({**recipe.as_dict(), "extra": [str(path)]}).left_out()["004_vtiger"]
    found = assemble(fold)
    assert {row.policy for source in found.validation for row in source.sentences} == {"validation"}
    run.run_training(fold, tmp_path / "run", quiet=True)
    artifact = load_artifact(tmp_path / "run")
    assert artifact.config["untuned"] == []
    assert [(row["head"], row["n"]) for row in artifact.config["validation"]] == [("guide", 6)]


def test_the_left_out_policys_text_under_another_name_is_refused_or_dropped(recipe: Recipe, tmp_path: Path) -> None:
    gold = [row for row in read_five() if row.policy == "004_vtiger" and not is_boilerplate(row.text)]
    for count in (1, 40):
        rows = [{"policy": "copy", "index": i, "text": row.text, "labels": []} for i, row in enumerate(gold[:count])]
        rows.append({"policy": "copy", "index": count, "text": "A line of their own, here.", "labels": []})
        path = tmp_path / f"{count}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        fold = recipe_from({**recipe.as_dict(), "extra": [str(path)]}).left_out()["004_vtiger"]
        if count > 1:
            with pytest.raises(LeakageError, match="of the held-out policy '004_vtiger' occur in"):
                assemble(fold)
        else:
            assert not assemble(fold).trained_on().hashes & texts_of("004_vtiger")


def test_only_one_of_the_five_can_be_left_out(recipe: Recipe) -> None:
    with pytest.raises(DataError, match="leave_out: 'each' is none of"):
        assemble(recipe)
    with pytest.raises(DataError, match="leave_out: 'amazon' is none of"):
        assemble(recipe_from({**recipe.as_dict(), "leave_out": "amazon"}))


@pytest.fixture
def divided_recipe(tiny_recipe: dict[str, Any]) -> Recipe:
    return recipe_from({**tiny_recipe, "policies": list(POLICIES), "policies_validation": [], "folds": 3, "epochs": 1})


def test_folds_are_whole_policies_of_about_the_same_size(divided_recipe: Recipe) -> None:
    data = assemble(divided_recipe)
    assert set(divided(data, 3)) == {frozenset([name]) for name in POLICIES}
    assert set(divided(data, 2)) == {frozenset(["004_vtiger"]), frozenset(["000_sagenext", "003_empxtrack"])}
    with pytest.raises(DataError, match="folds = 4, but 3 labelled policies are new"):
        divided(data, 4)
    seen = TrainedOn(frozenset(["004_vtiger"]), frozenset(), frozenset())
    assert divided(replace(data, stages=(seen,)), 2) == [frozenset(["003_empxtrack"]), frozenset(["000_sagenext"])]


def test_thresholds_come_from_policies_that_the_scoring_model_has_not_seen(
    divided_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    real = folds_module.train

    def watched(recipe: Recipe, data: Any, folder: Path, **more: Any) -> Any:
        seen.append({row.policy for source in data.train for row in source.sentences})
        assert not data.validation
        return real(recipe, data, folder, **more)

    monkeypatch.setattr(folds_module, "train", watched)
    run.run_training(divided_recipe, tmp_path / "run", quiet=True)
    assert sorted(map(sorted, seen)) == sorted(sorted(set(POLICIES) - {name}) for name in POLICIES)
    artifact = load_artifact(tmp_path / "run")
    assert artifact.trained_on().policies == set(POLICIES)
    [row] = artifact.config["validation"]
    assert row["n"] == sum(sentence.policy in POLICIES for sentence in read_five())
    assert row["data"] == "3 folds by policy, each scored by a model trained without it"
    assert len(set(artifact.settings["guide"].thresholds)) > 1 and not artifact.config["untuned"]
    assert not (tmp_path / "run" / "folds").exists()


def test_finished_folds_are_kept_unless_something_has_changed(
    divided_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    real = folds_module.train

    def counted(recipe: Recipe, data: Any, folder: Path, **more: Any) -> Any:
        trained.append(folder.name)
        return real(recipe, data, folder, **more)

    monkeypatch.setattr(folds_module, "train", counted)
    data = assemble(divided_recipe)
    first = out_of_fold(divided_recipe, data, tmp_path, quiet=True)
    assert trained == ["0", "1", "2"]
    (tmp_path / "folds" / "1.npz").unlink()
    again = out_of_fold(divided_recipe, data, tmp_path, quiet=True)
    assert trained[3:] == ["1"] and (again.logits == first.logits).all() and again.policies == first.policies
    shutil.rmtree(tmp_path / "folds" / "0")
    with pytest.raises(RecipeError, match="holds a run with other settings or data"):
        out_of_fold(divided_recipe.replaced(seed=8), data, tmp_path, quiet=True)


def test_folds_take_the_place_of_validation_policies(divided_recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match="folds use every labelled policy in turn; take out policies_validation"):
        assemble(divided_recipe.replaced(policies_validation=["001_samanage"]))

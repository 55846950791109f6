from __future__ import annotations

import json
from pathlib import Path

import pytest

from clausetag.data.errors import RecipeError
from clausetag.train.config import Recipe, read_recipe, recipe_from, shipped_recipes


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_all_shipped_recipes_are_there_and_read() -> None:
    assert set(shipped_recipes()) >= {"default", "fast", "lopo", "opp115", "policies", "privacyglue", "quick"}
    assert read_recipe("default").opp115 == ("train",)
    assert read_recipe("opp115").policies == ()


def test_no_shipped_recipe_names_the_test_split() -> None:
    for name in ("default", "lopo", "opp115", "policies", "quick"):
        assert "test" not in read_recipe(name).opp115 + read_recipe(name).opp115_validation


def test_overrides_are_typed() -> None:
    recipe = read_recipe(
        "quick", ["epochs=2", "encoder_lr=1", "context=false", "backbone=./x", "policies=000_sagenext", "seed = 7"]
    )
    assert (recipe.epochs, recipe.encoder_lr, recipe.context, recipe.seed) == (2, 1.0, False, 7)
    assert recipe.backbone == "./x"
    assert recipe.policies == ("000_sagenext",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", "unknown key 'epoch'; did you mean 'epochs'?"),
        ("colour = 3", "unknown key 'colour'; the keys are name, labels"),
        ("epochs = 0", "epochs = 0: must be greater than or equal to 1"),
        ("epochs = 'many'", "epochs = 'many': must be a valid integer"),
        ("epochs = true", "epochs = True: must be a valid integer"),
        ("encoder_lr = nan", "encoder_lr = nan: must be a finite number"),
        ("encoder_lr = '1'", "encoder_lr = '1': must be a valid number"),
        ("warmup = 1", "warmup = 1: must be less than or equal to 0.9"),
        ("context = 1", "context = 1: must be a valid boolean"),
        ("opp115 = ['test']", "opp115 = 'test': must be 'train' or 'validation'"),
        ("opp115 = 'train'", "opp115 = 'train': must be a valid list"),
        ("policies = [3]", "policies = 3: must be a valid string"),
        ("targets = 'mean'", "targets = 'mean': must be 'votes' or 'majority'"),
        ("shortest_window = 300", "shortest_window = 300; use at most window, 256"),
        ("batch_tokens = 100", "batch_tokens = 100; use at least window, 256"),
        ("opp115 = ['train']\nopp115_validation = ['train']", "in both"),
        ("name = 'x'", "no training data"),
        ("policies = ['004_vtiger']\nleave_out = '004_vtiger'", "'004_vtiger' is left out; take it out of policies"),
        ("policies = ['004_vtiger']\nleave_out = 'each'", "name at least two"),
        ("policies = ['000_sagenext']\nguide_from_opp115 = true", "guide_from_opp115 needs passages"),
        ("epochs = ", "not TOML"),
    ],
)
def test_a_bad_recipe_says_what_to_change(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert message in str(caught.value)


def test_a_former_key_works_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe_from({"policies": ["x"], "taught_weight": 0.25}).distill_weight == 0.25
    assert read_recipe("quick", ["taught_weight=0.75"]).distill_weight == 0.75
    first, second = capsys.readouterr().err.splitlines()
    assert first == "clausetag: recipe: taught_weight is now called distill_weight"
    assert second == "clausetag: quick: taught_weight is now called distill_weight"


def test_a_removed_key_is_named_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    recipe_from({"policies": ["x"], "ema": 0.0})
    assert capsys.readouterr().err == "clausetag: recipe: the option ema was removed; ignored\n"
    with pytest.raises(RecipeError, match="the option ema was removed; delete the key"):
        recipe_from({"policies": ["x"], "ema": 0.9})


def test_saved_models_keep_their_keys() -> None:
    from clausetag.model.artifact import load_artifact

    recipe = read_recipe("quick")
    assert set(recipe.saved()) >= set(load_artifact("standard").config["recipe"])
    assert recipe.saved()["taught_weight"] == recipe.distill_weight
    assert not {"ema", "taught_weight"} & set(recipe.as_dict())


def test_every_key_is_documented() -> None:
    assert all(field.description for field in Recipe.model_fields.values())


def test_folds_train_on_all_but_the_one_that_they_leave_out() -> None:
    recipe = read_recipe("lopo")
    folds = recipe.left_out()
    assert len(folds) == 5
    for policy, fold in folds.items():
        assert fold.leave_out == policy
        assert set(fold.policies) == set(recipe.policies) - {policy}
        assert (fold.name, fold.start, fold.epochs) == (recipe.name, recipe.start, recipe.epochs)


def test_a_missing_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(RecipeError, match="one of default, fast, lopo, opp115"):
        read_recipe("nosuch")


def test_an_override_without_value() -> None:
    with pytest.raises(RecipeError, match="write key=value"):
        read_recipe("quick", ["epochs"])


def test_a_recipe_goes_through_json() -> None:
    recipe = Recipe(policies=("000_sagenext",))
    assert recipe_from(json.loads(json.dumps(recipe.as_dict()))) == recipe


def test_keys_stand_in_tables_by_purpose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = "[data]\npolicies = ['x']\n[optimisation]\nepochs = 3\n[model]\nwindow = 64\n"
    sorted_recipe = read_recipe(write(tmp_path, f"name = 'mine'\n{tables}"), ["model.shortest_window=16", "seed=4"])
    assert (sorted_recipe.name, sorted_recipe.epochs, sorted_recipe.window, sorted_recipe.seed) == ("mine", 3, 64, 4)
    assert not capsys.readouterr().err
    path = write(tmp_path, "name = 'mine'\npolicies = ['x']\nepochs = 3\nwindow = 64\nshortest_window = 16\nseed = 4\n")
    assert read_recipe(path) == sorted_recipe
    [warning] = capsys.readouterr().err.splitlines()
    assert "policies in [data], epochs in [optimisation], window in [model]" in warning
    with pytest.raises(RecipeError, match=r"epochs belongs in \[optimisation\], not in \[data\]"):
        read_recipe(write(tmp_path, "[data]\npolicies = ['x']\nepochs = 3\n"))
    with pytest.raises(RecipeError, match="unknown key 'epoch'; did you mean 'epochs'"):
        read_recipe(write(tmp_path, "[optimisation]\nepoch = 3\n"))
    with pytest.raises(RecipeError, match=r"unknown key 'data.epochs'"):
        read_recipe("quick", ["data.epochs=3"])


def test_shipped_recipes_are_sorted(capsys: pytest.CaptureFixture[str]) -> None:
    for name in shipped_recipes():
        read_recipe(name, ["privacyglue=folder"] if name == "privacyglue" else [])
    assert not capsys.readouterr().err


@pytest.mark.parametrize("values", [{"folds": 1}, {"folds": 5, "leave_out": "004_vtiger"}])
def test_folds_need_policies_to_divide(values: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match="folds needs at least 2"):
        recipe_from({"policies": ["000_sagenext"], **values})

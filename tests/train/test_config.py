from __future__ import annotations

from pathlib import Path

import pytest

from clausetag.data.errors import RecipeError
from clausetag.train.config import Recipe, read_recipe, shipped_recipes


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
        ("epoch = 3", "unknown key 'epoch'"),
        ("epochs = 0", "epochs = 0 is out of range, use 1 to"),
        ("epochs = 'many'", "epochs must be of type int"),
        ("epochs = true", "epochs must be of type int"),
        ("opp115 = ['test']", "not 'test'"),
        ("opp115 = 'train'", "must be a list of strings"),
        ("targets = 'mean'", "use one of votes, majority"),
        ("shortest_window = 300", "shortest_window = 300 is out of range"),
        ("opp115 = ['train']\nopp115_validation = ['train']", "in both"),
        ("name = 'x'", "no training data"),
        ("policies = ['004_vtiger']\nleave_out = '004_vtiger'", "'004_vtiger' is left out; take it out of policies"),
        ("policies = ['004_vtiger']\nleave_out = 'each'", "name at least two"),
        ("policies = ['000_sagenext']\nguide_from_opp115 = true", "guide_from_opp115 needs passages"),
        ("epochs = ", "not TOML"),
    ],
)
def test_a_bad_recipe_says_what_to_change(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_recipe(write(tmp_path, text))


def test_folds_train_on_all_but_the_one_that_they_leave_out() -> None:
    recipe = read_recipe("lopo")
    folds = recipe.folds()
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
    assert Recipe(**{k: tuple(v) if isinstance(v, list) else v for k, v in recipe.as_dict().items()}) == recipe

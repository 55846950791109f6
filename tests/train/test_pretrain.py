"""Pretraining on unlabelled policies: it learns, resumes to the same weights, and what it read stays on record."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from clausetag.cli import main
from clausetag.data.corpora.five import read_five
from clausetag.data.errors import DataError, LeakageError, RecipeError
from clausetag.data.jsonl import write_jsonl
from clausetag.data.records import Sentence
from clausetag.data.text import short_hash, text_hash
from clausetag.model.artifact import load_artifact, read_trained_on
from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer
from clausetag.train import pretrain as module
from clausetag.train.config import recipe_from
from clausetag.train.mlm import (
    MaskedLanguageModel,
    Settings,
    first_policies,
    masked_loss,
    masking_collator,
    split_policies,
)
from clausetag.train.pretrain import pretrain
from clausetag.train.run import run_training
from clausetag.train.training_data import assemble

SAVED = 10
"""Steps between two checkpoints."""


class Killed(BaseException):
    """Stands for a kill signal: nothing catches it."""


def invented(policies: int, sentences: int) -> list[Sentence]:
    return [
        Sentence(f"shop-{p}", i, f"Shop {p} keeps the letters of customer {i} in a box.")
        for p in range(policies)
        for i in range(sentences)
    ]


@pytest.fixture(scope="module")
def pool() -> list[Sentence]:
    """The five policies' sentences, unlabelled, as policies of 40 sentences under other names."""
    return [
        replace(row, policy=f"pool-{number // 40:02}", labels=None, extra={}) for number, row in enumerate(read_five())
    ]


@pytest.fixture(scope="module")
def settings(tiny_backbone: Path) -> Settings:
    return Settings(str(tiny_backbone), 11_000, batch_tokens=384, window=96, shortest_window=24, lr=5e-3)


@pytest.fixture(scope="module")
def pretrained(pool: list[Sentence], settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished backbone, of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("pretrained")
    pretrain(pool, settings, folder, save_steps=SAVED, quiet=True)
    return folder


@pytest.fixture
def cut(pool: list[Sentence], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was killed between two checkpoints."""
    steps = 0

    def dying(*arguments: Any) -> torch.Tensor:
        nonlocal steps
        steps += torch.is_grad_enabled()
        if steps > SAVED + 4:
            raise Killed
        return masked_loss(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, "masked_loss", dying)
        with pytest.raises(Killed):
            pretrain(pool, settings, tmp_path / "cut", save_steps=SAVED, quiet=True)
    return tmp_path / "cut"


def history(folder: Path) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads((folder / "run.json").read_text(encoding="utf-8"))["history"]
    return found


def assert_same_run(found: Path, expected: Path) -> None:
    assert history(found) == history(expected)
    weights = load_file(found / "model.safetensors")
    for name, value in load_file(expected / "model.safetensors").items():
        assert torch.equal(weights[name], value), name
    assert {path.name for path in found.iterdir()} == {path.name for path in expected.iterdir()}


def test_the_loss_falls_on_policies_that_are_not_learnt_from(pretrained: Path, tiny_backbone: Path) -> None:
    rows = history(pretrained)
    assert [row["step"] for row in rows[:2]] == [SAVED, 2 * SAVED]
    assert rows[-1]["held_loss"] < rows[0]["held_loss"] - 0.3
    assert rows[-1]["train_loss"] < rows[0]["train_loss"] - 0.3
    before = load_file(tiny_backbone / "model.safetensors")
    after = load_file(pretrained / "model.safetensors")
    assert not torch.equal(before["embeddings.word_embeddings.weight"], after["embeddings.word_embeddings.weight"])
    assert not any(name.startswith("pooler") for name in after)


def test_a_killed_run_resumes_to_the_same_weights(
    cut: Path, pool: list[Sentence], settings: Settings, pretrained: Path
) -> None:
    assert (cut / "partial" / "model.safetensors").is_file() and not (cut / "config.json").exists()
    assert history(cut / "partial") == history(pretrained)[:1]
    pretrain(pool, settings, cut, save_steps=SAVED, quiet=True)
    assert_same_run(cut, pretrained)


@pytest.mark.parametrize("moved", [None, 4])
def test_a_run_killed_while_it_writes_its_end_is_still_finished(
    moved: int | None,
    cut: Path,
    pool: list[Sentence],
    settings: Settings,
    pretrained: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed before the last files are written, or when all but one of them stand in their place."""
    last = len(history(pretrained))
    write, replace_file, moves = module.write_text, Path.replace, 0

    def dying_write(path: Path, text: str) -> None:
        if path.name == "run.json" and len(json.loads(text)["history"]) == last:
            raise Killed
        write(path, text)

    def dying_replace(path: Path, target: Path) -> Path:
        nonlocal moves
        if path.parent.name == "partial" and Path(target).parent == cut:
            if moves == moved:
                raise Killed
            moves += 1
        return replace_file(path, target)

    with monkeypatch.context() as patch:
        if moved is None:
            patch.setattr(module, "write_text", dying_write)
        else:
            patch.setattr(Path, "replace", dying_replace)
        with pytest.raises(Killed):
            pretrain(pool, settings, cut, save_steps=SAVED, quiet=True)
    assert not (cut / "config.json").exists()
    pretrain(pool, settings, cut, save_steps=SAVED, quiet=True)
    assert_same_run(cut, pretrained)


def test_a_run_is_continued_by_itself_alone(cut: Path, pool: list[Sentence], settings: Settings) -> None:
    for sentences, other in ((pool, replace(settings, lr=1e-3)), ([*pool[:50], *pool[51:]], settings)):
        with pytest.raises(RecipeError, match="a run with other settings or data; give another -o"):
            pretrain(sentences, other, cut, save_steps=SAVED, quiet=True)
    for content in (b"nonsense", None):
        if content is None:  # as `clausetag train` leaves one
            torch.save({"recipe": "[]"}, cut / "checkpoint.pt")
        else:
            (cut / "checkpoint.pt").write_bytes(content)
        with pytest.raises(RecipeError, match="not a usable checkpoint") as caught:
            pretrain(pool, settings, cut, save_steps=SAVED, quiet=True)
        assert "\n" not in str(caught.value)


def test_a_recipe_trains_on_from_it_and_inherits_its_record(
    pretrained: Path, tiny_recipe: dict[str, object], pool: list[Sentence], tmp_path: Path
) -> None:
    recipe = recipe_from({**tiny_recipe, "backbone": str(pretrained), "policies": ["000_sagenext"], "epochs": 1})
    run_training(recipe, tmp_path / "run", quiet=True)
    seen = load_artifact(tmp_path / "run").trained_on()
    assert seen.policies == {"000_sagenext", *(sentence.policy for sentence in pool)}
    assert short_hash(text_hash(pool[-1].text)) in seen.context
    assert seen.context >= read_trained_on(pretrained / "trained_on.json").context
    assert not any(len(key) == 8 for key in seen.hashes)
    config = (tmp_path / "run" / "config.json").read_text(encoding="utf-8")
    assert str(pretrained.parent) not in config


def test_a_policy_that_was_read_does_not_validate(
    settings: Settings, tiny_recipe: dict[str, object], tmp_path: Path
) -> None:
    rows = [replace(row, labels=None) for row in read_five() if row.policy in ("003_empxtrack", "004_vtiger")]
    pretrain(rows, replace(settings, tokens=1500), tmp_path / "leaky", quiet=True)
    with pytest.raises(LeakageError, match="'004_vtiger' is both trained on and validated with"):
        assemble(recipe_from({**tiny_recipe, "backbone": str(tmp_path / "leaky")}))


def test_a_second_pretraining_keeps_the_record_of_the_first(
    pretrained: Path, settings: Settings, tmp_path: Path
) -> None:
    rows = invented(policies=3, sentences=30)
    pretrain(rows, replace(settings, backbone=str(pretrained), tokens=400), tmp_path / "second", quiet=True)
    before, after = (read_trained_on(folder / "trained_on.json") for folder in (pretrained, tmp_path / "second"))
    assert after.policies == before.policies | {"shop-0", "shop-1"}
    assert after.context > before.context


def test_only_what_is_needed_is_read_and_recorded() -> None:
    rows = invented(policies=5, sentences=10)  # 110 words a policy
    assert {row.policy for row in first_policies(rows, 110)} == {"shop-0"}
    assert {row.policy for row in first_policies(rows, 111)} == {"shop-0", "shop-1"}
    assert len(first_policies(rows, 10_000)) == 50


def test_one_policy_in_twenty_is_held_out(tiny_backbone: Path) -> None:
    tokenizer = SubwordTokenizer.of(load_tokenizer(str(tiny_backbone)))
    rows = invented(policies=45, sentences=2)
    trained_on, measured = (
        [{one.row for one in policy} for policy in part] for part in split_policies(rows, 1, tokenizer)
    )
    assert (len(trained_on), len(measured)) == (43, 2)
    assert set().union(*trained_on, *measured) == set(range(90))
    other, _ = split_policies(rows, 2, tokenizer)
    assert [{one.row for one in policy} for policy in other] != trained_on


def test_masking_hides_a_share_of_the_tokens_and_no_special_one(tiny_backbone: Path) -> None:
    """80 % of the hidden tokens are masked, 10 % random, 10 % as they were (Devlin et al. 2019)."""
    tokenizer = SubwordTokenizer.of(load_tokenizer(str(tiny_backbone)))
    collator = masking_collator(tokenizer, "[MASK]", 0.15)
    mask_id = tokenizer.tokenizer.token_to_id("[MASK]")
    size = tokenizer.tokenizer.get_vocab_size()
    shown: list[torch.Tensor] = []
    asked: list[torch.Tensor] = []

    def model(ids: torch.Tensor, attention: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
        assert torch.equal(attention == 0, torch.from_numpy(padding))
        shown.append(ids)
        asked.append(predicted)
        return torch.zeros(int(predicted.sum()), size)

    words = np.arange(20, 220, dtype=np.int32)
    batch = [np.array([tokenizer.cls_id, *words[: 150 + row], tokenizer.sep_id], dtype=np.int32) for row in range(50)]
    original = np.full((50, 201), tokenizer.pad_id)
    for row, window in enumerate(batch):
        original[row, : len(window)] = window
    padding = original == tokenizer.pad_id
    network = cast(MaskedLanguageModel, model)
    loss = masked_loss(network, batch, collator, "1/0")
    for seed in ("1/0", "1/1"):
        masked_loss(network, batch, collator, seed)
    assert loss.item() == pytest.approx(np.log(size), abs=1e-4)
    assert torch.equal(shown[0], shown[1]) and torch.equal(asked[0], asked[1])
    assert not torch.equal(asked[0], asked[2])
    at, changed = asked[0].numpy(), shown[0].numpy() != original
    assert not at[np.isin(original, (tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id))].any()
    assert 0.13 < at.sum() / (original >= 20).sum() < 0.17
    assert not changed[~at].any()
    assert 0.76 < (shown[0].numpy()[at] == mask_id).mean() < 0.84
    assert 0.07 < (~changed[at]).mean() < 0.13


def test_a_batch_of_few_tokens_still_has_one_to_predict(tiny_backbone: Path) -> None:
    tokenizer = SubwordTokenizer.of(load_tokenizer(str(tiny_backbone)))
    collator = masking_collator(tokenizer, "[MASK]", 0.0)
    asked: list[int] = []

    def model(ids: torch.Tensor, attention: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
        asked.append(int(predicted.sum()))
        return torch.zeros(asked[-1], 100)

    window = np.array([tokenizer.cls_id, 30, 31, tokenizer.sep_id], dtype=np.int32)
    assert masked_loss(cast(MaskedLanguageModel, model), [window], collator, "x").isfinite() and asked == [1]


def test_a_pool_that_is_too_small_is_refused(settings: Settings, tmp_path: Path) -> None:
    for rows, message in (
        (invented(policies=1, sentences=90), "at least two policies"),
        (invented(policies=2, sentences=3), "too small to pretrain on"),
    ):
        with pytest.raises(DataError, match=message):
            pretrain(rows, settings, tmp_path / "run", quiet=True)
        assert not list((tmp_path / "run").iterdir())


def test_a_backbone_that_cannot_be_pretrained_is_one_clear_line(
    pool: list[Sentence], settings: Settings, tiny_backbone: Path, tmp_path: Path
) -> None:
    for token, message in (("[MASK]", "its tokenizer has no mask token"), ("[CLS]", r"has no \[CLS\] token")):
        folder = tmp_path / token.strip("[]")
        shutil.copytree(tiny_backbone, folder)
        text = (folder / "tokenizer.json").read_text(encoding="utf-8").replace(token, "[OTHER]")
        (folder / "tokenizer.json").write_text(text, encoding="utf-8")
        with pytest.raises(RecipeError, match=f"^backbone .*{message}"):
            pretrain(pool, replace(settings, backbone=str(folder)), tmp_path / "run", quiet=True)
    with pytest.raises(RecipeError, match="no model in the folder"):
        pretrain(pool, replace(settings, backbone=str(tmp_path / "nowhere")), tmp_path / "run", quiet=True)


def test_the_command_writes_a_backbone_and_does_not_overwrite_it(
    tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[int, SimpleNamespace]] = []

    def fake(sentences: list[Sentence], settings: Settings, folder: Path, *, quiet: bool) -> None:
        found.append((len(sentences), SimpleNamespace(settings=settings, quiet=quiet)))
        folder.mkdir()
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(module, "pretrain", fake)
    write_jsonl(tmp_path / "pool.jsonl", [row.row() for row in invented(policies=2, sentences=5)])
    command = ["pretrain", str(tmp_path / "pool.jsonl"), "-o", str(tmp_path / "out"), "--quiet", "--seed", "7"]
    assert main([*command, "--tokens", "4095"]) == 2
    assert "--tokens 4095: one step reads 4096" in capsys.readouterr().err
    assert main([*command, "--tokens", "5000", "--backbone", str(tiny_backbone)]) == 0
    count, given = found.pop()
    assert (count, given.quiet) == (10, True)
    assert given.settings == Settings(backbone=str(tiny_backbone), tokens=5000, seed=7)
    assert main(command) == 2
    assert "holds a finished backbone; give another -o" in capsys.readouterr().err
    assert not found

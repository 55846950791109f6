"""Pretraining on unlabelled policies: it learns, resumes to the same weights, and what it read stays on record."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file

from clausetag.cli import main
from clausetag.data.corpora.dataset import UNLABELLED, features, to_row
from clausetag.data.corpora.five import read_five
from clausetag.data.errors import DataError, LeakageError, RecipeError
from clausetag.data.jsonl import write_jsonl
from clausetag.data.records import Sentence
from clausetag.data.text import short_hash, text_hash
from clausetag.model.artifact import load_artifact, read_trained_on
from clausetag.model.tokenise import SubwordTokenizer, encode_sentences, load_tokenizer
from clausetag.model.windows import pack
from clausetag.train.config import recipe_from
from clausetag.train.examples.training_data import assemble
from clausetag.train.pretraining import command as module
from clausetag.train.pretraining.command import first_policies, pretrain
from clausetag.train.pretraining.mlm import (
    MaskedLanguageModel,
    MaskingCollator,
    Settings,
    TokenisedPool,
    batches_of,
    masking_collator,
    passes_of,
    policy_bounds,
    split_policies,
)
from clausetag.train.run import run_training
from clausetag.train.steps import Share

SAVED = 10
"""Steps between two checkpoints."""


class Killed(BaseException):
    """Stands for a kill signal: nothing catches it."""


def rows_of(sentences: list[Sentence]) -> Dataset:
    return Dataset.from_list([to_row(sentence, UNLABELLED) for sentence in sentences], features=features())


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
        replace(row, policy=f"pool-{number // 40:02}", index=number % 40, labels=None, extra={})
        for number, row in enumerate(read_five())
    ]


@pytest.fixture(scope="module")
def settings(tiny_backbone: Path) -> Settings:
    return Settings(str(tiny_backbone), 11_000, batch_tokens=384, window=96, shortest_window=24, lr=5e-3)


@pytest.fixture(scope="module")
def pretrained(pool: list[Sentence], settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished backbone, of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("pretrained")
    pretrain(rows_of(pool), settings, folder, save_steps=SAVED, quiet=True)
    return folder


@pytest.fixture
def cut(pool: list[Sentence], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was killed between two checkpoints."""
    steps = 0

    forward = MaskedLanguageModel.forward

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal steps
        steps += torch.is_grad_enabled()
        if steps > SAVED + 4:
            raise Killed
        return forward(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(MaskedLanguageModel, "forward", dying)
        with pytest.raises(Killed):
            pretrain(rows_of(pool), settings, tmp_path / "cut", save_steps=SAVED, quiet=True)
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
    assert [path.name for path in (cut / "checkpoints").iterdir()] == [f"checkpoint-{SAVED}"]
    assert not (cut / "config.json").exists()
    pretrain(rows_of(pool), settings, cut, save_steps=SAVED, quiet=True)
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
            pretrain(rows_of(pool), settings, cut, save_steps=SAVED, quiet=True)
    assert not (cut / "config.json").exists()
    pretrain(rows_of(pool), settings, cut, save_steps=SAVED, quiet=True)
    assert_same_run(cut, pretrained)


def test_a_run_is_continued_by_itself_alone(cut: Path, pool: list[Sentence], settings: Settings) -> None:
    for sentences, other in ((pool, replace(settings, lr=1e-3)), ([*pool[:50], *pool[51:]], settings)):
        with pytest.raises(RecipeError, match="a run with other settings or data; give another -o"):
            pretrain(rows_of(sentences), other, cut, save_steps=SAVED, quiet=True)
    checkpoint = cut / "checkpoints" / f"checkpoint-{SAVED}"
    for name, content in (("optimizer.pt", b"nonsense"), ("complete.json", b"[]")):
        (checkpoint / name).write_bytes(content)
        with pytest.raises(RecipeError, match="not a usable checkpoint") as caught:
            pretrain(rows_of(pool), settings, cut, save_steps=SAVED, quiet=True)
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
    pretrain(rows_of(rows), replace(settings, tokens=1500), tmp_path / "leaky", quiet=True)
    with pytest.raises(LeakageError, match="'004_vtiger' is both trained on and validated with"):
        assemble(recipe_from({**tiny_recipe, "backbone": str(tmp_path / "leaky")}))


def test_a_second_pretraining_keeps_the_record_of_the_first(
    pretrained: Path, settings: Settings, tmp_path: Path
) -> None:
    rows = invented(policies=3, sentences=30)
    pretrain(rows_of(rows), replace(settings, backbone=str(pretrained), tokens=400), tmp_path / "second", quiet=True)
    before, after = (read_trained_on(folder / "trained_on.json") for folder in (pretrained, tmp_path / "second"))
    assert after.policies == before.policies | {"shop-0", "shop-1"}
    assert after.context > before.context


def test_only_what_is_needed_is_read_and_recorded() -> None:
    rows = rows_of(invented(policies=5, sentences=10))  # 110 words a policy
    assert set(first_policies(rows, 110)["policy"]) == {"shop-0"}
    assert set(first_policies(rows, 111)["policy"]) == {"shop-0", "shop-1"}
    assert len(first_policies(rows, 10_000)) == 50


def test_one_policy_in_twenty_is_held_out() -> None:
    trained_on, measured = split_policies(45, 1)
    assert (len(trained_on), len(measured)) == (43, 2)
    assert {*trained_on, *measured} == set(range(45))
    assert split_policies(45, 2)[0] != trained_on


@pytest.fixture
def tokenised(pool: list[Sentence], tiny_backbone: Path) -> TokenisedPool:
    rows = [replace(row, heading="A Heading" if row.index % 3 else None) for row in pool]
    return TokenisedPool(rows_of(rows), SubwordTokenizer.of(load_tokenizer(str(tiny_backbone))))


def test_windows_from_disk_are_those_of_training(
    tokenised: TokenisedPool, pool: list[Sentence], settings: Settings
) -> None:
    """A window is kept as a place in the pool; its tokens are the same as if it had been packed at once."""
    short = replace(settings, window=24, shortest_window=10)  # some sentences are cut
    rows = [replace(row, heading="A Heading" if row.index % 3 else None) for row in pool]
    tokenizer = tokenised.tokenizer
    (policy, *_) = encode_sentences(rows, tokenizer).policies
    ids = tokenizer.cls_id, tokenizer.sep_id
    expected = list(pack(policy, 24, *ids, rng=random.Random("seed/0"), min_tokens=10))
    places = list(tokenised.windows(0, short, "seed"))
    assert [tuple(tokenised.ids(place)) for place in places] == [window.ids for window in expected]
    assert len({place.heading for place in places}) == 2 and max(place.length for place in places) == 24


def test_all_of_a_pass_is_read_and_of_the_last_a_part(tokenised: TokenisedPool, settings: Settings) -> None:
    policies = list(range(len(tokenised.bounds)))
    tokens = sum(int(tokenised.lengths[row]) + 1 for row in range(len(tokenised.lengths)))
    twice = replace(settings, tokens=round(1.5 * tokens))
    passes = passes_of(tokenised, policies, twice)
    assert passes == pytest.approx(1.5, abs=0.01)
    whole, part = (batches_of(tokenised, policies, twice, passes, epoch) for epoch in (0, 1))
    assert sum(place.end - place.start for batch in whole for place in batch) == len(tokenised.lengths)
    assert 0.4 < len(part) / len(whole) < 0.6


def test_a_policy_in_two_places_is_refused() -> None:
    assert list(policy_bounds(iter("aabccc"))) == [(0, 2), (2, 3), (3, 6)]
    with pytest.raises(DataError, match="policy 'a' stands in two places"):
        list(policy_bounds(iter("aba")))


def test_masking_hides_a_share_of_the_tokens_and_no_special_one(tokenised: TokenisedPool) -> None:
    """80 % of the hidden tokens are masked, 10 % random, 10 % as they were (Devlin et al. 2019)."""
    tokenizer = tokenised.tokenizer
    masking = masking_collator(tokenizer, "[MASK]", 0.15)
    mask_id = tokenizer.tokenizer.token_to_id("[MASK]")
    collate = MaskingCollator(tokenised, masking)
    batch = list(tokenised.windows(0, Settings(window=256, shortest_window=200), "seed"))
    for policy in range(1, len(tokenised.bounds)):
        batch += tokenised.windows(policy, Settings(window=256, shortest_window=200), "seed")
    found = collate([Share(batch, 0, 1)])
    again, other = collate([Share(batch, 0, 1)]), collate([Share([replace(batch[0], seed="x"), *batch[1:]], 0, 1)])
    assert all(torch.equal(found[name], again[name]) for name in found)
    assert not torch.equal(found["labels"], other["labels"])
    original = np.full(found["input_ids"].shape, tokenizer.pad_id)
    for row, place in enumerate(batch):
        original[row, : place.length] = tokenised.ids(place)
    assert np.array_equal(found["attention_mask"].numpy() == 0, original == tokenizer.pad_id)
    at, changed = found["labels"].numpy() != -100, found["input_ids"].numpy() != original
    assert np.array_equal(found["labels"].numpy()[at], original[at])
    special = np.isin(original, (tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id))
    assert not at[special].any() and not changed[~at].any()
    assert 0.13 < at.sum() / (~special).sum() < 0.17
    assert 0.76 < (found["input_ids"].numpy()[at] == mask_id).mean() < 0.84
    assert 0.07 < (~changed[at]).mean() < 0.13
    # Divided among processes, the same tokens are hidden.
    shares = [collate([Share(batch, part, 2)]) for part in range(2)]
    assert sum(int((share["labels"] != -100).sum()) for share in shares) == at.sum()


def test_a_batch_of_few_tokens_still_has_one_to_predict(tokenised: TokenisedPool, settings: Settings) -> None:
    collate = MaskingCollator(tokenised, masking_collator(tokenised.tokenizer, "[MASK]", 0.0))
    batch = list(tokenised.windows(0, settings, "x"))[:1]
    assert int((collate([Share(batch, 0, 1)])["labels"] != -100).sum()) == 1
    spare = collate([Share(batch, 1, 2)])
    assert len(spare["input_ids"]) == 1 and not (spare["labels"] != -100).any()


def test_a_pool_that_is_too_small_is_refused(settings: Settings, tmp_path: Path) -> None:
    for rows, message in (
        (invented(policies=1, sentences=90), "at least two policies"),
        (invented(policies=2, sentences=3), "too small to pretrain on"),
    ):
        with pytest.raises(DataError, match=message):
            pretrain(rows_of(rows), settings, tmp_path / "run", quiet=True)
        assert not list((tmp_path / "run").glob("*.*"))


def test_a_backbone_that_cannot_be_pretrained_is_one_clear_line(
    pool: list[Sentence], settings: Settings, tiny_backbone: Path, tmp_path: Path
) -> None:
    for token, message in (("[MASK]", "its tokenizer has no mask token"), ("[CLS]", r"has no \[CLS\] token")):
        folder = tmp_path / token.strip("[]")
        shutil.copytree(tiny_backbone, folder)
        text = (folder / "tokenizer.json").read_text(encoding="utf-8").replace(token, "[OTHER]")
        (folder / "tokenizer.json").write_text(text, encoding="utf-8")
        with pytest.raises(RecipeError, match=f"^backbone .*{message}"):
            pretrain(rows_of(pool), replace(settings, backbone=str(folder)), tmp_path / "run", quiet=True)
    with pytest.raises(RecipeError, match="no model in the folder"):
        pretrain(rows_of(pool), replace(settings, backbone=str(tmp_path / "nowhere")), tmp_path / "run", quiet=True)


def test_the_command_writes_a_backbone_and_does_not_overwrite_it(
    tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[int, SimpleNamespace]] = []

    def fake(rows: Dataset, settings: Settings, folder: Path, *, report_to: str, quiet: bool) -> None:
        found.append((len(rows), SimpleNamespace(settings=settings, quiet=quiet)))
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

"""`clausetag pretrain`: continues an encoder's masked-language pretraining on unlabelled policies.

    clausetag data pool policies.jsonl.gz -o runs/pool.jsonl
    clausetag pretrain runs/pool.jsonl -o runs/pretrained
    clausetag train default --set backbone=runs/pretrained -o runs/default

Masked language modelling (Devlin et al., NAACL 2019), continued on text of the domain (Gururangan et al., ACL 2020).
The encoder reads the same windows as in training: consecutive sentences of one policy, after their heading.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm
from transformers import DataCollatorForLanguageModeling

from clausetag.data.errors import RecipeError, first_line
from clausetag.data.jsonl import read_jsonl, write_text
from clausetag.data.records import Sentence
from clausetag.data.text import is_boilerplate, short_hash, text_hash
from clausetag.model.artifact import TrainedOn, write_trained_on
from clausetag.model.backbone import MINILM, backbone_path
from clausetag.model.network import load_encoder
from clausetag.model.provenance import git_revision, versions
from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer
from clausetag.model.windows import Window, batches
from clausetag.train.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from clausetag.train.mlm import (
    MaskedLanguageModel,
    Settings,
    first_policies,
    ids_of,
    masked_loss,
    masking_collator,
    split_policies,
    steps_of,
    windows_of,
)
from clausetag.train.teacher_scores import sentences_digest
from clausetag.train.trainer import warmup_factor
from clausetag.train.training_data import earlier_stages

CONFIG = "config.json"

SAVE_STEPS = 200
"""Steps between two checkpoints, each with a partial backbone."""
_HELD_OUT_WINDOWS = 200
"""Windows of held-out policies on which the loss is measured."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag pretrain`."""
    parser.add_argument("pool", help="JSONL of sentences, as `clausetag data pool` writes")
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="the backbone's folder; an unfinished run is resumed"
    )
    parser.add_argument("--backbone", default=MINILM, help=f"encoder to start from (default: {MINILM})")
    parser.add_argument("--tokens", type=int, default=Settings().tokens, help="tokens to read (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag pretrain`; returns the exit code."""
    settings = Settings(backbone=arguments.backbone, tokens=arguments.tokens, seed=arguments.seed)
    if settings.tokens < settings.batch_tokens:
        raise RecipeError(f"--tokens {settings.tokens}: one step reads {settings.batch_tokens}; give at least as many")
    folder = Path(arguments.output)
    if (folder / CONFIG).is_file():
        raise RecipeError(f"{folder}: holds a finished backbone; give another -o")
    pretrain(read_jsonl(arguments.pool), settings, folder, quiet=arguments.quiet)
    print(f"wrote {folder}")
    return 0


def pretrain(
    sentences: Sequence[Sentence],
    settings: Settings,
    folder: Path,
    *,
    save_steps: int = SAVE_STEPS,
    quiet: bool = False,
) -> None:
    """Pretrain on `sentences`; write the encoder, its tokenizer and the record of what it read to `folder`.

    Raises:
        RecipeError: the backbone cannot be loaded or has no mask token, or `folder` holds another run.
        DataError: there are too few sentences.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    encoder, tokenizer, collator = _load(settings)
    sentences = first_policies(sentences, settings.tokens)
    stages = [_trained_on(sentences), *earlier_stages(settings.backbone)]
    identity = json.dumps([asdict(settings), sentences_digest(sentences)])
    policies, held_out = split_policies(sentences, settings.seed, tokenizer)
    del sentences  # hundreds of thousands
    held_out_windows = windows_of(held_out, settings, tokenizer, "held")[:_HELD_OUT_WINDOWS]
    encoder.set_attn_implementation("eager")
    model = MaskedLanguageModel(encoder, int(encoder.config.hidden_size), int(encoder.config.vocab_size))
    steps = steps_of(policies, settings, tokenizer)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=settings.lr, fused=True)
    schedule = LambdaLR(optimiser, partial(warmup_factor, total=len(steps), warmup=settings.warmup))
    checkpoint, partial_folder = folder / CHECKPOINT, folder / "partial"
    history: list[dict[str, float]] = []
    if checkpoint.is_file():
        history = load_checkpoint(checkpoint, identity, model, optimiser, schedule)["history"]
    first = int(history[-1]["step"]) if history else 0
    bar = tqdm(total=len(steps), initial=first, unit="step", disable=quiet, smoothing=0.05, mininterval=5.0)
    losses: list[float] = []
    for step, batch in enumerate(steps[first:], start=first + 1):
        model.train()
        loss = masked_loss(model, batch, collator, f"{settings.seed}/{step - 1}")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        bar.update()
        if step % save_steps == 0 or step == len(steps):
            held_loss = _held_out_loss(model, held_out_windows, settings, collator)
            history.append({"step": step, "train_loss": sum(losses) / len(losses), "held_loss": held_loss})
            bar.set_postfix_str(f"loss {history[-1]['train_loss']:.3f}, held out {held_loss:.3f}")
            losses = []
            save_checkpoint(checkpoint, identity, model, optimiser, schedule, {"history": history})
            if step < len(steps):
                _write(partial_folder, encoder, tokenizer, stages, settings, history)
    bar.close()
    _write(partial_folder, encoder, tokenizer, stages, settings, history)
    _publish(partial_folder, folder)
    checkpoint.unlink()


def _load(settings: Settings) -> tuple[Any, SubwordTokenizer, DataCollatorForLanguageModeling]:
    """The backbone's encoder and tokenizer, and a collator that masks its tokens."""
    path = backbone_path(settings.backbone)
    try:
        encoder = load_encoder(path)
        tokenizer = SubwordTokenizer.of(load_tokenizer(path))
    except (OSError, ValueError) as error:
        raise RecipeError(f"backbone {settings.backbone}: {first_line(error)}") from None
    for mask_token in ("[MASK]", "<mask>"):
        if tokenizer.tokenizer.token_to_id(mask_token) is not None:
            return encoder, tokenizer, masking_collator(tokenizer, mask_token, settings.masked)
    raise RecipeError(f"backbone {settings.backbone}: its tokenizer has no mask token")


def _trained_on(sentences: Sequence[Sentence]) -> TrainedOn:
    """The record of reading `sentences` unlabelled."""
    texts = {short_hash(text_hash(s.text)) for s in sentences if not is_boilerplate(s.text)}
    return TrainedOn(frozenset(s.policy for s in sentences), frozenset(), frozenset(texts))


@torch.no_grad()
def _held_out_loss(
    model: MaskedLanguageModel,
    windows: Sequence[Window],
    settings: Settings,
    collator: DataCollatorForLanguageModeling,
) -> float:
    model.train(False)
    losses = [
        float(masked_loss(model, list(map(ids_of, batch)), collator, f"held/{number}"))
        for number, batch in enumerate(batches(windows, settings.batch_tokens))
    ]
    return sum(losses) / len(losses)


def _write(
    folder: Path,
    encoder: Any,
    tokenizer: SubwordTokenizer,
    stages: Sequence[TrainedOn],
    settings: Settings,
    history: list[dict[str, float]],
) -> None:
    """Write the backbone as transformers loads it. In `partial` it can be tried before the run is finished."""
    folder.mkdir(exist_ok=True)
    tokenizer.tokenizer.save(str(folder / "tokenizer.json"))
    run = {"settings": asdict(settings), "versions": versions("train"), "git": git_revision(), "history": history}
    write_text(folder / "run.json", json.dumps(run, indent=1) + "\n")
    write_trained_on(folder, stages)
    implementation = encoder.config._attn_implementation
    encoder.set_attn_implementation("sdpa")
    encoder.save_pretrained(folder, safe_serialization=True)
    encoder.set_attn_implementation(implementation)


def _publish(partial_folder: Path, folder: Path) -> None:
    """Move the finished files to `folder`; config.json comes last, so that its presence means complete."""
    for path in sorted(partial_folder.iterdir(), key=lambda path: path.name == CONFIG):
        path.replace(folder / path.name)
    partial_folder.rmdir()

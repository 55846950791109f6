"""`clausetag pretrain`: continues an encoder's masked-language pretraining on unlabelled policies.

    clausetag data pool policies.jsonl.gz -o runs/pool.jsonl
    clausetag pretrain runs/pool.jsonl -o runs/pretrained
    clausetag train default --set backbone=runs/pretrained -o runs/default

Masked language modelling (Devlin et al., NAACL 2019), continued on text of the domain (Gururangan et al., ACL 2020).
The encoder reads the same windows as in training: consecutive sentences of one policy, after their heading.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, concatenate_datasets
from transformers import DataCollatorForLanguageModeling

from clausetag.data.corpora.dataset import open_dataset
from clausetag.data.errors import RecipeError, first_line
from clausetag.data.jsonl import write_text
from clausetag.data.text import is_boilerplate, short_hash, text_hash
from clausetag.model.artifact import TrainedOn, write_trained_on
from clausetag.model.backbone import MINILM, backbone_path
from clausetag.model.network import load_encoder
from clausetag.model.provenance import git_revision, versions
from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer
from clausetag.train.examples.training_data import earlier_stages
from clausetag.train.pretraining.mlm import (
    MaskedLanguageModel,
    MaskingCollator,
    Settings,
    TokenisedPool,
    batches_of,
    in_batches,
    masking_collator,
    passes_of,
    places_of,
    split_policies,
)
from clausetag.train.steps import (
    CHECKPOINTS,
    Checkpoints,
    Share,
    Steps,
    StepTrainer,
    add_report_to,
    run_steps,
    training_arguments,
)

CONFIG = "config.json"

SAVE_STEPS = 200
"""Steps between two checkpoints."""
_HELD_OUT_WINDOWS = 200
"""Windows of held-out policies on which the loss is measured."""
_ROWS_AT_ONCE = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag pretrain`."""
    parser.add_argument("pool", help="sentences: JSONL (`clausetag data pool`) or a folder (`clausetag data build`)")
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="the backbone's folder; an unfinished run is resumed"
    )
    parser.add_argument("--backbone", default=MINILM, help=f"encoder to start from (default: {MINILM})")
    parser.add_argument("--tokens", type=int, default=Settings().tokens, help="tokens to read (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--accumulation", type=int, default=1, metavar="N", help="compute each step in N parts, which needs less memory"
    )
    add_report_to(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag pretrain`; returns the exit code."""
    settings = Settings(
        backbone=arguments.backbone,
        tokens=arguments.tokens,
        seed=arguments.seed,
        accumulation=max(1, arguments.accumulation),
    )
    if settings.tokens < settings.batch_tokens:
        raise RecipeError(f"--tokens {settings.tokens}: one step reads {settings.batch_tokens}; give at least as many")
    folder = Path(arguments.output)
    if (folder / CONFIG).is_file():
        raise RecipeError(f"{folder}: holds a finished backbone; give another -o")
    rows = concatenate_datasets(list(open_dataset(arguments.pool).values()))
    pretrain(rows, settings, folder, report_to=arguments.report_to, quiet=arguments.quiet)
    print(f"wrote {folder}")
    return 0


def pretrain(
    rows: Dataset,
    settings: Settings,
    folder: Path,
    *,
    save_steps: int = SAVE_STEPS,
    report_to: str = "none",
    quiet: bool = False,
) -> None:
    """Pretrain on the sentences of `rows`; write the encoder, its tokenizer and the record of what it read.

    Raises:
        RecipeError: the backbone cannot be loaded or has no mask token, or `folder` holds another run.
        DataError: there are too few sentences.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    encoder, tokenizer, masking = _load(settings)
    rows = first_policies(rows, settings.tokens)
    stage, digest = _record(rows)
    pool = TokenisedPool(rows, tokenizer)
    policies, held_out = split_policies(len(pool.bounds), settings.seed)
    arguments = training_arguments(
        folder,
        accumulation=settings.accumulation,
        report_to=report_to,
        quiet=quiet,
        seed=settings.seed,
        learning_rate=settings.lr,
        weight_decay=settings.weight_decay,
        max_grad_norm=1.0,
    )
    passes = passes_of(pool, policies, settings)
    draw = partial(batches_of, pool, policies, settings, passes)
    steps = Steps(draw, math.ceil(passes), arguments.world_size * settings.accumulation)
    arguments.max_steps = steps.ends[-1]
    held_windows = places_of(pool, held_out, settings, "held")[:_HELD_OUT_WINDOWS]
    encoder.set_attn_implementation("eager" if arguments.use_cpu else "sdpa")
    model = MaskedLanguageModel(encoder, int(encoder.config.hidden_size), int(encoder.config.vocab_size))
    identity = json.dumps([asdict(settings), digest])
    trainer = StepTrainer(
        model=model,
        args=arguments,
        train_dataset=steps,
        eval_dataset=[Share(batch, 0, 1) for batch in in_batches(held_windows, settings.batch_tokens)],
        data_collator=MaskingCollator(pool, masking),
        callbacks=[Checkpoints(steps, save_steps, identity, validate_always=True)],
        warmup=settings.warmup,
    )
    run_steps(trainer, identity)
    if not trainer.is_world_process_zero():
        return
    partial_folder = folder / "partial"
    history = history_of(trainer.state.log_history)
    _write(partial_folder, encoder.to("cpu"), tokenizer, [stage, *earlier_stages(settings.backbone)], settings, history)
    _publish(partial_folder, folder)
    shutil.rmtree(folder / CHECKPOINTS)


def first_policies(rows: Dataset, tokens: int) -> Dataset:
    """The first policies that together have at least `tokens` words; the rest are neither read nor recorded."""
    words = end = 0
    policy: str | None = None
    for part in rows.iter(_ROWS_AT_ONCE):
        for name, text in zip(part["policy"], part["text"], strict=True):
            if name != policy and words >= tokens:
                return rows.select(range(end))
            policy, words, end = name, words + len(text.split()), end + 1
    return rows


def _record(rows: Dataset) -> tuple[TrainedOn, str]:
    """The record of reading `rows` unlabelled, and a hash that names them."""
    policies: set[str] = set()
    texts: set[str] = set()
    digest = hashlib.sha256()
    for part in rows.iter(_ROWS_AT_ONCE):
        policies.update(part["policy"])
        for policy, index, text in zip(part["policy"], part["index"], part["text"], strict=True):
            key = text_hash(text)
            digest.update(f"{policy}\t{index}\t{key}".encode("utf-8", "replace"))
            if not is_boilerplate(text):
                texts.add(short_hash(key))
    return TrainedOn(frozenset(policies), frozenset(), frozenset(texts)), digest.hexdigest()[:12]


def history_of(log: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The loss in training and on held-out policies at every checkpoint, from Trainer's log."""
    rows: list[dict[str, float]] = []
    total, step, begun = 0.0, 0, 0
    for entry in log:
        if "loss" in entry:
            total, step = total + entry["loss"] * (entry["step"] - step), entry["step"]
        elif "eval_loss" in entry:
            loss = total / max(1, step - begun)
            rows.append({"step": step, "train_loss": loss, "held_loss": entry["eval_loss"]})
            total, begun = 0.0, step
    return rows


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


def _write(
    folder: Path,
    encoder: Any,
    tokenizer: SubwordTokenizer,
    stages: Sequence[TrainedOn],
    settings: Settings,
    history: list[dict[str, float]],
) -> None:
    """Write the backbone as transformers loads it."""
    folder.mkdir(exist_ok=True)
    tokenizer.tokenizer.save(str(folder / "tokenizer.json"))
    run = {"settings": asdict(settings), "versions": versions("train"), "git": git_revision(), "history": history}
    write_text(folder / "run.json", json.dumps(run, indent=1) + "\n")
    write_trained_on(folder, stages)
    encoder.set_attn_implementation("sdpa")
    encoder.save_pretrained(folder, safe_serialization=True)


def _publish(partial_folder: Path, folder: Path) -> None:
    """Move the finished files to `folder`; config.json comes last, so that its presence means complete."""
    for path in sorted(partial_folder.iterdir(), key=lambda path: path.name == CONFIG):
        path.replace(folder / path.name)
    partial_folder.rmdir()

"""The training loop: seeded, checkpointed, resumable to the same weights as an uninterrupted run.

    clausetag train default -o runs/default

A run folder holds `run.json` (config, versions, git, figures per epoch), `checkpoint.pt` while it trains,
`curves.png`, and in the end the artifact's files.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tqdm import tqdm

from clausetag.data.errors import DataError, RecipeError, first_line
from clausetag.data.jsonl import write_text
from clausetag.model.backbone import backbone_path
from clausetag.model.network import (
    CUSTOM_HEADS,
    HEADS,
    SentenceTagger,
    from_backbone,
    native_bf16,
    predict_logits,
    tensors,
    with_new_heads,
)
from clausetag.model.provenance import git_revision, versions
from clausetag.model.tokenise import SubwordTokenizer, inference_windows, load_tokenizer
from clausetag.model.windows import Window, collate
from clausetag.train.batches import (
    Average,
    Examples,
    epoch_batches,
    parameter_groups,
    prepare,
    rate_factor,
    soft_loss,
    unit_targets,
)
from clausetag.train.config import Recipe
from clausetag.train.start import pruned, start_network
from clausetag.train.training_data import TrainingData
from clausetag.train.validate import epoch_figures, held_scores, selection_score


@dataclass
class Progress:
    """How far a run has come; everything that a resumed run needs beside weights and optimiser."""

    epoch: int = 0
    step_in_epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best_score: float = float("-inf")
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run: the best epoch's network, its tokenizer, and windows of what it learnt from."""

    model: SentenceTagger
    pieces: SubwordTokenizer
    windows: tuple[Window, ...]
    progress: Progress


def uses_bf16(recipe: Recipe) -> bool:
    """Whether to run matrix products in bfloat16: asked for, or `auto` on a CPU that multiplies it natively."""
    return native_bf16() if recipe.precision == "auto" else recipe.precision == "bf16"


def train(recipe: Recipe, data: TrainingData, folder: Path, *, quiet: bool = False) -> Trained:
    """Train `recipe` in `folder`, continuing from its checkpoint if there is one.

    Raises:
        RecipeError: the backbone or start model cannot be loaded, or the folder holds a run of another recipe.
        DataError: there is nothing to learn from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model, tokenizer, fresh = _network(recipe, data)
    pieces = SubwordTokenizer.of(tokenizer)
    examples = prepare(data.train, recipe, pieces, tuple(model.config.heads), data.teaching)
    if fresh:
        model.set_prior(_label_rates(examples))
    plan = [len(epoch_batches(examples, recipe, pieces, epoch)) for epoch in range(recipe.epochs)]
    total = sum(plan)
    if total == 0:
        raise DataError("the training data have no labelled sentence")
    optimiser = torch.optim.AdamW(parameter_groups(model, recipe), fused=True)
    # On CPUs the plain formula is half as fast again as torch's fused attention, whose backward pass is slow.
    model.encoder.set_attn_implementation("eager")
    average = Average(model, recipe.ema) if recipe.ema else None
    progress = Progress()
    identity = json.dumps(
        [
            recipe.as_dict(),
            data.start.artifact.hash if data.start else None,
            data.teaching.hash if data.teaching else None,
        ]
    )
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.is_file():
        progress = _resume(checkpoint, identity, model, optimiser, average)
    bf16 = uses_bf16(recipe)
    predict = partial(predict_logits, model, window=recipe.window, tokenizer=pieces, bf16=bf16)
    bar = tqdm(total=total, initial=progress.step, unit="step", disable=quiet, smoothing=0.05, mininterval=1.0)
    started = time.monotonic()
    best = folder / "best.pt"
    while progress.epoch < recipe.epochs:
        model.train()
        runs = epoch_batches(examples, recipe, pieces, progress.epoch)
        for run in runs[progress.step_in_epoch :]:
            factor = rate_factor(progress.step, total, recipe.warmup)
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor
            batch = collate([item.window for item in run], pieces.pad_id)
            window, place, head, targets, weights = unit_targets(run, batch, examples)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                logits = model(*tensors(batch))
            loss = soft_loss(logits[window, place, head].float(), targets, weights)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.max_norm)
            optimiser.step()
            progress.step += 1
            progress.step_in_epoch += 1
            progress.loss_sum += float(loss.detach())
            if average is not None:
                average.update(model, progress.step)
            bar.update()
            if progress.step % recipe.checkpoint_steps == 0:
                _save(checkpoint, identity, model, optimiser, average, progress)
        own = {name: value.clone() for name, value in model.state_dict().items()} if average else None
        if average is not None:
            model.load_state_dict(average.state)
        figures = epoch_figures(held_scores(predict, model.config.heads, data.validation, recipe, pieces), recipe)
        score = selection_score(figures) if figures else float(progress.epoch)
        progress.history.append(
            {
                "epoch": progress.epoch + 1,
                "train_loss": progress.loss_sum / max(1, progress.step_in_epoch),
                "validation": figures,
                "score": score,
            }
        )
        if score > progress.best_score:
            progress.best_score, progress.best_epoch = score, progress.epoch
            atomic_save(best, model.state_dict())
        if own is not None:
            model.load_state_dict(own)
        bar.set_postfix_str(_postfix(progress.history[-1]))
        progress.epoch += 1
        progress.step_in_epoch, progress.loss_sum = 0, 0.0
        _save(checkpoint, identity, model, optimiser, average, progress)
        write_run(folder, recipe, data, progress)
        if recipe.patience and progress.epoch - 1 - progress.best_epoch >= recipe.patience:
            break
    bar.close()
    model.load_state_dict(torch.load(best, weights_only=True))
    model.train(False)
    model.encoder.set_attn_implementation("sdpa")
    if not quiet:
        print(
            f"trained {progress.step} steps in {time.monotonic() - started:.0f} s; best epoch {progress.best_epoch + 1}"
        )
    windows = [w for encoded in examples.encoded for w in inference_windows(encoded, recipe.window, pieces)]
    return Trained(model, pieces, tuple(windows), progress)


def _network(recipe: Recipe, data: TrainingData) -> tuple[SentenceTagger, Tokenizer, bool]:
    """The network to train, from the start model or else the backbone, its tokenizer, and whether its heads are new."""
    labels, heads = recipe.label_set, CUSTOM_HEADS if recipe.own_labels else HEADS
    if data.start is not None:
        network = start_network(data.start, recipe.head_dropout, recipe.attention_dropout)
        if recipe.kept_layers or recipe.kept_units:
            network = pruned(network, recipe.kept_layers, recipe.kept_units)
        fresh = (data.start.artifact.labels, data.start.artifact.heads) != (labels, heads)
        if fresh:
            network = with_new_heads(network, labels, heads)
        return network, load_tokenizer(str(data.start.artifact.folder)), fresh
    path = backbone_path(recipe.backbone)
    try:
        network = from_backbone(path, labels, heads, recipe.head_dropout, recipe.attention_dropout)
    except (OSError, ValueError) as error:
        raise RecipeError(f"backbone {recipe.backbone}: {first_line(error)}") from None
    return network, load_tokenizer(path), True


def _label_rates(examples: Examples) -> torch.Tensor:
    lessons = [lesson for source in examples.sentences for lesson in source]
    total = sum(float(lesson.weights.sum()) for lesson in lessons)
    return torch.from_numpy(sum((lesson.targets * lesson.weights[:, None]).sum(0) for lesson in lessons) / total)


def _postfix(row: dict[str, Any]) -> str:
    parts = [f"epoch {row['epoch']} loss {row['train_loss']:.3f}"]
    parts += [f"{head} F1 {f['macro_f1']:.3f}/{f['micro_f1']:.3f}" for head, f in row["validation"].items()]
    return ", ".join(parts)


def atomic_save(path: Path, value: object) -> None:
    """Save by way of a temporary name and a rename: never a half-written checkpoint."""
    temporary = path.with_suffix(".tmp")
    torch.save(value, temporary)
    os.replace(temporary, path)


def _save(
    path: Path,
    identity: str,
    model: SentenceTagger,
    optimiser: torch.optim.Optimizer,
    average: Average | None,
    progress: Progress,
) -> None:
    state = {
        "recipe": identity,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "average": average.state if average is not None else {},
        "progress": json.dumps(vars(progress)),
        "random": torch.get_rng_state(),
    }
    atomic_save(path, state)


def _resume(
    path: Path, identity: str, model: SentenceTagger, optimiser: torch.optim.Optimizer, average: Average | None
) -> Progress:
    try:
        state = torch.load(path, weights_only=True)
        same = state["recipe"] == identity
    except Exception as error:
        raise RecipeError(f"{path}: not a checkpoint ({first_line(error)}); delete it to start anew") from None
    if not same:
        raise RecipeError(f"{path.parent}: holds a run of another recipe; give another -o, or delete {path.name}")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    if average is not None:
        average.state = state["average"]
    torch.set_rng_state(state["random"])
    return Progress(**json.loads(state["progress"]))


def write_run(folder: Path, recipe: Recipe, data: TrainingData, progress: Progress) -> None:
    """Write `run.json`: the recipe, versions, git revision, data sizes, and the figures of every epoch so far."""
    run = {
        "recipe": recipe.as_dict(),
        "versions": versions("train"),
        "git": git_revision(),
        "threads": torch.get_num_threads(),
        "data": {
            part: [
                {"head": source.head, "sentences": len(source.sentences), "passages": len(source.passages)}
                for source in sources
            ]
            for part, sources in (("train", data.train), ("validation", data.validation))
        },
        "notes": list(data.notes),
        "steps": progress.step,
        "best_epoch": progress.best_epoch + 1,
        "epochs": progress.history,
    }
    write_text(folder / "run.json", json.dumps(run, indent=1) + "\n")

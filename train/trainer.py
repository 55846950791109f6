"""The training loop: seeded, and resumable from checkpoints with identical results.

    clausetag train default -o runs/default

The run's folder holds `checkpoint.pt` and `best.pt` while it trains, and `run.json`: the recipe, versions and the
metrics of each epoch.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from clausetag.data.errors import DataError, RecipeError, first_line
from clausetag.data.jsonl import write_text
from clausetag.model.backbone import backbone_path
from clausetag.model.network import (
    CUSTOM_HEADS,
    HEADS,
    SentenceTagger,
    from_backbone,
    layer_depth,
    native_bf16,
    predict_logits,
    tensors,
    with_new_heads,
)
from clausetag.model.provenance import git_revision, versions
from clausetag.model.tokenise import SubwordTokenizer, inference_windows, load_tokenizer
from clausetag.model.windows import Window, collate
from clausetag.train.batches import Examples, SourcedWindow, epoch_batches, prepare, unit_targets
from clausetag.train.checkpoint import CHECKPOINT, atomic_save, load_checkpoint, save_checkpoint
from clausetag.train.config import Recipe
from clausetag.train.start import pruned, start_network
from clausetag.train.training_data import TrainingData
from clausetag.train.validate import epoch_metrics, score_held_out, selection_score

BEST = "best.pt"


@dataclass
class Progress:
    """How far a run has come."""

    epoch: int = 0
    step_in_epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best_score: float = float("-inf")
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trained:
    """The network of a finished run's best epoch, its tokenizer, and the windows of its training data."""

    model: SentenceTagger
    tokenizer: SubwordTokenizer
    windows: tuple[Window, ...]
    progress: Progress


def uses_bf16(recipe: Recipe) -> bool:
    """Whether matrix products run in bfloat16: if asked for, or with `auto` on a CPU that supports it natively."""
    return native_bf16() if recipe.precision == "auto" else recipe.precision == "bf16"


def train(recipe: Recipe, data: TrainingData, folder: Path, *, quiet: bool = False) -> Trained:
    """Train `recipe` in `folder`, resuming from its checkpoint if there is one.

    Raises:
        RecipeError: the backbone or start model cannot be loaded, or the folder holds a run of another recipe.
        DataError: the training data have no labelled sentence.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model, raw_tokenizer, new_heads = _network(recipe, data)
    tokenizer = SubwordTokenizer.of(raw_tokenizer)
    examples = prepare(data.train, recipe, tokenizer, tuple(model.config.heads), data.teacher_scores)
    if new_heads:
        model.set_prior(_label_rates(examples))
    total = sum(len(epoch_batches(examples, recipe, tokenizer, epoch)) for epoch in range(recipe.epochs))
    if total == 0:
        raise DataError("the training data have no labelled sentence")
    optimiser = torch.optim.AdamW(parameter_groups(model, recipe), fused=True)
    schedule = LambdaLR(optimiser, partial(warmup_factor, total=total, warmup=recipe.warmup))
    # On CPUs the plain formula is half as fast again as torch's fused attention, whose backward pass is slow.
    model.encoder.set_attn_implementation("eager")
    progress = Progress()
    identity = _identity(recipe, data)
    checkpoint, best = folder / CHECKPOINT, folder / BEST
    if checkpoint.is_file():
        progress = Progress(**load_checkpoint(checkpoint, identity, model, optimiser, schedule))
    bf16 = uses_bf16(recipe)
    predict = partial(predict_logits, model, window=recipe.window, tokenizer=tokenizer, bf16=bf16)
    bar = tqdm(total=total, initial=progress.step, unit="step", disable=quiet, smoothing=0.05, mininterval=1.0)
    started = time.monotonic()
    while progress.epoch < recipe.epochs:
        model.train()
        for batch in epoch_batches(examples, recipe, tokenizer, progress.epoch)[progress.step_in_epoch :]:
            loss = batch_loss(model, batch, examples, tokenizer, bf16=bf16)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), recipe.max_norm)
            optimiser.step()
            schedule.step()
            progress.step += 1
            progress.step_in_epoch += 1
            progress.loss_sum += float(loss.detach())
            bar.update()
            if progress.step % recipe.checkpoint_steps == 0:
                save_checkpoint(checkpoint, identity, model, optimiser, schedule, asdict(progress))
        metrics = epoch_metrics(score_held_out(predict, model.config.heads, data.validation, recipe, tokenizer), recipe)
        score = selection_score(metrics) if metrics else float(progress.epoch)
        loss_mean = progress.loss_sum / max(1, progress.step_in_epoch)
        progress.history.append(
            {"epoch": progress.epoch + 1, "train_loss": loss_mean, "validation": metrics, "score": score}
        )
        if score > progress.best_score:
            progress.best_score, progress.best_epoch = score, progress.epoch
            atomic_save(best, model.state_dict())
        bar.set_postfix_str(_postfix(progress.history[-1]))
        progress.epoch += 1
        progress.step_in_epoch, progress.loss_sum = 0, 0.0
        save_checkpoint(checkpoint, identity, model, optimiser, schedule, asdict(progress))
        write_run(folder, recipe, data, progress)
    bar.close()
    model.load_state_dict(torch.load(best, weights_only=True))
    model.train(False)
    model.encoder.set_attn_implementation("sdpa")
    if not quiet:
        seconds = time.monotonic() - started
        print(f"trained {progress.step} steps in {seconds:.0f} s; best epoch {progress.best_epoch + 1}")
    windows = [w for encoded in examples.encoded for w in inference_windows(encoded, recipe.window, tokenizer)]
    return Trained(model, tokenizer, tuple(windows), progress)


def _network(recipe: Recipe, data: TrainingData) -> tuple[SentenceTagger, Tokenizer, bool]:
    """The start model's or backbone's network, its tokenizer, and whether its heads are new."""
    labels, heads = recipe.label_set, CUSTOM_HEADS if recipe.own_labels else HEADS
    if data.start is not None:
        network = start_network(data.start, recipe.head_dropout, recipe.attention_dropout)
        if recipe.kept_layers or recipe.kept_units:
            network = pruned(network, recipe.kept_layers, recipe.kept_units)
        new_heads = (data.start.artifact.labels, data.start.artifact.heads) != (labels, heads)
        if new_heads:
            network = with_new_heads(network, labels, heads)
        return network, load_tokenizer(str(data.start.artifact.folder)), new_heads
    path = backbone_path(recipe.backbone)
    try:
        network = from_backbone(path, labels, heads, recipe.head_dropout, recipe.attention_dropout)
    except (OSError, ValueError) as error:
        raise RecipeError(f"backbone {recipe.backbone}: {first_line(error)}") from None
    return network, load_tokenizer(path), True


def _label_rates(examples: Examples) -> Tensor:
    """Weighted mean target of each label over the sentences, float [labels]."""
    targets = [one for source in examples.sentences for one in source]
    total = sum(float(one.weights.sum()) for one in targets)
    return torch.from_numpy(sum((one.targets * one.weights[:, None]).sum(0) for one in targets) / total)


def _identity(recipe: Recipe, data: TrainingData) -> str:
    """Names the recipe, start model and teacher scores of a run, which resumes only with the same ones."""
    start = data.start.artifact.hash if data.start else None
    teacher_scores = data.teacher_scores.hash if data.teacher_scores else None
    return json.dumps([recipe.as_dict(), start, teacher_scores])


def parameter_groups(model: SentenceTagger, recipe: Recipe) -> list[dict[str, object]]:
    """Parameter groups for AdamW: learning rates fall from layer to layer towards the embeddings (layer-wise decay,
    Howard and Ruder, ACL 2018); biases and norms have no weight decay."""
    layers = int(model.encoder.config.num_hidden_layers)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        depth = layer_depth(name, layers)
        rate = recipe.head_lr if depth == 0 else recipe.encoder_lr * recipe.layer_decay ** (depth - 1)
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def warmup_factor(step: int, total: int, warmup: float) -> float:
    """Factor on the learning rate at `step` (from 0): rises linearly over the share `warmup` of the `total` steps,
    then falls linearly to zero.

    transformers' `get_linear_schedule_with_warmup` is the same but for its first step, which has a rate of zero and so
    would be lost.
    """
    rising = max(1, round(warmup * total))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (total - step) / max(1, total - rising))


def batch_loss(
    model: SentenceTagger, batch: list[SourcedWindow], examples: Examples, tokenizer: SubwordTokenizer, *, bf16: bool
) -> Tensor:
    """The loss of a batch of windows, a scalar: `soft_loss` over their sentences and passages."""
    arrays = collate([item.window for item in batch], tokenizer.pad_id)
    window, place, head, targets, weights = unit_targets(batch, arrays, examples)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        logits = model(*tensors(arrays))
    return soft_loss(logits[window, place, head].float(), targets, weights)


def soft_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy summed over labels and averaged over units by weight.

    Logits and targets are float [units, labels], weights float [units].
    """
    loss = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(-1)
    return (loss * weights).sum() / weights.sum().clamp_min(1e-6)


def _postfix(row: dict[str, Any]) -> str:
    parts = [f"epoch {row['epoch']} loss {row['train_loss']:.3f}"]
    parts += [f"{head} F1 {f['macro_f1']:.3f}/{f['micro_f1']:.3f}" for head, f in row["validation"].items()]
    return ", ".join(parts)


def write_run(folder: Path, recipe: Recipe, data: TrainingData, progress: Progress) -> None:
    """Write `run.json`: recipe, versions, git revision, sizes of the data, and the metrics of every epoch so far."""
    run = {
        "recipe": recipe.saved(),
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

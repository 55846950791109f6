"""Trains a recipe with transformers' Trainer: seeded, on any hardware, and resumable with an identical result.

    clausetag train default -o runs/default
    torchrun --nproc_per_node 2 -m clausetag.cli train default -o runs/default

The run's folder holds `checkpoints/` while it trains, and `run.json`: the recipe, versions and the metrics of each
epoch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import EarlyStoppingCallback, EvalPrediction, TrainerCallback

from clausetag.data.errors import RecipeError, first_line
from clausetag.data.jsonl import write_text
from clausetag.model.backbone import backbone_path
from clausetag.model.configuration import CUSTOM_HEADS, HEADS
from clausetag.model.network import SentenceTagger, from_backbone, layer_depth, predict_logits, with_new_heads
from clausetag.model.provenance import git_revision, versions
from clausetag.model.tokenise import SubwordTokenizer, inference_windows, load_tokenizer
from clausetag.model.windows import Window
from clausetag.train.config import Recipe
from clausetag.train.examples.batches import Examples, UnitCollator, epoch_batches, prepare
from clausetag.train.examples.sources import TrainingData
from clausetag.train.start import pruned, start_network
from clausetag.train.steps import Checkpoints, Steps, StepTrainer, run_steps, training_arguments
from clausetag.train.validate import HeldOut, compute_metrics, score_held_out


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run has done so far."""

    step: int
    best_epoch: int
    """From 0; -1 before the first epoch ends."""
    history: list[dict[str, Any]]
    """Mean loss and validation metrics of each epoch."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run: the network of its best epoch, its tokenizer, and the windows of its training data."""

    model: SentenceTagger
    tokenizer: SubwordTokenizer
    windows: tuple[Window, ...]
    """Cut as for prediction; the ranges of the 8-bit model are measured on them."""
    progress: Progress
    bf16: bool
    main: bool
    """Whether this process is the one that writes the model."""


class TaggerTrainer(StepTrainer):
    """Validates on whole policies at the end of each epoch."""

    compute_metrics: Callable[[EvalPrediction], dict[str, float]]

    def __init__(self, *, validate: Callable[[], Mapping[str, HeldOut]], **named: Any) -> None:
        super().__init__(**named)
        self._validate = validate

    def evaluate(self, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> dict[str, float]:
        """Metrics of each head on the validation policies, and `score`, by which the best epoch is chosen.

        Trainer's own loop over batches is not used, because validation cuts policies into windows as prediction does.
        With several processes, one computes the metrics and sends them to the others, so that all stop and save alike.
        """
        shared: list[Any] = [None]
        if self.is_world_process_zero():
            held_out: Any = self._validate()
            shared = [{"score": self.state.epoch, **self.compute_metrics(EvalPrediction(held_out, np.empty(0)))}]
        broadcast_object_list(shared)
        metrics = {f"{metric_key_prefix}_{key}": value for key, value in shared[0].items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def train(recipe: Recipe, data: TrainingData, folder: Path, *, quiet: bool = False, report_to: str = "none") -> Trained:
    """Train `recipe` in `folder`, resuming from its last checkpoint if there is one.

    Raises:
        RecipeError: the backbone or start model cannot be loaded, the folder holds a run of another recipe, or the
            hardware cannot do what is asked for.
        DataError: the training data have no labelled sentence.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model, raw_tokenizer, new_heads = _network(recipe, data)
    tokenizer = SubwordTokenizer.of(raw_tokenizer)
    examples = prepare(data.train, recipe, tokenizer, tuple(model.config.heads), data.teacher_scores)
    if new_heads:
        model.set_prior(_label_rates(examples))
    arguments = training_arguments(
        folder,
        precision=recipe.precision,
        accumulation=recipe.accumulation,
        report_to=report_to,
        quiet=quiet,
        seed=recipe.seed,
        max_grad_norm=recipe.max_norm,
        load_best_model_at_end=True,
        metric_for_best_model="score",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=recipe.patience > 0,
    )
    parts = arguments.world_size * recipe.accumulation
    steps = Steps(partial(epoch_batches, examples, recipe, tokenizer), recipe.epochs, parts)
    arguments.max_steps = steps.ends[-1]
    # On CPUs the plain formula is 1.5 times as fast as torch's fused attention, whose backward pass is slow.
    model.encoder.set_attn_implementation("eager" if arguments.use_cpu else "sdpa")
    predict = partial(predict_logits, model, window=recipe.window, tokenizer=tokenizer, bf16=arguments.bf16)
    identity = json.dumps([recipe.as_dict(), data.digest()])
    callbacks: list[TrainerCallback] = [Checkpoints(steps, recipe.checkpoint_steps, identity)]
    if recipe.patience:
        callbacks.append(EarlyStoppingCallback(recipe.patience))
    trainer = TaggerTrainer(
        model=model,
        args=arguments,
        train_dataset=steps,
        eval_dataset=data.validation,
        data_collator=UnitCollator(examples, tokenizer.pad_id, arguments.world_size),
        compute_loss_func=soft_loss,
        compute_metrics=partial(compute_metrics, recipe=recipe),
        optimizer_cls_and_kwargs=(torch.optim.AdamW, {"params": parameter_groups(model, recipe), "fused": True}),
        callbacks=callbacks,
        warmup=recipe.warmup,
        validate=partial(score_held_out, predict, model.config.heads, data.validation, recipe, tokenizer),
    )
    started = time.monotonic()
    run_steps(trainer, identity)
    state = trainer.state
    best = steps.place(state.best_global_step or state.global_step)[0]
    progress = Progress(state.global_step, best, history_of(state.log_history, model.config.heads))
    main = trainer.is_world_process_zero()
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False).to("cpu")
    model.train(False)
    model.encoder.set_attn_implementation("sdpa")
    if main and not quiet:
        seconds = time.monotonic() - started
        print(f"trained {progress.step} steps in {seconds:.0f} s; best epoch {progress.best_epoch + 1}")
    windows = [w for encoded in examples.encoded for w in inference_windows(encoded, recipe.window, tokenizer)]
    return Trained(model, tokenizer, tuple(windows), progress, arguments.bf16, main)


def history_of(log: Sequence[Mapping[str, Any]], heads: Sequence[str]) -> list[dict[str, Any]]:
    """Mean loss and metrics of each epoch, from Trainer's log.

    The log has two kinds of entries: the mean loss since the entry before, and the metrics at the end of an epoch.
    """
    rows: list[dict[str, Any]] = []
    loss_sum, step, first_step = 0.0, 0, 0
    for entry in log:
        if "loss" in entry:
            loss_sum += entry["loss"] * (entry["step"] - step)
            step = entry["step"]
        elif "eval_score" in entry:
            metrics: dict[str, dict[str, float]] = {}
            for key, value in entry.items():
                head, _, name = key.removeprefix("eval_").partition("_")
                if head in heads:
                    metrics.setdefault(head, {})[name] = value
            loss = loss_sum / max(1, step - first_step)
            rows.append(
                {"epoch": len(rows) + 1, "train_loss": loss, "validation": metrics, "score": entry["eval_score"]}
            )
            loss_sum, first_step = 0.0, step
    return rows


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
    parts = [part for source in examples.sentences for part in source]
    total = sum(float(part.weights.sum()) for part in parts)
    return torch.from_numpy(sum((part.targets * part.weights[:, None]).sum(0) for part in parts) / total)


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


def soft_loss(outputs: Mapping[str, Tensor], labels: Mapping[str, Tensor], num_items_in_batch: Any = None) -> Tensor:
    """Binary cross-entropy against soft targets: summed over labels, then summed over units by their weights; a scalar.

    Args:
        outputs: output of the model: `logits` float [B, U, heads, labels].
        labels: output of `UnitCollator` for n units: their places in `logits` as `window`, `place` and `head`
            (int64 [n]), `targets` float [n, labels] and `weights` float [n].
        num_items_in_batch: not used, because the weights are already normalised; Trainer passes it.
    """
    logits = outputs["logits"][labels["window"], labels["place"], labels["head"]].float()
    loss = nn.functional.binary_cross_entropy_with_logits(logits, labels["targets"], reduction="none").sum(-1)
    return (loss * labels["weights"]).sum()


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

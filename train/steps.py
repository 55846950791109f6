"""Training in steps of whole batches with transformers' Trainer: the order of batches, checkpoints, and resuming.

An epoch cuts the texts into new windows, so epochs differ in their number of batches, which Trainer does not expect.
It gets all steps of a run as one sequence; a callback tells it where epochs end.
"""

from __future__ import annotations

import argparse
import json
import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from clausetag.data.errors import DataError, RecipeError, first_line
from clausetag.data.jsonl import write_text
from clausetag.model.network import native_bf16

CHECKPOINTS = "checkpoints"
"""The folder in a run's folder that holds its checkpoints until the run is finished."""
_COMPLETE = "complete.json"
"""Written last into a checkpoint, so that its presence means complete."""
_LOGGED_STEPS = 10
"""Steps between two logs for `--report-to`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Share(Generic[T]):
    """What one process computes at once: every `parts`-th element of a step's batch, beginning with number `part`."""

    batch: Sequence[T]
    part: int
    parts: int


class Steps(Dataset[Share[T]]):
    """All steps of a run in order, each divided into as many shares as it has processes times micro-batches."""

    def __init__(self, draw: Callable[[int], list[list[T]]], epochs: int, parts: int) -> None:
        """`draw` gives the batches of an epoch, counted from 0, and always the same ones.

        Raises:
            DataError: there is not one batch.
        """
        self._draw, self._parts = draw, parts
        self._epoch, self._batches = -1, list[list[T]]()
        self.ends = list(accumulate(len(draw(epoch)) for epoch in range(epochs)))
        """The number of steps up to the end of each epoch."""
        if not self.ends[-1]:
            raise DataError("the training data have no labelled sentence")

    def __len__(self) -> int:
        return self.ends[-1] * self._parts

    def __getitem__(self, index: int) -> Share[T]:
        step, part = divmod(index, self._parts)
        epoch, place = self.place(step + 1)
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self._draw(epoch)
        return Share(self._batches[place - 1], part, self._parts)

    def place(self, step: int) -> tuple[int, int]:
        """The epoch of a step (counted from 1), from 0, and the step's number in it, from 1."""
        epoch = bisect_left(self.ends, step)
        return epoch, step - (self.ends[epoch - 1] if epoch else 0)


class StepTrainer(Trainer):
    """Trainer with this project's learning rate schedule."""

    def __init__(self, *arguments: Any, warmup: float, **named: Any) -> None:
        """Raises RecipeError if the library of an integration that `report_to` names is missing."""
        try:
            super().__init__(*arguments, **named)
        except (ImportError, RuntimeError) as error:  # of an integration that `report_to` names
            raise RecipeError(f"--report-to {named['args'].report_to[0]}: {first_line(error)}") from None
        self._warmup = warmup
        self.remove_callback(PrinterCallback)

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> LRScheduler:
        """A linear rise over the share `warmup` of all steps, then a linear fall to zero."""
        factor = partial(warmup_factor, total=num_training_steps, warmup=self._warmup)
        self.lr_scheduler = LambdaLR(optimizer or cast(Optimizer, self.optimizer), factor)
        return self.lr_scheduler


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


class Checkpoints(TrainerCallback):
    """Tells Trainer where epochs end, and marks complete checkpoints with the run that they belong to."""

    def __init__(self, steps: Steps[Any], every: int, identity: str, *, validate_always: bool = False) -> None:
        """Save `every` so many steps, and `validate_always` when saving, not only when an epoch ends."""
        self._steps, self._every, self._identity, self._validate_always = steps, every, identity, validate_always

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Validate and save at the end of an epoch, and save every so many steps."""
        epoch, done = self._steps.place(state.global_step)
        state.epoch = epoch + done / (self._steps.ends[epoch] - (self._steps.ends[epoch - 1] if epoch else 0))
        ended = state.global_step == self._steps.ends[epoch]
        control.should_save = ended or state.global_step % self._every == 0
        control.should_evaluate = control.should_save if self._validate_always else ended
        # Trainer forgets what it has not logged when it resumes, so every checkpoint is logged first.
        control.should_log |= control.should_save

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint that was just written."""
        if state.is_world_process_zero:
            folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            marks = {"identity": self._identity, "processes": args.world_size, "sizes": _sizes(folder)}
            write_text(folder / _COMPLETE, json.dumps(marks))


def _sizes(folder: Path) -> dict[str, int]:
    """Sizes in bytes of a checkpoint's files, without those that other processes may still write."""
    names = (path for path in folder.iterdir() if path.name != _COMPLETE and not path.name.startswith("rng_state_"))
    return {path.name: path.stat().st_size for path in names}


def last_checkpoint(folder: Path, identity: str, processes: int) -> str | None:
    """The last complete checkpoint in `folder`, None if there is none.

    Raises:
        RecipeError: it is damaged, or of a run with other settings, data or number of processes.
    """
    found = {int(path.parent.name.rpartition("-")[2]): path for path in folder.glob(f"checkpoint-*/{_COMPLETE}")}
    if not found:
        return None
    mark = found[max(found)]
    checkpoint = mark.parent
    try:
        marks = json.loads(mark.read_text(encoding="utf-8"))
        same, before = marks["identity"] == identity, int(marks["processes"])
        damaged = marks["sizes"] != _sizes(checkpoint)
    except (OSError, ValueError, KeyError, TypeError):
        damaged = True
    if damaged:
        raise RecipeError(f"{checkpoint}: not a usable checkpoint; delete it to resume from an earlier one")
    if not same:
        raise RecipeError(f"{folder}: holds a run with other settings or data; give another -o or delete the folder")
    if before != processes:
        raise RecipeError(
            f"{folder}: the run was begun with {before} process(es), now there are {processes}; resume it with as many"
        )
    return str(checkpoint)


def is_main_process() -> bool:
    """Whether this process is the only one, or the first of those that torchrun or accelerate started."""
    return os.environ.get("RANK", "0") == "0"


def add_report_to(parser: argparse.ArgumentParser) -> None:
    """The argument `--report-to` of the commands that train."""
    parser.add_argument(
        "--report-to",
        default="none",
        metavar="NAME",
        help="show curves in `tensorboard` (files in the output's logs/) or another integration of transformers",
    )


def training_arguments(
    folder: Path, *, precision: str = "auto", accumulation: int = 1, report_to: str = "none", quiet: bool, **more: Any
) -> TrainingArguments:
    """Trainer's arguments for a run in `folder`, on the GPU if there is one.

    Args:
        folder: the run's folder.
        precision: `bf16`, `fp32`, or `auto`: bf16 where the hardware has instructions for it.
        accumulation: micro-batches that a step is divided into.
        report_to: `tensorboard`, or another integration of Trainer.
        quiet: show no progress.
        more: further arguments.

    Raises:
        RecipeError: there are several GPUs, but one process; or the hardware cannot do what is asked for.
    """
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "logs")  # beside the checkpoints, which are deleted
    accelerated = torch.accelerator.is_available()
    bf16 = hardware_bf16() if precision == "auto" else precision == "bf16"
    try:
        arguments = TrainingArguments(
            output_dir=str(folder / CHECKPOINTS),
            per_device_train_batch_size=1,
            per_device_eval_batch_size=1,
            gradient_accumulation_steps=accumulation,
            train_sampling_strategy="sequential",
            use_cpu=not accelerated,
            dataloader_pin_memory=accelerated,
            bf16=bf16,
            ddp_find_unused_parameters=False,
            eval_strategy="steps",
            eval_steps=1,  # `Checkpoints` decides
            save_strategy="steps",
            save_steps=1,
            save_total_limit=2,
            logging_strategy="no" if report_to == "none" else "steps",
            logging_steps=_LOGGED_STEPS,
            logging_nan_inf_filter=False,
            report_to=report_to,
            disable_tqdm=quiet,
            remove_unused_columns=False,
            label_names=["labels"],
            log_level="error",
            **more,
        )
    except ValueError as error:
        raise RecipeError(f"training arguments: {first_line(error)}") from None
    if arguments.n_gpu > 1:
        raise RecipeError(
            f"{arguments.n_gpu} GPUs: start one process for each with `torchrun --nproc_per_node {arguments.n_gpu} "
            "-m clausetag.cli train …`, or choose one with CUDA_VISIBLE_DEVICES=0"
        )
    return arguments


def hardware_bf16() -> bool:
    """Whether the hardware that would train has instructions for products in bfloat16."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return not torch.accelerator.is_available() and native_bf16()


def run_steps(trainer: StepTrainer, identity: str) -> None:
    """Train to the end, from the last checkpoint if there is one.

    Raises:
        RecipeError: see `last_checkpoint`; or the memory of the GPU is too small.
    """
    arguments = trainer.args
    resume = last_checkpoint(Path(str(arguments.output_dir)), identity, arguments.world_size)
    try:
        trainer.train(resume_from_checkpoint=resume)
    except torch.OutOfMemoryError:
        raise RecipeError(
            f"step {trainer.state.global_step + 1} needs more memory than the {arguments.device.type} device has; "
            "set accumulation = 2 (or more), which gives the same model, or a smaller batch_tokens"
        ) from None

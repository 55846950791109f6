"""Compares the time of a training step under transformers' Trainer with that of a plain loop, on the same batches.

python -m scripts.step_time                      # one thread
python -m scripts.step_time --threads 2 --steps 60

Time is the process's CPU time, which other work on the machine hardly changes; with one thread it is the time that a
step takes. Both arms train the recipe `quick` from the same weights, in turn, several times. The plain loop has only
forward, loss, backward, clipping and the optimiser: what a hand-written loop costs at least.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerCallback

from clausetag.model.network import SentenceTagger, native_bf16
from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer
from clausetag.train.config import Recipe, read_recipe
from clausetag.train.examples.batches import Examples, UnitCollator, epoch_batches, prepare
from clausetag.train.examples.training_data import assemble
from clausetag.train.start import load_start, start_network
from clausetag.train.steps import Steps, StepTrainer, training_arguments, warmup_factor
from clausetag.train.trainer import parameter_groups, soft_loss


class _Clock(TrainerCallback):
    def __init__(self) -> None:
        self.times = [time.process_time()]

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.times = [time.process_time()]

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_save = control.should_evaluate = False
        self.times.append(time.process_time())


def network(start: str) -> SentenceTagger:
    """The model to train, always with the same weights."""
    torch.manual_seed(1)
    model = start_network(load_start(start), head_dropout=0.1)
    model.encoder.set_attn_implementation("eager")
    return model


def plain(recipe: Recipe, examples: Examples, steps: Steps[Any], count: int, start: str, pad_id: int) -> list[float]:
    """CPU seconds of each step of a plain loop."""
    model = network(start)
    optimiser = torch.optim.AdamW(parameter_groups(model, recipe), fused=True)
    schedule = LambdaLR(optimiser, partial(warmup_factor, total=count, warmup=recipe.warmup))
    collate, bf16 = UnitCollator(examples, pad_id), native_bf16()
    model.train()
    times = [time.process_time()]
    for number in range(count):
        inputs = collate([steps[number]])
        labels = inputs.pop("labels")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            outputs = model(**inputs)
        loss = soft_loss(outputs, labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.max_norm)
        optimiser.step()
        schedule.step()
        float(loss.detach())
        times.append(time.process_time())
    return np.diff(times).tolist()


def trainer(recipe: Recipe, examples: Examples, steps: Steps[Any], count: int, start: str, pad_id: int) -> list[float]:
    """CPU seconds of each step under Trainer."""
    model, clock = network(start), _Clock()
    with TemporaryDirectory() as folder:
        arguments = training_arguments(Path(folder), quiet=True, max_steps=count, max_grad_norm=recipe.max_norm)
        StepTrainer(
            model=model,
            args=arguments,
            train_dataset=steps,
            eval_dataset=[],
            data_collator=UnitCollator(examples, pad_id),
            compute_loss_func=soft_loss,
            optimizer_cls_and_kwargs=(torch.optim.AdamW, {"params": parameter_groups(model, recipe), "fused": True}),
            callbacks=[clock],
            warmup=recipe.warmup,
        ).train()
    return np.diff(clock.times).tolist()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", default="standard", help="the model to train (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = read_recipe("quick", ["batch_tokens=1536", "window=256", f"start={options.start}", "epochs=40"])
    recipe = recipe.replaced(
        policies=recipe.policies + recipe.policies_validation, policies_validation=[], unvalidated=True
    )
    tokenizer = SubwordTokenizer.of(load_tokenizer(str(load_start(options.start).artifact.folder)))
    examples = prepare(assemble(recipe).train, recipe, tokenizer, tuple(network(options.start).config.heads))
    steps = Steps(partial(epoch_batches, examples, recipe, tokenizer), recipe.epochs, 1)
    common = recipe, examples, steps, options.steps, options.start, tokenizer.pad_id
    arms: dict[str, list[list[float]]] = {"plain": [], "trainer": []}
    for number in range(options.rounds):
        order = (plain, trainer) if number % 2 == 0 else (trainer, plain)
        for arm in order:
            arms[arm.__name__].append(arm(*common)[2:])  # the first steps warm up
    best = {name: np.min(rounds, axis=0) for name, rounds in arms.items()}
    for name, rounds in arms.items():
        each = ", ".join(f"{np.mean(one):.4f}" for one in rounds)
        print(
            f"{name}: {np.mean(best[name]):.4f} CPU s a step (each step's fastest of {options.rounds}; rounds: {each})"
        )
    print(f"trainer / plain: {best['trainer'].sum() / best['plain'].sum():.3f}")


if __name__ == "__main__":
    main()

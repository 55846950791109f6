"""Checkpoints of a training run, from which it resumes with identical results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from clausetag.data.errors import RecipeError, first_line

CHECKPOINT = "checkpoint.pt"


def atomic_save(path: Path, value: object) -> None:
    """Save under a temporary name and rename, so that the file is never half-written."""
    temporary = path.with_suffix(".tmp")
    torch.save(value, temporary)
    os.replace(temporary, path)


def save_checkpoint(
    path: Path, identity: str, model: nn.Module, optimiser: Optimizer, schedule: LRScheduler, progress: dict[str, Any]
) -> None:
    """Save all that a run needs to resume; `identity` names its settings and data, `progress` holds JSON values."""
    state = {
        "identity": identity,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "random": torch.get_rng_state(),
        "progress": progress,
    }
    atomic_save(path, state)


def load_checkpoint(
    path: Path, identity: str, model: nn.Module, optimiser: Optimizer, schedule: LRScheduler
) -> dict[str, Any]:
    """Restore a run from its checkpoint, the random state included; returns its `progress`.

    Raises:
        RecipeError: the file is no checkpoint of this version, or of a run with other settings or data.
    """
    try:
        state = torch.load(path, weights_only=True)
        same = state["identity"] == identity
    except Exception as error:  # torch raises nearly anything for a damaged file
        raise RecipeError(f"{path}: not a usable checkpoint ({first_line(error)}); delete it to start again") from None
    if not same:
        raise RecipeError(
            f"{path.parent}: holds a run with other settings or data; give another -o or delete {path.name}"
        )
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    torch.set_rng_state(state["random"])
    progress: dict[str, Any] = state["progress"]
    return progress

"""Sample the inputs of an encoder's matrix products on real texts; the 8-bit ranges are chosen from them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from clausetag.model.network import SentenceTagger, tensors
from clausetag.model.windows import Window, collate

SAMPLE_TOKENS = 12_000
"""Tokens in the sample; with more than a few thousand the ranges hardly change."""


def sample_windows(windows: Sequence[Window], seed: int = 0) -> list[Window]:
    """Random windows of about `SAMPLE_TOKENS` tokens in total."""
    shuffled = list(windows)
    random.Random(seed).shuffle(shuffled)
    found: list[Window] = []
    tokens = 0
    for window in shuffled:
        if tokens >= SAMPLE_TOKENS:
            break
        found.append(window)
        tokens += len(window.ids)
    return found


@torch.no_grad()
def record(
    model: SentenceTagger, modules: dict[str, torch.nn.Module], windows: Sequence[Window]
) -> dict[str, npt.NDArray[np.float32]]:
    """The inputs float32 [tokens, width] that each of the named `modules` of `model` receives for `windows`."""
    seen: dict[str, list[npt.NDArray[np.float16]]] = {name: [] for name in modules}

    def keep(name: str) -> Callable[[torch.nn.Module, tuple[Any, ...]], None]:
        def hook(_: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
            # Half precision saves memory, and three digits are enough to choose a range.
            seen[name].append(inputs[0].flatten(0, -2).half().numpy())

        return hook

    handles = [module.register_forward_pre_hook(keep(name)) for name, module in modules.items()]
    was_training = model.training
    model.train(False)
    try:
        for window in windows:
            model(*tensors(collate([window], 0)))
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    return {name: np.concatenate(parts).astype(np.float32) for name, parts in seen.items()}

"""What flows through a trained encoder: a sample of the inputs of its products, from which 8-bit ranges are chosen."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from clausetag.model.network import SentenceTagger
from clausetag.model.windows import Window, collate

SAMPLE_TOKENS = 12_000
"""Word pieces that are looked at; ranges change little beyond some thousands."""


def sample_windows(windows: Sequence[Window], seed: int = 0) -> list[Window]:
    """About `SAMPLE_TOKENS` word pieces in windows drawn at random."""
    shuffled = list(windows)
    random.Random(seed).shuffle(shuffled)
    found: list[Window] = []
    pieces = 0
    for window in shuffled:
        if pieces >= SAMPLE_TOKENS:
            break
        found.append(window)
        pieces += len(window.ids)
    return found


@torch.no_grad()
def record(
    model: SentenceTagger, modules: dict[str, torch.nn.Module], windows: Sequence[Window]
) -> dict[str, npt.NDArray[np.float32]]:
    """The inputs float32 [word pieces, width] that each of the named modules of `model` gets for `windows`."""
    seen: dict[str, list[npt.NDArray[np.float16]]] = {name: [] for name in modules}

    def keep(name: str) -> Callable[[torch.nn.Module, tuple[Any, ...]], None]:
        def hook(_: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
            # Half precision: samples of wide layers are large, and ranges need three digits.
            seen[name].append(inputs[0].flatten(0, -2).half().numpy())

        return hook

    handles = [module.register_forward_pre_hook(keep(name)) for name, module in modules.items()]
    was_training = model.training
    model.train(False)
    try:
        for window in windows:
            batch = collate([window], 0)
            model(
                torch.from_numpy(batch.input_ids),
                torch.from_numpy(batch.attention_mask),
                torch.from_numpy(batch.pooling),
            )
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    return {name: np.concatenate(parts).astype(np.float32) for name, parts in seen.items()}

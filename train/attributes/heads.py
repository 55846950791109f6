"""The heads of attributes, and how they are trained on the hidden states of a network that stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from clausetag.data.attributes import VALUES
from clausetag.data.errors import DataError
from clausetag.model.decision import SOURCES
from clausetag.model.network import MAX_ATTENTION
from clausetag.model.onnx.attributes import HeadWeights, Hidden

BATCH_TOKENS = 6_000
DROPOUT = 0.2
Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Settings:
    """Of the training of attribute heads."""

    epochs: int = 12
    lr: float = 2e-3
    rank: int = 128
    """Dimensions to which hidden states are projected: more are better and slower."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Examples:
    """Sentences of one source: hidden states float16 [tokens, width], targets and weights float32 [n, values]."""

    source: str
    hidden: list[Hidden]
    targets: Array
    weights: Array


class AttributeHeads(nn.Module):
    """The trainable form of `HeadWeights`."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        n_values = len(VALUES)
        self.dropout = nn.Dropout(DROPOUT)
        self.projection = nn.Linear(width, rank, bias=False)
        self.shared = nn.Linear(rank, n_values)
        self.by_source = nn.Linear(rank, len(SOURCES) * n_values)
        self.attention = nn.Linear(rank, n_values, bias=False)
        nn.init.constant_(self.shared.bias, -3.0)  # most values are rare
        for module in (self.by_source, self.attention):
            for parameter in module.parameters():
                nn.init.zeros_(parameter)  # at first the sources agree, and all tokens have equal weight

    def forward(self, hidden: Tensor, pooling: Tensor) -> Tensor:
        """Logits float [U, sources, values] of hidden states float [T, width] and pooling weights float [U, T]."""
        tokens = self.projection(self.dropout(hidden))
        by_source = self.by_source(tokens).unflatten(-1, (len(SOURCES), len(VALUES)))
        logits = self.shared(tokens)[:, None] + by_source
        weight = torch.exp(self.attention(tokens).clamp(-MAX_ATTENTION, MAX_ATTENTION))
        share = pooling @ (weight[:, None] * logits).flatten(1)
        found: Tensor = share.unflatten(-1, (len(SOURCES), len(VALUES))) / (pooling @ weight)[:, None]
        return found

    def weights(self) -> HeadWeights:
        """The weights as arrays, with the sources' shared part added to each source's own."""
        n_sources = len(SOURCES)
        own = self.by_source.weight.unflatten(0, (n_sources, len(VALUES))) + self.shared.weight
        bias = self.by_source.bias.unflatten(0, (n_sources, len(VALUES))) + self.shared.bias
        parts = (self.projection.weight.T, own.flatten(0, 1).T, bias.flatten(), self.attention.weight.T)
        return HeadWeights(*(part.detach().numpy() for part in parts))


def train_heads(sources: Sequence[Examples], settings: Settings) -> AttributeHeads:
    """Train heads on the examples of all sources.

    Raises:
        DataError: no example has a value to learn.
    """
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    hidden = [states for source in sources for states in source.hidden]
    targets = torch.from_numpy(np.concatenate([source.targets for source in sources]))
    weights = torch.from_numpy(np.concatenate([source.weights for source in sources]))
    places = torch.tensor([SOURCES.index(source.source) for source in sources for _ in source.hidden])
    used = np.flatnonzero(weights.sum(1).numpy() > 0)
    if not len(used):
        raise DataError("no sentence to learn attributes from; give OPP-115, the five policies, or --extra with rows")
    heads = AttributeHeads(hidden[0].shape[1], settings.rank)
    optimiser = torch.optim.AdamW(heads.parameters(), lr=settings.lr, weight_decay=0.01)
    per_epoch = sum(1 for _ in _batches(hidden, used))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.lr, total_steps=per_epoch * settings.epochs + settings.epochs, pct_start=0.1
    )
    heads.train()
    for _ in range(settings.epochs):
        rng.shuffle(used)
        for rows in _batches(hidden, used):
            logits = heads(*_stacked([hidden[row] for row in rows]))[torch.arange(len(rows)), places[rows]]
            loss = nn.functional.binary_cross_entropy_with_logits(
                logits, targets[rows], weight=weights[rows], reduction="sum"
            ) / weights[rows].sum().clamp_min(1.0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return heads.eval()


def _batches(hidden: Sequence[Hidden], rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Rows in order, in batches of about `BATCH_TOKENS` tokens."""
    ends = np.cumsum([len(hidden[row]) for row in rows]) // BATCH_TOKENS
    yield from np.split(rows, np.flatnonzero(np.diff(ends)) + 1)


def _stacked(states: Sequence[Hidden]) -> tuple[Tensor, Tensor]:
    """Hidden states float32 [T, width] of all sentences, and the matrix float32 [n, T] that pools each sentence."""
    lengths = [len(one) for one in states]
    pooling = torch.zeros(len(states), sum(lengths))
    starts = np.cumsum([0, *lengths])
    for row, length in enumerate(lengths):
        pooling[row, starts[row] : starts[row + 1]] = 1 / length
    return torch.from_numpy(np.concatenate(states)).float(), pooling

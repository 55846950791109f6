"""What one optimiser step needs: epochs of windows, targets per unit, the loss, rates per layer, averaged weights."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from clausetag.data.labels import LABELS
from clausetag.model.encode import Encoded, FloatArray, Pieces, encode_sentences, encode_texts
from clausetag.model.network import SentenceTagger, layer_depth
from clausetag.model.windows import Batch, Window, batches, pack, whole_passages
from clausetag.train.config import Recipe
from clausetag.train.corpora import Source, inherited_rows, target_rows

_BUCKET = 64
"""Windows of about equal length are found among so many neighbours, so that order stays random and padding small."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Encoded sources with their targets: float [n, labels], the head that learns from each row, weight per row."""

    encoded: tuple[Encoded, ...]
    sentence_targets: tuple[FloatArray, ...]
    sentence_weights: tuple[FloatArray, ...]
    guide_targets: tuple[FloatArray, ...]
    """Second targets of the same sentences, for the head `guide`; all of weight 0 unless the recipe asks for them."""
    guide_weights: tuple[FloatArray, ...]
    passage_targets: tuple[FloatArray, ...]
    passage_weights: tuple[FloatArray, ...]
    heads: tuple[int, ...]
    """Index of each source's head."""


def prepare(sources: Sequence[Source], recipe: Recipe, pieces: Pieces, heads: Sequence[str]) -> Examples:
    """Encode `sources` and lay out their targets."""
    encoded: list[Encoded] = []
    targets: list[FloatArray] = []
    weights: list[FloatArray] = []
    guide_targets: list[FloatArray] = []
    guide_weights: list[FloatArray] = []
    passage_targets: list[FloatArray] = []
    passage_weights: list[FloatArray] = []
    for source in sources:
        if source.whole:
            this = encode_texts([sentence.text for sentence in source.sentences], pieces)
        else:
            this = encode_sentences(source.sentences, pieces, context=recipe.context)
        encoded.append(this)
        values, mask = target_rows(source.sentences, recipe.targets)
        targets.append(values)
        weights.append(mask)
        if recipe.guide_from_opp115 and source.head == "opp115":
            values, mask = inherited_rows(source)
            guide_targets.append(values)
            guide_weights.append(mask)
        else:
            guide_targets.append(values)
            guide_weights.append(np.zeros_like(mask))
        rows = np.zeros((len(this.passages), len(LABELS)), dtype=np.float32)
        weight = np.zeros(len(this.passages), dtype=np.float32)
        for row, key in enumerate(this.passages):
            votes = source.passages.get(key)
            if votes is None:
                continue
            weight[row] = recipe.passage_weight
            for label, share in votes.items():
                rows[row, LABELS.index(label)] = share if recipe.targets == "votes" else float(share > 0.5)
        passage_targets.append(rows)
        passage_weights.append(weight)
    return Examples(
        tuple(encoded),
        tuple(targets),
        tuple(weights),
        tuple(guide_targets),
        tuple(guide_weights),
        tuple(passage_targets),
        tuple(passage_weights),
        tuple(heads.index(source.head) for source in sources),
    )


@dataclass(frozen=True, slots=True)
class SourcedWindow:
    """A window with the number of the source that it was cut from."""

    source: int
    window: Window


def epoch_batches(examples: Examples, recipe: Recipe, pieces: Pieces, epoch: int) -> list[list[SourcedWindow]]:
    """The batches of one epoch, a function of seed and epoch alone, so that a resumed run sees the same ones."""
    draw = random.Random(f"{recipe.seed}/{epoch}")
    windows: list[SourcedWindow] = []
    for number, encoded in enumerate(examples.encoded):
        weights, passage_weights = examples.sentence_weights[number], examples.passage_weights[number]
        for policy in encoded.policies:
            for window in pack(
                policy, recipe.window, pieces.cls_id, pieces.sep_id, draw=draw, shortest=recipe.shortest_window
            ):
                units = tuple(unit for unit in window.sentences if weights[unit.row] > 0)
                passages = tuple(u for u in whole_passages(window, policy) if passage_weights[u.row] > 0)
                if units or passages:
                    windows.append(SourcedWindow(number, Window(window.ids, units, passages)))
    draw.shuffle(windows)
    runs: list[list[SourcedWindow]] = []
    for start in range(0, len(windows), _BUCKET):
        bucket = sorted(windows[start : start + _BUCKET], key=lambda item: len(item.window.ids))
        place = 0
        for run in batches([item.window for item in bucket], recipe.batch_tokens):
            runs.append(bucket[place : place + len(run)])
            place += len(run)
    draw.shuffle(runs)
    return runs


def unit_targets(
    run: Sequence[SourcedWindow], batch: Batch, examples: Examples, heads: Sequence[str]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Window, place, head (int64 [N]), targets (float [N, labels]) and weights (float [N]) of what a batch teaches.

    A unit stands once for each head that learns from it.
    """
    guide_head, passage_head = heads.index("guide"), heads.index("passage")
    index: list[tuple[int, int, int]] = []
    targets: list[FloatArray] = []
    weights: list[float] = []
    for number, item in enumerate(run):
        source = item.source
        n_sentences = len(item.window.sentences)
        for place, unit in enumerate(batch.units[number]):
            if place < n_sentences:
                index.append((number, place, examples.heads[source]))
                targets.append(examples.sentence_targets[source][unit.row])
                weights.append(float(examples.sentence_weights[source][unit.row]))
                if examples.guide_weights[source][unit.row] > 0:
                    index.append((number, place, guide_head))
                    targets.append(examples.guide_targets[source][unit.row])
                    weights.append(float(examples.guide_weights[source][unit.row]))
            else:
                index.append((number, place, passage_head))
                targets.append(examples.passage_targets[source][unit.row])
                weights.append(float(examples.passage_weights[source][unit.row]))
    places = torch.tensor(index, dtype=torch.int64)
    return places[:, 0], places[:, 1], places[:, 2], torch.from_numpy(np.stack(targets)), torch.tensor(weights)


def soft_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy summed over labels, averaged over units by weight: float [N, labels] twice, float [N]."""
    loss = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(-1)
    return (loss * weights).sum() / weights.sum().clamp_min(1e-6)


def parameter_groups(model: SentenceTagger, recipe: Recipe) -> list[dict[str, object]]:
    """AdamW's groups: rates fall layer by layer towards the embeddings, vectors (biases, norms) do not decay."""
    layers = int(model.encoder.config.num_hidden_layers)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        depth = layer_depth(name, layers)
        rate = recipe.head_lr if depth == 0 else recipe.encoder_lr * recipe.layer_decay ** (depth - 1)
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": params, "lr": rate, "peak": rate, "weight_decay": decay} for (rate, decay), params in groups.items()
    ]


def rate_factor(step: int, total: int, warmup: float) -> float:
    """Linear warm-up over the share `warmup` of `total` steps, then linear to zero; `step` counts from 0."""
    rising = max(1, round(warmup * total))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (total - step) / max(1, total - rising))


class Average:
    """Exponential moving average of the float parameters, with the usual warm-up of the decay."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the current weights; early on faster, since the first weights say little."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)

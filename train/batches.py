"""What one optimiser step needs: epochs of windows, targets per unit, the loss, rates per layer, averaged weights."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from clausetag.model.network import SentenceTagger, layer_depth
from clausetag.model.tokenise import EncodedPolicies, FloatArray, SubwordTokenizer, encode_sentences, encode_texts
from clausetag.model.windows import Batch, Window, batches, pack, whole_passages
from clausetag.train.config import Recipe
from clausetag.train.targets import Lesson, passage_lessons, sentence_lessons
from clausetag.train.teacher_scores import Teaching
from clausetag.train.training_data import POOL, Source

_BUCKET = 64
"""Windows of about equal length are found among so many neighbours, so that order stays random and padding small."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Encoded sources, and of each what its sentences and its passages teach."""

    encoded: tuple[EncodedPolicies, ...]
    sentences: tuple[tuple[Lesson, ...], ...]
    passages: tuple[tuple[Lesson, ...], ...]
    pool: tuple[bool, ...]
    """Whether a source is the unlabelled pool, of which each epoch reads a part."""


def prepare(
    sources: Sequence[Source],
    recipe: Recipe,
    pieces: SubwordTokenizer,
    heads: Sequence[str],
    teaching: Teaching | None = None,
) -> Examples:
    """Encode `sources` and lay out their targets."""
    encoded: list[EncodedPolicies] = []
    for source in sources:
        if source.whole:
            encoded.append(encode_texts([sentence.text for sentence in source.sentences], pieces))
        else:
            encoded.append(encode_sentences(source.sentences, pieces, context=recipe.context))
    return Examples(
        tuple(encoded),
        tuple(sentence_lessons(source, recipe, heads, teaching) for source in sources),
        tuple(
            passage_lessons(source, this.passages, recipe, heads, teaching)
            for source, this in zip(sources, encoded, strict=True)
        ),
        tuple(source.head == POOL for source in sources),
    )


@dataclass(frozen=True, slots=True)
class SourcedWindow:
    """A window with the number of the source that it was cut from."""

    source: int
    window: Window


def epoch_batches(
    examples: Examples, recipe: Recipe, pieces: SubwordTokenizer, epoch: int
) -> list[list[SourcedWindow]]:
    """The batches of one epoch, a function of seed and epoch alone, so that a resumed run sees the same ones."""
    draw = random.Random(f"{recipe.seed}/{epoch}")
    windows: list[SourcedWindow] = []
    for number, encoded in enumerate(examples.encoded):
        taught = _taught(examples.sentences[number], encoded.n_sentences)
        taught_passages = _taught(examples.passages[number], len(encoded.passages))
        parts = recipe.pool_parts if examples.pool[number] else 1
        for policy in encoded.policies[epoch % parts :: parts]:
            for window in pack(
                policy, recipe.window, pieces.cls_id, pieces.sep_id, rng=draw, min_tokens=recipe.shortest_window
            ):
                units = tuple(unit for unit in window.sentences if taught[unit.row])
                passages = tuple(u for u in whole_passages(window, policy) if taught_passages[u.row])
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


def _taught(lessons: Sequence[Lesson], rows: int) -> npt.NDArray[np.bool_]:
    """Which of `rows` rows teach any head."""
    taught = np.zeros(rows, dtype=np.bool_)
    for lesson in lessons:
        taught |= lesson.weights > 0
    return taught


def unit_targets(
    run: Sequence[SourcedWindow], batch: Batch, examples: Examples
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Window, place, head (int64 [N]), targets (float [N, labels]) and weights (float [N]) of what a batch teaches.

    A unit stands once for each head that learns from it.
    """
    index: list[tuple[int, int, int]] = []
    targets: list[FloatArray] = []
    weights: list[float] = []
    for number, item in enumerate(run):
        n_sentences = len(item.window.sentences)
        for place, unit in enumerate(batch.units[number]):
            lessons = (examples.sentences if place < n_sentences else examples.passages)[item.source]
            for lesson in lessons:
                if lesson.weights[unit.row] > 0:
                    index.append((number, place, lesson.head))
                    targets.append(lesson.targets[unit.row])
                    weights.append(float(lesson.weights[unit.row]))
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

"""Training examples: encoded sources with their targets, cut into the batches of each epoch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clausetag.model.network import tensors
from clausetag.model.tokenise import EncodedPolicies, FloatArray, SubwordTokenizer
from clausetag.model.windows import Window, batches, collate, pack, whole_passages
from clausetag.train.config import Recipe
from clausetag.train.examples.sources import POOL, Source
from clausetag.train.examples.targets import Targets, passage_targets, sentence_targets
from clausetag.train.examples.teacher_scores import TeacherScores
from clausetag.train.steps import Share

_BUCKET = 64
"""Windows are sorted by length within groups of this size: little padding, and the order stays random."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Encoded sources, with the targets of their sentences and of their passages for each head."""

    encoded: tuple[EncodedPolicies, ...]
    sentences: tuple[tuple[Targets, ...], ...]
    passages: tuple[tuple[Targets, ...], ...]
    unlabelled: tuple[bool, ...]
    """Whether a source is the unlabelled pool, of which each epoch reads a part."""


def prepare(
    sources: Sequence[Source],
    recipe: Recipe,
    tokenizer: SubwordTokenizer,
    heads: Sequence[str],
    teacher_scores: TeacherScores | None = None,
) -> Examples:
    """Encode `sources` and compute their targets."""
    encoded = tuple(source.encode(tokenizer, context=recipe.context) for source in sources)
    return Examples(
        encoded,
        tuple(sentence_targets(source, recipe, heads, teacher_scores) for source in sources),
        tuple(
            passage_targets(source, policies.passages, recipe, heads, teacher_scores)
            for source, policies in zip(sources, encoded, strict=True)
        ),
        tuple(source.head == POOL for source in sources),
    )


@dataclass(frozen=True, slots=True)
class SourcedWindow:
    """A window and the number of its source."""

    source: int
    window: Window


def epoch_batches(
    examples: Examples, recipe: Recipe, tokenizer: SubwordTokenizer, epoch: int
) -> list[list[SourcedWindow]]:
    """The batches of one epoch. They depend on seed and epoch alone, so that a resumed run reads the same ones."""
    rng = random.Random(f"{recipe.seed}/{epoch}")
    windows: list[SourcedWindow] = []
    for number, encoded in enumerate(examples.encoded):
        has_targets = _with_targets(examples.sentences[number], encoded.n_sentences)
        passage_has_targets = _with_targets(examples.passages[number], len(encoded.passages))
        parts = recipe.pool_parts if examples.unlabelled[number] else 1
        for policy in encoded.policies[epoch % parts :: parts]:
            for window in pack(
                policy,
                recipe.window,
                tokenizer.cls_id,
                tokenizer.sep_id,
                rng=rng,
                min_tokens=recipe.shortest_window,
            ):
                sentences = tuple(unit for unit in window.sentences if has_targets[unit.row])
                passages = tuple(unit for unit in whole_passages(window, policy) if passage_has_targets[unit.row])
                if sentences or passages:
                    windows.append(SourcedWindow(number, Window(window.ids, sentences, passages)))
    rng.shuffle(windows)
    found: list[list[SourcedWindow]] = []
    for start in range(0, len(windows), _BUCKET):
        bucket = sorted(windows[start : start + _BUCKET], key=lambda item: len(item.window.ids))
        taken = 0
        for batch in batches([item.window for item in bucket], recipe.batch_tokens):
            found.append(bucket[taken : taken + len(batch)])
            taken += len(batch)
    rng.shuffle(found)
    return found


def _with_targets(targets: Sequence[Targets], rows: int) -> npt.NDArray[np.bool_]:
    """Which of `rows` rows have a target for any head, bool [rows]."""
    found = np.zeros(rows, dtype=np.bool_)
    for one in targets:
        found |= one.weights > 0
    return found


@dataclass(frozen=True, slots=True)
class UnitCollator:
    """Makes the model's inputs of one share of a step's windows, with the targets of their units as `labels`.

    Weights are divided by their sum over the whole step, so that the loss of a step does not depend on how many
    processes and micro-batches it is divided into.
    """

    examples: Examples
    pad_id: int
    processes: int = 1
    """Processes that train together; torch averages their gradients."""

    def __call__(self, items: Sequence[Share[SourcedWindow]]) -> dict[str, Any]:
        """Arguments of `SentenceTagger.forward`, and `labels` for `clausetag.train.trainer.soft_loss`."""
        [share] = items
        units = unit_targets(share.batch, self.examples)
        mine = units["window"] % share.parts == share.part
        total = units["weights"].sum().clamp_min(1e-6)
        labels = {name: values[mine] for name, values in units.items()}
        labels["window"] = labels["window"] // share.parts
        labels["weights"] = labels["weights"] * (self.processes / total)
        # A step with fewer windows than shares repeats one without targets: all processes must compute something.
        windows = share.batch[share.part :: share.parts] or share.batch[:1]
        ids, mask, pooling = tensors(collate([item.window for item in windows], self.pad_id))
        return {"input_ids": ids, "attention_mask": mask, "pooling": pooling, "labels": labels}


def unit_targets(batch: Sequence[SourcedWindow], examples: Examples) -> dict[str, Tensor]:
    """Targets of a batch's units (sentences and passages), once for each head that a unit trains.

    Returns:
        `window`, `place` (the unit in its window) and `head` int64 [n], `targets` float [n, labels], `weights` float
        [n].
    """
    index: list[tuple[int, int, int]] = []
    targets: list[FloatArray] = []
    weights: list[float] = []
    for number, item in enumerate(batch):
        n_sentences = len(item.window.sentences)
        for place, unit in enumerate(item.window.sentences + item.window.passages):
            for one in (examples.sentences if place < n_sentences else examples.passages)[item.source]:
                if one.weights[unit.row] > 0:
                    index.append((number, place, one.head))
                    targets.append(one.targets[unit.row])
                    weights.append(float(one.weights[unit.row]))
    places = torch.tensor(index, dtype=torch.int64)
    return {
        **{name: places[:, column] for column, name in enumerate(("window", "place", "head"))},
        "targets": torch.from_numpy(np.stack(targets)),
        "weights": torch.tensor(weights),
    }

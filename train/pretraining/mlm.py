"""Masked language modelling: policies as token ids on disk, the windows of every step, and the model.

A pool may have millions of sentences. Their tokens stay in a memory-mapped file; in memory are their lengths and, of
the current pass, where each window begins and ends.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from pyarrow.compute import list_value_length
from torch import Tensor, nn
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from clausetag.data.errors import DataError
from clausetag.model.backbone import MINILM
from clausetag.model.tokenise import SubwordTokenizer
from clausetag.model.windows import MAX_HEADING_TOKENS, EncodedSentence, Window, batches, pack
from clausetag.train.steps import Share

if TYPE_CHECKING:
    from datasets import Dataset

_BUCKET = 128
"""Windows are sorted by length within groups of this size."""
_NOT_MASKED = -100
"""The collator's label of tokens that are not to be predicted."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that determines a pretraining run, beside its sentences."""

    backbone: str = MINILM
    tokens: int = 8_000_000
    """Tokens to read; the pool is repeated if it has fewer."""
    batch_tokens: int = 4096
    window: int = 256
    shortest_window: int = 64
    masked: float = 0.15
    """Share of tokens to be predicted."""
    lr: float = 4e-4
    warmup: float = 0.06
    weight_decay: float = 0.01
    seed: int = 1
    accumulation: int = 1
    """Micro-batches that each step is divided into."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window's tokens are: rows `start` to `end`, with the first row's heading in front or not."""

    start: int
    end: int
    heading: bool
    length: int
    """Tokens."""
    seed: str
    """Decides which of its step's tokens are hidden."""


class TokenisedPool:
    """The sentences of a pool as token ids, which stay on disk."""

    def __init__(self, rows: Dataset, tokenizer: SubwordTokenizer) -> None:
        """Tokenise `rows`, whose policies stand one after the other; the result is cached with them.

        Raises:
            DataError: a policy stands in two places.
        """
        self.tokenizer = tokenizer
        columns = rows.map(
            _tokenise, batched=True, fn_kwargs={"tokenizer": tokenizer}, remove_columns=rows.column_names
        ).data
        self._ids, self._heading = columns.column("ids"), columns.column("heading")
        self.lengths: npt.NDArray[np.int32] = list_value_length(self._ids).to_numpy()
        self._headings: npt.NDArray[np.int32] = list_value_length(self._heading).to_numpy()
        names = (name for part in rows.iter(10_000) for name in part["policy"])
        self.bounds = list(policy_bounds(names))
        """The first and the last row (plus 1) of each policy."""

    def windows(self, policy: int, settings: Settings, seed: str) -> Iterator[Place]:
        """The windows of a policy, of random lengths that depend on `seed` and the policy alone."""
        start, end = self.bounds[policy]
        sentences = [
            EncodedSentence(row, range(self.lengths[row]), range(self._headings[row])) for row in range(start, end)
        ]
        ids, rng = (self.tokenizer.cls_id, self.tokenizer.sep_id), random.Random(f"{seed}/{policy}")
        for window in pack(sentences, settings.window, *ids, rng=rng, min_tokens=settings.shortest_window):
            first, last = window.sentences[0], window.sentences[-1]
            yield Place(first.row, last.row + 1, first.start > 1, len(window.ids), seed)

    def ids(self, place: Place) -> list[int]:
        """The token ids of a window, as `pack` would give them."""
        ids = [self.tokenizer.cls_id]
        if place.heading:
            ids += [*self._heading[place.start].as_py()[:MAX_HEADING_TOKENS], self.tokenizer.sep_id]
        for tokens in self._ids.slice(place.start, place.end - place.start).to_pylist():
            ids += [*tokens[: max(1, place.length - len(ids) - 1)], self.tokenizer.sep_id]
        return ids


def _tokenise(rows: dict[str, list[Any]], tokenizer: SubwordTokenizer) -> dict[str, list[list[int]]]:
    headings = iter(tokenizer.encode([heading for heading in rows["heading"] if heading]))
    return {
        "ids": tokenizer.encode(rows["text"]),
        "heading": [next(headings) if heading else [] for heading in rows["heading"]],
    }


def policy_bounds(names: Iterator[str]) -> Iterator[tuple[int, int]]:
    """First and last row (plus 1) of each policy, from the policy of every row.

    Raises:
        DataError: a policy stands in two places.
    """
    seen: set[str] = set()
    start, current, row = 0, None, 0
    for row, name in enumerate(names):
        if name != current:
            if name in seen:
                raise DataError(f"policy {name!r} stands in two places of the pool; sort its rows by policy")
            if current is not None:
                yield start, row
            seen.add(name)
            start, current = row, name
    if current is not None:
        yield start, row + 1


def split_policies(count: int, seed: int) -> tuple[list[int], list[int]]:
    """Numbers of the policies to train on, and of those held out to measure the loss: one in twenty, at most 50.

    Raises:
        DataError: there is only one policy.
    """
    if count < 2:
        raise DataError("pretraining needs at least two policies")
    numbers = list(range(count))
    random.Random(seed).shuffle(numbers)
    held_out = max(1, min(50, count // 20))
    return numbers[held_out:], numbers[:held_out]


def places_of(pool: TokenisedPool, policies: Sequence[int], settings: Settings, seed: str) -> list[Place]:
    """The windows of `policies` in random order, which depends on `seed` alone."""
    places = [place for policy in policies for place in pool.windows(policy, settings, seed)]
    random.Random(seed).shuffle(places)
    return places


def passes_of(pool: TokenisedPool, policies: Sequence[int], settings: Settings) -> float:
    """How often the policies have to be read for `settings.tokens`.

    Raises:
        DataError: the policies have fewer tokens than one batch.
    """
    rows = (pool.bounds[policy] for policy in policies)
    tokens = sum(int(pool.lengths[start:end].sum()) + end - start for start, end in rows)
    if tokens < settings.batch_tokens:
        raise DataError("the pool is too small to pretrain on; add policies to it")
    return settings.tokens / tokens


def batches_of(
    pool: TokenisedPool, policies: Sequence[int], settings: Settings, passes: float, epoch: int
) -> list[list[Place]]:
    """The batches of pass number `epoch`; the last of `passes` may be a part of one."""
    places = places_of(pool, policies, settings, f"{settings.seed}/{epoch}")
    found: list[list[Place]] = []
    for start in range(0, len(places), _BUCKET):
        found += in_batches(
            sorted(places[start : start + _BUCKET], key=lambda place: place.length), settings.batch_tokens
        )
    random.Random(f"{settings.seed}/{epoch}/order").shuffle(found)
    return found[: math.ceil(min(1.0, passes - epoch) * len(found))]


def in_batches(places: Sequence[Place], max_tokens: int) -> list[list[Place]]:
    """Cut a sequence of windows into batches of at most `max_tokens` tokens, padding included."""
    found: list[list[Place]] = []
    windows = [Window((0,) * place.length, (), ()) for place in places]
    for batch in batches(windows, max_tokens):
        first = sum(map(len, found))
        found.append(list(places[first : first + len(batch)]))
    return found


def masking_collator(tokenizer: SubwordTokenizer, mask_token: str, share: float) -> DataCollatorForLanguageModeling:
    """The collator that pads a batch and hides `share` of its tokens, but no special ones.

    Of the hidden tokens 80 % are replaced by the mask token, 10 % by a random token, and 10 % are left as they are
    (Devlin et al., NAACL 2019).
    """
    special = {
        name: tokenizer.tokenizer.id_to_token(number)
        for name, number in (
            ("cls_token", tokenizer.cls_id),
            ("sep_token", tokenizer.sep_id),
            ("pad_token", tokenizer.pad_id),
        )
    }
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer.tokenizer, mask_token=mask_token, **special)
    return DataCollatorForLanguageModeling(wrapped, mlm_probability=share)


@dataclass(frozen=True, slots=True)
class MaskingCollator:
    """Makes the model's inputs of one share of a step's windows; which tokens are hidden depends on the step alone."""

    pool: TokenisedPool
    masking: DataCollatorForLanguageModeling

    def __call__(self, items: Sequence[Share[Place]]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels`, int64 [B, T]."""
        [share] = items
        first = share.batch[0]
        # The whole batch is masked and then divided, so that the number of processes makes no difference.
        seeded = replace(self.masking, seed=random.Random(f"{first.seed}/{first.start}").getrandbits(62))
        batch = seeded([{"input_ids": self.pool.ids(place)} for place in share.batch])
        if bool((batch["labels"] == _NOT_MASKED).all()):
            # A small batch may have no hidden token, and a loss needs one.
            batch["labels"][0, 1] = self.pool.ids(first)[1]
        mine = slice(share.part, None, share.parts)
        if share.part >= len(share.batch):
            mine = slice(0, 1)
            batch["labels"][0] = _NOT_MASKED
        longest = max(place.length for place in share.batch[mine])
        return {name: batch[name][mine, :longest] for name in ("input_ids", "attention_mask", "labels")}


class MaskedLanguageModel(nn.Module):
    """An encoder with BERT's prediction head, whose output weights are the encoder's word embeddings.

    transformers' own classes compute logits for all tokens. This one computes them only where they are needed.
    """

    def __init__(self, encoder: nn.Module, hidden: int, vocabulary: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.dense = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, num_items_in_batch: Any = None, **_: Any
    ) -> dict[str, Tensor]:
        """`loss`: cross-entropy at the tokens with a label, summed and divided by `num_items_in_batch` (default: by
        their number)."""
        predicted = labels != _NOT_MASKED
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[predicted]
        vectors = self.norm(nn.functional.gelu(self.dense(hidden)))
        embeddings = self.encoder.get_input_embeddings().weight  # type: ignore[operator]
        logits = nn.functional.linear(vectors, embeddings, self.bias)
        total = nn.functional.cross_entropy(logits.float(), labels[predicted], reduction="sum")
        return {"loss": total / (predicted.sum().clamp_min(1) if num_items_in_batch is None else num_items_in_batch)}

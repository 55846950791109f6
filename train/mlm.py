"""Masked language modelling: the windows of every step, their masking, the model and its loss."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy
from clausetag.data.records import Sentence
from clausetag.model.backbone import MINILM
from clausetag.model.network import native_bf16
from clausetag.model.tokenise import SubwordTokenizer, encode_sentences
from clausetag.model.windows import EncodedSentence, Window, batches, pack

Ids = npt.NDArray[np.int32]
Policy = tuple[EncodedSentence, ...]

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


def first_policies(sentences: Sequence[Sentence], tokens: int) -> list[Sentence]:
    """The first policies that together have at least `tokens` words; the rest are neither read nor recorded."""
    found: list[Sentence] = []
    words = 0
    for group in by_policy(sentences).values():
        if words >= tokens:
            break
        found += group
        words += sum(len(sentence.text.split()) for sentence in group)
    return found


def split_policies(
    sentences: Sequence[Sentence], seed: int, tokenizer: SubwordTokenizer
) -> tuple[list[Policy], list[Policy]]:
    """Encode the policies; one in twenty, at most 50, is held out to measure the loss.

    Returns:
        The policies to train on, and those held out.

    Raises:
        DataError: there is only one policy.
    """
    policies = list(encode_sentences(sentences, tokenizer).policies)
    if len(policies) < 2:
        raise DataError("pretraining needs at least two policies")
    held_out = max(1, min(50, len(policies) // 20))
    random.Random(seed).shuffle(policies)
    return policies[held_out:], policies[:held_out]


def windows_of(policies: Sequence[Policy], settings: Settings, tokenizer: SubwordTokenizer, seed: str) -> list[Window]:
    """Windows of random lengths in random order, which depend on `seed` alone."""
    rng = random.Random(seed)
    ids = tokenizer.cls_id, tokenizer.sep_id
    windows = [
        window
        for policy in policies
        for window in pack(policy, settings.window, *ids, rng=rng, min_tokens=settings.shortest_window)
    ]
    rng.shuffle(windows)
    return windows


def steps_of(policies: Sequence[Policy], settings: Settings, tokenizer: SubwordTokenizer) -> list[list[Ids]]:
    """The token ids of every step's windows; they depend on the settings and the policies alone.

    Raises:
        DataError: the policies have fewer tokens than one batch.
    """
    steps: list[list[Ids]] = []
    tokens, epoch = 0, 0
    while tokens < settings.tokens:
        windows = windows_of(policies, settings, tokenizer, f"{settings.seed}/{epoch}")
        if sum(len(window.ids) for window in windows) < settings.batch_tokens:
            raise DataError("the pool is too small to pretrain on; add policies to it")
        epoch_steps: list[list[Window]] = []
        for start in range(0, len(windows), _BUCKET):
            bucket = sorted(windows[start : start + _BUCKET], key=lambda window: len(window.ids))
            epoch_steps += batches(bucket, settings.batch_tokens)
        random.Random(f"{settings.seed}/{epoch}/order").shuffle(epoch_steps)
        for batch in epoch_steps:
            steps.append(list(map(ids_of, batch)))
            tokens += sum(len(window.ids) for window in batch)
            if tokens >= settings.tokens:
                break
        epoch += 1
    return steps


def ids_of(window: Window) -> Ids:
    """A window's token ids as an array, which is smaller: a run holds millions."""
    return np.array(window.ids, dtype=np.int32)


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

    def forward(self, input_ids: Tensor, attention_mask: Tensor, predicted: Tensor) -> Tensor:
        """Logits float [n, vocabulary] of the n tokens marked in `predicted`, bool [batch, length]."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[predicted]
        vectors = self.norm(nn.functional.gelu(self.dense(hidden)))
        embeddings = self.encoder.get_input_embeddings().weight  # type: ignore[operator]
        logits: Tensor = nn.functional.linear(vectors, embeddings, self.bias)
        return logits


def masked_loss(
    model: MaskedLanguageModel, windows: Sequence[Ids], collator: DataCollatorForLanguageModeling, seed: str
) -> Tensor:
    """Cross-entropy at the hidden tokens of a batch, a scalar; `seed` alone decides which tokens are hidden."""
    seeded = replace(collator, seed=random.Random(seed).getrandbits(62))
    batch = seeded([{"input_ids": window.tolist()} for window in windows])
    labels = batch["labels"]
    if bool((labels == _NOT_MASKED).all()):
        labels[0, 1] = int(windows[0][1])  # a small batch may have none, and a loss needs one
    predicted = labels != _NOT_MASKED
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=native_bf16()):
        logits = model(batch["input_ids"], batch["attention_mask"], predicted)
    return nn.functional.cross_entropy(logits.float(), labels[predicted])

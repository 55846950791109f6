"""What a pretraining run reads: its settings, the policies that it needs of the pool, and the windows of every step."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy
from clausetag.data.records import Sentence
from clausetag.model.backbone import MINILM
from clausetag.model.tokenise import SubwordTokenizer, encode_sentences
from clausetag.model.windows import EncodedSentence, Window, batches, pack
from clausetag.train.masked import Ids

Policy = tuple[EncodedSentence, ...]

_BUCKET = 128
"""Windows of about equal length are found among so many neighbours."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides a pretraining run."""

    backbone: str = MINILM
    tokens: int = 8_000_000
    """Word pieces to read, over and over the pool if it has fewer."""
    batch_tokens: int = 4096
    window: int = 256
    shortest_window: int = 64
    masked: float = 0.15
    """Share of word pieces to be predicted."""
    lr: float = 4e-4
    warmup: float = 0.06
    weight_decay: float = 0.01
    seed: int = 1


def needed(sentences: Sequence[Sentence], settings: Settings) -> list[Sentence]:
    """The first policies whose words are as many as the word pieces to be read: what is not needed is not recorded."""
    found: list[Sentence] = []
    words = 0
    for group in by_policy(sentences).values():
        if words >= settings.tokens:
            break
        found += group
        words += sum(len(sentence.text.split()) for sentence in group)
    return found


def learnt_and_held(
    sentences: Sequence[Sentence], settings: Settings, pieces: SubwordTokenizer
) -> tuple[list[Policy], list[Policy]]:
    """Encode the policies, as runs of sentences; one in twenty, at most 50, is held out to measure the loss on.

    Raises:
        DataError: there is one policy only.
    """
    policies = list(encode_sentences(sentences, pieces).policies)
    held_policies = max(1, min(50, len(policies) // 20))
    if len(policies) < 2:
        raise DataError("pretraining needs at least two policies")
    random.Random(settings.seed).shuffle(policies)
    return policies[held_policies:], policies[:held_policies]


def windows_of(policies: Sequence[Policy], settings: Settings, pieces: SubwordTokenizer, seed: str) -> list[Window]:
    """Windows of random lengths in random order, cut by `seed` alone."""
    draw = random.Random(seed)
    windows = [
        window
        for policy in policies
        for window in pack(
            policy, settings.window, pieces.cls_id, pieces.sep_id, rng=draw, min_tokens=settings.shortest_window
        )
    ]
    draw.shuffle(windows)
    return windows


def steps_of(policies: Sequence[Policy], settings: Settings, pieces: SubwordTokenizer) -> list[list[Ids]]:
    """The ids of every step's windows, a function of the settings and the pool alone.

    Raises:
        DataError: the policies have fewer word pieces than one step reads.
    """
    steps: list[list[Ids]] = []
    tokens, epoch = 0, 0
    while tokens < settings.tokens:
        windows = windows_of(policies, settings, pieces, f"{settings.seed}/{epoch}")
        if sum(len(window.ids) for window in windows) < settings.batch_tokens:
            raise DataError("the pool is too small to pretrain on; draw more policies into it")
        for run in _runs(windows, settings, random.Random(f"{settings.seed}/{epoch}/order")):
            steps.append([ids_of(window) for window in run])
            tokens += sum(len(window.ids) for window in run)
            if tokens >= settings.tokens:
                break
        epoch += 1
    return steps


def ids_of(window: Window) -> Ids:
    """A window's ids as an array: a plan holds millions."""
    return np.array(window.ids, dtype=np.int32)


def _runs(windows: Sequence[Window], settings: Settings, draw: random.Random) -> list[list[Window]]:
    runs: list[list[Window]] = []
    for start in range(0, len(windows), _BUCKET):
        bucket = sorted(windows[start : start + _BUCKET], key=lambda window: len(window.ids))
        runs += batches(bucket, settings.batch_tokens)
    draw.shuffle(runs)
    return runs

"""Pack a policy's sentences, in order, into windows of tokens that the encoder reads once.

A window is ``[CLS] heading [SEP] sentence [SEP] sentence [SEP] …``. Each sentence, and each passage, is a unit: a span
of positions over which the network pools. This is sequential sentence classification in context (Cohan et al., EMNLP
2019), with pooled tokens in place of separators.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

MAX_HEADING_TOKENS = 24
"""A longer heading is truncated before it is put in front of a window."""

_PART_TOKENS = 64
"""Tokens of a part of a sentence that is longer than a window: pooled with more of them, one clause hardly counts."""
_PART_STEP = 0.75
"""Where the next part begins, as a share of a part: they overlap, so that no clause is cut in all of them."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Positions ``start:end`` of one window, pooled for the sentence or passage number `row` of the input."""

    row: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """Token ids of one encoder input, and the units that are pooled from it."""

    ids: tuple[int, ...]
    sentences: tuple[Unit, ...]
    passages: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class EncodedSentence:
    """Token ids of one sentence; `row` is its position in the whole input."""

    row: int
    tokens: Sequence[int]
    heading: Sequence[int] = ()
    passage: int | None = None
    """Row of the passage that the sentence belongs to, if passages are needed."""


def pack(
    sentences: Sequence[EncodedSentence],
    max_tokens: int,
    cls_id: int,
    sep_id: int,
    *,
    rng: random.Random | None = None,
    min_tokens: int = 32,
) -> Iterator[Window]:
    """Pack consecutive sentences of ONE policy into windows of at most `max_tokens` tokens.

    Without `rng` (inference) the packing depends on the policy alone, and a passage that fits into one window is not
    split; a sentence that is longer than a window is read in overlapping parts, each in a window of its own with a unit
    for the sentence. With `rng` (training) the maximum of every window is drawn log-uniformly from `min_tokens` to
    `max_tokens`, so that the model learns to work with and without context, and a longer sentence is truncated.
    """
    position = 0
    while position < len(sentences):
        limit = max_tokens
        if rng is not None and max_tokens > min_tokens:
            limit = round(min_tokens * (max_tokens / min_tokens) ** rng.random())
        first = sentences[position]
        heading = list(first.heading[:MAX_HEADING_TOKENS]) if len(first.heading) + 8 < limit else []
        used = 1 + (len(heading) + 1 if heading else 0)
        end = position
        while end < len(sentences):
            cost = len(sentences[end].tokens) + 1
            if end > position and used + cost > limit:
                break
            used += cost
            end += 1
        if rng is None and end < len(sentences):
            end = _keep_passage_whole(sentences, position, end, max_tokens)
        # A single sentence that is longer than a drawn limit may still use `max_tokens`.
        room = max(1, max_tokens - 2 - (len(heading) + 1 if heading else 0))
        for run in [sentences[position:end]] if rng is not None or end > position + 1 else _parts(first, room):
            yield _window(run, heading, max_tokens, cls_id, sep_id)
        position = end


def _parts(sentence: EncodedSentence, room: int) -> Iterator[list[EncodedSentence]]:
    """A sentence, in overlapping parts if it has more than `room` tokens; the last part is as long as the others."""
    if len(sentence.tokens) <= room:
        yield [sentence]
        return
    length = min(room, _PART_TOKENS)
    last = len(sentence.tokens) - length
    for start in (*range(0, last, max(1, round(_PART_STEP * length))), last):
        yield [replace(sentence, tokens=sentence.tokens[start : start + length])]


def _keep_passage_whole(sentences: Sequence[EncodedSentence], start: int, end: int, max_tokens: int) -> int:
    """An earlier `end` for the window from `start` if the passage that it would split fits into the next window."""
    passage = sentences[end].passage
    if passage is None or sentences[end - 1].passage != passage:
        return end
    first = end
    while first > start and sentences[first - 1].passage == passage:
        first -= 1
    length = MAX_HEADING_TOKENS + 2
    for index in range(first, len(sentences)):
        if sentences[index].passage != passage:
            break
        length += len(sentences[index].tokens) + 1
        if length > max_tokens:  # counting on would take a time quadratic in the passage's length
            return end
    return first if first > start else end


def _window(
    sentences: Sequence[EncodedSentence], heading: list[int], max_tokens: int, cls_id: int, sep_id: int
) -> Window:
    ids = [cls_id, *heading, sep_id] if heading else [cls_id]
    units: list[Unit] = []
    passages: list[Unit] = []
    for sentence in sentences:
        tokens = list(sentence.tokens[: max(1, max_tokens - len(ids) - 1)])
        unit = Unit(sentence.row, len(ids), len(ids) + len(tokens))
        units.append(unit)
        ids += [*tokens, sep_id]
        if sentence.passage is None:
            continue
        if passages and passages[-1].row == sentence.passage:
            passages[-1] = Unit(sentence.passage, passages[-1].start, unit.end)
        else:
            passages.append(Unit(sentence.passage, unit.start, unit.end))
    return Window(tuple(ids), tuple(units), tuple(passages))


def whole_passages(window: Window, sentences: Sequence[EncodedSentence]) -> tuple[Unit, ...]:
    """The window's passages that have all their sentences in it; `sentences` are those of the policy."""
    inside = {unit.row for unit in window.sentences}
    cut = {s.passage for s in sentences if s.passage is not None and s.row not in inside}
    return tuple(unit for unit in window.passages if unit.row not in cut)


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded arrays of several windows."""

    windows: tuple[Window, ...]
    input_ids: npt.NDArray[np.int64]
    """[B, T]"""
    attention_mask: npt.NDArray[np.int64]
    """[B, T]: 1 at tokens, 0 at padding."""
    pooling: npt.NDArray[np.float32]
    """[B, U, T]: the row of a unit is 1/length at its positions; rows without a unit are 0."""
    units: tuple[tuple[Unit, ...], ...]
    """The units of each window in the order of the rows of `pooling`: sentences, then passages."""


def collate(windows: Sequence[Window], pad_id: int) -> Batch:
    """Pad windows to the longest of them."""
    length = max(len(window.ids) for window in windows)
    units = tuple(window.sentences + window.passages for window in windows)
    width = max(1, max(map(len, units)))
    ids = np.full((len(windows), length), pad_id, dtype=np.int64)
    mask = np.zeros((len(windows), length), dtype=np.int64)
    pooling = np.zeros((len(windows), width, length), dtype=np.float32)
    for number, window in enumerate(windows):
        ids[number, : len(window.ids)] = window.ids
        mask[number, : len(window.ids)] = 1
        for place, unit in enumerate(units[number]):
            pooling[number, place, unit.start : unit.end] = 1.0 / (unit.end - unit.start)
    return Batch(tuple(windows), ids, mask, pooling, units)


def batches(windows: Sequence[Window], max_tokens: int) -> Iterator[list[Window]]:
    """Cut a sequence of windows into batches of at most `max_tokens` tokens, padding included (or of one window)."""
    batch: list[Window] = []
    longest = 0
    for window in windows:
        wider = max(longest, len(window.ids))
        if batch and wider * (len(batch) + 1) > max_tokens:
            yield batch
            batch, wider = [], len(window.ids)
        batch.append(window)
        longest = wider
    if batch:
        yield batch

"""Pack a policy's sentences, in order, into windows of tokens that the encoder reads once.

A window is ``[CLS] heading [SEP] sentence [SEP] sentence [SEP] …``; each sentence, and each passage that stands whole
in the window, is a unit: a span of positions over which the network pools. Sequential sentence classification in
context follows Cohan et al. (EMNLP 2019), with pooled tokens in place of separators.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAX_HEADING_TOKENS = 24
"""At most so many tokens of the heading go in front of a window."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Positions ``start:end`` of one window, pooled for the sentence or passage number `row` of the input."""

    row: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """Word-piece ids of one encoder input, and what is pooled from it."""

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
    """Row of the passage that it belongs to, if passages are wanted."""


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

    Without `rng` (inference) the packing depends on the policy alone, and a passage that would fit into a window of
    its own is not cut. With `rng` (training) every window gets a max_tokens drawn log-uniformly from `min_tokens` to
    `max_tokens`, so that one model is good with and without context. A sentence longer than a window is truncated.
    """
    position = 0
    while position < len(sentences):
        limit = max_tokens
        if rng is not None:
            limit = (
                round(min_tokens * (max_tokens / min_tokens) ** rng.random()) if max_tokens > min_tokens else max_tokens
            )
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
        # A lone sentence that overflows a drawn max_tokens may still use the whole one.
        yield _window(sentences, position, end, heading, max_tokens, cls_id, sep_id)
        position = end


def _keep_passage_whole(sentences: Sequence[EncodedSentence], start: int, end: int, max_tokens: int) -> int:
    passage = sentences[end].passage
    if passage is None or sentences[end - 1].passage != passage:
        return end
    first = end
    while first > start and sentences[first - 1].passage == passage:
        first -= 1
    length = MAX_HEADING_TOKENS + 2
    for sentence in sentences[first:]:
        if sentence.passage != passage:
            break
        length += len(sentence.tokens) + 1
    return first if first > start and length <= max_tokens else end


def _window(
    sentences: Sequence[EncodedSentence],
    start: int,
    end: int,
    heading: list[int],
    max_tokens: int,
    cls_id: int,
    sep_id: int,
) -> Window:
    ids = [cls_id, *heading, sep_id] if heading else [cls_id]
    units: list[Unit] = []
    for sentence in sentences[start:end]:
        tokens = list(sentence.tokens[: max(1, max_tokens - len(ids) - 1)])
        units.append(Unit(sentence.row, len(ids), len(ids) + len(tokens)))
        ids += [*tokens, sep_id]
    passages: list[Unit] = []
    for sentence, unit in zip(sentences[start:end], units, strict=True):
        if sentence.passage is None:
            continue
        if passages and passages[-1].row == sentence.passage:
            passages[-1] = Unit(sentence.passage, passages[-1].start, unit.end)
        else:
            passages.append(Unit(sentence.passage, unit.start, unit.end))
    return Window(tuple(ids), tuple(units), tuple(passages))


def whole_passages(window: Window, sentences: Sequence[EncodedSentence]) -> tuple[Unit, ...]:
    """The passages of which every sentence of `sentences` (the policy's) stands in this window."""
    inside = {unit.row for unit in window.sentences}
    cut = {s.passage for s in sentences if s.passage is not None and s.row not in inside}
    return tuple(unit for unit in window.passages if unit.row not in cut)


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded arrays of some windows: ids and mask int64 [B, T], pool float32 [B, U, T] with rows that sum to 1 or 0."""

    windows: tuple[Window, ...]
    input_ids: npt.NDArray[np.int64]
    attention_mask: npt.NDArray[np.int64]
    pooling: npt.NDArray[np.float32]
    units: tuple[tuple[Unit, ...], ...]
    """Of each window, the units in the order of the pool's rows: sentences, then passages."""


def collate(windows: Sequence[Window], pad_id: int) -> Batch:
    """Pad windows to the longest of them; a unit's pool row holds 1/length at its positions."""
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


def batches(windows: Sequence[Window], tokens: int) -> Iterator[list[Window]]:
    """Cut a sequence of windows into runs whose padded size stays within `tokens` (or that are one window)."""
    run: list[Window] = []
    longest = 0
    for window in windows:
        wider = max(longest, len(window.ids))
        if run and wider * (len(run) + 1) > tokens:
            yield run
            run, wider = [], len(window.ids)
        run.append(window)
        longest = wider
    if run:
        yield run

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clausetag.model.windows import EncodedSentence, batches, collate, pack, whole_passages

CLS, SEP = 101, 102


def encoded(lengths: list[int], passages: list[int] | None = None, heading: int = 0) -> list[EncodedSentence]:
    return [
        EncodedSentence(row, [1000 + row] * length, [7] * heading, None if passages is None else passages[row])
        for row, length in enumerate(lengths)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=40), st.integers(0, 30), st.none() | st.integers(0, 9))
def test_every_sentence_is_pooled_once_from_its_own_pieces(lengths: list[int], heading: int, seed: int | None) -> None:
    sentences = encoded(lengths, [row // 3 for row in range(len(lengths))], heading)
    rng = None if seed is None else random.Random(seed)
    windows = list(pack(sentences, 64, CLS, SEP, rng=rng, min_tokens=16))
    rows = [unit.row for window in windows for unit in window.sentences]
    assert list(dict.fromkeys(rows)) == list(range(len(lengths))) and rows == sorted(rows)
    assert all(rows.count(row) == 1 or (length > 30 and rng is None) for row, length in enumerate(lengths))
    for window in windows:
        assert len(window.ids) <= 64
        assert window.ids[0] == CLS and window.ids[-1] == SEP
        for unit in window.sentences:
            assert set(window.ids[unit.start : unit.end]) == {1000 + unit.row}
            assert window.ids[unit.end] == SEP


@pytest.mark.parametrize("heading", [0, 5])
def test_a_window_is_filled_to_its_last_token(heading: int) -> None:
    room = 64 - 1 - (heading + 1 if heading else 0) - 2  # without [CLS], the heading and two separators
    for last, windows in ((room - 20, 1), (room - 19, 2)):
        found = list(pack(encoded([20, last], heading=heading), 64, CLS, SEP))
        assert len(found) == windows and max(len(window.ids) for window in found) <= 64
        assert windows == 2 or len(found[0].ids) == 64


@pytest.mark.parametrize(("length", "heading", "parts"), [(62, 0, 1), (63, 0, 2), (300, 0, 7), (54, 7, 1), (55, 7, 2)])
def test_a_sentence_longer_than_a_window_is_read_in_overlapping_parts(length: int, heading: int, parts: int) -> None:
    before, after = EncodedSentence(0, [7], [5] * heading), EncodedSentence(2, [8], [5] * heading)
    sentence = EncodedSentence(1, list(range(1000, 1000 + length)), [5] * heading)
    windows = [w for w in pack([before, sentence, after], 64, CLS, SEP) if any(unit.row == 1 for unit in w.sentences)]
    read = [w.ids[u.start : u.end] for w in windows for u in w.sentences if u.row == 1]
    assert len(read) == parts
    assert set().union(*read) == set(sentence.tokens) and read[-1][-1] == 999 + length
    assert all(left[-1] - right[0] >= 10 for left, right in pairwise(read)), "each part begins within the one before"
    assert len({len(part) for part in read}) == 1 and all(w.ids[1 : 1 + heading] == (5,) * heading for w in windows)


def test_parts_are_shorter_than_large_windows_and_training_truncates() -> None:
    sentence = [EncodedSentence(0, list(range(1000, 1400)))]
    assert {len(window.ids) for window in pack(sentence, 256, CLS, SEP)} == {66}
    assert [len(window.ids) for window in pack(sentence, 256, CLS, SEP, rng=random.Random(1))] == [256]
    assert [len(window.ids) for window in pack([EncodedSentence(0, [9] * 254)], 256, CLS, SEP)] == [256]


def test_inference_keeps_a_passage_in_one_window_where_it_fits() -> None:
    sentences = encoded([20, 20, 10, 10, 10], [0, 0, 1, 1, 1])
    windows = list(pack(sentences, 64, CLS, SEP))
    assert [[unit.row for unit in window.sentences] for window in windows] == [[0, 1], [2, 3, 4]]


def test_inference_cuts_a_passage_that_fits_nowhere() -> None:
    sentences = encoded([30] * 5, [0] * 5)
    windows = list(pack(sentences, 64, CLS, SEP))
    assert [len(window.sentences) for window in windows] == [2, 2, 1]
    assert all(not whole_passages(window, sentences) for window in windows)


class Counted(list[EncodedSentence]):
    """Counts how often one of its items is taken."""

    taken = 0

    def __getitem__(self, index: Any) -> Any:
        self.taken += 1
        return super().__getitem__(index)


def test_the_work_for_a_long_passage_grows_with_its_length_alone() -> None:
    taken = []
    for size in (500, 5000):
        sentences = Counted(encoded([9] * size, [0] * size))
        list(pack(sentences, 64, CLS, SEP))
        taken.append(sentences.taken / size)
    assert taken[1] < 1.5 * taken[0]


def test_whole_passages_are_those_with_every_sentence_inside() -> None:
    sentences = encoded([10, 10, 10, 10], [0, 1, 1, 2])
    window = next(pack(sentences[:2], 64, CLS, SEP))
    assert [unit.row for unit in whole_passages(window, sentences)] == [0]


def test_heading_goes_in_front_and_is_not_pooled() -> None:
    window = next(pack(encoded([5, 5], heading=3), 64, CLS, SEP))
    assert window.ids[:5] == (CLS, 7, 7, 7, SEP)
    assert window.sentences[0].start == 5


def test_training_windows_differ_in_length_and_are_reproducible() -> None:
    sentences = encoded([12] * 60)
    cut = [[len(w.ids) for w in pack(sentences, 128, CLS, SEP, rng=random.Random(3), min_tokens=16)] for _ in range(2)]
    assert cut[0] == cut[1]
    assert len(set(cut[0])) > 3


def test_collate_pools_by_the_mean_and_masks_padding() -> None:
    windows = list(pack(encoded([4, 2]), 64, CLS, SEP)) + list(pack(encoded([1]), 64, CLS, SEP))
    batch = collate(windows, pad_id=0)
    assert batch.input_ids.shape == batch.attention_mask.shape == (2, 9)
    np.testing.assert_array_equal(batch.attention_mask[1], [1, 1, 1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(batch.pooling[0, 0], [0, 0.25, 0.25, 0.25, 0.25, 0, 0, 0, 0])
    np.testing.assert_allclose(batch.pooling[0, 1, 6:8], [0.5, 0.5])
    assert batch.pooling[1, 1].sum() == 0


def test_batches_stay_within_the_budget_and_keep_order() -> None:
    windows = [w for n in (30, 10, 50, 60, 5) for w in pack(encoded([n]), 64, CLS, SEP)]
    runs = list(batches(windows, 128))
    assert [w for run in runs for w in run] == windows
    assert all(len(run) * max(len(w.ids) for w in run) <= 128 for run in runs)

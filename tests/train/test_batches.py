"""An epoch's windows: all labelled policies, and of the unlabelled pool one part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.model.configuration import HEADS
from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer
from clausetag.train.config import Recipe
from clausetag.train.examples.batches import Examples, epoch_batches, prepare, unit_targets
from clausetag.train.examples.sources import POOL, Source
from clausetag.train.examples.teacher_scores import TeacherScores, sentence_key

SIZE = 4
"""Sentences of a policy."""


def policies(name: str, number: int, *, labelled: bool) -> tuple[Sentence, ...]:
    return tuple(
        Sentence(f"{name}-{p}", i, f"Shop {p} keeps letter {i}.", labels=(LABELS[i],) if labelled else None)
        for p in range(number)
        for i in range(SIZE)
    )


@pytest.fixture(scope="module")
def tokenizer(tiny_backbone: Path) -> SubwordTokenizer:
    return SubwordTokenizer.of(load_tokenizer(str(tiny_backbone)))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe(policies=("x",), pool_parts=3, window=64, shortest_window=16, batch_tokens=128)


@pytest.fixture(scope="module")
def examples(tokenizer: SubwordTokenizer, recipe: Recipe) -> Examples:
    pool = policies("pool", 7, labelled=False)
    scores = np.full((len(pool), 2, len(LABELS)), 0.25, dtype=np.float16)
    scores[:, 1] = 0.75
    teacher_scores = TeacherScores(
        ("opp115", "guide"),
        {sentence_key(one): row for row, one in enumerate(pool)},
        scores,
        {},
        np.empty((0, 2, len(LABELS)), dtype=np.float16),
        pool,
        (),
        "hash",
    )
    sources = (Source("guide", policies("own", 2, labelled=True)), Source(POOL, pool))
    return prepare(sources, recipe, tokenizer, HEADS, teacher_scores)


def read(examples: Examples, recipe: Recipe, tokenizer: SubwordTokenizer, epoch: int) -> tuple[set[int], set[int]]:
    """Numbers of the labelled policies and of the pool's that an epoch reads; of each, every sentence just once."""
    rows: tuple[list[int], list[int]] = ([], [])
    for batch_windows in epoch_batches(examples, recipe, tokenizer, epoch):
        for item in batch_windows:
            rows[item.source].extend(unit.row for unit in item.window.sentences)
    for found in rows:
        assert len(found) == len(set(found))
        assert all({row - row % SIZE + i for i in range(SIZE)} <= set(found) for row in found)
    return {row // SIZE for row in rows[0]}, {row // SIZE for row in rows[1]}


def test_each_epoch_reads_one_part_of_the_pool_and_so_many_epochs_all(
    examples: Examples, recipe: Recipe, tokenizer: SubwordTokenizer
) -> None:
    epochs = [read(examples, recipe, tokenizer, epoch) for epoch in range(4)]
    assert all(own == {0, 1} for own, _ in epochs)
    parts = [pool for _, pool in epochs]
    assert [len(part) for part in parts[:3]] == [3, 2, 2]
    assert set().union(*parts[:3]) == set(range(7))
    assert parts[3] == parts[0]


def test_a_unit_stands_once_for_each_head_that_learns_from_it(
    examples: Examples, recipe: Recipe, tokenizer: SubwordTokenizer
) -> None:
    pool = units = 0
    for batch_windows in epoch_batches(examples, recipe, tokenizer, 0):
        found = unit_targets(batch_windows, examples)
        window, place, head, targets, weights = found.values()
        assert len(window) == len(place) == len(head) == len(targets) == len(weights)
        for at, head_of, target, weight in zip(window, head, targets, weights, strict=True):
            if batch_windows[int(at)].source == 0:
                assert (HEADS[int(head_of)], float(weight), float(target.sum())) == ("guide", 1.0, 1.0)
                units += 1
            else:
                expected = {"opp115": 0.25, "guide": 0.75}[HEADS[int(head_of)]]
                assert float(weight) == 0.5 and set(target.tolist()) == {expected}
                pool += 1
    assert (units, pool) == (2 * SIZE, 2 * 3 * SIZE)


def test_seed_and_epoch_decide_the_batches(examples: Examples, recipe: Recipe, tokenizer: SubwordTokenizer) -> None:
    first = epoch_batches(examples, recipe, tokenizer, 0)
    assert epoch_batches(examples, recipe, tokenizer, 0) == first
    assert epoch_batches(examples, recipe, tokenizer, 3) != first  # the same part of the pool
    assert epoch_batches(examples, recipe.replaced(seed=2), tokenizer, 0) != first
    for batch in first:
        assert max(len(item.window.ids) for item in batch) * len(batch) <= recipe.batch_tokens


def test_windows_have_random_lengths_between_the_shortest_and_the_longest(
    examples: Examples, recipe: Recipe, tokenizer: SubwordTokenizer
) -> None:
    def windows(shortest: int) -> int:
        found = epoch_batches(examples, recipe.replaced(shortest_window=shortest), tokenizer, 0)
        return sum(map(len, found))

    assert windows(64) < windows(8)

"""What a sentence or passage teaches each head: votes or labels, the guide's habit from OPP-115, teachers' scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.train.config import Recipe
from clausetag.train.teacher_scores import Teaching
from clausetag.train.training_data import Source

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Targets float [n, labels] and weights float [n] of n sentences or passages for the head of index `head`."""

    head: int
    targets: FloatArray
    weights: FloatArray


def sentence_lessons(
    source: Source, recipe: Recipe, heads: Sequence[str], teaching: Teaching | None
) -> tuple[Lesson, ...]:
    """What the sentences of a source teach: its own head by its labels, the others by what teachers say."""
    own: dict[str, tuple[FloatArray, FloatArray]] = {}
    if source.head in heads:
        values, mask = target_rows(source.sentences, recipe.targets, recipe.label_set)
        own[source.head] = values, mask * recipe.guide_weight if source.head == "guide" else mask
    if recipe.guide_from_opp115 and source.head == "opp115":
        own["guide"] = inherited_rows(source)
    if teaching is None:
        return _lessons(own, heads)
    said, known = teaching.of_sentences(source.sentences)
    for head in teaching.heads:
        if (head == "passage") != source.whole:
            continue
        own[head] = _with_teacher(own.get(head), said[:, teaching.heads.index(head)], known, recipe)
    return _lessons(own, heads)


def passage_lessons(
    source: Source,
    keys: Sequence[tuple[str, int]],
    recipe: Recipe,
    heads: Sequence[str],
    teaching: Teaching | None,
) -> tuple[Lesson, ...]:
    """What the passages `keys` of a source teach the head `passage`."""
    labels = recipe.label_set
    rows = np.zeros((len(keys), len(labels)), dtype=np.float32)
    weight = np.zeros(len(keys), dtype=np.float32)
    for row, key in enumerate(keys):
        votes = source.passages.get(key)
        if votes is None:
            continue
        weight[row] = 1.0
        for label, share in votes.items():
            rows[row, labels.index(label)] = share if recipe.targets == "votes" else float(share > 0.5)
    if teaching is not None and "passage" in teaching.heads and recipe.passages:
        said, known = teaching.of_passages(keys)
        rows, weight = _with_teacher((rows, weight), said[:, teaching.heads.index("passage")], known, recipe)
    return _lessons({"passage": (rows, weight * recipe.passage_weight)}, heads)


def _with_teacher(
    own: tuple[FloatArray, FloatArray] | None, said: FloatArray, known: FloatArray, recipe: Recipe
) -> tuple[FloatArray, FloatArray]:
    """Labelled rows: a mixture of label and teacher. Unlabelled ones: the teacher alone."""
    if own is None:
        return said, known * recipe.taught_weight
    values, mask = own
    share = (recipe.teacher_share * known)[:, None]
    labelled = (mask > 0)[:, None]
    targets = np.where(labelled, (1 - share) * values + share * said, said)
    return targets.astype(np.float32), np.where(mask > 0, mask, known * recipe.taught_weight).astype(np.float32)


def _lessons(own: dict[str, tuple[FloatArray, FloatArray]], heads: Sequence[str]) -> tuple[Lesson, ...]:
    return tuple(Lesson(heads.index(head), *rows) for head, rows in own.items() if rows[1].any())


def inherited_rows(source: Source) -> tuple[FloatArray, FloatArray]:
    """Targets for the guide's habit from OPP-115's votes, float [n, labels], and a mask float [n].

    A sentence that some annotator marked keeps its votes; one that none marked takes the votes of its passage, since
    annotators mark the core of a practice and leave headings and lead-ins out, and the guide labels every sentence.
    """
    values, mask = target_rows(source.sentences, "votes")
    for number in np.flatnonzero((mask > 0) & ~values.any(axis=1)):
        sentence = source.sentences[number]
        votes = source.passages.get((sentence.policy, sentence.passage if sentence.passage is not None else -1), {})
        for label, share in votes.items():
            values[number, LABELS.index(label)] = share
        mask[number] = float(bool(votes))
    return values, mask


def target_rows(
    sentences: Iterable[Sentence], targets: str, labels: tuple[str, ...] = LABELS
) -> tuple[FloatArray, FloatArray]:
    """Soft or hard targets float [n, labels] and a mask float [n]: 0 for unlabelled rows, which are context only."""
    rows = list(sentences)
    values = np.zeros((len(rows), len(labels)), dtype=np.float32)
    mask = np.zeros(len(rows), dtype=np.float32)
    for number, sentence in enumerate(rows):
        if not sentence.labelled:
            continue
        mask[number] = 1.0
        if targets == "votes" and sentence.votes is not None:
            for label, share in sentence.votes.items():
                values[number, labels.index(label)] = share
        else:
            values[number] = gold_matrix([sentence], labels)[0]
    return values, mask

"""Training targets of sentences and passages for each head: annotators' votes or labels, mixed with teacher scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.train.config import Recipe
from clausetag.train.examples.sources import Source
from clausetag.train.examples.teacher_scores import TeacherScores

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets float [n, labels] and loss weights float [n] of n sentences or passages, for the head number `head`."""

    head: int
    targets: FloatArray
    weights: FloatArray


def sentence_targets(
    source: Source, recipe: Recipe, heads: Sequence[str], teacher_scores: TeacherScores | None
) -> tuple[Targets, ...]:
    """Targets of a source's sentences: its labels for its own head, teacher scores for every head that has them."""
    found: dict[str, tuple[FloatArray, FloatArray]] = {}
    if source.head in heads:
        targets, weights = label_targets(source.sentences, recipe.targets, recipe.label_set)
        found[source.head] = targets, weights * recipe.guide_weight if source.head == "guide" else weights
    if recipe.guide_from_opp115 and source.head == "opp115":
        found["guide"] = guide_targets_from_opp115(source)
    if teacher_scores is not None:
        scores, scored = teacher_scores.of_sentences(source.sentences)
        for number, head in enumerate(teacher_scores.heads):
            if (head == "passage") == source.whole:
                found[head] = _distilled(found.get(head), scores[:, number], scored, recipe)
    return _by_head(found, heads)


def passage_targets(
    source: Source,
    keys: Sequence[tuple[str, int]],
    recipe: Recipe,
    heads: Sequence[str],
    teacher_scores: TeacherScores | None,
) -> tuple[Targets, ...]:
    """Targets of a source's passages, given as (policy, passage) `keys`, for the head `passage`."""
    targets = np.zeros((len(keys), len(recipe.label_set)), dtype=np.float32)
    for row, key in enumerate(keys):
        targets[row] = vote_shares(source.passages.get(key, {}), recipe.label_set)
    if recipe.targets == "majority":
        targets = (targets > 0.5).astype(np.float32)
    weights = np.array([key in source.passages for key in keys], dtype=np.float32)
    if teacher_scores is not None and "passage" in teacher_scores.heads and recipe.passages:
        scores, scored = teacher_scores.of_passages(keys)
        of_passages = scores[:, teacher_scores.heads.index("passage")]
        targets, weights = _distilled((targets, weights), of_passages, scored, recipe)
    return _by_head({"passage": (targets, weights * recipe.passage_weight)}, heads)


def _distilled(
    labelled: tuple[FloatArray, FloatArray] | None, scores: FloatArray, scored: FloatArray, recipe: Recipe
) -> tuple[FloatArray, FloatArray]:
    """Mix the targets of labelled rows with teacher scores; unlabelled rows get the teacher scores alone.

    `scored`, float [n], is 1 for the rows that have teacher scores, else 0.
    """
    if labelled is None:
        return scores, scored * recipe.distill_weight
    targets, weights = labelled
    share = (recipe.teacher_share * scored)[:, None]
    mixed = np.where((weights > 0)[:, None], (1 - share) * targets + share * scores, scores)
    weights = np.where(weights > 0, weights, scored * recipe.distill_weight)
    return mixed.astype(np.float32), weights.astype(np.float32)


def _by_head(found: dict[str, tuple[FloatArray, FloatArray]], heads: Sequence[str]) -> tuple[Targets, ...]:
    return tuple(Targets(heads.index(head), *rows) for head, rows in found.items() if rows[1].any())


def guide_targets_from_opp115(source: Source) -> tuple[FloatArray, FloatArray]:
    """Targets float [n, labels] and a mask float [n] for the head `guide`, from OPP-115's votes.

    A sentence that an annotator marked keeps its votes. One that none marked gets the votes of its passage: annotators
    mark the core of a practice and skip headings and lead-ins, while the guide labels every sentence.
    """
    targets, mask = label_targets(source.sentences, "votes")
    for row in np.flatnonzero((mask > 0) & ~targets.any(axis=1)):
        sentence = source.sentences[row]
        votes = source.passages.get((sentence.policy, sentence.passage if sentence.passage is not None else -1), {})
        targets[row] = vote_shares(votes, LABELS)
        mask[row] = float(bool(votes))
    return targets, mask


def vote_shares(votes: Mapping[str, float], labels: Sequence[str]) -> list[float]:
    """The share of annotators that gave each label, in the order of `labels`."""
    return [votes.get(label, 0.0) for label in labels]


def label_targets(
    sentences: Iterable[Sentence], kind: str, labels: tuple[str, ...] = LABELS
) -> tuple[FloatArray, FloatArray]:
    """Targets float [n, labels] and a mask float [n], which is 0 for unlabelled sentences (read as context only).

    `kind` is `votes` (share of annotators, where known) or `majority` (0 or 1).
    """
    rows = list(sentences)
    targets = np.zeros((len(rows), len(labels)), dtype=np.float32)
    mask = np.array([sentence.labelled for sentence in rows], dtype=np.float32)
    for row, sentence in enumerate(rows):
        if kind == "votes" and sentence.votes is not None:
            targets[row] = vote_shares(sentence.votes, labels)
        elif sentence.labelled:
            targets[row] = gold_matrix([sentence], labels)[0]
    return targets, mask

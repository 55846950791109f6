"""Gold labels: from stated labels or from a majority of votes, and as a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.model.decision import BoolArray


def gold_labels(sentence: Sentence, labels: Sequence[str] = LABELS) -> tuple[str, ...] | None:
    """The right labels of a sentence in label order; None if it is unlabelled (context, not a negative example).

    Stated labels are taken as they are. A row with votes only has the labels that more than half of the annotators
    gave: at least 2 of 3, and not 1 of 2.
    """
    if sentence.labels is not None:
        return tuple(label for label in labels if label in sentence.labels)
    if sentence.votes is not None:
        return tuple(label for label in labels if sentence.votes.get(label, 0.0) > 0.5)
    return None


def label_matrix(label_sets: Iterable[Iterable[str]], labels: Sequence[str] = LABELS) -> BoolArray:
    """bool[n, k]: row i marks the labels of the i-th set, with one column for each of `labels`.

    Raises:
        ValueError: a set has a label that is not one of `labels`.
    """
    index = {label: column for column, label in enumerate(labels)}
    rows = [list(names) for names in label_sets]
    matrix = np.zeros((len(rows), len(labels)), dtype=bool)
    for row, names in enumerate(rows):
        for name in names:
            if name not in index:
                raise ValueError(f"unknown label {name!r}; the labels are {', '.join(labels)}")
            matrix[row, index[name]] = True
    return matrix


def gold_matrix(sentences: Iterable[Sentence], labels: Sequence[str] = LABELS) -> BoolArray:
    """bool[n, k] of labelled sentences.

    Raises:
        ValueError: a sentence is unlabelled.
    """
    gold: list[tuple[str, ...]] = []
    for sentence in sentences:
        names = gold_labels(sentence, labels)
        if names is None:
            raise ValueError(f"sentence {sentence.index} of {sentence.policy} is unlabelled")
        gold.append(names)
    return label_matrix(gold, labels)

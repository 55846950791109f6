"""Gold values of attributes as arrays: by the guide, and as votes of OPP-115's annotators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from clausetag.data.attributes import VALUES, possible_values, read_values
from clausetag.data.records import Sentence

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
_PLACES = {value: place for place, value in enumerate(VALUES)}


def guide_values(sentences: Sequence[Sentence]) -> tuple[BoolArray, BoolArray]:
    """Whether each sentence has each value, and whether its labels allow it, by the annotation guide; bool [n, values].

    A sentence that nobody read for attributes allows none.
    """
    gold = np.zeros((len(sentences), len(VALUES)), dtype=bool)
    possible = np.zeros_like(gold)
    for row, sentence in enumerate(sentences):
        if sentence.attributes is not None:
            gold[row, [_PLACES[name, one] for name, members in sentence.attributes.items() for one in members]] = True
            possible[row] = possible_values(sentence.labels or ())
    return gold & possible, possible


def annotator_values(sentence: Sentence) -> dict[str, BoolArray]:
    """The values that each of OPP-115's annotators gave a sentence, bool [values], by annotator.

    Annotators who gave it no category are left out.
    """
    found: dict[str, BoolArray] = {}
    given = sentence.extra.get("annotator_attributes", {})
    for annotator, labels in sentence.extra.get("annotators", {}).items():
        if labels:
            found[annotator] = np.zeros(len(VALUES), dtype=bool)
            values = read_values(given.get(annotator, {}), labels)
            found[annotator][[_PLACES[name, one] for name, members in values.items() for one in members]] = True
    return found


def value_votes(sentences: Sequence[Sentence]) -> tuple[FloatArray, FloatArray]:
    """Shares of votes and numbers of voters, float [n, values] each, of sentences of OPP-115.

    The voters of a value are the annotators who gave the sentence one of its attribute's categories; the share is of
    them, 0 where there are none.
    """
    votes = np.zeros((len(sentences), len(VALUES)), dtype=np.float32)
    voters = np.zeros_like(votes)
    for row, sentence in enumerate(sentences):
        labels = sentence.extra.get("annotators", {})
        for annotator, given in annotator_values(sentence).items():
            voters[row] += possible_values(labels[annotator])
            votes[row] += given
    return np.divide(votes, np.maximum(voters, 1), dtype=np.float32), voters


def majority_values(sentences: Sequence[Sentence]) -> tuple[BoolArray, BoolArray]:
    """Whether more than half of the voters gave a value, and whether the majority's labels allow it.

    Arrays bool [n, values], of sentences of OPP-115; see `value_votes`.
    """
    shares, _ = value_votes(sentences)
    possible = np.array([possible_values(sentence.labels or ()) for sentence in sentences], dtype=bool)
    possible = possible.reshape(len(sentences), len(VALUES))
    return (shares > 0.5) & possible, possible


def value_f1(gold: BoolArray, decided: BoolArray, min_support: int = 5) -> dict[str, float]:
    """Micro F1 of bool [n, values] arrays, and macro F1 over the values with at least `min_support` positives."""
    hits, wrong = (gold & decided).sum(0), (gold ^ decided).sum(0)
    counted = gold.sum(0) >= min_support
    f1 = 2 * hits / np.maximum(2 * hits + wrong, 1)
    return {
        "micro_f1": round(float(2 * hits.sum() / max(1, 2 * hits.sum() + wrong.sum())), 6),
        "macro_f1": round(float(f1[counted].mean()), 6) if counted.any() else 0.0,
    }

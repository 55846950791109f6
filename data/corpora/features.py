"""Labelled sentences as a `datasets.Dataset` whose features name the labels. Needs the extra `train`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from clausetag.data.errors import MissingExtraError
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence

if TYPE_CHECKING:
    from datasets import Dataset, Features


def features(labels: tuple[str, ...] = LABELS) -> Features:
    """The columns of a dataset of sentences; `labels` is a list of `ClassLabel`, so ids and names go both ways.

    Raises:
        MissingExtraError: the package datasets is not installed.
    """
    try:
        from datasets import ClassLabel, Features, Sequence, Value
    except ImportError:
        raise MissingExtraError("this needs the package datasets: pip install 'clausetag[train]'") from None
    return Features(
        {
            "policy": Value("string"),
            "index": Value("int32"),
            "passage": Value("int32"),
            "start": Value("int32"),
            "end": Value("int32"),
            "text": Value("string"),
            "heading": Value("string"),
            "labelled": Value("bool"),
            "labels": Sequence(ClassLabel(names=list(labels))),
            "votes": Sequence(Value("float32"), length=len(labels)),
        }
    )


def to_dataset(sentences: Iterable[Sentence], labels: tuple[str, ...] = LABELS) -> Dataset:
    """Sentences as a dataset, one row each, in order.

    `labelled` tells an unlabelled row (context) from one without any label: both have an empty `labels`. `votes` has
    one share per label, in label order; where a row has labels but no votes, they are 1 and 0. Where it has votes but
    no labels, the labels are those with more than half of the votes.

    Raises:
        MissingExtraError: the package datasets is not installed.
    """
    columns = features(labels)
    from datasets import Dataset

    rows = [_row(sentence, labels) for sentence in sentences]
    # By column, since `Dataset.from_list` loses the columns of an empty list.
    return Dataset.from_dict({name: [row[name] for row in rows] for name in columns}, features=columns)


def _row(sentence: Sentence, labels: tuple[str, ...]) -> dict[str, object]:
    given, votes = sentence.labels, sentence.votes
    if given is None:
        given = tuple(label for label in labels if (votes or {}).get(label, 0.0) > 0.5)
    if votes is None:
        votes = dict.fromkeys(given, 1.0)
    return {
        "policy": sentence.policy,
        "index": sentence.index,
        "passage": sentence.passage,
        "start": sentence.start,
        "end": sentence.end,
        "text": sentence.text,
        "heading": sentence.heading,
        "labelled": sentence.labelled,
        "labels": [labels.index(label) for label in given],
        "votes": [float(votes.get(label, 0.0)) for label in labels],
    }

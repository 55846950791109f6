"""What a model has to beat: TF-IDF with logistic regression, and the floor of always giving the commonest label.

baseline = fit_tfidf(train_sentences, validation_sentences)
baseline.predict(test_sentences)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clausetag.data.errors import DataError, MissingExtraError
from clausetag.data.labels import LABELS
from clausetag.data.schema import Sentence
from clausetag.eval.gold import gold_matrix
from clausetag.eval.thresholds import tune_thresholds
from clausetag.model.decision import BoolArray, FloatArray, decide

REGULARISATION = 10.0
"""Inverse strength C of the logistic regressions."""


@dataclass(frozen=True)
class Baseline:
    """TF-IDF of words and word pairs, one logistic regression per label, thresholds from validation."""

    vectoriser: Any
    classifiers: tuple[Any | None, ...]
    """One per label; None for a label of which training had no example, or nothing but examples."""
    thresholds: FloatArray
    commonest: int
    """Column of the label that training gave most often."""

    def score(self, sentences: Sequence[Sentence]) -> FloatArray:
        """Probabilities float[n, k]; every sentence by its text alone."""
        return _score(self.vectoriser, self.classifiers, sentences)

    def predict(self, sentences: Sequence[Sentence], min_labels: int = 0) -> BoolArray:
        """Labels bool[n, k]."""
        return decide(self.score(sentences), self.thresholds, min_labels)

    def floor(self, sentences: Sequence[Sentence]) -> BoolArray:
        """Labels bool[n, k] of the one who always gives training's commonest label, whatever the text."""
        labels = np.zeros((len(sentences), len(self.classifiers)), dtype=bool)
        labels[:, self.commonest] = True
        return labels


def fit_tfidf(train: Sequence[Sentence], validation: Sequence[Sentence], labels: Sequence[str] = LABELS) -> Baseline:
    """Fit on the labelled sentences (or passages) of `train`, choose thresholds on those of `validation` alone.

    Raises:
        DataError: nothing labelled to train or choose thresholds on.
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingExtraError("the baseline needs scikit-learn: pip install 'clausetag[train]'") from None
    known = [sentence for sentence in train if sentence.labelled]
    held = [sentence for sentence in validation if sentence.labelled]
    if not known or not held:
        raise DataError("the baseline needs labelled sentences in both its training and its validation policies")
    gold = gold_matrix(known, labels)
    vectoriser = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    try:
        features = vectoriser.fit_transform([sentence.text for sentence in known])
    except ValueError:
        raise DataError("the baseline needs more training text: no word occurs in two sentences") from None
    classifiers: list[Any | None] = []
    for column in range(gold.shape[1]):
        target = gold[:, column]
        if target.all() or not target.any():
            classifiers.append(None)
            continue
        classifiers.append(LogisticRegression(C=REGULARISATION, max_iter=1000).fit(features, target))
    scores = _score(vectoriser, classifiers, held)
    thresholds = tune_thresholds(scores, gold_matrix(held, labels))
    return Baseline(vectoriser, tuple(classifiers), thresholds, int(gold.sum(axis=0).argmax()))


def _score(vectoriser: Any, classifiers: Sequence[Any | None], sentences: Sequence[Sentence]) -> FloatArray:
    scores = np.zeros((len(sentences), len(classifiers)))
    if not len(sentences):
        return scores
    features = vectoriser.transform([sentence.text for sentence in sentences])
    for column, classifier in enumerate(classifiers):
        if classifier is not None:
            scores[:, column] = classifier.predict_proba(features)[:, 1]
    return scores

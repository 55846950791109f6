"""What a model has to beat: always the commonest label, and logistic regression on words or on frozen embeddings.

for baseline in fit_baselines(train_sentences, validation_sentences):
    scores = baseline.score(test_sentences)
    predicted = decide(scores, baseline.thresholds)

Each reads a sentence or passage by its text alone, learns from `train`, and chooses its thresholds on `validation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clausetag.data.errors import DataError, MissingExtraError
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.eval.metrics.thresholds import tune_thresholds
from clausetag.model.backbone import MINILM
from clausetag.model.decision import BoolArray, FloatArray, decide

TFIDF_C = 10.0
"""Inverse strength of the L2 penalty of the logistic regressions on TF-IDF."""
EMBEDDING_C = 3.0
"""The same on embeddings, for sentences and passages alike. Of 1, 3, 10, 30, 100 and 300, 3 and 10 rank OPP-115's
validation policies best (mean average precision over both units 0.646 each), and 3 has the better F1 there with
thresholds of the other policies."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted baseline. `rule` maps n texts to probabilities float[n, k]; `thresholds` is float[k]."""

    name: str
    """Short, fit for a file name and a key."""
    title: str
    """Fit for the head of a column."""
    description: str
    rule: Callable[[Sequence[str]], FloatArray]
    thresholds: FloatArray

    def score(self, units: Sequence[Sentence]) -> FloatArray:
        """Probabilities float[n, k] of sentences or passages."""
        if not units:
            return np.zeros((0, len(self.thresholds)))
        return self.rule([unit.text for unit in units])


def fit_baselines(train: Sequence[Sentence], validation: Sequence[Sentence]) -> tuple[Baseline, ...]:
    """All baselines, the weakest first: commonest label, TF-IDF, frozen embedding.

    Raises:
        DataError: nothing labelled to train or choose thresholds on.
        MissingExtraError: scikit-learn, torch or the packaged backbone is not installed.
    """
    return fit_majority(train), fit_tfidf(train, validation), fit_embedding(train, validation)


def fit_majority(train: Sequence[Sentence]) -> Baseline:
    """The commonest label of `train` for every text, with score 1; no other, with score 0.

    The majority class of each label by itself would be "absent" and its F1 0; the commonest label is a floor that
    takes something to beat.

    Raises:
        DataError: nothing labelled.
    """
    counts = gold_matrix(_labelled(train)).sum(axis=0)
    scores = np.zeros(len(LABELS))
    if counts.any():
        scores[counts.argmax()] = 1.0
    return Baseline(
        name="majority",
        title="Majority",
        description="always the commonest label of training",
        rule=lambda texts: np.tile(scores, (len(texts), 1)),
        thresholds=np.full(len(LABELS), 0.5),
    )


def fit_tfidf(train: Sequence[Sentence], validation: Sequence[Sentence]) -> Baseline:
    """TF-IDF of words and word pairs, one logistic regression per label.

    Raises:
        DataError: nothing labelled to train or choose thresholds on, or no word recurs.
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        raise MissingExtraError("the baseline", "sklearn") from None
    known, held = _labelled(train), _labelled(validation)
    vectoriser = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    try:
        features = vectoriser.fit_transform([sentence.text for sentence in known])
    except ValueError:
        raise DataError("the baseline needs more training text: no word occurs in two sentences") from None
    classifiers = _fit_classifiers(features, gold_matrix(known), C=TFIDF_C)

    def rule(texts: Sequence[str]) -> FloatArray:
        return _probabilities(classifiers, vectoriser.transform(texts))

    return Baseline(
        name="tfidf",
        title="TF-IDF + LR",
        description="TF-IDF of words and word pairs, logistic regression per label",
        rule=rule,
        thresholds=tune_thresholds(rule([sentence.text for sentence in held]), gold_matrix(held)),
    )


def fit_embedding(train: Sequence[Sentence], validation: Sequence[Sentence], backbone: str = MINILM) -> Baseline:
    """The mean-pooled vector of a backbone that is not fine-tuned, one logistic regression per label.

    Vectors are cached on disk (`clausetag.eval.baselines.embedding.embed`). `backbone` is the packaged one or a folder.

    Raises:
        DataError: nothing labelled to train or choose thresholds on.
        MissingExtraError: scikit-learn, torch or the packaged backbone is not installed.
        RecipeError: the backbone cannot be loaded.
    """
    try:
        from clausetag.eval.baselines.embedding import embed
    except ImportError as error:
        raise MissingExtraError("the embedding baseline", error.name) from None
    known, held = _labelled(train), _labelled(validation)
    # Together, so that they are one entry of the cache and one load of the network.
    vectors = embed([sentence.text for sentence in (*known, *held)], backbone)
    # To the optimum: at the default tolerance the solver stops early, and where depends on the last bits of vectors.
    classifiers = _fit_classifiers(vectors[: len(known)], gold_matrix(known), C=EMBEDDING_C, tol=1e-6)
    held_scores = _probabilities(classifiers, vectors[len(known) :])
    return Baseline(
        name="embedding",
        title="Embedding + LR",
        description=f"mean-pooled {Path(backbone).name}, not fine-tuned, logistic regression per label",
        rule=lambda texts: _probabilities(classifiers, embed(texts, backbone)),
        thresholds=tune_thresholds(held_scores, gold_matrix(held)),
    )


def _labelled(sentences: Sequence[Sentence]) -> list[Sentence]:
    known = [sentence for sentence in sentences if sentence.labelled]
    if not known:
        raise DataError("the baselines need labelled sentences in both their training and their validation policies")
    return known


def _fit_classifiers(features: Any, gold: BoolArray, **settings: float) -> list[Any | None]:
    """A logistic regression per column of `gold`; None where training has no example, or nothing but examples."""
    try:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingExtraError("the baseline", error.name) from None
    classifiers: list[Any | None] = []
    # These problems are small: threads gain nothing, and where another process keeps a core busy they wait for each
    # other thirty times as long as they work.
    with threadpool_limits(limits=1):
        for target in gold.T:
            if target.all() or not target.any():
                classifiers.append(None)
            else:
                classifiers.append(LogisticRegression(max_iter=1000, **settings).fit(features, target))
    return classifiers


def _probabilities(classifiers: Sequence[Any | None], features: Any) -> FloatArray:
    scores = np.zeros((features.shape[0], len(classifiers)))
    for column, classifier in enumerate(classifiers):
        if classifier is not None:
            scores[:, column] = classifier.predict_proba(features)[:, 1]
    return scores

"""The baselines: always the most frequent label, and logistic regression on words or on frozen embeddings.

for baseline in fit_baselines(train_sentences, validation_sentences):
    scores = baseline.score(test_sentences)
    predicted = decide(scores, baseline.thresholds)

Each reads only the text of a sentence or passage, learns from `train`, and chooses its thresholds on `validation`.
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
"""The same on embeddings, for sentences and passages. Of 1, 3, 10, 30, 100 and 300, the values 3 and 10 have the best
mean average precision on OPP-115's validation policies (0.646 each), and 3 the better F1."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted baseline."""

    name: str
    """Short, for file names and keys."""
    title: str
    """For the heading of a column."""
    description: str
    rule: Callable[[Sequence[str]], FloatArray]
    """Maps n texts to probabilities float[n, k]."""
    thresholds: FloatArray
    """float[k]"""

    def score(self, units: Sequence[Sentence]) -> FloatArray:
        """Probabilities float[n, k] of sentences or passages."""
        if not units:
            return np.zeros((0, len(self.thresholds)))
        return self.rule([unit.text for unit in units])

    def predict(self, units: Sequence[Sentence], min_labels: int = 0) -> BoolArray:
        """Labels bool[n, k], at least `min_labels` (0 or 1) for each unit."""
        return decide(self.score(units), self.thresholds, min_labels)


def fit_baselines(train: Sequence[Sentence], validation: Sequence[Sentence]) -> tuple[Baseline, ...]:
    """All baselines, the weakest first: commonest label, TF-IDF, frozen embedding.

    Raises:
        DataError: `train` or `validation` has nothing labelled.
        MissingExtraError: scikit-learn, torch or the packaged backbone is not installed.
    """
    return fit_majority(train), fit_tfidf(train, validation), fit_embedding(train, validation)


def fit_majority(train: Sequence[Sentence]) -> Baseline:
    """The commonest label of `train` for every text (score 1), and no other label (score 0).

    The majority class of each label on its own would be "absent", with F1 0; the commonest label is a harder floor.

    Raises:
        DataError: nothing is labelled.
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
        DataError: nothing is labelled, or no word occurs twice.
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        raise MissingExtraError("the baseline", "sklearn") from None
    known, held_out = _labelled(train), _labelled(validation)
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
        thresholds=tune_thresholds(rule([sentence.text for sentence in held_out]), gold_matrix(held_out)),
    )


def fit_embedding(train: Sequence[Sentence], validation: Sequence[Sentence], backbone: str = MINILM) -> Baseline:
    """Mean-pooled vectors of a backbone without fine-tuning (`embed`), one logistic regression per label.

    Raises:
        DataError: nothing is labelled.
        MissingExtraError: scikit-learn, torch or the packaged backbone is not installed.
        RecipeError: `backbone`, the packaged one or a folder, cannot be loaded.
    """
    try:
        from clausetag.eval.baselines.embedding import embed
    except ImportError as error:
        raise MissingExtraError("the embedding baseline", error.name) from None
    known, held_out = _labelled(train), _labelled(validation)
    # In one call: one entry of the cache, and the network is loaded once.
    vectors = embed([sentence.text for sentence in (*known, *held_out)], backbone)
    # A small tolerance: at the default the solver stops early, at a point that depends on the vectors' last bits.
    classifiers = _fit_classifiers(vectors[: len(known)], gold_matrix(known), C=EMBEDDING_C, tol=1e-6)
    held_out_scores = _probabilities(classifiers, vectors[len(known) :])
    return Baseline(
        name="embedding",
        title="Embedding + LR",
        description=f"mean-pooled {Path(backbone).name}, not fine-tuned, logistic regression per label",
        rule=lambda texts: _probabilities(classifiers, embed(texts, backbone)),
        thresholds=tune_thresholds(held_out_scores, gold_matrix(held_out)),
    )


def _labelled(sentences: Sequence[Sentence]) -> list[Sentence]:
    known = [sentence for sentence in sentences if sentence.labelled]
    if not known:
        raise DataError("the baselines need labelled sentences in both their training and their validation policies")
    return known


def _fit_classifiers(features: Any, gold: BoolArray, **settings: float) -> list[Any | None]:
    """A logistic regression per column of `gold`; None if training has no positives, or nothing else."""
    try:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingExtraError("the baseline", error.name) from None
    # These problems are too small for threads to help; on a busy machine, threads that wait for each other take thirty
    # times as long.
    with threadpool_limits(limits=1):
        return [
            None
            if target.all() or not target.any()
            else LogisticRegression(max_iter=1000, **settings).fit(features, target)
            for target in gold.T
        ]


def _probabilities(classifiers: Sequence[Any | None], features: Any) -> FloatArray:
    scores = np.zeros((features.shape[0], len(classifiers)))
    for column, classifier in enumerate(classifiers):
        if classifier is not None:
            scores[:, column] = classifier.predict_proba(features)[:, 1]
    return scores

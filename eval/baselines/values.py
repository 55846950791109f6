"""The floor for attributes: TF-IDF of words and word pairs, one logistic regression per value, given the categories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from clausetag.data.errors import MissingExtraError
from clausetag.eval.baselines.models import TFIDF_C
from clausetag.eval.metrics.thresholds import tune_thresholds
from clausetag.model.decision import BoolArray, FloatArray

Known = tuple[BoolArray, BoolArray]
"""Gold values bool [n, values], and which values each row's labels allow."""


def fit_value_baseline(
    texts: Sequence[str], known: Known, held_out_texts: Sequence[str], held_out: Known
) -> Callable[[Sequence[str]], tuple[FloatArray, FloatArray]]:
    """A function from texts to scores float [n, values] and thresholds [values].

    Each value's classifier learns from the rows whose labels allow the value; thresholds are tuned on `held_out`.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingExtraError("the baseline", error.name) from None
    vectoriser = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    features = vectoriser.fit_transform(texts)
    gold, possible = known
    fitted = []
    with threadpool_limits(limits=1):
        for column in range(gold.shape[1]):
            rows = np.flatnonzero(possible[:, column])
            targets = gold[rows, column]
            both = targets.any() and not targets.all()
            fitted.append(LogisticRegression(max_iter=1000, C=TFIDF_C).fit(features[rows], targets) if both else None)

    def score(others: Sequence[str]) -> FloatArray:
        found = vectoriser.transform(others)
        scores = np.zeros((len(others), len(fitted)))
        for column, classifier in enumerate(fitted):
            if classifier is not None:
                scores[:, column] = classifier.predict_proba(found)[:, 1]
        return scores

    thresholds = tune_thresholds(np.where(held_out[1], score(held_out_texts), 0.0), held_out[0])
    return lambda others: (score(others), thresholds)

"""Validation: logits and gold labels of held-out policies, metrics of an epoch, and thresholds and calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import numpy.typing as npt
from transformers import EvalPrediction

from clausetag.eval.evaluate import evaluate_metric
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.eval.metrics.thresholds import expected_f1_thresholds, fit_calibration
from clausetag.model.artifact import HeadSettings
from clausetag.model.decision import calibrate, decide
from clausetag.model.tokenise import EncodedPolicies, FloatArray, SubwordTokenizer
from clausetag.train.config import Recipe
from clausetag.train.examples.sources import Source
from clausetag.train.examples.targets import guide_targets_from_opp115, label_targets, vote_shares

BoolArray = npt.NDArray[np.bool_]
Predict = Callable[[EncodedPolicies], tuple[FloatArray, FloatArray]]
"""Logits float [sentences, heads, labels] and float [passages, heads, labels]."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Validation rows of one head: logits float [n, labels], gold labels bool [n, labels], the policy of each row."""

    logits: FloatArray
    gold: BoolArray
    policies: tuple[str, ...]
    any_vote: BoolArray
    """Labels given by at least one annotator; the gold labels where there are no votes."""

    def rows(self, kept: BoolArray) -> HeldOut:
        """The rows marked in `kept`, bool [n]."""
        names = tuple(name for name, keep in zip(self.policies, kept, strict=True) if keep)
        return HeldOut(self.logits[kept], self.gold[kept], names, self.any_vote[kept])


def score_held_out(
    predict: Predict, heads: Sequence[str], sources: Sequence[Source], recipe: Recipe, tokenizer: SubwordTokenizer
) -> dict[str, HeldOut]:
    """The labelled rows of the validation sources, for each head that they validate, with the logits of `predict`.

    Args:
        predict: computes logits, for all `heads`.
        heads: names of the network's heads, in order.
        sources: validation sources; each validates its own head, and `passage` if it has labelled passages.
        recipe: says how to read the sources.
        tokenizer: the network's.
    """
    parts: dict[str, list[HeldOut]] = {}
    for source in sources:
        encoded = source.encode(tokenizer, context=recipe.context)
        sentence_logits, passage_logits = predict(encoded)
        rows = [row for row, sentence in enumerate(source.sentences) if sentence.labelled]
        labelled = [source.sentences[row] for row in rows]
        names = tuple(sentence.policy for sentence in labelled)
        logits = sentence_logits[rows, heads.index(source.head)]
        shares, _ = label_targets(labelled, "votes", recipe.label_set)
        gold = gold_matrix(labelled, recipe.label_set)
        parts.setdefault(source.head, []).append(HeldOut(logits, gold, names, shares > 0))
        if recipe.guide_from_opp115 and source.head == "opp115":
            shares, mask = guide_targets_from_opp115(source)
            known = np.flatnonzero(mask)
            names = tuple(source.sentences[row].policy for row in known)
            logits, shares = sentence_logits[known, heads.index("guide")], shares[known]
            parts.setdefault("guide", []).append(HeldOut(logits, shares > 0.5, names, shares > 0))
        keys = {row: key for row, key in enumerate(encoded.passages) if key in source.passages}
        if keys:
            of_passages = np.array([vote_shares(source.passages[key], recipe.label_set) for key in keys.values()])
            names = tuple(policy for policy, _ in keys.values())
            logits = passage_logits[list(keys), heads.index("passage")]
            parts.setdefault("passage", []).append(HeldOut(logits, of_passages > 0.5, names, of_passages > 0))
    return {
        head: HeldOut(
            np.concatenate([part.logits for part in found]),
            np.concatenate([part.gold for part in found]),
            tuple(name for part in found for name in part.policies),
            np.concatenate([part.any_vote for part in found]),
        )
        for head, found in parts.items()
    }


def fit_settings(held_out: HeldOut, min_labels: int) -> HeadSettings:
    """Fit calibration and thresholds to validation rows.

    A label's threshold is halfway between the one that is best for its own expected F1 and the one that is best for
    all labels together. Gold labels are used for calibration only: thresholds tuned on the gold labels of a few
    policies overfit these policies (docs/LOG.md, 29).

    Args:
        held_out: rows that were not trained on.
        min_labels: 1 if every sentence gets a label, else 0.

    Raises:
        ValueError: there are no rows, or a logit is not finite.
    """
    slope, intercept = fit_calibration(held_out.logits, held_out.gold)
    scores = calibrate(held_out.logits, slope, intercept)
    shared = expected_f1_thresholds(scores.reshape(-1, 1))
    return HeadSettings((expected_f1_thresholds(scores) + shared) / 2, slope, intercept, min_labels)


def any_vote_settings(held_out: HeldOut) -> HeadSettings:
    """Settings of a head `guide` that was trained on OPP-115, from OPP-115's validation rows.

    The guide marks what any of OPP-115's three annotators would mark, and labels every sentence. So scores are
    calibrated to P(at least one annotator gives the label), thresholds are 0.5 (tuned ones would follow OPP-115's
    habits), and every sentence gets a label. docs/LOG.md has the measurements.
    """
    slope, intercept = fit_calibration(held_out.logits, held_out.any_vote)
    return HeadSettings(np.full(held_out.any_vote.shape[1], 0.5), slope, intercept, 1)


def default_settings(n: int, min_labels: int) -> HeadSettings:
    """Settings of a head without validation data, for `n` labels: uncalibrated scores, thresholds of 0.5."""
    return HeadSettings(np.full(n, 0.5), np.ones(n), np.zeros(n), min_labels)


def cross_fitted(held_out: HeldOut, fit: Callable[[HeldOut], HeadSettings]) -> BoolArray:
    """Decisions bool [n, labels] on each policy, by settings fitted to the other policies.

    Metrics on the rows that thresholds were fitted to would be too high.
    """
    decided = np.zeros_like(held_out.gold)
    names = np.array(held_out.policies)
    for name in dict.fromkeys(held_out.policies):
        inside = names == name
        # With a single policy there are no others.
        settings = fit(held_out if inside.all() else held_out.rows(~inside))
        scores = calibrate(held_out.logits[inside], settings.slope, settings.intercept)
        decided[inside] = decide(scores, settings.thresholds, settings.min_labels)
    return decided


def f1_summary(gold: BoolArray, decided: BoolArray) -> dict[str, float]:
    """Macro F1 over the labels that occur in `gold`, and micro F1, of bool [n, labels] arrays; 0 where undefined."""
    names = tuple(str(number) for number in range(gold.shape[1]))
    scores = evaluate_metric(names)(decided, gold, decided.astype(np.float64))
    return {"macro_f1": scores.macro_f1 or 0.0, "micro_f1": scores.micro_f1 or 0.0}


def average_precision(scores: FloatArray, gold: BoolArray) -> float:
    """Mean average precision over the labels that occur in `gold`, without thresholds; arrays are [n, labels]."""
    from sklearn.metrics import average_precision_score

    present = gold.any(0)
    return float(average_precision_score(gold[:, present], scores[:, present])) if present.any() else 0.0


def compute_metrics(prediction: EvalPrediction, recipe: Recipe) -> dict[str, float]:
    """Loss, mean average precision, and cross-fitted macro and micro F1 of each head, as `<head>_<metric>`.

    `score`, by which the best epoch is chosen, is average precision plus micro F1, averaged over heads: average
    precision shows rare labels without a threshold, micro F1 the frequent ones.

    Args:
        prediction: its `predictions` are the `HeldOut` rows of each head.
        recipe: says how many labels a sentence has at least.
    """
    held_out = cast("dict[str, HeldOut]", prediction.predictions)
    metrics: dict[str, float] = {}
    for head, rows in held_out.items():
        z = rows.logits.astype(np.float64)
        decided = cross_fitted(rows, partial(fit_settings, min_labels=recipe.min_labels_of(head)))
        metrics[f"{head}_loss"] = float((np.logaddexp(0, z) - z * rows.gold).sum(1).mean())
        metrics[f"{head}_average_precision"] = average_precision(rows.logits, rows.gold)
        metrics |= {f"{head}_{name}": value for name, value in f1_summary(rows.gold, decided).items()}
    if held_out:
        parts = [metrics[f"{head}_average_precision"] + metrics[f"{head}_micro_f1"] for head in held_out]
        metrics["score"] = float(np.mean(parts))
    return metrics

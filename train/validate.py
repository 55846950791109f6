"""Validation: logits and gold per head, an epoch's figures, and thresholds and calibration for the artifact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from clausetag.eval.metrics.classification import multilabel_metrics
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.eval.metrics.thresholds import expected_f1_thresholds, fit_calibration
from clausetag.model.artifact import HeadSettings
from clausetag.model.decision import calibrate, decide
from clausetag.model.tokenise import EncodedPolicies, FloatArray, SubwordTokenizer, encode_sentences, encode_texts
from clausetag.train.config import Recipe
from clausetag.train.targets import inherited_rows, target_rows
from clausetag.train.training_data import Source

BoolArray = npt.NDArray[np.bool_]
Predict = Callable[[EncodedPolicies], tuple[FloatArray, FloatArray]]
"""Logits float [sentences, heads, labels] and float [passages, heads, labels]."""


@dataclass(frozen=True, slots=True)
class Held:
    """Validation rows of one head: logits float [n, labels], gold bool [n, labels], the policy of each row."""

    logits: FloatArray
    gold: BoolArray
    policies: tuple[str, ...]
    marked: BoolArray
    """Labels that at least one annotator gave; where there are no votes, the gold labels."""

    def rows(self, kept: BoolArray) -> Held:
        """The rows that `kept`, bool [n], marks."""
        names = tuple(name for name, keep in zip(self.policies, kept, strict=True) if keep)
        return Held(self.logits[kept], self.gold[kept], names, self.marked[kept])


def held_scores(
    predict: Predict, heads: Sequence[str], sources: Sequence[Source], recipe: Recipe, pieces: SubwordTokenizer
) -> dict[str, Held]:
    """Score the validation sources by a network's `predict`, whose outputs are `heads`; only labelled rows are kept,
    each for its source's head (and `passage`)."""
    parts: dict[str, list[Held]] = {}
    for source in sources:
        if source.whole:
            encoded = encode_texts([sentence.text for sentence in source.sentences], pieces)
        else:
            encoded = encode_sentences(source.sentences, pieces, context=recipe.context)
        sentence_logits, passage_logits = predict(encoded)
        rows = [number for number, sentence in enumerate(source.sentences) if sentence.labelled]
        gold = gold_matrix([source.sentences[number] for number in rows], recipe.label_set)
        names = tuple(source.sentences[number].policy for number in rows)
        logits = sentence_logits[rows, heads.index(source.head)]
        shares, _ = target_rows([source.sentences[number] for number in rows], "votes", recipe.label_set)
        parts.setdefault(source.head, []).append(Held(logits, gold, names, shares > 0))
        if recipe.guide_from_opp115 and source.head == "opp115":
            shares, mask = inherited_rows(source)
            known = np.flatnonzero(mask)
            logits, shares = sentence_logits[known, heads.index("guide")], shares[known]
            names = tuple(source.sentences[number].policy for number in known)
            parts.setdefault("guide", []).append(Held(logits, shares > 0.5, names, shares > 0))
        keys = [(row, key) for row, key in enumerate(encoded.passages) if key in source.passages]
        if keys:
            votes = [[source.passages[key].get(label, 0.0) for label in recipe.label_set] for _, key in keys]
            logits = passage_logits[[row for row, _ in keys], heads.index("passage")]
            held = Held(logits, np.array(votes) > 0.5, tuple(key[0] for _, key in keys), np.array(votes) > 0)
            parts.setdefault("passage", []).append(held)
    return {
        head: Held(
            np.concatenate([part.logits for part in found]),
            np.concatenate([part.gold for part in found]),
            tuple(name for part in found for name in part.policies),
            np.concatenate([part.marked for part in found]),
        )
        for head, found in parts.items()
    }


def fit_settings(held: Held, min_labels: int) -> HeadSettings:
    """Calibration and thresholds from validation scores.

    A label's threshold stands halfway between what is best for its own expected F1 and for that of all labels together.
    Gold labels calibrate and do no more: thresholds tuned on those of a few policies fit these policies (docs/LOG.md,
    29).

    Args:
        held: rows that no training saw.
        min_labels: 1 where every sentence gets a label, else 0.

    Returns:
        Calibration and thresholds, each float [labels].

    Raises:
        ValueError: there is no row, or a logit is not finite.
    """
    slope, intercept = fit_calibration(held.logits, held.gold)
    scores = calibrate(held.logits, slope, intercept)
    shared = expected_f1_thresholds(scores.reshape(-1, 1))
    return HeadSettings((expected_f1_thresholds(scores) + shared) / 2, slope, intercept, min_labels)


def liberal_settings(held: Held) -> HeadSettings:
    """Settings of a head `guide` that OPP-115 taught, from OPP-115's validation rows.

    The guide's reader marks whatever any of three annotators would, and leaves no sentence bare: scores are calibrated
    to P(at least one annotator gives the label), a label is given where that is more likely than not (tuned thresholds
    would follow OPP-115's habits), and at least one label is given. What that is worth stands in docs/LOG.md.
    """
    slope, intercept = fit_calibration(held.logits, held.marked)
    return HeadSettings(np.full(held.marked.shape[1], 0.5), slope, intercept, 1)


def untuned_settings(n: int, min_labels: int) -> HeadSettings:
    """Settings for `n` labels of a head that nothing validates: bare sigmoids, and a label wherever it is more likely
    than not."""
    return HeadSettings(np.full(n, 0.5), np.ones(n), np.zeros(n), min_labels)


def cross_fitted(held: Held, fit: Callable[[Held], HeadSettings]) -> BoolArray:
    """Decisions on each validation policy by thresholds and calibration fitted on the other policies, bool [n, labels].

    Figures of thresholds on the rows that they were tuned on flatter; these do not.
    """
    decided = np.zeros_like(held.gold)
    names = np.array(held.policies)
    for name in dict.fromkeys(held.policies):
        inside = names == name
        if inside.all():
            inside = np.ones_like(inside)
            others = held
        else:
            others = held.rows(~inside)
        settings = fit(others)
        scores = calibrate(held.logits[inside], settings.slope, settings.intercept)
        decided[inside] = decide(scores, settings.thresholds, settings.min_labels)
    return decided


def f1_summary(gold: BoolArray, decided: BoolArray) -> dict[str, float]:
    """Macro F1 over the labels that occur in `gold`, and micro F1, of bool [n, labels] arrays; 0 where undefined."""
    names = [str(number) for number in range(gold.shape[1])]  # which is which is no matter to the means
    scores = multilabel_metrics(decided, gold, names)
    return {"macro_f1": scores.macro_f1 or 0.0, "micro_f1": scores.micro_f1 or 0.0}


def average_precision(scores: FloatArray, gold: BoolArray) -> float:
    """Mean average precision over the labels that occur in `gold`, threshold-free; arrays are [n, labels]."""
    from sklearn.metrics import average_precision_score

    present = gold.any(0)
    return float(average_precision_score(gold[:, present], scores[:, present])) if present.any() else 0.0


def epoch_figures(held: dict[str, Held], recipe: Recipe) -> dict[str, dict[str, float]]:
    """Of each head: loss, macro average precision, and cross-fitted macro and micro F1."""
    figures: dict[str, dict[str, float]] = {}
    for head, rows in held.items():
        z = rows.logits.astype(np.float64)
        loss = float((np.logaddexp(0, z) - z * rows.gold).sum(1).mean())
        decided = cross_fitted(rows, partial(fit_settings, min_labels=recipe.least(head)))
        figures[head] = {
            "loss": loss,
            "average_precision": average_precision(rows.logits, rows.gold),
            **f1_summary(rows.gold, decided),
        }
    return figures


def selection_score(figures: dict[str, dict[str, float]]) -> float:
    """What early stopping maximises: average precision plus micro F1, averaged over heads.

    The former sees rare labels without a threshold, the latter the common ones.
    """
    return float(np.mean([figure["average_precision"] + figure["micro_f1"] for figure in figures.values()]))

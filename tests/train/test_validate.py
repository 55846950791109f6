"""Thresholds and calibration from validation rows: what moves them, and what must not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import EvalPrediction

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.metrics.thresholds import expected_f1_thresholds, fit_calibration
from clausetag.model.artifact import load_artifact
from clausetag.model.configuration import HEADS
from clausetag.model.decision import calibrate
from clausetag.model.runtime import Runtime
from clausetag.model.tokenise import EncodedPolicies, FloatArray, SubwordTokenizer, encode_sentences, load_tokenizer
from clausetag.train.config import Recipe, recipe_from
from clausetag.train.examples.sources import Source
from clausetag.train.examples.training_data import assemble
from clausetag.train.validate import (
    HeldOut,
    any_vote_settings,
    compute_metrics,
    cross_fitted,
    fit_settings,
    score_held_out,
)

POLICIES = 6


def held_out(seed: int = 3, rates: tuple[float, ...] = (0.4, 0.1, 0.02)) -> HeldOut:
    """Sixty rows a policy, labels of different frequency."""
    rng = np.random.default_rng(seed)
    gold = rng.random((60 * POLICIES, len(rates))) < np.array(rates)
    logits = (2.5 * gold + np.log(np.array(rates)) - 0.5 + rng.normal(size=gold.shape)).astype(np.float32)
    return HeldOut(logits, gold, tuple(f"policy {row // 60}" for row in range(len(gold))), gold)


def test_a_label_stands_halfway_between_its_own_threshold_and_the_shared_one() -> None:
    rows = held_out()
    found = fit_settings(rows, 1)
    scores = calibrate(rows.logits, *fit_calibration(rows.logits, rows.gold))
    own = expected_f1_thresholds(scores)
    assert own.max() - own.min() > 0.02
    shared = 2 * found.thresholds - own
    assert shared == pytest.approx(np.full(3, shared[0]))
    assert np.isclose(scores, shared[0]).any() and own.min() < shared[0] < own.max()
    assert found.min_labels == 1


def test_a_policys_own_gold_labels_do_not_decide_about_it() -> None:
    rows = held_out()
    fit = partial(fit_settings, min_labels=0)
    before = cross_fitted(rows, fit)
    inside = np.array(rows.policies) == "policy 2"
    gold = np.where(inside[:, None], ~rows.gold, rows.gold)
    after = cross_fitted(HeldOut(rows.logits, gold, rows.policies, gold), fit)
    assert np.array_equal(before[inside], after[inside])
    assert not np.array_equal(before[~inside], after[~inside])


def test_a_guide_learnt_from_opp115_marks_what_any_annotator_marks() -> None:
    rows = held_out()
    more = rows.gold | (np.random.default_rng(1).random(rows.gold.shape) < 0.2)
    found = any_vote_settings(HeldOut(rows.logits, rows.gold, rows.policies, more))
    slope, intercept = fit_calibration(rows.logits, more)
    assert np.array_equal(found.slope, slope) and np.array_equal(found.intercept, intercept)
    assert found.thresholds.tolist() == [0.5] * 3 and found.min_labels == 1


def test_unlabelled_rows_do_not_validate(tiny_backbone: Path) -> None:
    tokenizer = SubwordTokenizer.of(load_tokenizer(str(tiny_backbone)))
    rows = (
        Sentence(
            "p", 0, "We collect names.", passage=0, labels=(LABELS[0],), votes={LABELS[0]: 2 / 3, LABELS[1]: 1 / 3}
        ),
        Sentence("p", 1, "Names are words.", passage=0),
        Sentence("q", 0, "We keep letters.", passage=0, labels=()),
    )
    source = Source("opp115", rows, {("p", 0): {LABELS[1]: 1.0, LABELS[2]: 1 / 3}})

    def predict(encoded: EncodedPolicies) -> tuple[FloatArray, FloatArray]:
        shape = (len(HEADS), len(LABELS))
        numbers = np.arange(encoded.n_sentences * len(HEADS) * len(LABELS), dtype=np.float32)
        return numbers.reshape(-1, *shape), -numbers[: len(encoded.passages) * len(HEADS) * len(LABELS)].reshape(
            -1, *shape
        )

    recipe = Recipe(opp115=("train",))
    found = score_held_out(predict, HEADS, [source], recipe, tokenizer)
    assert set(found) == {"opp115", "passage"}
    logits, of_passages = predict(encode_sentences(rows, tokenizer))
    assert np.array_equal(found["opp115"].logits, logits[[0, 2], HEADS.index("opp115")])
    assert found["opp115"].policies == ("p", "q")
    assert found["opp115"].gold.nonzero() == (0, 0)
    assert found["opp115"].any_vote.sum(1).tolist() == [2, 0]
    assert np.array_equal(found["passage"].logits, of_passages[:1, HEADS.index("passage")])
    assert found["passage"].gold.nonzero() == (0, 1) and found["passage"].any_vote.sum() == 2


def test_the_metrics_of_an_epoch_and_the_score_that_chooses_it() -> None:
    logits = np.array([[2.0, -1.0], [-3.0, 0.5]], dtype=np.float32)
    gold = np.array([[True, False], [False, True]])
    rows = HeldOut(logits, gold, ("p", "q"), gold)
    other = HeldOut(-logits, gold, ("p", "q"), gold)
    found: Any = {"guide": rows, "opp115": other}
    metrics = compute_metrics(EvalPrediction(found, np.empty(0)), Recipe(policies=("x",)))
    terms = [np.log1p(np.exp(-2)), np.log1p(np.exp(-1)), np.log1p(np.exp(-3)), np.log1p(np.exp(-0.5))]
    assert metrics["guide_loss"] == pytest.approx(sum(terms) / 2)
    assert (metrics["guide_average_precision"], metrics["opp115_average_precision"]) == (1.0, 0.5)
    parts = [metrics[f"{head}_average_precision"] + metrics[f"{head}_micro_f1"] for head in found]
    assert metrics["score"] == pytest.approx(sum(parts) / 2)
    nothing: Any = {}
    assert compute_metrics(EvalPrediction(nothing, np.empty(0)), Recipe(policies=("x",))) == {}


def test_what_ships_is_tuned_on_its_own_scores(tiny_artifact: Path, tiny_recipe: dict[str, object]) -> None:
    """Thresholds and calibration are fitted to the 8-bit network, not to the one that it was made of."""
    artifact, recipe = load_artifact(tiny_artifact), recipe_from(tiny_recipe)
    tokenizer = SubwordTokenizer.of(load_tokenizer(str(tiny_artifact)))
    runtime = Runtime(tiny_artifact / "model.onnx")
    predict = partial(runtime.logits, max_tokens=recipe.window, tokenizer=tokenizer)
    rows = score_held_out(predict, artifact.heads, assemble(recipe).validation, recipe, tokenizer)["guide"]
    expected = fit_settings(rows, 1)
    found = artifact.settings["guide"]
    np.testing.assert_allclose(found.thresholds, expected.thresholds, atol=1e-6)
    np.testing.assert_allclose(found.slope, expected.slope, atol=1e-6)

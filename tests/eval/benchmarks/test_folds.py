"""One model a policy left out: each policy gets the scores and thresholds of its own fold, and no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clausetag.data.corpora.five import read_five
from clausetag.data.errors import ArtifactError, DataError, LeakageError
from clausetag.data.labels import FIRST_PARTY, LABELS, SECURITY
from clausetag.data.records import Sentence
from clausetag.data.text import text_hash
from clausetag.eval.benchmarks.folds import FoldTagger, is_folds, load_folds, unit_thresholds
from clausetag.model.artifact import write_manifest
from clausetag.model.tagger import Tagger
from clausetag.train.config import recipe_from
from clausetag.train.run import train_folds

MakeTagger = Callable[..., Any]
POLICIES = ("000_sagenext", "003_empxtrack", "004_vtiger")
A, B = POLICIES[:2]


@pytest.fixture(scope="module")
def trained(tiny_recipe: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lopo")
    settings: dict[str, Any] = {
        **tiny_recipe,
        "name": "lopo",
        "policies": list(POLICIES),
        "policies_validation": [],
        "leave_out": "each",
        "unvalidated": True,
        "epochs": 1,
    }
    train_folds(recipe_from(settings), folder, quiet=True)
    return folder


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "lopo")
    return tmp_path / "lopo"


def edit(fold: Path, file: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file of a fold and redo its sums."""
    values = json.loads((fold / file).read_text(encoding="utf-8"))
    change(values)
    (fold / file).write_text(json.dumps(values), encoding="utf-8")
    write_manifest(fold)


def test_every_row_is_scored_by_its_policys_fold(fake_tagger: MakeTagger) -> None:
    text = "We encrypt every letter that you send."
    tagger = FoldTagger(
        "lopo",
        {
            A: fake_tagger({text: {SECURITY: 0.2}}, {SECURITY: 0.1}, hash="a"),
            B: fake_tagger({text: {SECURITY: 0.9}}, {SECURITY: 0.8}, hash="b"),
        },
    )
    rows = [Sentence(policy, index, text, passage=0) for index, policy in enumerate((B, A, A, B))]
    column = LABELS.index(SECURITY)
    assert tagger.score(rows, head="guide")[:, column].tolist() == [0.9, 0.2, 0.2, 0.9]
    assert unit_thresholds(tagger, rows, "guide")[:, column].tolist() == [0.8, 0.1, 0.1, 0.8]
    keys, scores = tagger.score_passages(rows)
    assert dict(zip(keys, scores[:, column], strict=True)) == {(B, 0): 0.9, (A, 0): 0.2}
    assert tagger.fold(A).calls[0] == ("score", (text, text), "guide")
    assert tagger.thresholds("guide")[column] == pytest.approx(0.45)
    assert tagger.hash != FoldTagger("lopo", {A: tagger.folds[B], B: tagger.folds[A]}).hash


def test_a_single_model_has_the_same_thresholds_for_every_row(fake_tagger: MakeTagger) -> None:
    rows = [Sentence("a", index, "Any text.") for index in range(3)]
    found = unit_thresholds(fake_tagger({}, {FIRST_PARTY: 0.3}), rows, "guide")
    assert found.shape == (3, len(LABELS))
    assert found[:, LABELS.index(FIRST_PARTY)].tolist() == [0.3] * 3
    assert unit_thresholds(fake_tagger(), [], "guide").shape == (0, len(LABELS))


def test_a_policy_without_a_fold_is_an_error(fake_tagger: MakeTagger) -> None:
    tagger = FoldTagger("lopo", {A: fake_tagger(), B: fake_tagger()})
    with pytest.raises(DataError, match=f"no fold leaves out 'other', they leave out {A}, {B}"):
        tagger.score([Sentence("other", 0, "Any text.")])
    with pytest.raises(DataError, match="texts without a policy"):
        tagger.score_texts(["Any text."])


def test_the_guard_sees_what_a_fold_knows_of_its_own_policy(fake_tagger: MakeTagger, seen: Callable[..., Any]) -> None:
    first = {policy: next(row.text for row in read_five() if row.policy == policy) for policy in (A, B)}
    knows_b = seen(frozenset({B}), frozenset({text_hash(first[B])}), frozenset({text_hash(first[B])}))
    right = FoldTagger("lopo", {A: fake_tagger(trained_on=knows_b), B: fake_tagger()}).trained_on
    assert not right.policies and not right.hashes and not right.context
    wrong = FoldTagger("lopo", {A: fake_tagger(), B: fake_tagger(trained_on=knows_b)}).trained_on
    assert wrong.policies == {B}
    assert wrong.hashes == wrong.context == {text_hash(first[B])}


def test_trained_folds_load_and_score_as_their_own_models_do(trained: Path) -> None:
    assert is_folds(trained) and not is_folds(trained / A) and not is_folds(None) and not is_folds("standard")
    tagger = load_folds(trained)
    assert set(tagger.folds) == set(POLICIES)
    assert (tagger.config["recipe"]["name"], tagger.config["name"]) == ("lopo", trained.name)
    assert not {"leave_out", "policies"} & set(tagger.config["recipe"])
    rows = [row for row in read_five() if row.policy in POLICIES]
    together = tagger.score(rows, head="guide")
    for policy in POLICIES:
        own = [number for number, row in enumerate(rows) if row.policy == policy]
        alone = Tagger.load(trained / policy).score([rows[number] for number in own], head="guide")
        np.testing.assert_array_equal(together[own], alone)
    assert not tagger.trained_on.policies


def test_a_missing_fold_is_named(copied: Path) -> None:
    shutil.rmtree(copied / B)
    assert is_folds(copied)
    with pytest.raises(ArtifactError, match=f"the fold without {B} is missing or unfinished"):
        load_folds(copied)
    with pytest.raises(ArtifactError, match="is missing"):
        load_folds(copied.parent)


def test_folds_in_each_others_place_are_refused(copied: Path) -> None:
    (copied / A).rename(copied / "aside")
    (copied / B).rename(copied / A)
    (copied / "aside").rename(copied / B)
    with pytest.raises(ArtifactError, match=f"{A}: its recipe does not leave '{A}' out"):
        load_folds(copied)


def test_a_fold_that_has_seen_its_policy_is_refused(copied: Path) -> None:
    edit(copied / A, "trained_on.json", lambda values: values["policies"].append(A))
    with pytest.raises(LeakageError, match=f"was trained on '{A}'"):
        load_folds(copied)


@pytest.mark.parametrize("key", ["recipe", "start"])
def test_folds_of_different_recipes_are_refused(copied: Path, key: str) -> None:
    edit(copied / A, "config.json", lambda v: v["recipe"].update(epochs=9) if key == "recipe" else v.update(start={}))
    with pytest.raises(ArtifactError, match="different recipes or start models"):
        load_folds(copied)


def test_evaluation_decides_each_policy_by_its_own_folds_thresholds(fake_tagger: MakeTagger) -> None:
    from clausetag.eval.benchmarks.benchmark import Benchmark
    from clausetag.eval.evaluate import evaluate_tagger

    text = "We encrypt every letter that you send."
    rows = tuple(Sentence(policy, 0, text, labels=(SECURITY,) if policy == A else ()) for policy in (A, B))
    # By its own fold's threshold 0.1 the first is a hit; by the second fold's, or the mean of both, it would be missed.
    folds = {policy: fake_tagger({text: {SECURITY: 0.2}}, {SECURITY: limit}) for policy, limit in ((A, 0.1), (B, 0.8))}
    benchmark = Benchmark("policies", "sentence", "guide", rows, rows, None)
    found = evaluate_tagger(FoldTagger("lopo", folds), benchmark, baselines=False)
    assert found.model.predicted[:, LABELS.index(SECURITY)].tolist() == [True, False]
    assert found.results.metrics.points.micro_f1 == 1.0


def test_before_calibration_each_policy_has_its_own_folds_scores(fake_tagger: MakeTagger) -> None:
    from clausetag.eval.benchmarks.benchmark import Benchmark
    from clausetag.eval.evaluate import evaluate_tagger

    text = "We encrypt every letter that you send."
    rows = tuple(Sentence(policy, 0, text, labels=(SECURITY,) if policy == A else ()) for policy in (A, B))
    folds = {policy: fake_tagger({text: {SECURITY: 0.2}}, slope=slope) for policy, slope in ((A, 1.0), (B, 0.5))}
    benchmark = Benchmark("policies", "sentence", "guide", rows, rows, None)
    results = evaluate_tagger(FoldTagger("lopo", folds), benchmark, baselines=False).results
    # The second fold's slope of 0.5 made 0.2 of odds of 1 to 16.
    assert results.before_calibration.per_category[SECURITY].brier == pytest.approx((0.8**2 + (1 / 17) ** 2) / 2)
    assert results.calibration.per_category[SECURITY].brier == pytest.approx((0.8**2 + 0.2**2) / 2)

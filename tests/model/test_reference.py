"""Frozen predictions of the shipped models on the five policies, replayed: what changed without being meant to?

When a new model ships, `clausetag predict 'data/policies/*.txt' -o tests/reference/standard.jsonl` writes them anew,
and thresholds.json takes the thresholds of its config.json; of the tier fast one policy is kept, data/policies/
000_sagenext.txt in fast.jsonl.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import clausetag
from clausetag.data.corpora.five import FIVE, document_of, read_source
from clausetag.data.documents.inputs import read_inputs
from clausetag.data.jsonl import read_jsonl
from clausetag.data.labels import LABELS
from clausetag.data.records import Document, Sentence
from clausetag.model.artifact import shipped
from clausetag.model.tagger import Tagger

REFERENCE = Path(__file__).resolve().parent.parent / "reference" / "standard.jsonl"


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger.load(shipped())


def assert_same(found: list[Sentence], expected: list[Sentence], limits: npt.NDArray[np.float64]) -> None:
    assert [(s.policy, s.start, s.end, s.text) for s in found] == [(s.policy, s.start, s.end, s.text) for s in expected]
    scores, frozen = (
        np.array([[s.scores[label] for label in LABELS] for s in rows if s.scores]) for rows in (found, expected)
    )
    np.testing.assert_allclose(scores, frozen, atol=0.01)
    # Another CPU's last digits may turn an 8-bit rounding round; what lies on a threshold may then fall either way.
    clear = (np.abs(frozen - limits) > 0.002).all(axis=1)
    assert clear.mean() > 0.99
    assert [s.labels for s, sure in zip(found, clear, strict=True) if sure] == [
        s.labels for s, sure in zip(expected, clear, strict=True) if sure
    ]


def test_thresholds_are_the_frozen_ones(tagger: Tagger) -> None:
    """Two swapped thresholds can leave every decision on the five policies as it was."""
    frozen = json.loads(REFERENCE.with_name("thresholds.json").read_text(encoding="utf-8"))
    assert set(frozen) == {"guide", "opp115", "passage"}
    for head, values in frozen.items():
        assert dict(zip(LABELS, tagger.thresholds(head).tolist(), strict=True)) == values


def test_python(tagger: Tagger) -> None:
    found = [sentence for policy in FIVE for sentence in tagger.tag_document(document_of(policy))]
    assert_same(found, read_jsonl(REFERENCE), tagger.thresholds("guide"))


def test_the_fast_tier() -> None:
    fast = Tagger.load("fast")
    found = fast.tag_document(document_of("000_sagenext"))
    assert_same(list(found), read_jsonl(REFERENCE.with_name("fast.jsonl")), fast.thresholds("guide"))


def test_documents_from_a_file_stdin_and_jsonl(tagger: Tagger, tmp_path: Path) -> None:
    policy = "000_sagenext"
    expected = [s for s in read_jsonl(REFERENCE) if s.policy == policy]
    text = read_source(policy)
    (tmp_path / f"{policy}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": policy, "text": text}) + "\n", encoding="utf-8")
    for given in (str(tmp_path / f"{policy}.txt"), str(tmp_path / "rows.jsonl"), "-"):
        (document,) = read_inputs([given], io.BytesIO(text.encode()))
        assert isinstance(document, Document)
        found = tagger.tag_document(document)
        assert [(s.text, s.labels) for s in found] == [(s.text, s.labels) for s in expected]


@pytest.mark.parametrize("name", ["standard", "fast"])
def test_the_shipped_file_is_small_and_its_card_complete(name: str) -> None:
    folder = shipped(name)
    assert (folder / "model.onnx").stat().st_size <= 30_000_000
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "Attribution-NonCommercial" in card
    assert "opp115 test" in card
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["figures"]
    assert all(figure["command"] for figure in config["figures"])


def test_the_shipped_model_may_not_be_scored_on_the_five() -> None:
    code = "from clausetag.cli import main; import sys; sys.exit(main(['eval', 'policies']))"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "the model has seen this data" in done.stderr


def test_it_says_what_is_plain() -> None:
    tagged = clausetag.load().tag("You may unsubscribe at any time.\n\nAll data are encrypted in transit.")
    assert [s.labels for s in tagged] == [("User Choice/Control",), ("Data Security",)]

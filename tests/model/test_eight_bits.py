"""What 8-bit products cost the shipped models: labels by the thresholds that ship, on policies they have not seen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from clausetag.data.labels import LABELS
from clausetag.eval.gold import gold_matrix
from clausetag.eval.metrics import multilabel_scores
from clausetag.model.artifact import shipped
from clausetag.model.decision import calibrate, decide
from clausetag.model.encode import encode_sentences
from clausetag.model.tagger import Tagger
from tests.model.float_logits import HEAD, sentences

REFERENCE = Path(__file__).resolve().parent.parent / "reference"


@pytest.mark.parametrize("name", ["standard", "fast"])
def test_the_loss_is_small_in_every_category(name: str, opp115_folder: Path) -> None:
    tagger = Tagger.load(shipped(name))
    rows = sentences(opp115_folder)
    kept = [number for number, row in enumerate(rows) if row.labelled]
    logits, _ = tagger.logits(encode_sentences(rows, tagger._pieces, context=True))
    with np.load(REFERENCE / f"{name}_float.npz") as arrays:
        before = arrays["logits"].astype(np.float32)
    after = logits[kept, tagger.artifact.heads.index(tagger.head(HEAD).output)]
    assert before.shape == after.shape
    assert np.sqrt(np.mean((before - after) ** 2)) < 0.2
    settings = tagger.head(HEAD)
    decided = [
        decide(calibrate(values, settings.slope, settings.intercept), settings.thresholds, settings.min_labels)
        for values in (before, after)
    ]
    gold = gold_matrix([rows[number] for number in kept])
    old, new = (multilabel_scores(one, gold, LABELS) for one in decided)
    assert old.macro_f1 is not None and new.macro_f1 is not None
    assert new.macro_f1 >= old.macro_f1 - 0.005
    for label in LABELS:
        flipped = np.flatnonzero(decided[0][:, LABELS.index(label)] != decided[1][:, LABELS.index(label)])
        one, other = old.per_category[label].f1, new.per_category[label].f1
        if gold[:, LABELS.index(label)].sum() >= 50:
            assert one is not None and other is not None and other >= one - 0.015, label

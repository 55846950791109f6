"""What 8-bit products cost the shipped models."""

from __future__ import annotations

import pytest

from clausetag.data.corpora.opp115 import Corpus
from clausetag.data.labels import LABELS
from tests.model.eight_bits import COMMON, cost


@pytest.mark.parametrize("name", ["standard", "fast"])
def test_the_loss_is_small_in_every_category(name: str, opp115_corpus: Corpus) -> None:
    found = cost(name, opp115_corpus)
    assert found.before.n == 2838
    assert 0 < found.error < 0.2
    assert found.before.macro_f1 is not None and found.after.macro_f1 is not None
    assert found.after.macro_f1 >= found.before.macro_f1 - 0.005
    for label in LABELS:
        old, new = found.before.per_category[label], found.after.per_category[label]
        if old.support >= COMMON:
            assert old.f1 is not None and new.f1 is not None and new.f1 >= old.f1 - 0.015, label

"""The measurement of attributes: masks, macro averages, both readings, the protocol of Polisis."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clausetag.data.attributes import VALUES
from clausetag.data.errors import DataError, LeakageError
from clausetag.data.labels import FIRST_PARTY, LABELS, SECURITY, THIRD_PARTY
from clausetag.data.records import Sentence
from clausetag.eval.attributes import NAMES, evaluate_attributes
from clausetag.eval.benchmarks.benchmark import Benchmark
from clausetag.eval.report.attributes import tables, write_attributes
from clausetag.model.artifact import TrainedOn
from clausetag.model.decision import default_values

_CONTACT = NAMES.index("Personal Information Type: Contact")
_GENERIC = NAMES.index("Security Measure: Generic")


@dataclass
class _Artifact:
    values: dict[str, Any] = field(default_factory=dict)

    def values_of(self, head: str) -> Any:
        return (0, default_values())


class FakeTagger:
    """Gives every sentence the values and labels that are listed for its text."""

    labels = LABELS
    hash = "0"
    artifact = _Artifact()

    def __init__(self, values: dict[str, list[int]], labels: dict[str, tuple[str, ...]], seen: str = "") -> None:
        self.values, self.given = values, labels
        self.attributes = True
        self.config = {"name": "fake"}
        self.trained_on = TrainedOn(frozenset({seen} - {""}), frozenset(), frozenset())

    def value_logits(self, sentences: list[Sentence]) -> np.ndarray:
        logits = np.full((len(sentences), 1, len(VALUES)), -5.0, np.float32)
        for row, sentence in enumerate(sentences):
            logits[row, 0, self.values[sentence.text]] = 5.0
        return logits

    def tag_sentences(self, sentences: list[Sentence], *, head: str) -> list[Sentence]:
        return [sentence.with_prediction(self.given[sentence.text], None) for sentence in sentences]


def _benchmark() -> Benchmark:
    rows = []
    for policy in "ab":
        for index in range(3 if policy == "a" else 4):
            contact = {"Personal Information Type": ("Contact",)}
            rows.append(Sentence(policy, index, f"{policy}{index}", labels=(FIRST_PARTY,), attributes=contact))
        rows.append(Sentence(policy, 9, f"{policy}9", labels=(SECURITY,), attributes={}))
    return Benchmark("own", "sentence", "guide", tuple(rows), tuple(rows), None)


def _tagger(**named: Any) -> FakeTagger:
    benchmark = _benchmark()
    # Two of seven are missed; a sentence about security has a value that its gold label doesn't allow, and one it does.
    values = {row.text: [_CONTACT] for row in benchmark.units}
    values["a0"], values["b0"] = [], []
    values["a9"] = [_CONTACT, _GENERIC]
    # The model takes a1 for security: end to end its value is lost.
    labels = {row.text: row.labels or () for row in benchmark.units} | {
        "a1": (SECURITY,),
        "a2": (FIRST_PARTY, THIRD_PARTY),
    }
    return FakeTagger(values, labels, **named)


def test_values_count_where_the_labels_allow_them(tmp_path: Path) -> None:
    results = evaluate_attributes(_tagger(), _benchmark(), in_sample=False, baselines=False)  # type: ignore[arg-type]
    given = results.given_categories.values
    contact, generic = given["Personal Information Type: Contact"], given["Security Measure: Generic"]
    assert (contact.support, contact.precision, contact.recall) == (7, 1.0, pytest.approx(5 / 7))
    assert contact.ci95 is not None
    assert (generic.support, generic.f1) == (0, None)
    # Macro: Contact alone has five positives; micro counts the false alarm about security too.
    assert results.given_categories.macro_f1 == pytest.approx(10 / 12)
    assert results.given_categories.micro_f1 == pytest.approx(2 * 5 / (2 * 5 + 1 + 2))
    assert results.end_to_end.values["Personal Information Type: Contact"].recall == pytest.approx(4 / 7)
    assert results.n == 9 and results.annotators is None and results.polisis is None
    write_attributes(results, tmp_path)
    saved = json.loads((tmp_path / "attributes.json").read_text())
    assert saved["given_categories"]["attributes"]["Personal Information Type"]["support"] == 7
    assert "| Personal Information Type: Contact | 7 |" in (tmp_path / "attributes.md").read_text()
    assert len(tables(results)) == 2


def test_data_that_the_model_has_seen_and_models_without_heads_are_refused() -> None:
    with pytest.raises(LeakageError):
        evaluate_attributes(_tagger(seen="a"), _benchmark(), in_sample=False, baselines=False)  # type: ignore[arg-type]
    assert evaluate_attributes(_tagger(seen="a"), _benchmark(), in_sample=True, baselines=False).notes  # type: ignore[arg-type]
    tagger = _tagger()
    tagger.attributes = False
    with pytest.raises(DataError, match="no attribute heads"):
        evaluate_attributes(tagger, _benchmark(), in_sample=False, baselines=False)  # type: ignore[arg-type]


def test_annotators_stand_beside_the_model_and_passages_follow_polisis() -> None:
    given = {"Purpose": ["Marketing"]}
    rows = []
    for policy in "ab":
        for index in range(5):
            extra = {
                "annotators": {"x": [FIRST_PARTY], "y": [FIRST_PARTY], "z": [FIRST_PARTY]},
                "annotator_attributes": {"x": given, "y": given} if index < 3 else {},
            }
            rows.append(
                Sentence(
                    policy,
                    index,
                    f"{policy}{index}",
                    passage=index,
                    labels=(FIRST_PARTY,),
                    votes={FIRST_PARTY: 1.0},
                    extra=extra,
                )
            )
    place = NAMES.index("Purpose: Marketing")
    values = {row.text: [place] if row.index < 4 else [] for row in rows}
    tagger = FakeTagger(values, {row.text: (FIRST_PARTY,) for row in rows})
    tagger.score_passages = lambda sentences: (  # type: ignore[attr-defined]
        [(row.policy, row.passage) for row in sentences],
        np.tile([label == FIRST_PARTY for label in LABELS], (len(sentences), 1)).astype(float),
    )
    tagger.thresholds = lambda head: np.full(len(LABELS), 0.5)  # type: ignore[attr-defined]
    benchmark = Benchmark("opp115 test", "passage", "passage", tuple(rows), tuple(rows), None)
    results = evaluate_attributes(tagger, benchmark, in_sample=False, baselines=False)  # type: ignore[arg-type]
    # x and y agree on 6 sentences, z gives nothing: 6 of the 9 pairs' 12 + 6 + 6 marks.
    assert results.annotators is not None and results.annotators["annotator"] == pytest.approx(12 / 24)
    # Presence: 6 right, 2 false; absence: 2 right, 2 missed.
    assert results.polisis == {
        "Purpose": pytest.approx((12 / 14 + 4 / 6) / 2),
        "mean": pytest.approx((12 / 14 + 4 / 6) / 2),
    }
    assert results.end_to_end.micro_f1 == results.given_categories.micro_f1 == pytest.approx(12 / 14)

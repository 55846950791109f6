from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.splits import policy_split
from clausetag.data.errors import DataError, LeakageError, RecipeError
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.text import text_hash
from clausetag.train.config import Recipe, recipe_from
from clausetag.train.examples.sources import Source, TrainingData, without_test_texts
from clausetag.train.examples.targets import guide_targets_from_opp115, label_targets
from clausetag.train.examples.training_data import assemble


def planted(text: str, policy: str = "mine", n: int = 12) -> list[Sentence]:
    return [
        Sentence(policy, i, f"{text} number {i} of our many different words", labels=(LABELS[0],)) for i in range(n)
    ]


def data(*sentences: Sentence, head: str = "guide") -> TrainingData:
    return TrainingData((Source(head, tuple(sentences)),), (), ())


def test_a_test_policys_text_under_another_name_is_refused() -> None:
    test = planted("We collect data", policy_split()["test"][0])
    leaked = [Sentence("renamed", i, s.text.upper() + " !", labels=()) for i, s in enumerate(test)]
    with pytest.raises(
        LeakageError, match=r"12 of 12 sentences of the held-out policy .* in the training policy 'renamed'"
    ):
        without_test_texts(data(*leaked), test)


def test_a_test_policys_id_is_refused_even_without_its_text() -> None:
    with pytest.raises(LeakageError, match="belongs to OPP-115's test split"):
        without_test_texts(data(*planted("Other words", policy_split()["test"][3])), [])


def test_single_recurring_sentences_are_dropped_and_counted() -> None:
    test = planted("We share data", policy_split()["test"][0], n=40)
    own = planted("We do something else", "mine", n=5)
    found = without_test_texts(data(*own, Sentence("mine", 5, test[3].text, labels=())), test)
    assert [s.index for s in found.train[0].sentences] == [0, 1, 2, 3, 4]
    assert found.notes == ("training sentences dropped because a validation or test policy has them too: 1",)


@pytest.mark.parametrize("shared", [4, 5])
def test_more_than_a_tenth_of_a_test_policy_is_that_policy(shared: int) -> None:
    test = planted("We share data", policy_split()["test"][0], n=40)
    copied = [Sentence("mine", n, row.text, labels=()) for n, row in enumerate(test[:shared])]
    rows = [*planted("We do something else", "mine", n=5), *copied]
    if shared > 4:
        with pytest.raises(LeakageError, match="5 of 40 sentences of the held-out policy"):
            without_test_texts(data(*rows), test)
    else:
        assert len(without_test_texts(data(*rows), test).train[0].sentences) == 5


def test_texts_of_few_words_are_no_leak() -> None:
    test = [Sentence(policy_split()["test"][0], 0, "Contact us today", labels=())]
    found = without_test_texts(data(Sentence("mine", 0, "Contact us today", labels=())), test)
    assert len(found.train[0].sentences) == 1 and not found.notes


def test_what_recurs_in_a_validation_policy_is_dropped_with_its_passage_label() -> None:
    rows = [replace(s, passage=s.index // 2) for s in planted("We share data", "mine", n=6)]
    votes = {("mine", passage): {LABELS[0]: 1.0} for passage in range(3)}
    held = Source("opp115", (Sentence("other", 0, rows[2].text, labels=()),))
    found = without_test_texts(TrainingData((Source("opp115", tuple(rows), votes),), (held,), ()), [])
    assert [s.index for s in found.train[0].sentences] == [0, 1, 3, 4, 5]
    assert set(found.train[0].passages) == {("mine", 0), ("mine", 2)}


def test_a_labelled_file_with_a_test_policy_is_refused_by_assemble(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    rows = [s.row() for s in planted("Some words", policy_split()["test"][0])]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(LeakageError, match="test split"):
        assemble(Recipe(extra=(str(path),)))


def test_a_policy_cannot_train_and_validate(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    rows = [{**s.row(), "split": "train" if s.index < 6 else "validation"} for s in planted("Some words")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(LeakageError, match="'mine' is both trained on and validated with"):
        assemble(Recipe(extra=(str(path),)))


def test_extra_rows_go_where_their_split_says(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    rows = [
        {"policy": f"p{i}", "index": 0, "text": f"text {i}", "labels": [], "split": split}
        for i, split in enumerate(["train", "validation", "test", None])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = assemble(Recipe(extra=(str(path),)))
    assert [s.policy for s in found.train[0].sentences] == ["p0", "p3"]
    assert [s.policy for s in found.validation[0].sentences] == ["p1"]


def test_the_five_by_id() -> None:
    with pytest.raises(RecipeError, match="no validation data"):
        assemble(Recipe(policies=("000_sagenext",)))
    found = assemble(Recipe(policies=("000_sagenext",), policies_validation=("004_vtiger",)))
    assert found.trained_policies() == {"000_sagenext"}
    seen = found.trained_on()
    assert len(seen.hashes) == len({s.text for s in read_five() if s.policy == "000_sagenext"}) and not seen.context
    assert seen.validation_policies == {"004_vtiger"}
    with pytest.raises(DataError, match="none of 000_sagenext"):
        assemble(Recipe(policies=("005_nobody",)))


def test_targets_are_vote_shares_in_label_order_and_unlabelled_rows_are_context() -> None:
    voted = Sentence("p", 0, "a", votes={"Data Security": 2 / 3, "Policy Change": 1 / 3}, labels=("Data Security",))
    values, mask = label_targets([voted, Sentence("p", 1, "b"), Sentence("p", 2, "c", labels=())], "votes")
    assert values[0, LABELS.index("Data Security")] == pytest.approx(2 / 3)
    assert values[0, LABELS.index("Policy Change")] == pytest.approx(1 / 3)
    assert values[0].sum() == pytest.approx(1.0)
    np.testing.assert_array_equal(mask, [1, 0, 1])
    hard, _ = label_targets([voted], "majority")
    assert hard[0].tolist() == [float(label == "Data Security") for label in LABELS]


def test_unmarked_sentences_inherit_their_passages_votes_for_the_guides_head() -> None:
    rows = (
        Sentence("p", 0, "Security", passage=4, votes={}, labels=()),
        Sentence("p", 1, "We encrypt.", passage=4, votes={"Data Security": 1 / 3}, labels=()),
        Sentence("p", 2, "We encrypt.", passage=5, votes={}, labels=()),
        Sentence("p", 3, "We encrypt.", passage=4),
    )
    votes = {("p", 4): {"Data Security": 1.0, "Policy Change": 1 / 3}, ("p", 5): {}}
    values, mask = guide_targets_from_opp115(Source("opp115", rows, votes))
    assert mask.tolist() == [1, 1, 0, 0]
    assert values[0].sum() == pytest.approx(4 / 3)
    assert values[1].sum() == pytest.approx(1 / 3)
    assert values[0, LABELS.index("Data Security")] == 1.0


def test_majority_from_votes_alone_needs_two_of_three() -> None:
    voted = Sentence("p", 0, "a", votes={"Data Security": 2 / 3, "Policy Change": 1 / 3})
    values, _ = label_targets([voted], "majority")
    assert [LABELS[i] for i in np.flatnonzero(values[0])] == ["Data Security"]


def test_texts_read_without_labels_are_recorded_apart() -> None:
    seen = data(Sentence("p", 0, "one", labels=()), Sentence("p", 1, "two"), Sentence("q", 0, "one")).trained_on()
    assert (seen.hashes, seen.context) == ({text_hash("one")}, {text_hash("two")})


def test_the_corpus_is_split_by_policy(opp115_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPP115_DIR", str(opp115_folder))
    found = assemble(Recipe(opp115=("train",), opp115_validation=("validation",)))
    split = policy_split()
    assert found.trained_policies() == set(split["train"])
    assert {s.policy for s in found.validation[0].sentences} == set(split["validation"])
    assert all(key[0] in set(split["train"]) for key in found.train[0].passages)


def test_parts_of_the_policies_are_left_out_in_turn(tiny_recipe: dict[str, Any]) -> None:
    values = {**tiny_recipe, "policies_validation": [], "unvalidated": True}
    kept = []
    for number in (1, 2, 3):
        data = assemble(recipe_from({**values, "fold": f"{number}/3"}))
        kept.append(data.trained_policies())
    every = set(values["policies"])
    assert [len(every - found) for found in kept] == [2, 1, 1]
    assert set().union(*(every - found for found in kept)) == every
    with pytest.raises(RecipeError, match="fold = '4/3' of 4 policies; give for example 1/3"):
        assemble(recipe_from({**values, "fold": "4/3"}))
    with pytest.raises(RecipeError, match="fold = 'half'"):
        recipe_from({**values, "fold": "half"})

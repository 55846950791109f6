"""Both arms of the split experiment differ in nothing but whose segments are trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from clausetag.data.corpora.opp115 import Corpus, Passage
from clausetag.data.corpora.privacyglue import read_privacyglue
from clausetag.data.corpora.splits import policy_split
from clausetag.data.jsonl import write_jsonl
from clausetag.data.labels import CHOICE, FIRST_PARTY
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.eval.predictions import prediction_rows
from clausetag.eval.research.split_effect import arms, collect, policies_of_rows, write_arms


@pytest.fixture
def corpus() -> Corpus:
    passages = tuple(
        Passage(
            policy,
            segment,
            f'In {policy} we "log" request number {segment},\nand more.',
            (FIRST_PARTY, CHOICE) if segment % 2 else () if segment == 4 else (CHOICE,),
            {},
            None,
        )
        for names in policy_split().values()
        for policy in names
        for segment in range(9)
    )
    return Corpus((), passages, ())


def test_same_test_same_sizes_and_only_one_arm_shares_policies(corpus: Corpus) -> None:
    found = arms(corpus)
    disjoint, random = found["disjoint"], found["random"]
    assert disjoint["test"] == random["test"] and disjoint["validation"] == random["validation"]
    assert len(disjoint["train"]) == len(random["train"])
    both = [{(passage.policy, passage.segment) for passage in arm["train"]} for arm in (disjoint, random)]
    assert 400 < len(both[0] & both[1]) < len(both[0])
    tested = {passage.policy for passage in disjoint["test"]}
    assert tested == {*policy_split()["test"], *policy_split()["validation"]}
    assert not tested & {passage.policy for passage in (*disjoint["train"], *disjoint["validation"])}
    assert tested <= {passage.policy for passage in random["train"]}
    for parts in found.values():
        names = ("train", "validation", "test")
        keys = [{(passage.policy, passage.segment) for passage in parts[name]} for name in names]
        assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]
        assert all(passage.labels for name in names for passage in parts[name])
    assert arms(corpus) == found


def test_files_are_those_of_privacyglue(tmp_path: Path, corpus: Corpus) -> None:
    found = arms(corpus)
    write_arms(found, tmp_path)
    rows, _ = read_privacyglue(tmp_path / "random" / "test_dataset.csv")
    expected = [(" ".join(passage.text.split()), passage.labels) for passage in found["random"]["test"]]
    assert [(" ".join(row.text.split()), row.labels) for row in rows] == expected


def test_rows_are_drawn_by_their_policies(tmp_path: Path, corpus: Corpus) -> None:
    found = arms(corpus)
    write_arms(found, tmp_path)
    rows, _ = read_privacyglue(tmp_path / "random" / "test_dataset.csv")
    policies = policies_of_rows(found["disjoint"]["test"])
    assert [policy in row.text for policy, row in zip(policies, rows, strict=True)] == [True] * len(rows)
    truth = gold_matrix(rows)
    for arm in ("disjoint", "random"):
        folder = tmp_path / "eval" / arm
        folder.mkdir(parents=True)
        write_jsonl(folder / "predictions.jsonl", prediction_rows(rows, truth * 1.0, truth, "passage"))
    assert collect(tmp_path, found)["sentence"].endswith("; intervals over 30 policies.")
    twice = [*found["disjoint"]["test"], found["disjoint"]["test"][0]]
    assert policies_of_rows(twice) == policies  # segments of the same text are one row

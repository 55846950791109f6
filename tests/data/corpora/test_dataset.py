"""Corpora as `datasets`: written as a stream, read by the library's own call, and given back without loss."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clausetag.cli import main
from clausetag.data.corpora.dataset import features, open_dataset, read_dataset, read_sentences, to_row, write_dataset
from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.splits import policy_split
from clausetag.data.errors import DataError
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.train.config import recipe_from
from clausetag.train.examples.training_data import assemble
from tests.data.corpora.opp115_fixture import ROWS, SEGMENTS, write_corpus

datasets = pytest.importorskip("datasets")

ALL = Sentence(
    "shop",
    3,
    "We keep it.",
    passage=1,
    start=10,
    end=21,
    heading="Retention",
    lead_in="What we do:",
    labels=(LABELS[4], LABELS[0]),
    votes={LABELS[4]: 1 / 3, LABELS[0]: 2 / 3},
    attributes={"Does/Does Not": ("Does",)},
    flags=("not_english",),
    extra={"annotators": {"7": [LABELS[4]]}, "split": "train"},
)
BARE = Sentence("shop", 4, "Thank you.")
EMPTY = Sentence("shop", 5, "Nothing.", labels=())


def test_a_row_comes_back_as_it_was(tmp_path: Path) -> None:
    write_dataset(tmp_path, {"train": [to_row(one, "guide") for one in (ALL, BARE, EMPTY)]}, "# Mine\n")
    found = datasets.load_dataset(str(tmp_path), cache_dir=str(tmp_path / "cache"))
    assert found["train"].features == features()
    assert found["train"].features["labels"].feature.int2str(found["train"][0]["labels"]) == [LABELS[4], LABELS[0]]
    back = [sentence for _, _, sentence in read_dataset(tmp_path)]
    assert back[1:] == [BARE, EMPTY]
    assert back[0].row() == {**ALL.row(), "labels": [LABELS[0], LABELS[4]]}


def test_another_folder_of_the_same_name_is_another_dataset(tmp_path: Path) -> None:
    """The library's cache goes by the folder's name and card."""
    for number, rows in enumerate((1, 3, 3)):
        folder = tmp_path / str(number) / "built"
        write_dataset(folder, {"train": [to_row(replace(BARE, text=f"Text {number}."), "guide")] * rows}, "# Mine\n")
        found = open_dataset(folder)["train"]
        assert (len(found), found[0]["text"]) == (rows, f"Text {number}.")


def test_the_card_says_what_the_folder_holds(tmp_path: Path) -> None:
    assert main(["data", "build", "policies", "-o", str(tmp_path / "five")]) == 0
    text = (tmp_path / "five" / "README.md").read_text(encoding="utf-8")
    from huggingface_hub import DatasetCard

    card = DatasetCard(text).data.to_dict()
    assert card["license"] == "mit" and card["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*"}]
    assert {row["name"] for row in card["dataset_info"]["features"]} == set(features())
    assert [row.row() for row in read_sentences(tmp_path / "five")] == [
        {**r.row(), "split": "train"} for r in read_five()
    ]


def test_a_jsonl_is_built_by_split_as_a_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"policy": f"shop-{n % 4}", "index": n, "text": f"Letter {n} is kept.", "split": ("train", "test")[n % 2]}
        for n in range(40)
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["data", "build", str(tmp_path / "mine.jsonl"), "-o", str(tmp_path / "built")]) == 0
    assert "20 rows train, 20 rows test" in capsys.readouterr().out
    assert {name: len(part) for name, part in open_dataset(tmp_path / "built").items()} == {"train": 20, "test": 20}
    assert len(open_dataset(tmp_path / "mine.jsonl")["train"]) == 40
    assert main(["data", "build", str(tmp_path / "mine.jsonl"), "-o", str(tmp_path / "built")]) == 2
    assert "exists; give another -o" in capsys.readouterr().err


def test_opp115_has_its_splits_votes_and_passages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [policy_split()[split][0] for split in ("train", "validation", "test")]
    corpus = write_corpus(tmp_path / "corpus", dict.fromkeys(names, (SEGMENTS, ROWS)))
    monkeypatch.setenv("OPP115_DIR", str(corpus))
    assert main(["data", "build", "opp115", "-o", str(tmp_path / "built")]) == 0
    splits = open_dataset(tmp_path / "built")
    assert {split: set(part["policy"]) for split, part in splits.items()} == {
        split: {name} for split, name in zip(("train", "validation", "test"), names, strict=True)
    }
    units = splits["train"].filter(lambda row: row["unit"] == 1)
    assert len(units) == len(SEGMENTS) and any(row["votes"] for row in units)
    assert "NonCommercial" in (tmp_path / "built" / "README.md").read_text(encoding="utf-8")


def test_a_recipes_data_train_the_same_from_the_dataset(
    tiny_recipe: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = policy_split()["train"][0]
    monkeypatch.setenv("OPP115_DIR", str(write_corpus(tmp_path / "corpus", {name: (SEGMENTS, ROWS)})))
    (tmp_path / "recipe.toml").write_text(
        "".join(f"{key} = {json.dumps(value)}\n" for key, value in {**tiny_recipe, "opp115": ["train"]}.items())
    )
    assert main(["data", "build", str(tmp_path / "recipe.toml"), "-o", str(tmp_path / "built")]) == 0
    direct = assemble(recipe_from({**tiny_recipe, "opp115": ["train"]}))
    built = assemble(recipe_from({**tiny_recipe, "opp115": ["train"], "dataset": str(tmp_path / "built")}))
    for ours, theirs in ((direct.train, built.train), (direct.validation, built.validation)):
        assert [(one.head, one.passages) for one in ours] == [(one.head, one.passages) for one in theirs]
        assert [one.sentences for one in ours] == [one.sentences for one in theirs]
    assert direct.digest() == built.digest()


def test_what_is_no_dataset_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    other = datasets.Dataset.from_dict({"text": ["We keep it."], "label": [1]})
    other.to_parquet(str(tmp_path / "other" / "data" / "train-0.parquet"))
    write_dataset(tmp_path / "own", {"train": [to_row(EMPTY, "guide", labels=("A", "B"))]}, "# Own\n", ("A", "B"))
    bad = {**to_row(EMPTY, "guide"), "text": " "}
    write_dataset(tmp_path / "bad", {"train": [bad]}, "# Bad\n")
    (tmp_path / "bad.jsonl").write_text('{"policy": "a", "index": 0}\n', encoding="utf-8")
    for path, message in (
        ("empty", "empty: "),
        ("other", "split train: has no column 'policy' as `clausetag data build` writes it"),
        ("own", "its labels are not First Party"),
        ("bad", "split train, row 1: 'text' is empty"),
        ("bad.jsonl", "bad.jsonl, line 1: the key 'text' is missing"),
        ("nowhere", "No such file"),
    ):
        read: Any = read_sentences if path == "bad" else open_dataset
        with pytest.raises(DataError, match=message) as caught:
            read(tmp_path / path)
        assert "\n" not in str(caught.value), path

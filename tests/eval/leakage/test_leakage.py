"""`clausetag eval leakage`: what the sources give as splits, what is written, and what bad input says."""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.splits import held_back, policy_split
from clausetag.data.errors import DataError
from clausetag.eval.leakage.command import add_arguments, find_leakage, main, markdown, terminal
from clausetag.eval.leakage.near_duplicates import Split, Text
from clausetag.eval.leakage.splits import load_splits
from tests.data.corpora.opp115_fixture import row, select, write_corpus

LONG = (
    "When you open an account at our farm shop we ask for your name and the address of your house so that the "
    "carrier knows where to leave the box and whom to ring"
)
NEAR = LONG.replace("shop", "stall")
OTHER = "We answer every letter within a week of its arrival."
FIRST = "First Party Collection/Use"


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args([str(word) for word in words]))


def jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Rows with `policy` and `index` filled in."""
    filled = [{"policy": path.stem, "index": index, **given} for index, given in enumerate(rows)]
    path.write_text("".join(json.dumps(each) + "\n" for each in filled), encoding="utf-8")
    return path


def privacyglue(folder: Path, **files: Sequence[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, texts in files.items():
        with (folder / f"{name}_dataset.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([text, FIRST] for text in texts)
    return folder


def named(splits: Mapping[str, Sequence[Split]]) -> dict[str, dict[str, list[str]]]:
    return {
        unit: {split.name: [text.text for text in split.texts] for split in found} for unit, found in splits.items()
    }


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small corpus with a policy in each split: a segment held back, the others two sentences or one."""
    held = held_back()
    train, validation, test = (policy_split()[part] for part in ("train", "validation", "test"))
    masked = next(name for name in train if (name, 0) in held and (name, 1) not in held)
    plain = [next(name for name in names if not {(name, 0), (name, 1)} & held) for names in (validation, test)]
    segments = {
        masked: ("Only the held segment says so much about boxes.", f"{OTHER} Nobody else reads what you wrote to us."),
        plain[0]: ("Our bees do not read any of your letters.", "The farm keeps no list of its visitors."),
        plain[1]: (f"{OTHER}", "The shop stands at the end of the lane."),
    }
    rows = {name: [row("1", 1, FIRST, {"Purpose": select(1, texts[1], texts)})] for name, texts in segments.items()}
    folder = write_corpus(tmp_path / "corpus", {name: (texts, rows[name]) for name, texts in segments.items()})
    monkeypatch.setenv("OPP115_DIR", str(folder))
    return folder


def test_opp115_has_four_splits_and_brings_the_five(corpus: Path) -> None:
    for data in ([], ["opp115"], ["policies", "opp115"]):
        found = named(load_splits(data)[0])
        assert list(found) == ["sentence", "passage"]
        for unit in found:
            assert set(found[unit]) == {
                "opp115 train", "opp115 validation", "policies", "opp115 test", "opp115 held-back"
            }  # fmt: skip
    held = ["Only the held segment says so much about boxes."]
    assert found["sentence"]["opp115 held-back"] == found["passage"]["opp115 held-back"] == held
    assert found["sentence"]["opp115 train"] == [OTHER, "Nobody else reads what you wrote to us."]
    assert found["passage"]["opp115 train"] == [f"{OTHER} Nobody else reads what you wrote to us."]
    assert len(found["sentence"]["policies"]) == len(read_five())


def test_opp115_sentence_that_recurs_in_test_is_found(corpus: Path, tmp_path: Path) -> None:
    assert run("-o", tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "leakage.json").read_text(encoding="utf-8"))
    leaks = {
        (unit, pair["a"]["split"], pair["b"]["split"]): pair["b"]["exact"]
        for unit, found in report["units"].items()
        for pair in found["pairs"]
        if pair["exact_pairs"] or pair["near_pairs"]
    }
    assert leaks == {("sentence", "opp115 train", "opp115 test"): 1}


def test_one_unit_alone(corpus: Path) -> None:
    assert list(load_splits([], ("passage",))[0]) == ["passage"]
    assert list(load_splits([], ("sentence",))[0]) == ["sentence"]


def test_rows_with_splits_and_learning_on_the_left(tmp_path: Path) -> None:
    rows = [{"text": OTHER, "split": "test"}, {"text": LONG, "split": "train"}, {"text": NEAR, "split": "test"}]
    splits, notes = load_splits([str(jsonl(tmp_path / "mine.jsonl", rows))])
    assert named(splits) == {"sentence": {"mine train": [LONG], "mine test": [OTHER, NEAR]}}
    assert notes == ("in mine.jsonl, index 0 of policy 'mine' has no passage: its rows are compared as sentences only",)


def test_rows_of_one_passage_are_joined_in_reading_order(tmp_path: Path) -> None:
    rows = [{"text": "Second half.", "passage": 4, "index": 9}, {"text": "First half.", "passage": 4, "index": 8}]
    one, other = jsonl(tmp_path / "one.jsonl", rows), jsonl(tmp_path / "two.jsonl", [{"text": LONG, "passage": 0}])
    (left, _) = load_splits([str(one), str(other)])[0]["passage"]
    assert left.texts == (Text("one", 4, "First half.\nSecond half."),)


def test_privacyglue_folder_and_file(tmp_path: Path) -> None:
    folder = privacyglue(tmp_path / "pg", test=[OTHER], train=[LONG, LONG, OTHER])
    splits, notes = load_splits([str(folder)])
    assert named(splits) == {"passage": {"pg train": [LONG, OTHER], "pg test": [OTHER]}}
    assert notes == ("in train_dataset.csv, rows that repeat a text and label: 1",)
    files = [str(folder / "train_dataset.csv"), str(folder / "test_dataset.csv")]
    assert list(named(load_splits(files)[0])["passage"]) == ["train", "test"]


def test_written_files_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learnt = jsonl(tmp_path / "learnt.jsonl", [{"text": text} for text in (LONG, OTHER, "Cookies")])
    asked = jsonl(tmp_path / "asked.jsonl", [{"text": text} for text in (NEAR, "cookies", OTHER.upper(), OTHER)])
    assert run(learnt, asked, "-o", tmp_path / "out") == 0
    rows = [json.loads(line) for line in (tmp_path / "out" / "leakage.jsonl").read_text(encoding="utf-8").splitlines()]
    where = [(each["kind"], each["a"]["index"], each["b"]["index"]) for each in rows]
    assert where == [("near", 0, 0), ("exact", 1, 2), ("exact", 1, 3)]
    assert rows[0]["similarity"] == pytest.approx(29 / 35, abs=1e-4)
    assert rows[0]["a"] == {"split": "learnt", "policy": "learnt", "index": 0, "text": LONG}
    assert rows[0]["b"]["text"] == NEAR
    report = json.loads((tmp_path / "out" / "leakage.json").read_text(encoding="utf-8"))
    (pair,) = report["units"]["sentence"]["pairs"]
    assert pair["a"] == {"split": "learnt", "texts": 3, "exact": 1, "near": 1, "short": 1, "share": 0.666667}
    assert pair["b"] == {"split": "asked", "texts": 4, "exact": 2, "near": 1, "short": 1, "share": 0.75}
    assert (pair["exact_pairs"], pair["near_pairs"], pair["same_policy_pairs"]) == (2, 1, 0)
    assert (pair["policies_in_both"], pair["policies_alike"]) == ([], [])
    assert report["lsh"]["recall_at_threshold"] >= 0.999
    printed = capsys.readouterr().out
    assert [line.split() for line in printed.splitlines() if line.startswith("learnt")] == [
        ["learnt", "asked", "3", "4", "2", "1", "75.00%", "3", "0", "1"]
    ]
    text = (tmp_path / "out" / "leakage.md").read_text(encoding="utf-8")
    assert "| learnt | asked | 3 | 4 | 2 | 1 | 75.00% | 3 | 0 | 1 |" in text
    assert LONG not in text and LONG not in printed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["leakage.json", "leakage.jsonl", "leakage.md"]


def test_the_threshold_is_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [jsonl(tmp_path / f"{name}.jsonl", [{"text": text}]) for name, text in (("a", LONG), ("b", NEAR))]
    run(*files, "--threshold", "0.9")
    assert " 0.00%" in capsys.readouterr().out
    run(*files, "--threshold", "0.5")
    assert " 100.00%" in capsys.readouterr().out


def test_report_lists_policies_repeats_and_never_rounds_recall_up() -> None:
    texts = tuple(Text("one", n, f"Paragraph {n} of the rules says what becomes of box {n}.") for n in range(4))
    twin = tuple(Text("two", text.index, text.text) for text in texts)
    again = Text("one", 9, texts[0].text)
    leakage = find_leakage({"sentence": [Split("a", (*texts, again)), Split("b", (*twin, again))]})
    for report in (terminal(leakage), markdown(leakage)):
        assert "one (a) and two (b): 4 sentences, 100% of the shorter one's" in report
        assert "repeat an earlier one of their own split: a 1, b 1" in report
        assert "Policies that have sentences in both splits: a and b 1" in report
        assert "99.99 %" in report and "100.00 %" not in report


@pytest.mark.parametrize("threshold", ["0.49", "1.01", "nan", "inf"])
def test_threshold_out_of_range(threshold: str) -> None:
    with pytest.raises(DataError, match=r"--threshold .*from 0\.5 to 1"):
        run("policies", "--threshold", threshold)


def test_bad_sources_say_what_to_do(tmp_path: Path) -> None:
    fine = jsonl(tmp_path / "fine.jsonl", [{"text": LONG}])
    empty = jsonl(tmp_path / "empty.jsonl", [])
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"policy": "p", "index": 0, "text": 5}\n', encoding="utf-8")
    half = jsonl(tmp_path / "half.jsonl", [{"text": LONG, "split": "train"}, {"text": OTHER}])
    number = jsonl(tmp_path / "number.jsonl", [{"text": LONG, "split": 3}])
    hollow = privacyglue(tmp_path / "hollow", train=[], validation=[LONG])
    bare = tmp_path / "bare"
    bare.mkdir()
    for words, message in (
        (["missing.jsonl"], "missing.jsonl: no such file"),
        ([tmp_path / "none_dataset.csv", fine], "No such file"),
        ([empty, fine], "empty.jsonl: no texts"),
        ([bad, fine], "bad.jsonl, line 1: 'text' must be a string"),
        ([half], "index 1 of policy 'half' has the split None"),
        ([number], "index 0 of policy 'number' has the split 3"),
        ([hollow], "hollow: no passages in the split 'train'"),
        ([bare], "bare: has no train_dataset.csv"),
        ([fine], "nothing to compare fine with"),
        (["policies"], "nothing to compare policies with"),
        ([fine, tmp_path / "bare" / ".." / "fine.jsonl"], "is given twice"),
        ([hollow, "--unit", "sentence"], "leave out --unit sentence"),
        ([fine, "policies", "--unit", "passage"], "has no passage; use --unit sentence"),
    ):
        with pytest.raises(DataError) as caught:
            run(*words)
        assert message in str(caught.value) and "\n" not in str(caught.value)


def test_corpus_without_a_split_is_refused(corpus: Path) -> None:
    for folder, suffix in (("annotations", "csv"), ("sanitized_policies", "html")):
        for policy in policy_split()["test"]:
            (corpus / folder / f"{policy}.{suffix}").unlink(missing_ok=True)
    with pytest.raises(DataError, match="opp115: no sentences in the split 'test'"):
        load_splits(["opp115"])


def test_files_of_one_name_keep_apart(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    files = [jsonl(tmp_path / "mine.jsonl", [{"text": LONG}]), jsonl(tmp_path / "old" / "mine.jsonl", [{"text": LONG}])]
    splits, _ = load_splits([str(file) for file in files])
    assert [split.name for split in splits["sentence"]] == [str(file) for file in files]


def test_output_that_cannot_be_a_folder(tmp_path: Path) -> None:
    files = [jsonl(tmp_path / f"{name}.jsonl", [{"text": LONG}]) for name in "ab"]
    with pytest.raises(DataError, match=r"a\.jsonl: "):
        run(*files, "-o", files[0])


def test_torch_is_not_imported(tmp_path: Path) -> None:
    files = [str(jsonl(tmp_path / f"{name}.jsonl", [{"text": LONG}])) for name in "ab"]
    code = (
        "import argparse, sys; from clausetag.eval.leakage.command import add_arguments, main; "
        "p = argparse.ArgumentParser(); "
        "add_arguments(p); main(p.parse_args(sys.argv[1:])); sys.exit(3 if 'torch' in sys.modules else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code, *files], capture_output=True, check=False).returncode == 0


def test_the_corpus_itself(opp115_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPP115_DIR", str(opp115_folder))
    splits, _ = load_splits(["opp115"], ("passage",))
    texts = {split.name: len(split.texts) for split in splits["passage"]}
    assert texts["opp115 held-back"] == 701
    assert sum(count for name, count in texts.items() if name.startswith("opp115")) == 3792
    found = {(each.a.split, each.b.split): each for each in find_leakage(splits).comparisons["passage"]}
    tested = found["opp115 train", "opp115 test"]
    assert (tested.b.exact, tested.b.near, tested.policies, tested.same_policy) == (3, 4, (), 0)

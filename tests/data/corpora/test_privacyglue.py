from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from clausetag.data.corpora.offsets import match_key
from clausetag.data.corpora.opp115 import Corpus
from clausetag.data.corpora.privacyglue import DAMAGED, read_privacyglue
from clausetag.data.errors import DataError
from tests.data.corpora.opp115_fixture import FIRST, THIRD

SHARED = Path(__file__).resolve().parents[3].parent / "shared"


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_rows_of_one_text_are_merged_and_damage_repaired(tmp_path: Path) -> None:
    rows = [
        ("We sell data. ", THIRD),
        ('A ""cookie"" is set. ', FIRST),
        ("#NAME?", "Data Security"),
        ("We sell data. ", FIRST),
        ("We sell data. ", THIRD),
    ]
    sentences, notes = read_privacyglue(write(tmp_path / "a.csv", rows))
    assert [(sentence.index, sentence.text, sentence.labels, sentence.flags) for sentence in sentences] == [
        (0, "We sell data.", (FIRST, THIRD), ()),
        (1, 'A "cookie" is set.', (FIRST,), ()),
        (2, "#NAME?", ("Data Security",), (DAMAGED,)),
    ]
    assert {sentence.policy for sentence in sentences} == {"privacyglue"}
    assert notes == (
        "rows that repeat a text and label: 1",
        "texts lost to a spreadsheet, kept with the flag damaged-text: 1",
        "texts with doubled quotes, repaired: 1",
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (("only a text",), "expected 2 columns (text, label), found 1"),
        (("a", FIRST, "c"), "expected 2 columns (text, label), found 3"),
        ((" ", FIRST), "the text is empty"),
        (("a", "Fishing"), "unknown label 'Fishing'"),
    ],
)
def test_a_bad_row_names_file_line_and_reason(tmp_path: Path, bad: Sequence[str], reason: str) -> None:
    path = write(tmp_path / "bad.csv", [("two\nlines", FIRST), bad])
    with pytest.raises(DataError) as caught:
        read_privacyglue(path)
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert reason in str(caught.value)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: No such file"):
        read_privacyglue(tmp_path / "absent.csv")
    (tmp_path / "latin.csv").write_bytes(b"caf\xe9,Data Security\n")
    with pytest.raises(DataError, match=r"latin\.csv: not UTF-8"):
        read_privacyglue(tmp_path / "latin.csv")


def test_labels_of_the_published_files_are_rebuilt(opp115_corpus: Corpus) -> None:
    folder = SHARED / "privacyglue_opp115"
    if not folder.exists():
        pytest.skip("needs PrivacyGLUE's CSVs in the folder shared/privacyglue_opp115 beside the checkout")
    train, _ = read_privacyglue(folder / "train_dataset.csv")
    validation, _ = read_privacyglue(folder / "validation_dataset.csv")
    assert (len(train), len(validation)) == (2185, 550)
    published: dict[str, set[str]] = defaultdict(set)
    for sentence in train + validation:
        published[match_key(sentence.text)].update(sentence.labels or ())
    rebuilt: dict[str, set[str]] = defaultdict(set)
    for passage in opp115_corpus.passages:
        rebuilt[match_key(passage.text)].update(passage.labels or ())
    keys = [(row.text, match_key(row.text)) for row in train + validation]
    different = [text for text, key in keys if published[key] != rebuilt[key]]
    assert len(different) == 2 and "#NAME?" in different

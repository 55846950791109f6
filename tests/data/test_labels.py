"""What may be the labels of a model, and where a recipe's are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from clausetag.data.errors import DataError
from clausetag.data.labels import LABELS, MAX_LABEL_LENGTH, MAX_LABELS, check_label_set, practice_labels, read_label_set
from clausetag.predict.writers.rows import csv_columns, parquet_schema, summary_csv_columns


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        ("one",),
        ("Enfants & ados", "子供", "a/b, c"),
        [f"label {n}" for n in range(MAX_LABELS)],
        ("x" * MAX_LABEL_LENGTH,),
    ],
)
def test_sound_label_sets(labels: tuple[str, ...]) -> None:
    check_label_set(labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((), "0 labels"),
        ([f"label {n}" for n in range(MAX_LABELS + 1)], f"{MAX_LABELS + 1} labels; a model has 1 to {MAX_LABELS}"),
        (("a", ""), "a label is empty"),
        (("a", "  "), "a label is empty"),
        ((" a",), "space around it"),
        (("a\n",), "space around it"),
        (("a\tb",), "cannot be printed"),
        (("a\u200bb",), "cannot be printed"),
        (("x" * (MAX_LABEL_LENGTH + 1),), f"more than {MAX_LABEL_LENGTH} characters"),
        (("a; b",), "semicolon"),
        (("Cookies", "cookies"), "'cookies' occurs twice"),
        (("macro_f1",), "another column or row of tables"),
        (("Adverts", "Adverts (share)"), "another column or row of tables"),
    ],
)
def test_label_sets_that_are_refused(labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_label_set(labels)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_label_can_be_named_like_a_column() -> None:
    columns = {*csv_columns(()), *summary_csv_columns(())}
    pytest.importorskip("pyarrow")
    for name in (*columns, *parquet_schema(("x",)).names):
        with pytest.raises(ValueError, match="another column"):
            check_label_set((name.title(),))


def test_all_own_labels_are_practices_and_ten_of_the_twelve() -> None:
    assert practice_labels(("b", LABELS[9])) == ("b", LABELS[9])
    assert len(practice_labels()) == 10


def test_labels_of_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nlabels = ["b", "a"]\nextra = ["x.jsonl"]\n')
    assert read_label_set(str(path)) == ("b", "a")
    path.write_text('name = "mine"\n[data]\nlabels = ["b", "a"]\nextra = ["x.jsonl"]\n')
    assert read_label_set(str(path)) == ("b", "a")
    for text, message in [
        ('labels = ["b", "b"]', "occurs twice"),
        ("name = 1", "has no labels"),
        ("labels = 3", "has no labels"),
        ("labels = [", "not TOML"),
    ]:
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_label_set(str(path))
    with pytest.raises(DataError, match="No such file"):
        read_label_set(str(tmp_path / "gone.toml"))

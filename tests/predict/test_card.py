"""An output folder is a dataset: `load_dataset(OUT)` alone reads its rows, with an error row and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from clausetag.data.labels import LABELS
from clausetag.data.records import Block, Document, FailedInput, Link, Sentence
from clausetag.predict.writers.card import jsonl_features
from clausetag.predict.writers.rows import parquet_schema
from clausetag.predict.writers.writer import Format, OutputWriter

SENTENCE = Sentence("a", 0, "We keep it.", start=0, end=11, labels=(LABELS[4],), scores=dict.fromkeys(LABELS, 0.25))
LINKED = Sentence(
    "b", 0, "See here.", passage=0, start=0, end=9, heading="More", lead_in="Read:", labels=(), scores={},
    flags=("not_english",), links=(Link(4, 8, "https://x.example"),),
)  # fmt: skip


def write(folder: Path, formats: tuple[Format, ...]) -> None:
    with OutputWriter(folder, formats) as writer:
        writer.add(Document("a", SENTENCE.text, (Block(0, 11),)), [SENTENCE])
        writer.fail(FailedInput("c", "empty", "c: empty"))
        writer.add(Document("b", LINKED.text, (Block(0, 9),)), [LINKED])


@pytest.mark.parametrize("formats", [("jsonl",), ("parquet",), ("jsonl", "csv", "parquet", "html")])
def test_the_library_reads_an_output_folder(formats: tuple[Format, ...], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    write(tmp_path / "out", formats)
    found = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert list(found) == ["train"]
    first, failed, last = found["train"]
    assert (first["policy"], first["text"], first["labels"], first["scores"][LABELS[0]]) == (
        "a", "We keep it.", [LABELS[4]], 0.25,
    )  # fmt: skip
    assert (failed["policy"], failed["text"], failed["error"]["code"]) == ("c", None, "empty")
    assert last["links"] == [{"start": 4, "end": 8, "href": "https://x.example"}] and last["lead_in"] == "Read:"


def test_csv_alone_is_read_too_and_pages_alone_have_no_card(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    write(tmp_path / "csv", ("csv",))
    write(tmp_path / "html", ("html",))
    assert len(datasets.load_dataset(str(tmp_path / "csv"), cache_dir=str(tmp_path / "cache"))["train"]) == 3
    assert not (tmp_path / "html" / "README.md").exists()


def test_the_card_names_every_column() -> None:
    pytest.importorskip("pyarrow")
    assert set(jsonl_features()) == set(parquet_schema().names)
    assert set(jsonl_features(("x",))["scores"]) == {"x"}


def test_a_second_run_is_not_read_from_the_librarys_cache(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for rows in (3, 1):
        with OutputWriter(tmp_path / "out") as writer:
            writer.add(Document("a", SENTENCE.text, (Block(0, 11),)), [SENTENCE] * rows)
        found = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
        assert len(found["train"]) == rows


def test_a_readme_of_the_user_stays(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Mine\n", encoding="utf-8")
    write(tmp_path, ("jsonl",))
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "# Mine\n"
    (tmp_path / "README.md").unlink()
    write(tmp_path, ("jsonl",))
    write(tmp_path, ("parquet",))
    assert "predictions.parquet" in (tmp_path / "README.md").read_text(encoding="utf-8")

"""Finding the files of inputs, and counting their documents in advance."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from clausetag.data.documents.discover import FoundFile, count_documents, find_files
from clausetag.data.documents.formats import LIMITS
from clausetag.data.documents.inputs import read_inputs
from clausetag.data.records import FailedInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inputs = tmp_path / "in"
    (inputs / "sub").mkdir(parents=True)
    (inputs / ".hidden").mkdir()
    for name in ("a.txt", "sub/b.html", "c.pdf", "d.doc", ".hidden/e.txt", ".f.txt", "notes.csv", "image.svg"):
        (inputs / name).write_text("We collect data.")
    with zipfile.ZipFile(inputs / "sub" / "x.zip", "w") as archive:
        for name in ("1.txt", "2.html", "3.jsonl", "4.xyz"):
            archive.writestr(name, "We collect data.")
    return inputs


def test_files_are_found_in_reading_order_and_only_once(folder: Path) -> None:
    seen: set[str] = set()
    names = ["a.txt", "c.pdf", "d.doc", "sub/b.html", "sub/x.zip"]
    assert list(find_files(str(folder), seen)) == [FoundFile(folder / name, name, True) for name in names]
    assert list(find_files(str(folder / "*.txt"), seen)) == []
    assert list(find_files(str(folder / "notes.csv"), seen)) == [FoundFile(folder / "notes.csv", "notes.csv", True)]
    assert list(find_files(str(folder / "no.txt"), seen)) == [FoundFile(folder / "no.txt", "no.txt", False)]
    (failed,) = find_files(str(folder / "*.no"), seen)
    assert isinstance(failed, FailedInput) and failed.code == "missing"


def test_the_count_is_the_number_of_documents_found(folder: Path, tmp_path: Path) -> None:
    rows = "".join(json.dumps({"id": str(number), "text": "We collect data."}) + "\n" for number in range(7))
    (tmp_path / "t.jsonl").write_text(rows)
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(rows.replace('"id": "', '"id": "z').encode()))
    inputs = [str(folder), "-", "nosuch.txt", str(tmp_path / "t.jsonl*"), str(folder / "s*")]
    found = list(read_inputs(inputs, io.BytesIO(b"We collect data.")))
    assert count_documents(inputs) == len(found) == 22


def test_the_rows_of_parquet_are_counted(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"id": ["a", "b"], "text": ["x", "y"]}), tmp_path / "t.parquet")
    assert count_documents([str(tmp_path / "t.parquet")]) == 2
    (tmp_path / "bad.parquet").write_text("nothing")
    assert count_documents([str(tmp_path / "bad.parquet")]) is None


def test_what_takes_long_to_count_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,text\n")
    (tmp_path / "t.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    (tmp_path / "t.jsonl").write_text("{}\n{}\n")
    for name in ("t.csv", "t.jsonl.gz", "bad.zip"):
        assert count_documents([str(tmp_path / name), "-"]) is None
    assert count_documents([str(tmp_path / "t.jsonl")]) == 2
    assert count_documents([str(tmp_path / "t.jsonl")], replace(LIMITS, counted_table=5)) is None

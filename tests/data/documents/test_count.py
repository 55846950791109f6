"""The estimate of how many documents there are agrees with what is found."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from clausetag.data.documents import count
from clausetag.data.documents.count import count_documents
from clausetag.data.documents.inputs import read_inputs


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


def test_folders_globs_archives_and_tables(folder: Path, tmp_path: Path) -> None:
    rows = "".join(json.dumps({"id": str(number), "text": "We collect data."}) + "\n" for number in range(7))
    (tmp_path / "t.jsonl").write_text(rows)
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(rows.replace('"id": "', '"id": "z').encode()))
    inputs = [str(folder), "-", "nosuch.txt", str(tmp_path / "t.jsonl*"), str(folder / "s*")]
    total = count_documents(inputs)
    # The glob finds the folder `sub` again, which is counted twice and read once.
    assert total == sum(1 for _ in read_inputs(inputs, io.BytesIO(b"We collect data."))) + 3


def test_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"id": ["a", "b"], "text": ["x", "y"]}), tmp_path / "t.parquet")
    assert count_documents([str(tmp_path / "t.parquet")]) == 2
    (tmp_path / "bad.parquet").write_text("nothing")
    assert count_documents([str(tmp_path / "bad.parquet")]) is None


def test_what_cannot_be_counted_quickly_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text("id,text\n")
    (tmp_path / "t.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    (tmp_path / "t.jsonl").write_text("{}\n{}\n")
    for name in ("t.csv", "t.jsonl.gz", "bad.zip"):
        assert count_documents([str(tmp_path / name), "-"]) is None
    assert count_documents([str(tmp_path / "t.jsonl")]) == 2
    monkeypatch.setattr(count, "MAX_TABLE_BYTES", 5)
    assert count_documents([str(tmp_path / "t.jsonl")]) is None

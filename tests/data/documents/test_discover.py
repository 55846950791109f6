"""Finding the files of inputs, and counting their documents in advance."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from clausetag.data.documents.discover import FoundFile, Search, count_documents, find_files, passed_over_line
from clausetag.data.documents.formats import LIMITS
from clausetag.data.documents.inputs import Reader, read_inputs
from clausetag.data.records import Document, FailedInput


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
    seen = Search()
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


PAGE = "<!doctype html>\n<html><head><title>Privacy</title></head><body><p>We collect data.</p></body></html>"
CRAWL: dict[str, str | bytes] = {
    "index.html?lang=en": PAGE,
    "index.php@id=7": PAGE,
    "privacy.html.1": PAGE,
    "privacy.php": "\n\n" + PAGE,
    "privacy.ASPX": "<div><p>We collect data.</p></div>",
    "privacy.shtml": f"<!-- made by hand -->\n{PAGE}",
    "privacy.xht": f'<?xml version="1.0"?>\n{PAGE}',
    "www.example.com": PAGE,
    "example.com_privacy": PAGE,
    "privacy": "We collect data.",
    "utf16": b"\xff\xfe" + PAGE.encode("utf-16-le"),
    "old.bak": PAGE,
    "form.tmp": b"%PDF-1.4 damaged",
}
OTHERS: dict[str, str | bytes] = {
    "style.css": "p { color: red }",
    "app.js": "var page = '<html><body>';",
    "code.php": "<?php echo 1;",
    "run": "#!/bin/sh\necho",
    "data": b"\x00\x01\x02\x03" * 20,
    "nothing": "",
    "notes.csv": "id,text\na,We collect data.\n",
    "sub/other.css": "p",
}


def test_files_of_a_crawl_are_read_by_their_content_and_others_are_counted(tmp_path: Path) -> None:
    for name, content in {**CRAWL, **OTHERS, ".hidden": PAGE}.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name, content in {**CRAWL, **OTHERS, ".hidden": PAGE}.items():
            archive.writestr(name, content)
    for given in ("in", "in.zip"):
        reader = Reader(io.BytesIO())
        found = list(reader.read([str(tmp_path / given)]))
        read = [item.policy.removeprefix("in/") for item in found if isinstance(item, Document)]
        failed = [item.policy.removeprefix("in/") for item in found if isinstance(item, FailedInput)]
        # "privacy" is taken when "privacy.xht" is reached.
        assert {name for name in CRAWL if name not in ("privacy.xht", "form.tmp")} < set(read)
        assert len(read) == len(CRAWL) - 1 and failed == ["form.tmp"]
        assert all(item.text == "We collect data." for item in found if isinstance(item, Document))
        assert reader.search.passed_over == {".css": 2, ".js": 1, ".php": 1, "without suffix": 3, ".csv": 1}
        assert count_documents([str(tmp_path / given)]) == len(CRAWL)
    assert passed_over_line(reader.search.passed_over) == (
        "8 files passed over: 3 without suffix, 2 .css, 1 .csv, 1 .js, 1 .php; --all reads them by content"
    )


def test_with_all_every_file_is_read_or_reported(tmp_path: Path) -> None:
    for name, content in {"notes.csv": "id,text\na,We collect data.\n", "policy.log": "We collect data."}.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "data").write_bytes(b"\x00\x01\x02\x03" * 20)
    reader = Reader(io.BytesIO(), search=Search(every=True))
    found = {item.policy: getattr(item, "code", "ok") for item in reader.read([str(tmp_path)])}
    assert found == {"data": "binary", "a": "ok", "policy.log": "ok"}
    assert not reader.search.passed_over and count_documents([str(tmp_path)], every=True) is None


def test_the_line_on_files_passed_over_stays_short() -> None:
    assert passed_over_line({".js": 1}) == "1 file passed over: 1 .js; --all reads it by content"
    kinds = {f".k{number}": 1_000 for number in range(20)}
    assert "20,000 files passed over: 1,000 .k0, " in passed_over_line(kinds)
    assert passed_over_line(kinds).endswith(", 12,000 others; --all reads them by content")

"""Bad input of every kind that a run meets: each costs one line, the others are read, and nothing is executed.

Bombs, nested archives, path tricks and passwords are in test_containers.py, PDFs and Word files in test_pdf.py and
test_docx.py, full disks and two runs on one output in tests/predict/test_run_faults.py.
"""

from __future__ import annotations

import errno
import io
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clausetag.data.documents.inputs import read_inputs
from clausetag.data.errors import is_machine_error
from clausetag.data.records import Document, FailedInput
from clausetag.data.segment import segment
from clausetag.predict.pages.policy import render_policy
from clausetag.predict.pages.summary import summarise

_POLICY = "We collect your name and your address. We share them with nobody."


def _read(*inputs: Path) -> list[Document | FailedInput]:
    return list(read_inputs([str(given) for given in inputs], io.BytesIO()))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("nul.txt", _POLICY.replace(" ", "\0 ", 1).encode(), "We collect your name and your address."),
        ("nul.html", f"<p>{_POLICY.replace('e c', 'e' + chr(0) + 'c')}</p>".encode(), "We collect your name"),
        ("nul.md", f"# Data\0\n\n{_POLICY * 3}\0".encode(), "Data\n\nWe collect"),
        ("mixed.txt", f"{_POLICY} Café. ".encode() * 9 + "Société Générale".encode("cp1252"), "Café. We"),
        ("mixed.html", b"<meta charset=utf-8><p>W\xe9 \xc3\xa9t\xc3\xa9 sell, \xc3\xa9\xc3\xa9.</p>", "Wé été sell"),
        ("deep.html", b"<div>" * 100_000 + b"<p>We sell nothing.</p>" + b"</div>" * 100_000, "We sell nothing."),
        ("deep.md", b"> " * 10_000 + b"We sell nothing.", "We sell nothing."),
        ("inline.html", b"<b>" * 100_000 + b"We sell nothing.", "We sell nothing."),
        ("open.html", b"<p>We sell nothing.<script>var a = '", "We sell nothing."),
        ("cut.html", b"<p>We sell nothing.<a href='", "We sell nothing."),
    ],
)  # fmt: skip
def test_damaged_texts_are_read_all_the_same(name: str, content: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    (document,) = _read(tmp_path / name)
    assert isinstance(document, Document), document
    assert expected in document.text
    assert "\0" not in document.text


def test_what_a_policy_says_of_scripts_is_text_in_the_report() -> None:
    shown = "&lt;script&gt;alert(1)&lt;/script&gt; is no cookie, and &lt;img src=x onerror=alert(2)&gt; neither."
    (document,) = read_inputs(["-"], io.BytesIO(f"<html><p>{shown}</p><script>alert(3)</script></html>".encode()))
    assert isinstance(document, Document)
    assert document.text == "<script>alert(1)</script> is no cookie, and <img src=x onerror=alert(2)> neither."
    sentences = [sentence.with_prediction((), {}) for sentence in segment(document)]
    page = "".join(render_policy(document, sentences, summarise(document, sentences)))
    assert "<script>alert" not in page and "<img" not in page
    assert "&lt;script&gt;alert(1)" in page and "alert(3)" not in page


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl.gz", "a.zip", "a.parquet"])
def test_a_file_that_may_not_be_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(b"x")
    _fail_to_open(monkeypatch, name, errno.EACCES)
    (tmp_path / "b.txt").write_text(_POLICY)
    failed, document = _read(tmp_path / name, tmp_path / "b.txt")
    assert isinstance(failed, FailedInput) and isinstance(document, Document)
    assert (failed.code, failed.message) == ("unreadable", f"{tmp_path / name}: Permission denied")


def _fail_to_open(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    opened = Path.open

    def broken(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.name == name:
            raise OSError(number, os.strerror(number))
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", broken)


# The machine's faults

_MACHINES = [errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM]


@pytest.mark.parametrize("number", _MACHINES)
@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.csv", "a.jsonl.gz", "a.zip", "a.parquet"])
def test_the_machines_fault_is_no_files(
    name: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(b"x")
    _fail_to_open(monkeypatch, name, number)
    with pytest.raises(OSError) as caught:
        _read(tmp_path / name)
    assert caught.value.errno == number


def _raises(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


def _zip_member(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("a.txt", _POLICY)
    monkeypatch.setattr(zipfile.ZipFile, "open", _raises)
    return folder / "a.zip"


def _pdf(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(subprocess, "run", _raises)
    (folder / "a.pdf").write_bytes(b"%PDF-1.4")
    return folder / "a.pdf"


def _word(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    docx = pytest.importorskip("docx")
    docx.Document().save(str(folder / "a.docx"))
    monkeypatch.setattr(zipfile.ZipFile, "read", _raises)
    return folder / "a.docx"


def _batches(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"id": ["a"], "text": [_POLICY]}), folder / "a.parquet")
    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", _raises)
    return folder / "a.parquet"


def _folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "scandir", _raises)
    return folder


@pytest.mark.parametrize("make", [_zip_member, _pdf, _word, _batches, _folder])
def test_the_machines_fault_within_a_reader(
    make: Callable[[Path, pytest.MonkeyPatch], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = make(tmp_path, monkeypatch)
    with pytest.raises(OSError, match="Cannot allocate memory"):
        _read(given)


def test_what_is_no_fault_of_the_machine() -> None:
    assert not any(
        map(is_machine_error, (MemoryError(), OSError("x"), OSError(errno.EIO, "x"), PermissionError(13, "x")))
    )

"""Inputs of every kind to documents; every bad one becomes one failed input and the others go on."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clausetag.data.documents.formats import LIMITS, relative_name
from clausetag.data.documents.inputs import read_inputs
from clausetag.data.documents.sniff import (
    document_from_bytes,
    extract_html,
    extract_text,
    looks_like_html,
    require_text,
)
from clausetag.data.errors import DocumentError
from clausetag.data.records import Document, FailedInput
from clausetag.data.segment import segment

_POLICIES = Path(__file__).parents[3] / "data" / "policies"


def _read(*inputs: str | Path, stdin: bytes = b"") -> list[Document | FailedInput]:
    return list(read_inputs([str(given) for given in inputs], io.BytesIO(stdin)))


def _ids(results: list[Document | FailedInput]) -> list[tuple[str, str]]:
    return [(r.policy, r.code if isinstance(r, FailedInput) else "ok") for r in results]


def _one(*inputs: str | Path, stdin: bytes = b"") -> Document | FailedInput:
    (result,) = _read(*inputs, stdin=stdin)
    return result


def test_the_five_policies_have_their_ids_from_a_glob_and_from_each_file() -> None:
    expected = [
        (name, "ok") for name in ("000_sagenext", "001_samanage", "002_clicentrix", "003_empxtrack", "004_vtiger")
    ]
    assert _ids(_read(_POLICIES / "*.txt")) == expected
    assert _ids(_read(*sorted(_POLICIES.glob("*.txt")))) == expected


def test_a_folder_is_read_in_order_with_relative_ids(tmp_path: Path) -> None:
    for name in ("b.txt", "sub/a.md", "sub/deep/c.html", ".hidden.txt", ".git/x.txt", "a.ODT", "code.py", "z.htm"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<p>We sell nothing.</p>")
    assert _ids(_read(tmp_path)) == [
        ("a", "unsupported"), ("b", "ok"), ("z", "ok"), ("sub/a", "ok"), ("sub/deep/c", "ok")
    ]  # fmt: skip


def test_the_suffix_decides_how_a_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (
        ("a.md", "*We* sell."),
        ("b.txt", "*We* sell."),
        ("c.htm", "*We* sell."),
        ("d.txt", "<p>We.</p>"),
    ):
        Path(name).write_text(text)
    texts = {result.policy: result.text for result in _read(".") if isinstance(result, Document)}
    assert texts == {"a": "We sell.", "b": "*We* sell.", "c": "*We* sell.", "d": "We."}


def test_ids_never_collide_and_a_file_reached_twice_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("x/p.txt", "y/p.txt", "y/p.md"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("We sell nothing.")
    assert _ids(_read("x/p.txt", "y/p.txt", "y/p.md", "x/p.txt", "x")) == [("p", "ok"), ("y/p", "ok"), ("y/p.md", "ok")]
    rows = "".join(json.dumps({"id": "p", "text": "We sell nothing."}) + "\n" for _ in range(3))
    Path("rows.jsonl").write_text(rows)
    assert _ids(_read("rows.jsonl")) == [("p", "ok"), ("p-2", "ok"), ("p-3", "ok")]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\t\n", "empty"),
        ("digits.txt", b"1 2 3 --- 4", "empty"),
        ("script.html", b"<html><script>var x = 1</script></html>", "empty"),
        ("binary.txt", bytes(range(256)), "binary"),
        ("unknown.txt", bytes(range(128, 256)) * 10, "encoding"),
        ("letter.doc", b"\xd0\xcf\x11\xe0", "unsupported"),
        ("letter.odt", b"PK\x03\x04", "unsupported"),
        ("pack.tar", b"x", "unsupported"),
        ("archive.txt", b"PK\x03\x04", "unsupported"),
    ],
)
def test_a_bad_file_is_one_failed_input_and_the_rest_is_read(
    tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "zz.txt").write_text("We sell nothing.")
    failed, document = _read(tmp_path / name, tmp_path / "zz.txt")
    assert isinstance(failed, FailedInput)
    assert isinstance(document, Document)
    assert (failed.policy, failed.code) == (Path(name).stem, code)
    assert name in failed.message
    assert "\n" not in failed.message


@pytest.mark.parametrize("name", ["nope.txt", "nope.pdf", "no/rows.jsonl", "*.nope", "nodir/"])
def test_missing_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    failed = _one(name)
    assert isinstance(failed, FailedInput)
    assert failed.code == "missing"
    assert name.rstrip("/") in failed.message


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "a\0b.zip", "a\0b.csv", "[", ""])
def test_names_that_no_file_can_have(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed = _one(name)
    assert isinstance(failed, FailedInput) and failed.code in ("missing", "unreadable")


def test_a_folder_without_documents(tmp_path: Path) -> None:
    failed = _one(tmp_path)
    assert isinstance(failed, FailedInput)
    assert failed.code == "empty"
    assert ".txt" in failed.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("We sell nothing.")
    path.chmod(0)
    failed = _one(path)
    assert isinstance(failed, FailedInput)
    assert failed.code == "unreadable"


@pytest.mark.parametrize(
    "stdin", [b"We sell. We keep.", b"<!doctype html><p>We sell. We keep.</p>", b"<p>We sell. We keep.</p>"]
)
def test_standard_input_is_one_document(stdin: bytes) -> None:
    document = _one("-", stdin=stdin)
    assert isinstance(document, Document)
    assert (document.policy, document.text) == ("stdin", "We sell. We keep.")


def test_empty_standard_input() -> None:
    failed = _one("-")
    assert isinstance(failed, FailedInput)
    assert (failed.policy, failed.code) == ("stdin", "empty")


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bytes]]:
    """Stand-ins for the readers of PDF and Word: what they were asked for."""
    asked: list[tuple[str, str, bytes]] = []

    def reader(kind: str) -> Callable[..., Document]:
        def read(policy: str, content: bytes, *_: object) -> Document:
            asked.append((kind, policy, content))
            return extract_text(policy, f"We read this {kind}.")

        return read

    monkeypatch.setitem(sys.modules, "clausetag.data.documents.pdf.reader", SimpleNamespace(pdf_document=reader("PDF")))
    monkeypatch.setitem(
        sys.modules, "clausetag.data.documents.word.reader", SimpleNamespace(word_document=reader("Word"))
    )
    return asked


def _zip(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "We sell nothing.")
    return stream.getvalue()


_WORD = _zip("[Content_Types].xml", "word/document.xml")
_HTML_PAGE = b"\xef\xbb\xbf<!-- saved --><!doctype html><p>We sell nothing.</p>"


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.pdf", b"%PDF-1.4 x", "We read this PDF."),
        ("A.PDF", b"damaged", "We read this PDF."),
        ("a.html", b"\xef\xbb\xbf\r\n%PDF-1.7 x", "We read this PDF."),
        ("a.txt", b"%PDF-1.4 x", "We read this PDF."),
        ("a.docx", _WORD, "We read this Word."),
        ("a.docx", b"damaged", "We read this Word."),
        ("a.doc", _WORD, "We read this Word."),
        ("a.txt", _WORD, "We read this Word."),
        ("a.pdf", _HTML_PAGE, "We sell nothing."),
        ("a.doc", _HTML_PAGE, "We sell nothing."),
        ("a.docx", _HTML_PAGE, "We sell nothing."),
    ],
)
def test_the_content_says_what_a_file_is(
    name: str, data: bytes, text: str, tmp_path: Path, office: list[tuple[str, str, bytes]]
) -> None:
    (tmp_path / name).write_bytes(data)
    (tmp_path / "p.zip").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr(name, data)
    found = _read(tmp_path / name, tmp_path / "p.zip")
    assert [(d.policy.lower(), d.text) for d in found if isinstance(d, Document)] == [("a", text), ("p/a", text)]
    assert all(asked == data for _, _, asked in office)


@pytest.mark.parametrize(("stdin", "kind"), [(b"%PDF-1.4 x", "PDF"), (_WORD, "Word")])
def test_standard_input_is_told_by_its_content(stdin: bytes, kind: str, office: list[tuple[str, str, bytes]]) -> None:
    document = _one("-", stdin=stdin)
    assert isinstance(document, Document) and document.text == f"We read this {kind}."
    assert office == [(kind, "stdin", stdin)]


def test_an_archive_on_standard_input_is_refused() -> None:
    failed = _one("-", stdin=_zip("a.txt"))
    assert isinstance(failed, FailedInput) and failed.code == "unsupported" and "archive" in failed.message


def test_a_reader_that_fails_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [
        DocumentError("no_text", "scanned"),
        MemoryError(),
        ValueError("a\nb"),
        RecursionError("x"),
    ]

    def read(policy: str, content: bytes) -> Document:
        raise errors.pop(0)

    monkeypatch.setitem(sys.modules, "clausetag.data.documents.pdf.reader", SimpleNamespace(pdf_document=read))
    for number in range(4):
        (tmp_path / f"{number}.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "4.txt").write_text("We sell nothing.")
    found = _read(tmp_path)
    assert _ids(found) == [("0", "no_text"), ("1", "failed"), ("2", "failed"), ("3", "failed"), ("4", "ok")]
    messages = [result.message for result in found if isinstance(result, FailedInput)]
    assert messages[1].endswith("1.pdf: could not be read (MemoryError: MemoryError)")
    assert messages[2].endswith("2.pdf: could not be read (ValueError: a b)")


def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(policy: str, content: bytes) -> Document:
        raise ModuleNotFoundError("No module named 'x'", name="pypdfium2")

    monkeypatch.setitem(sys.modules, "clausetag.data.documents.pdf.reader", SimpleNamespace(pdf_document=read))
    failed = _one("-", stdin=b"%PDF-1.4")
    assert isinstance(failed, FailedInput) and failed.code == "unsupported" and "pypdfium2" in failed.message


def test_a_file_that_is_too_large_is_one_line_and_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(200_000_000)
    (tmp_path / "b.txt").write_text("We sell nothing.")
    failed, document = _read(tmp_path)
    assert isinstance(failed, FailedInput) and isinstance(document, Document)
    assert (failed.code, failed.message) == (
        "too_large", f"{tmp_path / 'a.txt'}: it is larger than 32 MB, the limit for one document"
    )  # fmt: skip


def test_standard_input_is_bounded() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            assert 0 < size <= LIMITS.document + 1
            return b"a" * size

    (failed,) = read_inputs(["-"], Endless())  # type: ignore[arg-type]
    assert isinstance(failed, FailedInput) and failed.code == "too_large"


def test_a_pipe_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("We sell nothing.")
    (tmp_path / "c.txt").symlink_to("nowhere")
    assert _ids(_read(tmp_path)) == [("b", "ok"), ("c", "missing")]


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name in ("a.txt", "sub/b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("We sell nothing.")
    found = read_inputs([str(tmp_path)], io.BytesIO())
    assert next(found).policy == "a"
    shutil.rmtree(tmp_path / "sub")
    (failed,) = found
    assert isinstance(failed, FailedInput) and failed.code == "unreadable" and str(tmp_path / "sub") in failed.message


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
    start=st.sampled_from([b"", b"<html><body><p>", b"# We\n\n- [x](y)", b"%PDF-1.4\n", b"PK\x03\x04", b"\xff\xfe"]),
    suffix=st.sampled_from(["", ".txt", ".md", ".html", ".doc"]),
)
def test_any_bytes_are_a_document_or_an_error_row(
    data: bytes, start: bytes, suffix: str, office: list[tuple[str, str, bytes]]
) -> None:
    result = _one("-", stdin=start + data)
    with contextlib.suppress(DocumentError):
        result = document_from_bytes("p", start + data, suffix)
    if isinstance(result, FailedInput):
        assert result.code in ("empty", "binary", "encoding", "unsupported") and "\n" not in result.message
    else:
        assert all(s.text == result.text[s.start : s.end] for s in segment(result))


def test_rows_of_policies(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [
        '{"id": "a", "text": "We sell nothing."}',
        "",
        '{"id": 7, "html": "<p>We sell nothing.</p>"}',
        "not json",
        "[1]",
        '{"text": "We sell nothing."}',
        '{"id": "b"}',
        '{"id": "b", "text": "x", "html": "x"}',
        '{"id": "b", "text": 3}',
        '{"id": "c", "text": " "}',
        '{"id": "d", "text": "We \\ud800 keep\\u0000it."}',
        "[" * 100_000,
    ]
    path.write_text("\n".join(lines))
    results = _read(path)
    name = path.as_posix().lstrip("/")
    bad = [(f"{name}:{line}", "bad_row") for line in (4, 5, 6, 7, 8, 9)]
    assert _ids(results) == [("a", "ok"), ("7", "ok"), *bad, ("c", "empty"), ("d", "ok"), (f"{name}:12", "bad_row")]
    for result in results:
        if isinstance(result, FailedInput):
            assert f"{path}, line " in result.message
    assert isinstance(results[-2], Document)
    assert results[-2].text == "We \ufffd keep it."


def test_inputs_are_read_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("We sell nothing.")
    reader = read_inputs([str(path), str(tmp_path / "later.txt")], io.BytesIO())
    assert next(reader).policy == "a"
    (tmp_path / "later.txt").write_text("We keep it.")
    assert isinstance(next(reader), Document)


def test_the_notice_of_an_archive_is_no_text() -> None:
    text = (_POLICIES / "004_vtiger.txt").read_text(encoding="utf-8")
    document = extract_text("004_vtiger", text)
    assert (document.notice is not None) == text.startswith("The following text is extracted")
    assert "archived on" not in document.text


@pytest.mark.parametrize(
    "unit",
    [
        "We sell nothing. ",
        "We sell nothing.\n",
        "[",
        "- ",
        "<p>We sell.",
        "x<br>",
        "# Data\n\nWe sell nothing, we keep it safe.\n\n",
    ],
)
def test_a_megabyte_is_simply_done(unit: str) -> None:
    text = unit * (1_000_000 // len(unit)) + "End"
    for document in (extract_text("p", text), extract_html("p", text)):
        assert all(s.text == document.text[s.start : s.end] for s in segment(document))


def test_require_text() -> None:
    assert require_text(extract_text("p", "é")).text == "é"
    with pytest.raises(DocumentError) as caught:
        require_text(extract_text("p", "12 §"))
    assert caught.value.code == "empty"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n <!-- x --> <!DOCTYPE html><p>x", True),
        ("<div>We sell.</div>", True),
        ("Use <p> and </p> in HTML.", False),
        ("<3 we love data", False),
        ("", False),
    ],
)
def test_looks_like_html(text: str, expected: bool) -> None:
    assert looks_like_html(text) is expected


# Windows


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("C:\\policies\\a.txt", "policies/a.txt"),
        ("C:a.txt", "a.txt"),
        ("..\\b\\a.txt", "b/a.txt"),
        ("\\\\host\\share\\b\\a.txt", "b/a.txt"),
        ("b/a.txt", "b/a.txt"),
    ],
)
def test_ids_of_paths_on_windows(path: str, name: str) -> None:
    assert relative_name(PureWindowsPath(path)) == name


def test_a_file_that_another_program_has_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to open a file that another program has opened for itself."""
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("We sell nothing.")
    opened = Path.open

    def locked(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.name == "a.txt":
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", locked)
    found = _read(tmp_path)
    assert _ids(found) == [("a", "unreadable"), ("b", "ok")]
    assert isinstance(found[0], FailedInput) and "used by another process" in found[0].message


def test_files_are_closed_once_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows cannot move or delete a file that is open."""
    (tmp_path / "a.txt").write_text("We sell nothing.")
    (tmp_path / "b.jsonl").write_text('{"id": "x", "text": "We sell nothing."}\n')
    (tmp_path / "c.zip").write_bytes(_zip("a.txt"))
    files: list[Any] = []
    opened = Path.open

    def noted(path: Path, *arguments: Any, **named: Any) -> Any:
        files.append(opened(path, *arguments, **named))
        return files[-1]

    monkeypatch.setattr(Path, "open", noted)
    results = read_inputs([str(tmp_path / name) for name in ("a.txt", "b.jsonl", "c.zip", "a.md")], io.BytesIO())
    for expected in ("a", "x", "c/a"):
        assert next(results).policy == expected
        assert all(file.closed for file in files[:-1])
    next(results)
    assert len(files) == 3 and all(file.closed for file in files)

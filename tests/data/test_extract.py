"""Inputs of every kind to documents; every bad one becomes one failed input and the others go on."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from clausetag.data.errors import DocumentError
from clausetag.data.extract import FailedInput, extract_html, extract_text, looks_like_html, read_inputs, require_text
from clausetag.data.schema import Document
from clausetag.data.segment import segment

_POLICIES = Path(__file__).parents[2] / "data" / "policies"


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
    for name in ("b.txt", "sub/a.md", "sub/deep/c.html", ".hidden.txt", ".git/x.txt", "a.PDF", "code.py", "z.htm"):
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
    assert _ids(_read("rows.jsonl")) == [("p", "ok"), ("rows.jsonl:2", "bad_row"), ("rows.jsonl:3", "bad_row")]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\t\n", "empty"),
        ("digits.txt", b"1 2 3 --- 4", "empty"),
        ("script.html", b"<html><script>var x = 1</script></html>", "empty"),
        ("binary.txt", bytes(range(256)), "binary"),
        ("unknown.txt", bytes(range(128, 256)) * 10, "encoding"),
        ("report.pdf", b"%PDF-1.4", "unsupported"),
        ("letter.docx", b"PK\x03\x04", "unsupported"),
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


@pytest.mark.parametrize("given", ["nope.txt", "nope.pdf", "no/rows.jsonl", "*.nope", "nodir/"])
def test_missing_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.chdir(tmp_path)
    failed = _one(given)
    assert isinstance(failed, FailedInput)
    assert failed.code == "missing"
    assert given.rstrip("/") in failed.message


@pytest.mark.parametrize("given", ["x" * 5000, "a\0b", "[", ""])
def test_names_that_no_file_can_have(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(_one(given), FailedInput)


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

"""JSONL files: no file is ever half-written, and a bad line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy, iter_json_rows, read_jsonl, write_jsonl, write_text
from clausetag.data.records import Sentence


def test_rows_are_written_as_one_line_each_and_read_again(tmp_path: Path) -> None:
    rows = [Sentence("p", number, f"„Größe“\u2028{number}").row() for number in range(3)]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    content = (tmp_path / "rows.jsonl").read_bytes()
    assert content.count(b"\n") == 3 and b"\r" not in content and "Größe".encode() in content
    assert [row.row() for row in read_jsonl(tmp_path / "rows.jsonl")] == rows


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half a character: \ud800")
    assert path.read_text(encoding="utf-8") == "old" and [one.name for one in tmp_path.iterdir()] == ["file.txt"]


def test_a_file_is_replaced_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with path.open(encoding="utf-8") as reader:
        write_text(path, "new")
        assert reader.read() == "old"  # who has it open still reads the whole old file
    assert path.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\n\n{"a": \n', "line 3: not JSON"),
        (b"\xff\n", "not UTF-8; convert it first"),
        (b'{"policy": "p", "index": 0, "text": "a"}\n' * 2, "line 2: policy 'p' has index 0 twice"),
    ],
)
def test_a_bad_file_names_line_and_reason(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_jsonl(tmp_path / "bad.jsonl") if b"policy" in content else list(iter_json_rows(tmp_path / "bad.jsonl"))
    assert message in str(caught.value) and str(tmp_path / "bad.jsonl") in str(caught.value)


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "bom.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\n')
    assert list(iter_json_rows(tmp_path / "bom.jsonl")) == [(1, {"a": 1})]


def test_policies_keep_their_order_and_sentences_are_sorted() -> None:
    rows = [Sentence("b", 1, "x"), Sentence("a", 0, "y"), Sentence("b", 0, "z")]
    assert {policy: [row.text for row in group] for policy, group in by_policy(rows).items()} == {
        "b": ["z", "x"],
        "a": ["y"],
    }
    assert list(by_policy(rows)) == ["b", "a"]

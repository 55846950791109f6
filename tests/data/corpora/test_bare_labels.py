"""Labels leave their texts and find them again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from clausetag.cli import main
from clausetag.data.command import policy_texts
from clausetag.data.corpora.bare_labels import join, read_bare, strip
from clausetag.data.corpora.five import FIVE, document_of, read_five
from clausetag.data.documents.sniff import extract_text
from clausetag.data.errors import DataError
from clausetag.data.jsonl import read_jsonl, write_jsonl
from clausetag.data.segment import segment


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    rows = [row.row() | {"source": "given", "name": row.policy, "split": "train"} for row in read_five()]
    write_jsonl(tmp_path / "labelled.jsonl", rows)
    return tmp_path / "labelled.jsonl"


def write_policies(path: Path, texts: dict[str, str]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps({"id": policy, "text": text}) + "\n" for policy, text in texts.items())


def test_there_and_back(tmp_path: Path, labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare, policies, back = tmp_path / "bare.jsonl", tmp_path / "policies.jsonl.gz", tmp_path / "back.jsonl"
    assert main(["data", "strip", str(labelled), "-o", str(bare)]) == 0
    text = bare.read_text(encoding="utf-8")
    assert not any(row.text in text for row in read_five() if len(row.text) > 20)
    texts = {policy: document_of(policy).text for policy in FIVE}
    more = tmp_path / "more.jsonl.gz"
    write_policies(policies, {FIVE[0]: texts.pop(FIVE[0]), "another": "We sell nothing."})
    write_policies(more, texts)
    assert main(["data", "join", str(bare), str(policies), str(more), "-o", str(back)]) == 0
    before = {(row.policy, row.text): row.labels for row in read_jsonl(labelled)}
    after = {(row.policy, row.text): row.labels for row in read_jsonl(back) if row.labels is not None}
    assert set(after) <= set(before) and len(after) > 0.95 * len(before)
    assert all(before[key] == labels for key, labels in after.items())
    assert {row.policy for row in read_jsonl(back)} == set(FIVE)
    assert all((row.extra["name"], row.extra["split"]) == (row.policy, "train") for row in read_jsonl(back))


def test_what_does_not_fit_is_said(tmp_path: Path, labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare, policies, back = tmp_path / "bare.jsonl", tmp_path / "policies.jsonl.gz", tmp_path / "back.jsonl"
    assert main(["data", "strip", str(labelled), "-o", str(bare)]) == 0
    write_policies(policies, {FIVE[0]: "Nothing of this was ever labelled. " + document_of(FIVE[0]).text})
    assert main(["data", "join", str(bare), str(policies), "-o", str(back)]) == 0
    said = capsys.readouterr().out
    assert "4 policies with labels are not among the texts" in said
    new = [row for row in read_jsonl(back) if row.text.startswith("Nothing of this")]
    assert new and new[0].labels is None
    write_policies(policies, {"another": "We sell nothing."})
    assert main(["data", "join", str(bare), str(policies), "-o", str(tmp_path / "none.jsonl")]) == 2
    assert not (tmp_path / "none.jsonl").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]\n",
        '{"labels": ["Cookies"]}\n',
        '{"labels": ["Data Security"]}\n{"policy": "p", "sentences": [["x", [1]]]}\n',
    ],
)
def test_foreign_files_are_one_line(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bare.jsonl").write_text(content, encoding="utf-8")
    (tmp_path / "p.jsonl").write_text('{"id": "p", "text": "We sell nothing."}\n', encoding="utf-8")
    assert (
        main(["data", "join", str(tmp_path / "bare.jsonl"), str(tmp_path / "p.jsonl"), "-o", str(tmp_path / "o")]) == 2
    )
    assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "p.gz").write_bytes(b"no gzip")
    (tmp_path / "good.jsonl").write_text(
        '{"labels": ["Data Security"]}\n{"policy": "p", "sentences": [["x", [0]]]}\n', encoding="utf-8"
    )
    assert main(["data", "join", str(tmp_path / "good.jsonl"), str(tmp_path / "p.gz"), "-o", str(tmp_path / "o")]) == 2


def test_an_id_that_no_file_can_hold_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "policies.jsonl"
    path.write_text('{"id": "\\ud800", "text": "We share it."}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"line 1: the id .* holds a lone surrogate"):
        list(policy_texts(str(path)))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"id": "p"}', "it needs the columns id, and text or html; found id"),
        ('{"id": "p", "html": "<p>We share it.</p>"}', "found 'html'"),
        ('{"text": "We share it."}', "found text"),
        ("[", "not JSON"),
    ],
)
def test_a_policy_without_id_or_text_names_file_and_line(row: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "policies.jsonl"
    path.write_text('{"id": "first", "text": "We sell."}\n' + row + "\n", encoding="utf-8")
    found = policy_texts(str(path))
    assert next(found) == ("first", "We sell.")
    with pytest.raises(DataError) as caught:
        next(found)
    assert str(caught.value).startswith(f"{path}, line 2: ") and reason in str(caught.value)


def test_a_label_stays_with_its_own_occurrence_of_a_text(tmp_path: Path) -> None:
    document = document_of(FIVE[0])
    text = f"Security\n\n{document.text}\n\nSecurity\n\n{document.text}"
    rows = [sentence.row() for sentence in segment(extract_text("p", text))]
    second = [row for row in rows if row["text"] == "Security"][-1]
    second["labels"] = ["Data Security"]
    write_jsonl(tmp_path / "labelled.jsonl", rows)
    assert strip(read_jsonl(tmp_path / "labelled.jsonl"), tmp_path / "bare.jsonl") == 1
    joined, notes = join([("p", text)], read_bare(tmp_path / "bare.jsonl"))
    assert [row["index"] for row in joined if "labels" in row] == [second["index"]] and not notes

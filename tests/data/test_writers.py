"""Rows and files: nothing half-written, nothing outside of the folder."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from clausetag.data.errors import DataError
from clausetag.data.extract import FailedInput, extract_text
from clausetag.data.labels import FIRST_PARTY, LABELS, SECURITY
from clausetag.data.schema import Document, Sentence
from clausetag.data.segment import segment
from clausetag.data.writers import OutputWriter, text_path

_TEXT = "Data\n\nWe collect, and keep safe, “data”. We sell nothing."
_FAILED = FailedInput("bad", "missing", 'bad.txt: no "such", file')


def _tagged(policy: str = "a", text: str = _TEXT) -> tuple[Document, list[Sentence]]:
    document = extract_text(policy, text)
    scores = dict.fromkeys(LABELS, 0.25)
    sentences = [s.with_prediction((FIRST_PARTY, SECURITY) if s.index else (), scores) for s in segment(document)]
    return document, sentences


def test_a_folder_holds_rows_in_order_and_texts(tmp_path: Path) -> None:
    document, sentences = _tagged("sub/a")
    with OutputWriter(tmp_path / "out") as writer:
        writer.add(document, sentences)
        writer.fail(_FAILED)
        writer.add(*_tagged("b"))
    rows = [
        json.loads(line) for line in (tmp_path / "out" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["policy"] for row in rows] == ["sub/a"] * 3 + ["bad"] + ["b"] * 3
    assert rows[0] == sentences[0].row()
    assert list(rows[1]["scores"]) == list(LABELS)
    assert rows[3] == {"policy": "bad", "error": {"code": "missing", "message": 'bad.txt: no "such", file'}}
    text = (tmp_path / "out" / "texts" / "sub" / "a.txt").read_text(encoding="utf-8")
    assert all(text[row["start"] : row["end"]] == row["text"] for row in rows[:3])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["predictions.jsonl", "texts"]


def test_csv_has_one_row_for_a_sentence_and_a_column_for_each_score(tmp_path: Path) -> None:
    document, sentences = _tagged()
    flagged = [s.with_prediction(s.labels or (), s.scores, ("not_english",)) for s in sentences]
    with OutputWriter(tmp_path / "out.csv") as writer:
        writer.add(document, flagged)
        writer.fail(_FAILED)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 4
    assert (
        rows[1]["text"]
        == document.text[int(rows[1]["start"]) : int(rows[1]["end"])]
        == "We collect, and keep safe, “data”."
    )
    assert (rows[1]["labels"], rows[1]["flags"]) == (f"{FIRST_PARTY}; {SECURITY}", "not_english")
    assert rows[1][SECURITY] == "0.25"
    assert rows[0]["labels"] == ""
    assert (rows[3]["policy"], rows[3]["error_code"], rows[3]["text"]) == ("bad", "missing", "")
    assert list(tmp_path.iterdir()) == [tmp_path / "out.csv"]  # a file comes without texts


def test_html_shows_documents_and_failures(tmp_path: Path) -> None:
    for target in (tmp_path / "out.html", tmp_path / "out"):
        with OutputWriter(target, "html", figures="micro-F1 as in the card") as writer:
            writer.add(*_tagged())
            writer.fail(_FAILED)
        page = (target if target.suffix else target / "predictions.html").read_text(encoding="utf-8")
        assert "We sell nothing." in page
        assert "no &quot;such&quot;, file" in page
        assert "as in the card" in page


def _write_and_fail(target: Path, error: type[BaseException]) -> None:
    with OutputWriter(target) as writer:
        writer.add(*_tagged())
        raise error


def test_an_error_leaves_what_was_there_before(tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("old\n")
    for error in (ZeroDivisionError, KeyboardInterrupt):
        with pytest.raises(error):
            _write_and_fail(target, error)
        with pytest.raises(error):
            _write_and_fail(tmp_path / "new", error)
        assert target.read_text() == "old\n"
        assert list((tmp_path / "new").iterdir()) == []
        assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "out.jsonl"]


def test_nothing_stands_under_its_name_before_the_end(tmp_path: Path) -> None:
    with OutputWriter(tmp_path / "out") as writer:
        writer.add(*_tagged())
        assert not (tmp_path / "out" / "predictions.jsonl").exists()
        assert not (tmp_path / "out" / "texts").exists()


@pytest.mark.parametrize(
    "policy",
    [
        "../x",
        "../../etc/passwd",
        "/etc/passwd",
        "a/../../x",
        "..",
        ".",
        "",
        "/",
        "a\\..\\..\\b",
        "C:\\x",
        "x\x00y",
        "\ud800",
        "é" * 500,
        "a/" * 5000 + "b",
        "con: *?",
        " ",
    ],
)
def test_no_policy_id_leads_out_of_the_folder(tmp_path: Path, policy: str) -> None:
    out = tmp_path / "out"
    with OutputWriter(out) as writer:
        writer.add(Document(policy, "We sell.", ()), [])
    texts = list((out / "texts").rglob("*.txt"))
    assert len(texts) == 1
    assert texts[0].read_text() == "We sell."
    assert list(tmp_path.iterdir()) == [out]
    assert ".." not in text_path(policy).parts
    assert not text_path(policy).is_absolute()


def test_ids_that_would_share_a_file_do_not(tmp_path: Path) -> None:
    ids = ["a", "A", "a", "../a", "a.txt/b", "a?", "a*"]
    with OutputWriter(tmp_path / "out") as writer:
        for policy in ids:
            writer.add(Document(policy, policy, ()), [])
    texts = [path.read_text() for path in (tmp_path / "out" / "texts").rglob("*.txt") if path.is_file()]
    assert sorted(texts) == sorted(ids)


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file", tmp_path / "file" / "out.jsonl"):
        with pytest.raises(DataError, match="cannot be written"), OutputWriter(target):
            pass
    with pytest.raises(DataError, match="suffix"):
        OutputWriter(tmp_path / "out.csv", "jsonl")


def test_names_that_are_no_text_do_not_stop_the_run(tmp_path: Path) -> None:
    with OutputWriter(tmp_path / "out.jsonl") as writer:
        writer.fail(FailedInput("x\udcff", "missing", "x\udcff.txt: no such file"))
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))["policy"] == "x?"


def test_a_sentence_row_is_complete(tmp_path: Path) -> None:
    sentence = Sentence("p", 0, "We sell.", passage=0, start=0, end=8, labels=(), scores={}, flags=("not_english",))
    with OutputWriter(tmp_path / "out.jsonl") as writer:
        writer.add(Document("p", "We sell.", ()), [sentence])
    row = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert row["labels"] == []
    assert row["flags"] == ["not_english"]

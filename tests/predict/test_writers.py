"""Rows and files: nothing half-written, nothing outside of the folder."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tracemalloc
import unicodedata
from pathlib import Path

import pytest

from clausetag.data.documents.sniff import extract_text
from clausetag.data.errors import DataError, MissingExtraError
from clausetag.data.labels import FIRST_PARTY, GENERIC, LABELS, NOT_COVERED, SECURITY
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.data.segment import segment
from clausetag.predict.writers import rows as row_sinks
from clausetag.predict.writers.sink import error_row
from clausetag.predict.writers.writer import FORMATS, Format, OutputWriter, policy_path

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
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["README.md", "predictions.jsonl", "summary.csv", "summary.jsonl", "texts"]


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


def test_parquet_holds_what_jsonl_holds(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    document, sentences = _tagged()
    flagged = [sentences[0], *(s.with_prediction(s.labels or (), s.scores, ("not_english",)) for s in sentences[1:])]
    with OutputWriter(tmp_path / "out", ("parquet", "jsonl")) as writer:
        writer.add(document, flagged)
        writer.fail(_FAILED)
        writer.add(*_tagged("b"))
    lines = (tmp_path / "out" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    table = parquet.read_table(tmp_path / "out" / "predictions.parquet").to_pylist()
    for row, line in zip(table, lines, strict=True):
        expected = json.loads(line)
        if "text" in expected:
            expected = {"links": [], "flags": [], **expected}
        assert {key: value for key, value in row.items() if value is not None} == expected
        assert list(row) == list(table[0])
    assert table[3]["labels"] is None and table[3]["flags"] is None
    assert table[0]["labels"] == [] and table[0]["flags"] == [] and table[0]["error"] is None


def test_parquet_is_written_in_groups_as_documents_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(row_sinks, "GROUP_ROWS", 5)
    with OutputWriter(tmp_path / "out.parquet") as writer:
        for number in range(5):
            writer.add(*_tagged(f"p{number}"))
        writer.fail(FailedInput("x\udcff", "missing", "x\udcff.txt: no such file"))
    file = parquet.ParquetFile(tmp_path / "out.parquet")
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [6, 6, 4]
    assert file.read().to_pylist()[-1]["policy"] == "x?"
    assert list(tmp_path.iterdir()) == [tmp_path / "out.parquet"]


@pytest.mark.parametrize("rows", [1, 2])
def test_the_last_rows_of_parquet_are_written_however_few(rows: int, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with OutputWriter(tmp_path / "out.parquet") as writer:
        for _ in range(rows):
            writer.fail(_FAILED)
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == rows


def test_texts_and_pages_get_their_names_before_the_rows_and_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So who sees the rows or the index finds what they refer to."""
    (tmp_path / "texts").mkdir()
    replace, moved = os.replace, []

    def recording(source: Path, target: Path) -> None:
        moved.append(Path(target).relative_to(tmp_path).parts[0])
        replace(source, target)

    with OutputWriter(tmp_path, ("jsonl", "html")) as writer:
        writer.add(*_tagged())
        monkeypatch.setattr(os, "replace", recording)
    final = [name for name in moved if not name.startswith(".")]
    assert set(final[:3]) == {"html", "texts"} and set(final[3:]) == {
        *("README.md", "index.html", "predictions.jsonl", "summary.csv", "summary.jsonl")
    }


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install '.\[parquet\]'"):
        OutputWriter(tmp_path / "out", ("jsonl", "parquet"))
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_parquet_needs_no_pyarrow() -> None:
    code = "import sys; import clausetag.predict.writers.writer; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_empty_run_still_has_its_columns(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with OutputWriter(tmp_path / "out", FORMATS):
        pass
    assert parquet.read_table(tmp_path / "out" / "predictions.parquet").num_rows == 0
    assert (tmp_path / "out" / "predictions.csv").read_text().count("\n") == 1
    assert (tmp_path / "out" / "summary.csv").read_text().count("\n") == 1
    assert "0 policies" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_the_same_documents_give_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for run in ("one", "two"):
        with OutputWriter(tmp_path / run, FORMATS, "How good:\n very") as writer:
            writer.add(*_tagged("a"))
            writer.fail(_FAILED)
            writer.add(*_tagged("b"))
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 12
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_summary_rows(tmp_path: Path) -> None:
    document, sentences = _tagged()
    flagged = [s.with_prediction(s.labels or (), s.scores, ("not_english",)) for s in sentences]
    with OutputWriter(tmp_path / "out") as writer:
        writer.add(document, flagged)
        writer.fail(_FAILED)
        writer.add(Document("empty", "", ()), [])
    lines = (tmp_path / "out" / "summary.jsonl").read_text(encoding="utf-8").splitlines()
    first, failed, empty = map(json.loads, lines)
    assert (first["policy"], first["sentences"], first["words"], first["minutes"]) == ("a", 3, 10, 0.0)
    assert first["counts"] == {**dict.fromkeys(LABELS, 0), FIRST_PARTY: 2, SECURITY: 2}
    assert first["shares"][SECURITY] == 0.6667
    assert first["present"] == [FIRST_PARTY, SECURITY]
    assert set(first["present"] + first["absent"]) == set(LABELS) - {GENERIC, NOT_COVERED}
    assert first["flags"] == ["not_english"]
    assert failed == error_row(_FAILED)
    assert empty["shares"][SECURITY] is None and empty["sentences"] == 0
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert (table[0][SECURITY], table[0][f"{SECURITY} (share)"]) == ("2", "0.6667")
    assert (table[0]["present"], table[1]["error_code"]) == (f"{FIRST_PARTY}; {SECURITY}", "missing")
    assert table[2][f"{SECURITY} (share)"] == ""


def _peak(target: Path, formats: tuple[Format, ...], documents: int) -> int:
    text = "We collect data, and keep it safe. " * 300
    tracemalloc.start()
    with OutputWriter(target, formats) as writer:
        for number in range(documents):
            writer.add(*_tagged(f"p{number}", text))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("name", FORMATS)
def test_memory_does_not_grow_with_the_number_of_documents(
    tmp_path: Path, name: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
    monkeypatch.setattr(row_sinks, "GROUP_ROWS", 300)
    for target in ("file", "folder"):
        suffix = f".{name}" if target == "file" else ""
        few = _peak(tmp_path / f"few-{target}{suffix}", (name,), 3)
        many = _peak(tmp_path / f"many-{target}{suffix}", (name,), 12)
        # One document is 500 kB as Python objects; 9 more held in memory would show.
        assert many < few + 300_000


def _write_and_fail(target: Path, error: type[BaseException]) -> None:
    with OutputWriter(target, () if target.suffix else FORMATS) as writer:
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
    with OutputWriter(tmp_path / "out", FORMATS) as writer:
        writer.add(*_tagged())
        assert all(path.name.startswith(".clausetag-") for path in (tmp_path / "out").iterdir())


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
    with OutputWriter(out, ("jsonl", "html")) as writer:
        writer.add(Document(policy, "We sell.", ()), [])
    assert len(list((out / "html").rglob("*.html"))) == 1
    texts = list((out / "texts").rglob("*.txt"))
    assert len(texts) == 1
    assert texts[0].read_text() == "We sell."
    assert list(tmp_path.iterdir()) == [out]


def test_ids_that_would_share_a_file_do_not(tmp_path: Path) -> None:
    ids = ["a", "A", "a", "../a", "a.txt/b", "a.html/b", "a?", "a*", "a-2", "index"]
    ids += ["index.json/x", "INDEX.JSON/x", "texts", "run.json", "html/index", "texts/index.json"]
    ids += [
        "caf\u00e9",
        "cafe\u0301",
        "CAFE\u0301",
        "\u1e9b\u0323",
        "\u1e9b\u0323".casefold(),
        "stra\u00dfe",
        "STRASSE",
    ]
    with OutputWriter(tmp_path / "out", ("jsonl", "html")) as writer:
        for policy in ids:
            writer.add(Document(policy, policy, ()), [])
    pages = [path for path in (tmp_path / "out" / "html").rglob("*.html") if path.is_file()]
    keys = {unicodedata.normalize("NFD", str(path)).casefold() for path in pages}
    assert len(keys) == len({unicodedata.normalize("NFC", key) for key in keys}) == len(ids)
    texts = [path.read_text() for path in (tmp_path / "out" / "texts").rglob("*.txt") if path.is_file()]
    assert sorted(texts) == sorted(ids)


@pytest.mark.parametrize(
    "policy", ["con", "NUL", "a/Aux/b", "com1", "lpt9.privacy", "prn .x", "CONIN$", "com\u00b9.a.b"]
)
def test_no_file_has_a_name_that_windows_reserves(policy: str) -> None:
    """A device is meant by the part of a name before its first dot, without spaces."""
    devices = {
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        *(f"{name}{n}" for name in ("com", "lpt") for n in "123456789¹²³"),
    }
    parts = [part.partition(".")[0].strip().lower() for part in policy_path(policy).split("/")]
    assert not devices.intersection(parts)
    assert policy_path("a. /b.. . /c ") == "a/b/c"
    assert policy_path("console/nullable/com10") == "console/nullable/com10"


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file", tmp_path / "file" / "out.jsonl"):
        with pytest.raises(DataError, match="cannot be written"), OutputWriter(target):
            pass
    with pytest.raises(DataError, match="suffix"):
        OutputWriter(tmp_path / "out.csv", ("csv", "jsonl"))
    for name in ("summary.csv", "predictions.csv", "index.html"):
        (tmp_path / name / name).mkdir(parents=True)
        with pytest.raises(DataError, match="is a folder"):
            OutputWriter(tmp_path / name, ("csv", "html"))
    for name in ("texts", "html"):
        (tmp_path / f"{name}-out").mkdir()
        (tmp_path / f"{name}-out" / name).write_text("")
        with pytest.raises(DataError, match="is not a folder"):
            OutputWriter(tmp_path / f"{name}-out")


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for method in ("add", "finish"):
        with monkeypatch.context() as patch:
            patch.setattr(row_sinks.SummarySink, method, full)
            with (
                pytest.raises(DataError, match=r"out: cannot be written .No space left on device"),
                OutputWriter(tmp_path / "out", FORMATS) as writer,
            ):
                writer.add(*_tagged())
        assert list((tmp_path / "out").iterdir()) == []


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

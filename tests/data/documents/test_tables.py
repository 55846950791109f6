"""Tables of policies, CSV, JSONL and Parquet: each row is read by itself, and a bad one costs only itself."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from clausetag.data.documents import tables
from clausetag.data.documents.formats import Limits
from clausetag.data.documents.inputs import Reader
from clausetag.data.documents.rows import Columns
from clausetag.data.records import Document, FailedInput
from tests.data.documents.container_fixture import LINES, PAGE, TEXT, codes, parquet_file, read


def csv_file(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_csv_with_quotes_lines_and_both_columns(tmp_path: Path) -> None:
    text = (
        "\ufeffID, Text ,html,url\r\n"
        'a,"We sell ""nothing"".\nWe keep, too.",,x\r\n'
        "\r\n"
        "b,,<p>We sell.</p>,x\r\n"
        "c,We sell.,<p>We sell.</p>,x\r\n"
        "d,,,x\r\n"
        ",We sell.,,x\r\n"
        "e,We sell.\r\n"
        "a,We sell.,,x\r\n"
        "f,1 2 3,,x\r\n"
        "g,We sell.,,x"
    )
    path = csv_file(tmp_path / "p.csv", text)
    found = read(path)
    name = path.as_posix().lstrip("/")
    assert codes(found) == [
        ("a", "ok"),
        ("b", "ok"),
        *[(f"{name}:{line}", "bad_row") for line in (6, 7, 8, 9)],
        ("a-2", "ok"),
        ("f", "empty"),
        ("g", "ok"),
    ]
    assert isinstance(found[0], Document) and '"nothing"' in found[0].text and "We keep, too." in found[0].text
    assert isinstance(found[2], FailedInput) and f"{path}, line 6: " in found[2].message


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_csv_of_other_spreadsheets(delimiter: str, tmp_path: Path) -> None:
    text = f'text{delimiter}id\n"We keep it; we sell\tnothing, too."{delimiter}7\n'
    (document,) = read(csv_file(tmp_path / "p.csv", text))
    assert isinstance(document, Document)
    assert (document.policy, document.text) == ("7", "We keep it; we sell nothing, too.")


def test_csv_of_mixed_encodings(tmp_path: Path) -> None:
    rows = [
        b"id,text",
        "a,We keep café data.".encode(),
        "b,We keep café data.".encode("cp1252"),
        b"c,\xff\xfe\x80 We\0.",
    ]
    found = read(csv_file(tmp_path / "p.csv", b"\n".join(rows)))
    texts = [document.text for document in found if isinstance(document, Document)]
    assert texts[:2] == ["We keep café data."] * 2 and len(texts) == 3


def test_a_quotation_mark_that_is_missing_hides_no_policy(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "p.csv", 'id,text\na,We sell.\nb,"We sell.\nc,We sell.\nd,We sell.\n')
    assert [code for _, code in codes(read(path))] == ["ok", "bad_row"]
    assert codes(read(path))[1][0].endswith(":3")


def test_a_csv_row_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "p.csv", 'id,text\na,We sell.\nb,"We sell.\n' + "c,We sell.\n" * 1000)
    found = read(path, limits=Limits(document=1000))
    assert [code for _, code in codes(found)] == ["ok", "too_large"]
    assert isinstance(found[-1], FailedInput) and "quotation mark" in found[-1].message


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl"])
def test_rows_may_be_long_but_not_endless(name: str, tmp_path: Path) -> None:
    long = "We sell it. " * 50_000
    head = "id,text\na," if name == "p.csv" else '{"id": "a", "text": "'
    tail = "" if name == "p.csv" else '"}'
    path = csv_file(tmp_path / name, f"{head}{long}{tail}\n")
    assert codes(read(path)) == [("a", "ok")]
    assert [code for _, code in codes(read(path, limits=Limits(document=1000)))] == ["too_large"]


def test_a_jsonl_line_that_is_too_long_costs_only_itself(tmp_path: Path) -> None:
    first, second, *_ = LINES.splitlines(keepends=True)
    path = csv_file(tmp_path / "p.jsonl", first + b"x" * 5000 + b"\n" + second + b"y" * 101)
    found = codes(read(path, limits=Limits(document=100)))
    assert [code for _, code in found] == ["ok", "too_large", "ok", "too_large"]
    assert found[1][0].endswith("p.jsonl:2") and found[3][0].endswith("p.jsonl:4")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("p.csv", b"", "empty"),
        ("p.csv", b"id,text\n", "empty"),
        ("p.csv", b"name,text\na,b\n", "bad_row"),
        ("p.csv", b"id\na\n", "bad_row"),
        ("p.csv", b"\n", "bad_row"),
        ("p.csv", b"i\rd,text\n", "bad_row"),
        ("p.json", b"", "empty"),
        ("p.json", b"[]", "empty"),
        ("p.json", b'[{"id": "a", "text": "caf\xe9"}]', "encoding"),
        ("p.json", b"policies", "bad_row"),
        ("p.json", b"[" * 100_000, "bad_row"),
        ("p.jsonl", b"\n \n", "empty"),
        ("p.parquet", b"", "unreadable"),
        ("p.parquet", b"PAR1 nothing PAR1", "unreadable"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_error(name: str, content: bytes, code: str, tmp_path: Path) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / "q.txt").write_text(TEXT)
    found = read(csv_file(tmp_path / name, content), tmp_path / "q.txt")
    assert [found_code for _, found_code in codes(found)] == [code, "ok"]
    assert isinstance(found[0], FailedInput) and str(tmp_path / name) in found[0].message


def test_parquet(tmp_path: Path) -> None:
    columns = {
        "url": ["x"] * 6,
        "html": [None, PAGE, None, "<p>x</p>", None, None],
        "id": ["a", "b", "c", "d", None, "a"],
        "text": [TEXT, None, None, TEXT, TEXT, TEXT],
    }
    path = parquet_file(tmp_path / "p.parquet", columns)
    found = read(path)
    name = path.as_posix().lstrip("/")
    assert codes(found) == [
        ("a", "ok"),
        ("b", "ok"),
        *[(f"{name}:{row}", "bad_row") for row in (3, 4, 5)],
        ("a-2", "ok"),
    ]
    assert isinstance(found[1], Document) and found[1].text == "Data\n\nWe sell nothing."
    assert isinstance(found[2], FailedInput) and f"{path}, row 3: " in found[2].message


def test_parquet_with_numbers_and_bytes(tmp_path: Path) -> None:
    columns = {"id": [7, 8, 9], "html": [PAGE.encode(), "<p>We keep café data.".encode("cp1252"), bytes(range(256))]}
    found = read(parquet_file(tmp_path / "p.parquet", columns))
    assert [code for _, code in codes(found)] == ["ok", "ok", "binary"]
    assert isinstance(found[1], Document) and found[1].text == "We keep café data."


def test_one_value_that_is_no_utf8_costs_only_its_row(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    broken = pyarrow.array([b"We sell.", b"\xff\xff", b"We keep."], pyarrow.binary()).view(pyarrow.string())
    found = read(parquet_file(tmp_path / "p.parquet", {"id": ["a", "b", "c"], "text": broken}))
    assert [code for _, code in codes(found)] == ["ok", "bad_row", "ok"]


def test_parquet_without_the_columns(tmp_path: Path) -> None:
    (failed,) = read(parquet_file(tmp_path / "p.parquet", {"id": ["a"], "body": [TEXT]}))
    assert isinstance(failed, FailedInput) and failed.code == "bad_row" and "body" in failed.message
    (failed,) = read(parquet_file(tmp_path / "q.parquet", {"id": ["a"], "text": [3]}))
    assert isinstance(failed, FailedInput) and failed.code == "bad_row" and "int" in failed.message


def test_parquet_is_read_a_few_rows_at_a_time(tmp_path: Path) -> None:
    ids = [f"p{number}" for number in range(100)]
    path = parquet_file(tmp_path / "p.parquet", {"id": ids, "text": [TEXT] * 100}, row_group_size=30)
    assert codes(read(path)) == [(name, "ok") for name in ids]
    rows = tables.table_rows(path)
    assert next(rows)[0] == 1


def test_a_parquet_bomb_is_refused(tmp_path: Path) -> None:
    texts = ["a" * 1_000_000] * 70
    path = parquet_file(
        tmp_path / "p.parquet",
        {"id": [str(n) for n in range(70)], "text": texts},
        compression="zstd",
        use_dictionary=False,
    )
    assert [code for _, code in codes(read(path))] == ["too_large"]


def test_the_extra_is_named_where_pyarrow_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "p.parquet").write_bytes(b"PAR1")
    (tmp_path / "q.txt").write_text(TEXT)
    found = read(tmp_path / "p.parquet", tmp_path / "q.txt")
    assert [code for _, code in codes(found)] == ["unsupported", "ok"]
    assert isinstance(found[0], FailedInput) and "pip install '.[parquet]'" in found[0].message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.ndjson", '{"id": "a", "text": "We sell."}\n{"id": "b", "html": "<p>We keep.</p>"}\n'),
        ("p.tsv", "id\ttext\thtml\na\tWe sell.\t\nb\t\t<p>We keep.</p>\n"),
        ("p.json", '[{"id": "a", "text": "We sell."}, {"id": "b", "html": "<p>We keep.</p>"}]'),
        ("p.json", '\n[\n {\n"id": "a",\n"text": "We sell."\n},\n{"id": "b", "html": "<p>We keep.</p>"}\n]\n'),
        ("p.json", '{"id": "a", "text": "We sell."}\n{"id": "b", "html": "<p>We keep.</p>"}\n'),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_tables_under_every_usual_suffix(name: str, text: str, encoding: str, packed: str, tmp_path: Path) -> None:
    content = text.encode(encoding)
    found = read(csv_file(tmp_path / f"{name}{packed}", gzip.compress(content) if packed else content))
    texts = {document.policy: document.text for document in found if isinstance(document, Document)}
    assert texts == {"a": "We sell.", "b": "We keep."}


def test_json_is_read_a_policy_at_a_time(tmp_path: Path) -> None:
    rows = [{"id": f"p{number}", "text": "We sell it. " * 60_000} for number in range(4)]  # more than a chunk each two
    path = csv_file(tmp_path / "p.json", json.dumps(rows, indent=1))
    assert codes(read(path)) == [(f"p{number}", "ok") for number in range(4)]
    cut = csv_file(tmp_path / "cut.json", json.dumps(rows)[:1_500_000])
    assert codes(read(cut)) == [("p0", "ok"), ("p1", "ok"), (cut.as_posix().lstrip("/"), "bad_row")]
    assert {code for _, code in codes(read(path, limits=Limits(document=100_000)))} == {"too_large"}


def test_a_row_of_json_that_is_no_policy_costs_only_itself(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "p.json", '[3, {"id": "a", "text": "We sell."}, {"id": "b"}, []]')
    found = read(path)
    assert [code for _, code in codes(found)] == ["bad_row", "ok", "bad_row", "bad_row"]
    assert isinstance(found[0], FailedInput) and f"{path}, row 1: " in found[0].message


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.json", "p.parquet"])
def test_the_columns_of_a_table_can_have_any_names(name: str, tmp_path: Path) -> None:
    rows = [{"url": "https://a.example/", "id": 1, "body": "We sell.", "html": "<p>no</p>"}]
    if name == "p.csv":
        path = csv_file(tmp_path / name, "URL,id,Body,html\nhttps://a.example/,1,We sell.,<p>no</p>\n")
    elif name == "p.parquet":
        path = parquet_file(tmp_path / name, {key: [value] for key, value in rows[0].items()})
    else:
        path = csv_file(tmp_path / name, json.dumps(rows if name == "p.json" else rows[0]))
    reader = Reader(io.BytesIO(), columns=Columns.named("url", "body", None))
    (document,) = reader.read([str(path)])
    assert isinstance(document, Document)
    assert (document.policy, document.text) == ("https://a.example/", "We sell.")
    (document,) = Reader(io.BytesIO(), columns=Columns.named(None, None, "body")).read([str(path)])
    assert (document.policy, getattr(document, "text", "")) == ("1", "We sell.")
    (failed,) = Reader(io.BytesIO(), columns=Columns.named("name", None, None)).read([str(path)])
    assert isinstance(failed, FailedInput) and "name, and text or html; found" in failed.message
    assert "--id-column" in failed.message


@pytest.mark.parametrize("empty", ["", " \n", None])
def test_of_two_columns_the_one_that_is_filled_is_read(empty: str | None, tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": empty, "html": "<p>We sell.</p>"},
        {"id": "b", "text": "We keep.", "html": empty},
        {"id": "c", "text": "We keep.", "html": "<p>We sell.</p>"},
    ]
    found = read(csv_file(tmp_path / "p.json", json.dumps(rows)))
    assert [getattr(document, "text", "") for document in found] == ["We sell.", "We keep.", ""]
    assert isinstance(found[2], FailedInput) and "--html-column alone chooses one" in found[2].message


def test_a_repeated_id_gets_a_number_and_a_note(tmp_path: Path) -> None:
    notes: list[str] = []
    path = csv_file(tmp_path / "p.csv", "id,text\na,We sell.\na,We keep.\nb,We ask.\na,We tell.\n")
    found = list(Reader(io.BytesIO(), note=notes.append).read([str(path)]))
    assert codes(found) == [("a", "ok"), ("a-2", "ok"), ("b", "ok"), ("a-3", "ok")]
    assert notes == [
        f"{path}, line 3: the id 'a' is taken already; this policy is 'a-2'",
        f"{path}, line 5: the id 'a' is taken already; this policy is 'a-3'",
    ]

"""Archives, compressed files and tables: what is in them is read one at a time, and nothing hostile does harm."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clausetag.data import containers, tables
from clausetag.data.containers import open_stream, safe_name
from clausetag.data.errors import DocumentError
from clausetag.data.extract import FailedInput, read_inputs
from clausetag.data.schema import Document

PAGE = "<!doctype html><h1>Data</h1><p>We sell nothing.</p>"
TEXT = "We sell nothing. We keep your data safe."
ROWS = [{"id": f"p{number}", "text": f"We keep the data of {number} years."} for number in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def read(*inputs: Path) -> list[Document | FailedInput]:
    return list(read_inputs([str(path) for path in inputs], io.BytesIO()))


def codes(results: list[Document | FailedInput]) -> list[tuple[str, str]]:
    return [(result.policy, result.code if isinstance(result, FailedInput) else "ok") for result in results]


def make_zip(path: Path, members: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def zstd(content: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard")
    return bytes(zstandard.ZstdCompressor().compress(content))


# Archives


def test_an_archive_is_read_like_a_folder(tmp_path: Path) -> None:
    members = {
        "z.txt": TEXT,
        "b/deep/c.md": TEXT,
        "b/a.html": PAGE,
        "a.htm": PAGE,
        "code.py": "x = 1",
        "rows.jsonl": LINES,
        "b/.hidden.txt": TEXT,
        "__MACOSX/a.htm": b"\0\1",
        "empty/": "",
        "blank.txt": "",
        "photo.png": b"\x89PNG",
    }
    found = read(make_zip(tmp_path / "site.zip", members))
    assert codes(found) == [
        ("site/a", "ok"),
        ("site/blank", "empty"),
        ("site/photo", "unsupported"),
        ("site/z", "ok"),
        ("site/b/a", "ok"),
        ("site/b/deep/c", "ok"),
    ]
    assert isinstance(found[1], FailedInput)
    assert found[1].message == f"{tmp_path / 'site.zip'}, blank.txt: there is nothing in it"
    (tmp_path / "folder").mkdir()
    for name, content in members.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert [f"site/{policy}" for policy, _ in codes(read(tmp_path / "folder"))] == [
        policy for policy, _ in codes(found)
    ]


def test_the_order_does_not_depend_on_how_the_archive_was_made(tmp_path: Path) -> None:
    names = ["b.txt", "a/x.txt", "a.txt", "a/b/x.txt", "c.txt"]
    orders = []
    for number, order in enumerate((names, names[::-1])):
        folder = tmp_path / str(number)
        folder.mkdir()
        orders.append(codes(read(make_zip(folder / "p.zip", dict.fromkeys(order, TEXT)))))
    assert orders[0] == orders[1]
    assert [policy for policy, _ in orders[0]] == ["p/a", "p/b", "p/c", "p/a/x", "p/a/b/x"]


def test_ids_in_archives_never_collide(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "p.zip", {"a.txt": TEXT, "a.md": TEXT, "./a.txt": TEXT})
    (tmp_path / "other").mkdir()
    again = make_zip(tmp_path / "other" / "p.zip", {"a.txt": TEXT})
    assert codes(read(path, again, path)) == [
        ("p/a", "ok"),
        ("p/a.txt", "ok"),
        ("p/a.txt-2", "ok"),
        ("p/a.txt-3", "ok"),
    ]


def test_an_archive_in_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    make_zip(tmp_path / "sub" / "p.zip", {"a.txt": TEXT})
    assert codes(read(tmp_path)) == [("sub/p/a", "ok")]


def test_nested_archives_are_refused_and_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"a.txt": TEXT}).read_bytes()
    path = make_zip(tmp_path / "p.zip", {"a.zip": inner, "b.tar": b"x", "c.txt": inner, "d.txt": TEXT})
    opened: list[str] = []
    original = zipfile.ZipFile.open
    monkeypatch.setattr(
        zipfile.ZipFile,
        "open",
        lambda self, name, *rest, **more: opened.append(name.filename) or original(self, name, *rest, **more),
    )
    found = read(path)
    assert codes(found) == [("p/a", "unsupported"), ("p/b", "unsupported"), ("p/c", "unsupported"), ("p/d", "ok")]
    assert opened == ["c.txt", "d.txt"]
    assert isinstance(found[0], FailedInput) and "archive within an archive" in found[0].message


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd.txt", "etc/passwd.txt"),
        ("/etc/passwd.txt", "etc/passwd.txt"),
        ("..\\..\\windows\\a.txt", "windows/a.txt"),
        ("C:\\a.txt", "a.txt"),
        ("\\\\host\\share\\a.txt", "host/share/a.txt"),
        ("a/./b//c.txt", "a/b/c.txt"),
        ("a\nb\x1b[1m.txt", "a_b_[1m.txt"),
        ("..", "_"),
        ("", "_"),
        ("...", "..."),
    ],
)
def test_tricks_in_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(max_size=40) | st.text(alphabet="./\\:aC\0", max_size=20))
def test_a_safe_name_stays_where_it_is(name: str) -> None:
    safe = safe_name(name)
    assert safe and not safe.startswith("/") and "\\" not in safe and "\0" not in safe
    assert not {"", ".", ".."} & set(safe.split("/"))


def test_tricks_in_names_write_nothing_anywhere(tmp_path: Path) -> None:
    tricks = ["../../a.txt", "/tmp/b.txt", "..\\c.txt", "d.txt\0.exe"]
    path = make_zip(tmp_path / "p.zip", dict.fromkeys(tricks, TEXT))
    assert sorted(codes(read(path))) == [("p/a", "ok"), ("p/c", "ok"), ("p/d", "ok"), ("p/tmp/b", "ok")]
    assert [file.name for file in tmp_path.iterdir()] == ["p.zip"]


def test_encrypted_members_are_errors_and_the_others_are_read(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "p.zip", {"a.txt": TEXT, "b.txt": TEXT})
    content = bytearray(path.read_bytes())
    # Bit 0 of the general purpose flags, in the local header of the first member and in the directory.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    found = read(path)
    assert codes(found) == [("p/a", "encrypted"), ("p/b", "ok")]
    assert isinstance(found[0], FailedInput) and "password" in found[0].message


def test_damaged_members_are_errors_and_the_others_are_read(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "p.zip", {"a.txt": TEXT, "b.txt": TEXT}, zipfile.ZIP_STORED)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"sell", b"keep", 1))
    assert codes(read(path)) == [("p/a", "unreadable"), ("p/b", "ok")]
    directory = content.index(b"PK\x01\x02")
    method = bytearray(content)
    method[8:10] = method[directory + 10 : directory + 12] = struct.pack("<H", 97)
    path.write_bytes(method)
    assert codes(read(path)) == [("p/a", "unsupported"), ("p/b", "ok")]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "unreadable"),
        (b"PK\x03\x04 and no more", "unreadable"),
        (b"PK\x05\x06" + b"\0" * 18, "empty"),
        (b"We sell nothing.", "unreadable"),
    ],
)
def test_what_is_no_archive_is_one_error(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "p.zip").write_bytes(content)
    (tmp_path / "q.txt").write_text(TEXT)
    found = read(tmp_path / "p.zip", tmp_path / "q.txt")
    assert [found_code for _, found_code in codes(found)] == [code, "ok"]
    assert isinstance(found[0], FailedInput) and str(tmp_path / "p.zip") in found[0].message


def test_a_bomb_of_one_member_is_stopped(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "p.zip", {"a.txt": b" " * 30_000_000, "b.txt": TEXT})
    found = read(path)
    assert codes(found) == [("p/a", "too_large"), ("p/b", "ok")]
    assert isinstance(found[0], FailedInput) and "200 times" in found[0].message


def test_sizes_are_counted_and_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory says that the member is small; a reader that believes it stops there and finds it damaged."""
    monkeypatch.setattr(containers, "MAX_DOCUMENT_BYTES", 1000)
    content = bytes(random.Random(1).choices(b"abcdefgh ", k=5000))
    path = make_zip(tmp_path / "p.zip", {"a.txt": content, "b.txt": TEXT})
    assert codes(read(path)) == [("p/a", "too_large"), ("p/b", "ok")]
    directory = bytearray(path.read_bytes())
    place = directory.index(b"PK\x01\x02")
    directory[place + 24 : place + 28] = struct.pack("<I", 10)
    path.write_bytes(directory)
    (first, code), second = codes(read(path))
    assert (first, second) == ("p/a", ("p/b", "ok")) and code in ("too_large", "unreadable")


@pytest.mark.parametrize(("limit", "value"), [("MAX_ARCHIVE_BYTES", 2000), ("FREE_TOTAL_BYTES", 1)])
def test_the_sum_of_an_archive_is_bounded(
    limit: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, limit, value)
    monkeypatch.setattr(containers, "MAX_RATIO", 3 if limit == "FREE_TOTAL_BYTES" else 1000)
    path = make_zip(tmp_path / "p.zip", {f"{number}.txt": "We sell it. " * 80 for number in range(10)})
    found = read(path, make_zip(tmp_path / "q.zip", {"a.txt": TEXT}))
    ends = codes(found)
    assert ends[0] == ("p/0", "ok") and ends[-1] == ("q/a", "ok")
    assert [code for _, code in ends[-3:-1]] == ["too_large", "too_large"] and 4 <= len(ends) < 10
    assert isinstance(found[-2], FailedInput) and "the rest is not read" in found[-2].message


def test_members_that_overlap_are_counted_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many entries of the directory that lead to the same bytes: small on disk, endless when unpacked."""
    monkeypatch.setattr(containers, "FREE_TOTAL_BYTES", 5_000_000)
    path = make_zip(tmp_path / "p.zip", {"a.txt": b"We sell it. " * 70_000})
    content = path.read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry = content[start:end]
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 60, 60, 60 * len(entry), start, 0)
    path.write_bytes(content[:start] + 60 * entry + tail)
    found = codes(read(path))
    # Later versions of Python see the overlap themselves.
    assert (found[-1][1] == "too_large" and len(found) <= 8) or {code for _, code in found[1:]} == {"unreadable"}


def test_members_are_read_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_zip(tmp_path / "p.zip", {f"{number}.txt": TEXT for number in range(4)})
    opened: list[str] = []
    original = zipfile.ZipFile.open
    monkeypatch.setattr(
        zipfile.ZipFile,
        "open",
        lambda self, name, *rest, **more: opened.append(name.filename) or original(self, name, *rest, **more),
    )
    documents = read_inputs([str(path)], io.BytesIO())
    for count in range(1, 5):
        next(documents)
        assert len(opened) == count


# Compressed files


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_compressed_tables(kind: str, suffix: str, tmp_path: Path) -> None:
    content = LINES
    if kind == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, ["id", "text"])
        writer.writeheader()
        writer.writerows(ROWS)
        content = out.getvalue().encode()
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstd}[suffix]
    cut = content.index(b"\n", 70) + 1
    path = tmp_path / f"Rows.{kind.upper()}{suffix}"
    # Two parts one after the other, as `cat` and parallel writers make them.
    path.write_bytes(pack(content[:cut]) + pack(content[cut:]))
    found = read(path)
    assert [(d.policy, d.text) for d in found if isinstance(d, Document)] == [(row["id"], row["text"]) for row in ROWS]
    assert len(found) == len(ROWS)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "empty"])
def test_a_damaged_file_gives_what_was_before_and_one_error(damage: str, suffix: str, tmp_path: Path) -> None:
    random_text = random.Random(1)
    rows = [{"id": f"p{number}", "text": "".join(random_text.choices("abcdefgh ", k=3000))} for number in range(200)]
    packed = {".gz": gzip.compress, ".zst": zstd}[suffix]("".join(json.dumps(row) + "\n" for row in rows).encode())
    half = len(packed) // 2
    content = {
        "cut": packed[:-9],
        "flipped": packed[:half] + bytes(255 - byte for byte in packed[half : half + 50]) + packed[half + 50 :],
        "other": LINES,
        "empty": b"",
    }[damage]
    path = tmp_path / f"rows.jsonl{suffix}"
    path.write_bytes(content)
    found = read(path)
    assert isinstance(found[-1], FailedInput)
    assert found[-1].code == ("empty" if damage == "empty" else "unreadable")
    assert str(path) in found[-1].message and "\n" not in found[-1].message
    if damage in ("empty", "other"):
        assert len(found) == 1
    if damage == "cut":
        assert len(found) > 100


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("byte", [b"\n", b" ", b"a"])
def test_a_bomb_of_one_file_is_stopped(
    byte: bytes, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "FREE_TOTAL_BYTES", 2_000_000)
    path = tmp_path / f"rows.jsonl{suffix}"
    piece = byte * 1_000_000
    first = LINES.splitlines(keepends=True)[0]
    if suffix == ".gz":
        with gzip.open(path, "wb", compresslevel=1) as stream:
            stream.write(first)
            for _ in range(10):
                stream.write(piece)
    else:
        path.write_bytes(zstd(first) + zstd(piece) * 10)
    found = codes(read(path))
    assert found[0] == ("p0", "ok")
    assert found[-1][1] == "too_large" and "rows.jsonl" in found[-1][0]


def test_zstandard_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    (tmp_path / "rows.jsonl.zst").write_bytes(b"x")
    (failed,) = read(tmp_path / "rows.jsonl.zst")
    assert isinstance(failed, FailedInput) and failed.code == "unsupported" and "zstandard" in failed.message


def test_a_file_that_is_not_compressed_is_opened_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    with open_stream(tmp_path / "a.txt") as stream:
        assert stream.read() == b"x"


# Tables


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
        *[(f"{name}:{line}", "bad_row") for line in (6, 7, 8, 9, 10)],
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


def test_a_csv_row_without_end_is_not_read_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_DOCUMENT_BYTES", 1000)
    path = csv_file(tmp_path / "p.csv", 'id,text\na,We sell.\nb,"We sell.\n' + "c,We sell.\n" * 1000)
    found = read(path)
    assert [code for _, code in codes(found)] == ["ok", "too_large"]
    assert isinstance(found[-1], FailedInput) and "quotation mark" in found[-1].message


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl"])
def test_rows_may_be_long_but_not_endless(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "We sell it. " * 50_000
    head = "id,text\na," if name == "p.csv" else '{"id": "a", "text": "'
    tail = "" if name == "p.csv" else '"}'
    path = csv_file(tmp_path / name, f"{head}{long}{tail}\n")
    assert codes(read(path)) == [("a", "ok")]
    monkeypatch.setattr(tables, "MAX_DOCUMENT_BYTES", 1000)
    assert [code for _, code in codes(read(path))] == ["too_large"]


def test_a_jsonl_line_that_is_too_long_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_DOCUMENT_BYTES", 100)
    first, second, *_ = LINES.splitlines(keepends=True)
    path = csv_file(tmp_path / "p.jsonl", first + b"x" * 5000 + b"\n" + second + b"y" * 101)
    found = codes(read(path))
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
        ("p.csv", "id,text\na,b\n".encode("utf-16"), "encoding"),
        ("p.jsonl", '{"id": "a", "text": "b"}'.encode("utf-16"), "encoding"),
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


def parquet_file(path: Path, columns: dict[str, object], **options: object) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


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
    assert codes(found) == [("a", "ok"), ("b", "ok"), *[(f"{name}:{row}", "bad_row") for row in (3, 4, 5, 6)]]
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
    assert isinstance(found[0], FailedInput) and "pip install 'clausetag[parquet]'" in found[0].message


def test_a_missing_table_or_archive_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    names = ["p.zip", "p.jsonl.gz", "p.jsonl.zst", "p.csv", "p.parquet", "p.tar"]
    assert [code for _, code in codes(read(*(tmp_path / name for name in names)))] == ["missing"] * len(names)


# Anything at all


def _samples(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield ".zip", make_zip(folder / "s.zip", {"a.txt": TEXT, "b/c.html": PAGE, "d.md": "x " * 500}).read_bytes()
    yield ".jsonl.gz", gzip.compress(LINES)
    yield ".jsonl.zst", zstd(LINES)
    yield ".csv", b'id,text\na,"We sell.\nWe keep."\nb,We sell.\n'
    yield ".parquet", parquet_file(folder / "s.parquet", {"id": ["a", "b"], "text": [TEXT, TEXT]}).read_bytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_of_any_kind_is_an_error_row(data: st.DataObject, tmp_path: Path) -> None:
    samples = dict(_samples(tmp_path))
    suffix = data.draw(st.sampled_from(sorted(samples)))
    content = bytearray(samples[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(content) - 1)))
        match data.draw(st.sampled_from(["set", "cut", "insert"])):
            case "set":
                content[place : place + 1] = bytes([data.draw(st.integers(0, 255))])
            case "cut":
                del content[place : place + data.draw(st.integers(1, 50))]
            case "insert":
                content[place:place] = data.draw(st.binary(max_size=20))
    path = tmp_path / f"p{suffix}"
    path.write_bytes(content)
    for result in read(path):
        if isinstance(result, FailedInput):
            assert result.code != "failed", result.message
            assert "\n" not in result.message and str(path) in result.message


def test_the_error_of_a_stream_comes_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b"no gzip")
    with open_stream(tmp_path / "a.jsonl.gz") as stream, pytest.raises(DocumentError, match="damaged"):
        stream.read()

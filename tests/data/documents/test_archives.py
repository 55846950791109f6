"""Archives, compressed files and tables: what is in them is read one at a time, and nothing hostile does harm."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clausetag.data.documents.archives import open_stream, safe_name
from clausetag.data.documents.formats import Limits
from clausetag.data.documents.inputs import read_inputs
from clausetag.data.errors import DocumentError
from clausetag.data.records import Document, FailedInput
from tests.data.documents.container_fixture import LINES, PAGE, ROWS, TEXT, codes, make_zip, parquet_file, read, zstd

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


def test_sizes_are_counted_and_not_believed(tmp_path: Path) -> None:
    """The directory says that the member is small; a reader that believes it stops there and finds it damaged."""
    limits = Limits(document=1000)
    content = bytes(random.Random(1).choices(b"abcdefgh ", k=5000))
    path = make_zip(tmp_path / "p.zip", {"a.txt": content, "b.txt": TEXT})
    assert codes(read(path, limits=limits)) == [("p/a", "too_large"), ("p/b", "ok")]
    directory = bytearray(path.read_bytes())
    place = directory.index(b"PK\x01\x02")
    directory[place + 24 : place + 28] = struct.pack("<I", 10)
    path.write_bytes(directory)
    (first, code), second = codes(read(path, limits=limits))
    assert (first, second) == ("p/a", ("p/b", "ok")) and code in ("too_large", "unreadable")


@pytest.mark.parametrize("limits", [Limits(archive=2000, growth=1000), Limits(free_total=1, growth=3)])
def test_the_sum_of_an_archive_is_bounded(limits: Limits, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "p.zip", {f"{number}.txt": "We sell it. " * 80 for number in range(10)})
    found = read(path, make_zip(tmp_path / "q.zip", {"a.txt": TEXT}), limits=limits)
    ends = codes(found)
    assert ends[0] == ("p/0", "ok") and ends[-1] == ("q/a", "ok")
    assert [code for _, code in ends[-3:-1]] == ["too_large", "too_large"] and 4 <= len(ends) < 10
    assert isinstance(found[-2], FailedInput) and "the rest is not read" in found[-2].message


def test_members_that_overlap_are_counted_each_time(tmp_path: Path) -> None:
    """Many entries of the directory that lead to the same bytes: small on disk, endless when unpacked."""
    path = make_zip(tmp_path / "p.zip", {"a.txt": b"We sell it. " * 70_000})
    content = path.read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry = content[start:end]
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 60, 60, 60 * len(entry), start, 0)
    path.write_bytes(content[:start] + 60 * entry + tail)
    found = codes(read(path, limits=Limits(free_total=5_000_000)))
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
def test_a_bomb_of_one_file_is_stopped(byte: bytes, suffix: str, tmp_path: Path) -> None:
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
    found = codes(read(path, limits=Limits(free_total=2_000_000)))
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


# Differences between systems


def test_a_python_without_lzma_reads_everything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_zip(tmp_path / "p.zip", {"a.txt": TEXT}, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("b.txt", TEXT)
    assert codes(read(path)) == [("p/a", "ok"), ("p/b", "ok")]
    monkeypatch.setitem(sys.modules, "lzma", None)
    found = read(path)
    assert codes(found) == [("p/a", "unsupported"), ("p/b", "ok")]
    assert isinstance(found[0], FailedInput) and "LZMA" in found[0].message


def test_damaged_lzma_is_an_error_row(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "p.zip", {"a.txt": TEXT * 99, "b.txt": TEXT}, zipfile.ZIP_LZMA)
    content = bytearray(path.read_bytes())
    content[50:60] = b"\xff" * 10
    path.write_bytes(content)
    assert codes(read(path)) == [("p/a", "unreadable"), ("p/b", "ok")]


def test_nothing_imports_lzma_before_it_is_needed() -> None:
    code = "import sys; sys.modules['lzma'] = None; import clausetag.data.documents.inputs"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["CON.txt", "aux\\nul.txt", "C:\\con\\a.txt", "a:b.txt", "lpt1 .txt"])
def test_names_that_windows_reserves_are_only_names(name: str, tmp_path: Path) -> None:
    """Members are never written to disk, so no name can reach a device or another drive."""
    (found,) = read(make_zip(tmp_path / "p.zip", {name: TEXT}))
    assert isinstance(found, Document) and found.policy.startswith("p/") and "\\" not in found.policy
    assert [file.name for file in tmp_path.iterdir()] == ["p.zip"]

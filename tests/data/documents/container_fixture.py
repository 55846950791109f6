"""Files for the tests of archives, compressed files and tables, and what is read of them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from clausetag.data.documents.formats import LIMITS, Limits
from clausetag.data.documents.inputs import read_inputs
from clausetag.data.records import Document, FailedInput

PAGE = "<!doctype html><h1>Data</h1><p>We sell nothing.</p>"
TEXT = "We sell nothing. We keep your data safe."
ROWS = [{"id": f"p{number}", "text": f"We keep the data of {number} years."} for number in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def read(*inputs: Path, limits: Limits = LIMITS) -> list[Document | FailedInput]:
    return list(read_inputs([str(path) for path in inputs], io.BytesIO(), limits))


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


def parquet_file(path: Path, columns: dict[str, object], **options: object) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path, **options)
    return path

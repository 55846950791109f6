"""How many documents some inputs have, for the time that is left: quickly, without reading one, or not at all."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from clausetag.data.documents.archives import open_stream, zip_members
from clausetag.data.documents.inputs import is_document
from clausetag.data.documents.tables import is_table
from clausetag.data.errors import DocumentError

MAX_TABLE_BYTES = 300_000_000
"""Larger tables are not counted: their lines would take longer to count than anybody likes to wait."""
_CHUNK = 1 << 20


def count_documents(inputs: Sequence[str]) -> int | None:
    """Number of the documents that `documents.inputs.read_inputs` will find; None where that is not known.

    It is an estimate: files reached twice count twice, and a table's blank lines count.
    """
    total = 0
    for given in inputs:
        number = _count(given)
        if number is None:
            return None
        total += number
    return total


def _count(given: str) -> int | None:
    try:
        if os.path.isdir(given):
            return _folder(given)
        if given != "-" and not os.path.exists(given) and glob.has_magic(given):
            matches = glob.glob(given, recursive=True)
            return count_documents([match for match in matches if os.path.isfile(match)] or matches)
        return _file(Path(given))
    except (OSError, ValueError, DocumentError):
        return None


def _folder(folder: str) -> int | None:
    total = 0
    for parent, names, files in os.walk(folder):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            if is_document(name):
                number = _file(Path(parent, name))
                if number is None:
                    return None
                total += number
    return total


def _file(path: Path) -> int | None:
    name = path.name.lower()
    if name.endswith(".zip") and path.is_file():
        return sum(1 for _ in zip_members(path, is_document))
    if not is_table(name) or not path.is_file():
        return 1
    if name.endswith(".parquet"):
        return _parquet(path)
    # A row of a CSV may have several lines.
    if ".csv" in name or path.stat().st_size > MAX_TABLE_BYTES:
        return None
    with open_stream(path) as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(_CHUNK), b""))


def _parquet(path: Path) -> int | None:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        return None
    try:
        return int(parquet.read_metadata(path).num_rows)
    except ArrowException:
        return None

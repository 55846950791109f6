"""Files on this machine and in object stores by one set of functions, for runs on many machines.

A path with "://" is a place in an object store that Apache Arrow knows (s3://, gs://, abfs://, hdfs://; file:// too);
credentials are those that its clients find on the machine. Any other path is a local one, or a network drive's.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any
from uuid import uuid4

from clausetag.data.documents.formats import folder_order, is_document
from clausetag.data.errors import DataError
from clausetag.predict.writers.rows import load_pyarrow

_CHUNK = 1 << 20
_ANY = "*"
"""In a pattern: any characters but a slash."""


def is_uri(path: str) -> bool:
    """Whether a path is in an object store rather than in a file system."""
    return "://" in path


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder that every machine of a cluster finds, as far as the drives are shared."""

    path: str
    """In its file system; absolute."""
    uri: str = ""
    """Some place in the same object store, which says how to reach it; empty for local paths."""

    @classmethod
    def of(cls, given: str) -> Place:
        """The place that a user means.

        Raises:
            DataError: it is in no object store that is known, or the store cannot be reached.
            MissingExtraError: pyarrow is not installed.
        """
        if not is_uri(given):
            return cls(os.path.abspath(given))
        pyarrow, _ = load_pyarrow()
        try:
            return cls(_reach(given)[1].rstrip("/"), given)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{given}: cannot be reached ({reason(error)})") from None

    def __truediv__(self, name: str) -> Place:
        return replace(self, path=f"{self.path}/{name}")

    def __str__(self) -> str:
        return f"{self.uri.partition('://')[0]}://{self.path}" if self.uri else self.path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    @property
    def filesystem(self) -> Any:
        """The `pyarrow.fs.FileSystem` that has it."""
        return _reach(self.uri)[0]

    def open(self) -> IO[bytes]:
        """Open the file as its bytes are; the caller closes it. Raises OSError."""
        if not self.uri:
            return Path(self.path).open("rb")
        stream: IO[bytes] = self.filesystem.open_input_stream(self.path, compression=None)
        return stream

    @contextmanager
    def local_copy(self) -> Iterator[Path]:
        """The file under its own name on this machine: itself, or a copy that is removed behind the ``with`` block."""
        if not self.uri:
            yield Path(self.path)
            return
        with TemporaryDirectory(prefix="clausetag-") as folder:
            copy = Path(folder, self.name)
            with self.open() as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, _CHUNK)
            yield copy

    def put(self, source: Path) -> None:
        """Copy a local file to this place, where it appears as a whole or not at all. Raises OSError."""
        temporary = f"{self.path}.{uuid4().hex}"
        with source.open("rb") as content, self.filesystem.open_output_stream(temporary, compression=None) as stream:
            shutil.copyfileobj(content, stream, _CHUNK)
        self.filesystem.move(temporary, self.path)

    def mark(self) -> int:
        """Leave a mark at this place, which is no file, and return how many were left there, this one counted."""
        self.filesystem.create_dir(self.path, recursive=True)
        self.filesystem.open_output_stream(f"{self.path}/{uuid4().hex}.mark").close()
        return sum(name.endswith(".mark") for name in self.names())

    def names(self) -> list[str]:
        """Paths of all files below this folder, relative to it; none if there is no such folder. Raises OSError."""
        from pyarrow import fs

        infos = self.filesystem.get_file_info(fs.FileSelector(self.path, recursive=True, allow_not_found=True))
        return [info.path[len(self.path) :].lstrip("/") for info in infos if info.type == fs.FileType.File]


@cache
def _reach(uri: str) -> tuple[Any, str]:
    """The file system of a URI, and what the URI's path is called there. Kept, as finding it can take requests."""
    from pyarrow import fs

    return fs.FileSystem.from_uri(uri) if uri else (fs.LocalFileSystem(), "")


def find(given: Place) -> list[tuple[Place, str]] | None:
    """Each document of a folder, each match of a pattern, or the one file, with the name that identifies it.

    The order is that of the same folder on a disk. None: there is no such file. In a pattern, ``*`` stands for any
    characters but a slash.

    Raises:
        DataError: the store cannot be listed.
    """
    from pyarrow import fs

    try:
        if _ANY in given.path:
            return [(place, place.name) for place in _matches(given)]
        kind = given.filesystem.get_file_info(given.path).type
        if kind == fs.FileType.NotFound:
            return None
        if kind == fs.FileType.File:
            return [(given, given.name)]
        return [(given / name, name) for name in sorted(filter(is_document, given.names()), key=folder_order)]
    except OSError as error:
        raise DataError(f"{given}: cannot be listed ({reason(error)})") from None


def _matches(pattern: Place) -> list[Place]:
    parts = pattern.path.split("/")
    fixed = next(number for number, part in enumerate(parts) if _ANY in part)
    wanted = parts[fixed:]

    def fits(name: str) -> bool:
        found = name.split("/")
        return len(found) == len(wanted) and all(
            # As in a shell, names that begin with a dot are matched by patterns that do.
            fnmatchcase(part, glob.escape(shape).replace("[*]", _ANY)) and part.startswith(".") <= shape.startswith(".")
            for part, shape in zip(found, wanted, strict=True)
        )

    base = replace(pattern, path="/".join(parts[:fixed]))
    return [base / name for name in sorted(filter(fits, base.names()))]


def reason(error: BaseException) -> str:
    """What an exception of a file system says, in one line."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else " ".join(str(error).split())[:200] or type(error).__name__

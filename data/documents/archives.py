"""Archives and compressed files, read piece by piece in bounded memory: nothing is unpacked to disk, no size believed.

Headers say how large a member is meant to become, but a bomb's headers lie; so bytes are counted as they come out.
"""

from __future__ import annotations

import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from lzma import LZMAError
from pathlib import Path
from typing import Any

from clausetag.data.documents.sniff import MAX_DOCUMENT_BYTES, too_large
from clausetag.data.errors import DocumentError, is_machine_error, one_line

MAX_ARCHIVE_BYTES = 20_000_000_000
"""Limit for what all documents of one archive unpack to, together."""
MAX_RATIO = 200
"""Times that data may grow in unpacking. Text grows 3 to 20 times, a bomb 1,000 times and more."""
FREE_MEMBER_BYTES = 1_000_000
FREE_TOTAL_BYTES = 64_000_000
"""Below so many unpacked bytes, of one member and of a whole file, the ratio does not matter."""

_CHUNK = 1 << 16
_ZSTD_CHUNK = 1024
"""A block of 4 bytes can become 128 kB in Zstandard, so at most 32 MB come out of one chunk."""
_ZSTD_WINDOW = 1 << 27
"""Memory a Zstandard file may ask for, 128 MB: the limit of the zstd program, too."""
_BROKEN = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, struct.error, ValueError, OverflowError)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive; `name` is a relative path that leads nowhere else."""

    name: str
    read: Callable[[], bytes]
    """Unpacks it in memory; raises `DocumentError`: "encrypted", "unreadable", "unsupported", "too_large"."""


@dataclass
class _Budget:
    """Bytes that have come out of an archive, and how many may."""

    archive_size: int
    spent: int = 0

    def check(self) -> None:
        if self.spent > min(MAX_ARCHIVE_BYTES, max(FREE_TOTAL_BYTES, MAX_RATIO * self.archive_size)):
            raise DocumentError(
                "too_large", f"the archive unpacks to more than {self.spent / 1e6:.3g} MB; the rest is not read"
            )


def zip_members(path: Path, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """The members of a .zip whose safe name is `wanted`, in the order that a folder's files are read in.

    Raises:
        DocumentError: codes "unreadable" (no zip) and "too_large" (a bomb), which end the archive.
        OSError: the file cannot be opened or read.
    """
    with path.open("rb") as file:
        budget = _Budget(os.fstat(file.fileno()).st_size)
        try:
            archive = zipfile.ZipFile(file)
        except (*_BROKEN, NotImplementedError) as error:
            raise DocumentError("unreadable", f"not a readable .zip ({one_line(error)})") from None
        with archive:
            named = [(safe_name(info.filename), info) for info in archive.infolist() if not info.is_dir()]
            for name, info in sorted(named, key=lambda pair: (_folder_order(pair[0]), pair[1].header_offset)):
                if wanted(name):
                    yield Member(name, partial(_read_member, archive, info, budget))
                    budget.check()


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> bytes:
    if info.flag_bits & 1:
        raise DocumentError("encrypted", "it is protected by a password")
    # What the header says may be more than the whole file has.
    limit = max(FREE_MEMBER_BYTES, MAX_RATIO * min(info.compress_size, budget.archive_size))
    content = bytearray()
    try:
        with archive.open(info) as member:
            while chunk := member.read(_CHUNK):
                content += chunk
                budget.spent += len(chunk)
                budget.check()
                if len(content) > MAX_DOCUMENT_BYTES:
                    raise too_large("it")
                if len(content) > limit:
                    raise DocumentError("too_large", f"it grows more than {MAX_RATIO} times in unpacking")
    except NotImplementedError as error:
        raise DocumentError("unsupported", one_line(error)) from None
    except (*_BROKEN, OSError, RuntimeError) as error:  # RuntimeError: a password is asked for
        if is_machine_error(error):
            raise
        raise DocumentError("unreadable", f"it is damaged ({one_line(error)})") from None
    return bytes(content)


def safe_name(name: str) -> str:
    """A member's name as a relative path: no root, no drive, no "..", no backslash and no control character."""
    parts = _CONTROL.sub("_", name.replace("\\", "/")).split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..") and not _DRIVE.fullmatch(part)) or "_"


def _folder_order(name: str) -> list[tuple[bool, str]]:
    """Sorts the files of a folder before those of its subfolders, as a folder on disk is read."""
    *folders, last = name.split("/")
    return [*((True, folder) for folder in folders), (False, last)]


@contextmanager
def open_stream(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading, unpacked if its suffix is .gz or .zst.

    Raises:
        DocumentError: codes "unreadable" (damaged), "unsupported" and "too_large" (a bomb), also in the ``with`` block.
        OSError: the file cannot be opened or read.
    """
    unpack = {".gz": _unpack_gzip, ".zst": _unpack_zstd}.get(path.suffix.lower())
    with path.open("rb") as file:
        yield io.BufferedReader(_Unpacked(file, unpack(file)), _CHUNK) if unpack else file


class _Unpacked(io.RawIOBase):
    """The pieces that come out of a compressed file as one stream; it stops a bomb."""

    def __init__(self, file: io.BufferedReader, pieces: Iterator[bytes]) -> None:
        self._file = file
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
            self._total += len(piece)
            if self._total > max(FREE_TOTAL_BYTES, MAX_RATIO * self._file.tell()):
                raise DocumentError("too_large", f"it grows more than {MAX_RATIO} times in unpacking")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _unpack_gzip(file: io.BufferedReader) -> Iterator[bytes]:
    # Imported late, like zstandard: few inputs need it.
    import gzip

    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as stream:
            while piece := stream.read1(_CHUNK):
                yield piece
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DocumentError("unreadable", f"the .gz file is damaged or cut off ({one_line(error)})") from None


def _unpack_zstd(file: io.BufferedReader) -> Iterator[bytes]:
    try:
        import zstandard
    except ModuleNotFoundError:
        raise DocumentError("unsupported", "reading .zst needs zstandard: pip install zstandard") from None

    # zstandard's own file reader takes a file that is cut off for a whole one.
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame, packed, inside = unpacker.decompressobj(), b"", False
    try:
        while packed := packed or file.read(_ZSTD_CHUNK):
            inside = True
            yield frame.decompress(packed)
            packed = b""
            if frame.eof:
                frame, packed, inside = unpacker.decompressobj(), frame.unused_data, False
    except zstandard.ZstdError as error:
        raise DocumentError("unreadable", f"the .zst file is damaged ({one_line(error)})") from None
    if inside:
        raise DocumentError("unreadable", "the .zst file is cut off")

"""Archives and compressed files, unpacked in memory piece by piece; nothing is unpacked to disk.

The sizes that a file declares are not trusted, because a decompression bomb lies about them: bytes are counted as they
come out.
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
from pathlib import Path
from typing import Any

from clausetag.data.documents.formats import HEAD, LIMITS, Limits, folder_order
from clausetag.data.errors import DocumentError, MissingExtraError, is_machine_error, one_line

_CHUNK = 1 << 16
_ZSTD_CHUNK = 1024
"""Packed bytes at a time. A block of 4 bytes can unpack to 128 kB, so one chunk gives at most 32 MB."""
_ZSTD_WINDOW = 1 << 27
"""Memory that a Zstandard file may ask for: 128 MB, the default limit of the zstd program too."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, OverflowError)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive; `name` is a relative path that cannot leave the folder it is joined to."""

    name: str
    read: Callable[[], bytes]
    """Unpacks it in memory; raises `DocumentError`: "encrypted", "unreadable", "unsupported", "too_large"."""


def zip_members(
    path: Path, wanted: Callable[[str, Callable[[], bytes]], bool], limits: Limits = LIMITS
) -> Iterator[Member]:
    """The members of a .zip that are `wanted`, in the order of an unpacked folder.

    `wanted` gets a member's `safe_name` and a function that returns its first bytes.

    Raises:
        DocumentError: codes "unreadable" (not a zip) and "too_large" (a bomb); the rest of the archive is not read.
        OSError: the file cannot be opened or read.
    """
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except (*_DAMAGED, NotImplementedError) as error:
            raise DocumentError("unreadable", f"not a readable .zip ({one_line(error)})") from None
        unpacker = _ZipUnpacker(archive, os.fstat(file.fileno()).st_size, limits)
        with archive:
            named = [(safe_name(info.filename), info) for info in archive.infolist() if not info.is_dir()]
            for name, info in sorted(named, key=lambda pair: (folder_order(pair[0]), pair[1].header_offset)):
                if wanted(name, partial(unpacker.head, info)):
                    yield Member(name, partial(unpacker.read, info))
                    unpacker.check_total()


@dataclass
class _ZipUnpacker:
    """Unpacks members of an archive and counts the bytes of all of them."""

    archive: zipfile.ZipFile
    packed: int
    """Size of the archive in bytes."""
    limits: Limits
    unpacked: int = 0

    def check_total(self) -> None:
        limits = self.limits
        if self.unpacked > min(limits.archive, max(limits.free_total, limits.growth * self.packed)):
            size = f"{self.unpacked / 1e6:.3g} MB"
            raise DocumentError("too_large", f"the archive unpacks to more than {size}; the rest is not read")

    def head(self, info: zipfile.ZipInfo) -> bytes:
        """The first bytes of a member; none if it cannot be unpacked."""
        try:
            with self.archive.open(info) as member:
                return member.read(HEAD)
        except Exception as error:  # each method of compression has exceptions of its own
            if is_machine_error(error):
                raise
            return b""

    def read(self, info: zipfile.ZipInfo) -> bytes:
        if info.flag_bits & 1:
            raise DocumentError("encrypted", "it is protected by a password")
        damaged: tuple[type[Exception], ...] = (*_DAMAGED, OSError, RuntimeError)  # RuntimeError: a password is needed
        if info.compress_type == zipfile.ZIP_LZMA:
            try:
                # Imported here because Python can be built without it.
                from lzma import LZMAError
            except ImportError:
                reason = "it is packed with LZMA, which this Python was built without; pack it again with Deflate"
                raise DocumentError("unsupported", reason) from None
            damaged = (*damaged, LZMAError)
        # The declared size can be larger than the whole archive.
        packed = min(info.compress_size, self.packed)
        content = bytearray()
        try:
            with self.archive.open(info) as member:
                while chunk := member.read(_CHUNK):
                    content += chunk
                    self.unpacked += len(chunk)
                    self.check_total()
                    if len(content) > self.limits.document:
                        raise self.limits.document_too_large("it")
                    if len(content) > max(self.limits.free_member, self.limits.growth * packed):
                        raise self.limits.grows_too_much("it")
        except NotImplementedError as error:
            raise DocumentError("unsupported", one_line(error)) from None
        except damaged as error:
            if is_machine_error(error):
                raise
            raise DocumentError("unreadable", f"it is damaged ({one_line(error)})") from None
        return bytes(content)


def safe_name(name: str) -> str:
    """A member's name as a relative path: no root, no drive, no "..", no backslash and no control character."""
    parts = _CONTROL.sub("_", name.replace("\\", "/")).split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..") and not _DRIVE.fullmatch(part)) or "_"


@contextmanager
def open_stream(path: Path, limits: Limits = LIMITS) -> Iterator[io.BufferedReader]:
    """Open a file for reading; it is unpacked if its suffix is .gz or .zst.

    Raises:
        DocumentError: codes "unreadable" (damaged), "unsupported" and "too_large" (a bomb), also in the ``with`` block.
        OSError: the file cannot be opened or read.
    """
    unpack = {".gz": _unpack_gzip, ".zst": _unpack_zstd}.get(path.suffix.lower())
    with path.open("rb") as file:
        yield io.BufferedReader(_Unpacked(file, unpack(file), limits), _CHUNK) if unpack else file


class _Unpacked(io.RawIOBase):
    """The unpacked chunks of a compressed file as one stream that stops decompression bombs."""

    def __init__(self, file: io.BufferedReader, chunks: Iterator[bytes], limits: Limits) -> None:
        self._file = file
        self._chunks = chunks
        self._limits = limits
        self._rest = memoryview(b"")
        self._total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
            self._total += len(chunk)
            if self._total > max(self._limits.free_total, self._limits.growth * self._file.tell()):
                raise self._limits.grows_too_much("it")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _unpack_gzip(file: io.BufferedReader) -> Iterator[bytes]:
    # Imported here, like zstandard, because few inputs need it.
    import gzip

    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as stream:
            while chunk := stream.read1(_CHUNK):
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DocumentError("unreadable", f"the .gz file is damaged or cut off ({one_line(error)})") from None


def _unpack_zstd(file: io.BufferedReader) -> Iterator[bytes]:
    try:
        import zstandard
    except ModuleNotFoundError:
        raise DocumentError("unsupported", str(MissingExtraError("reading .zst", "zstandard"))) from None

    # zstandard's own file reader does not notice a file that is cut off.
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

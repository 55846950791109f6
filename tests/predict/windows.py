"""The rules of Windows, simulated: an open file can be neither removed nor renamed, and locks are those of msvcrt.

Open files are found in /proc/self/fd, so this needs Linux.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OPEN_FILES = Path("/proc/self/fd")


def is_open(path: Path) -> bool:
    """Whether this process has the file, or a file in the folder, open."""
    found = []
    for link in OPEN_FILES.iterdir():
        try:
            found.append(Path(os.readlink(link)))
        except FileNotFoundError:  # the one that lists them
            continue
    return any(open_path.is_file() and open_path.is_relative_to(path) for open_path in found)


def forbid_changes_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `os` refuse to rename or remove what this process has open."""

    def guarded(change: Callable[..., None]) -> Callable[..., None]:
        def guard(*paths: Any, **named: Any) -> None:
            for path in paths:
                folder = os.readlink(OPEN_FILES / str(named["dir_fd"])) if named.get("dir_fd") is not None else ""
                if is_open(Path(os.path.abspath(os.path.join(folder, path)))):
                    raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
            change(*paths, **named)

        return guard

    for name in ("replace", "rename", "unlink", "remove", "rmdir"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))


class Msvcrt:
    """`msvcrt.locking` for this process: a lock is that of an open file, and ends when it is closed."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self._locked: dict[tuple[int, int, int], int] = {}

    def locking(self, descriptor: int, mode: int, length: int) -> None:
        assert (mode, length) == (self.LK_NBLCK, 1)
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        file = os.fstat(descriptor)
        key = (file.st_dev, file.st_ino, position)
        holder = self._locked.get(key)
        if holder not in (None, descriptor) and self._still_open(holder, key):
            raise PermissionError(errno.EACCES, "Permission denied")
        self._locked[key] = descriptor

    @staticmethod
    def _still_open(descriptor: int | None, key: tuple[int, int, int]) -> bool:
        try:
            file = os.fstat(descriptor if descriptor is not None else -1)
        except OSError:
            return False
        return (file.st_dev, file.st_ino) == key[:2]

"""Locks a file against other processes. The lock belongs to the operating system, so it ends with the process.

POSIX systems lock with `fcntl.flock`, Windows with `msvcrt.locking`.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Protocol


class FileLock(Protocol):
    """How a system locks files."""

    removes_open_files: bool
    """Whether a file can be removed while it is open; on Windows it cannot."""

    def acquire(self, descriptor: int) -> None:
        """Lock an open file for this process, without waiting.

        Raises:
            BlockingIOError: another process holds the lock.
            OSError: the file system has no locks.
        """


class PosixLock:
    """`flock`: it locks the whole file, which others can still read."""

    removes_open_files = True

    def __init__(self, fcntl: Any) -> None:
        self._fcntl = fcntl

    def acquire(self, descriptor: int) -> None:
        """See `FileLock`."""
        self._fcntl.flock(descriptor, self._fcntl.LOCK_EX | self._fcntl.LOCK_NB)


class WindowsLock:
    """`locking`: others cannot read the bytes that it locks, so it locks one far behind the content of the file."""

    removes_open_files = False
    OFFSET = 1 << 30

    def __init__(self, msvcrt: Any) -> None:
        self._msvcrt = msvcrt

    def acquire(self, descriptor: int) -> None:
        """See `FileLock`."""
        os.lseek(descriptor, self.OFFSET, os.SEEK_SET)
        try:
            self._msvcrt.locking(descriptor, self._msvcrt.LK_NBLCK, 1)
        except PermissionError as error:  # what Windows raises for a locked byte
            raise BlockingIOError(*error.args) from None
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)


def system_lock() -> FileLock:
    """The lock of this system."""
    if sys.platform == "win32":
        import msvcrt

        return WindowsLock(msvcrt)
    import fcntl

    return PosixLock(fcntl)

"""The hidden folder of an unfinished run: its journal, its half-made outputs, and a lock that keeps a second run out.

The lock is the operating system's, so that of a process that was killed is gone with it. On Windows, and on file
systems that know no locks, there is none.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from clausetag.data.errors import DataError

if sys.platform != "win32":
    import fcntl

_LOCK = "lock"
_TRIES = 20


class OutputError(DataError):
    """An output cannot be written: the disk is full or read-only, or the place is taken."""


@contextmanager
def disk(target: Path) -> Iterator[None]:
    """Turn a full or read-only disk into one line for the user.

    Raises:
        OutputError: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        # Some libraries put a text of their own where the system's belongs.
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(f"{target}: cannot be written ({reason})") from None


class RunFolder:
    """Holds the lock in a ``with`` block. The folder stays behind it unless `remove` was called.

    Raises, when the block is entered:
        DataError: another run holds the lock, or the folder cannot be made.
    """

    def __init__(self, target: Path, is_file: bool) -> None:
        """`target` is the run's output; the folder stands in it or, if that is a file, beside it."""
        self._target = target
        self.path = target.with_name(f".{target.name}.clausetag") if is_file else target / ".clausetag"
        self.journal = self.path / "journal"
        self._descriptor: int | None = None

    def __enter__(self) -> RunFolder:
        with disk(self._target):
            for _ in range(_TRIES):
                self.path.mkdir(parents=True, exist_ok=True)
                # A run that ends just now removes the folder, or the lock that was opened.
                with suppress(FileNotFoundError):
                    if self._lock():
                        return self
        raise DataError(f"{self._target}: another run ends at this moment; try again")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def clear(self) -> None:
        """Remove what is half-made; the journal and the lock stay."""
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)

    def remove(self) -> None:
        """Remove the folder; the lock is the last to go."""
        with suppress(OSError):  # what stays is hidden and does no harm
            self.clear()
            self.journal.unlink(missing_ok=True)
            (self.path / _LOCK).unlink()
            self.path.rmdir()

    def _lock(self) -> bool:
        """Lock the file; False if somebody removed it meanwhile, when the lock keeps nobody out."""
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        locked = False
        try:
            if sys.platform != "win32":
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
                    raise DataError(
                        f"{self._target}: another run (process {holder}) is writing it; wait for it, or give another -o"
                    ) from None
                except OSError:
                    pass  # this file system knows no locks
            if os.fstat(descriptor).st_ino != os.stat(self.path / _LOCK).st_ino:
                return False
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
            self._descriptor = descriptor
            locked = True
            return True
        finally:
            if not locked:
                os.close(descriptor)

"""The hidden folder of an unfinished run: its journal, its unfinished outputs, and a lock against a second run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from clausetag.data.errors import DataError
from clausetag.predict.file_lock import FileLock, system_lock

_LOCK = "lock"
_TRIES = 20


class OutputError(DataError):
    """An output cannot be written: the disk is full or read-only, or something else has its name."""


@contextmanager
def disk(target: Path) -> Iterator[None]:
    """Turn an error of the disk into one line for the user.

    Raises:
        OutputError: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        # Some libraries raise it with a text of their own, so the system's text is looked up.
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(f"{target}: cannot be written ({reason})") from None


class RunFolder:
    """Holds the lock in a ``with`` block; the folder stays unless `remove` was called.

    A file system without locks, such as some network drives, is used without one.

    Raises, when the block is entered:
        DataError: another run holds the lock, or the folder cannot be made.
    """

    def __init__(self, target: Path, is_file: bool, lock: FileLock | None = None) -> None:
        """`target` is the output of the run; the folder is in it or, if it is a file, beside it."""
        self._target = target
        self._lock = lock or system_lock()
        self.path = target.with_name(f".{target.name}.clausetag") if is_file else target / ".clausetag"
        self.journal = self.path / "journal"
        self._descriptor: int | None = None

    def __enter__(self) -> RunFolder:
        with disk(self._target):
            for _ in range(_TRIES):
                self.path.mkdir(parents=True, exist_ok=True)
                # A run that ends at this moment removes the folder, or the lock file that was opened.
                with suppress(FileNotFoundError):
                    if self._acquire():
                        return self
        raise DataError(f"{self._target}: another run is just ending; try again")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def clear(self) -> None:
        """Remove unfinished outputs; the journal and the lock stay."""
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)

    def remove(self) -> None:
        """Remove the folder, the lock last. Nothing in it may be open."""
        with suppress(OSError):  # what stays is hidden and does no harm
            self.clear()
            self.journal.unlink(missing_ok=True)
            if not self._lock.removes_open_files:
                # If another run takes the lock now, its open file can't be removed, and the folder stays.
                self._release()
            (self.path / _LOCK).unlink()
            self.path.rmdir()

    def _release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _acquire(self) -> bool:
        """Lock the file; False if another run removed it in the meantime, as nobody else would see this lock."""
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                self._lock.acquire(descriptor)
            except BlockingIOError:
                holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
                raise DataError(
                    f"{self._target}: another run (process {holder}) is writing it; wait for it, or give another -o"
                ) from None
            except OSError:
                pass  # this file system has no locks
            if os.fstat(descriptor).st_ino != os.stat(self.path / _LOCK).st_ino:
                return False
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
            self._descriptor, descriptor = descriptor, -1
            return True
        finally:
            if descriptor >= 0:
                os.close(descriptor)

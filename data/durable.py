"""Renames that survive a power cut: content first, then the name.

A file system may write a rename to the disk before the content of the file, and the name of a file after anything else.
So a file is written to the disk before it is renamed, and its folder afterwards.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_FEW = 64
"""Files from which Linux is asked to write everything, which is faster than one by one (5 ms each, or more)."""
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def replace_file(temporary: Path, target: Path) -> None:
    """Give a complete, closed file its final name, in place of another if there is one. Raises OSError."""
    sync_files([temporary])
    os.replace(temporary, target)
    sync_folder(target.parent)


def sync_files(files: Iterable[Path]) -> None:
    """Write the content of closed files to the disk. Raises OSError."""
    paths = list(files)
    if len(paths) > _FEW and sys.platform == "linux":
        os.sync()  # on other systems, this only asks for it
        return
    for path in paths:
        _sync(path, os.O_RDWR)  # Windows syncs only what is open for writing


def sync_tree(folder: Path) -> None:
    """Write all files in a folder, and their names, to the disk. Raises OSError."""
    found = [(Path(parent), [Path(parent, name) for name in names]) for parent, _, names in os.walk(folder)]
    sync_files(path for _, paths in found for path in paths)
    for parent, _ in found:
        sync_folder(parent)


def sync_folder(folder: Path) -> None:
    """Write the names of a folder to the disk; nothing on systems that cannot. Raises OSError."""
    if os.name != "nt":
        _sync(folder, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:  # as some network drives
            raise
    finally:
        os.close(descriptor)

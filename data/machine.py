"""Errors of the machine, such as a full disk: no document can be blamed for them, and every further one would fail."""

from __future__ import annotations

import errno

_NAMES = "ENOSPC EDQUOT EROFS EMFILE ENFILE ENOMEM EAGAIN"
_ERRORS = frozenset(getattr(errno, name) for name in _NAMES.split() if hasattr(errno, name))


def is_machines(error: BaseException) -> bool:
    """Whether a document that could not be read is to be read again when the machine is well.

    True for a full disk, too many open files or processes and a system without memory. False for what a file brings
    along: damage, and more memory than this process may have (`MemoryError`), which it would need again.
    """
    return isinstance(error, OSError) and error.errno in _ERRORS

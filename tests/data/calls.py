"""Functions that tests run in worker processes."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path


def echo(content: bytes) -> bytes:
    return content


def pid() -> bytes:
    return b"%d" % os.getpid()


def sleep(path: str) -> bytes:
    """Never returns, and starts a process that doesn't either; `path` gets both ids."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(path).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)
    return b""


def wait(seconds: float) -> bytes:
    """Takes its time without computing."""
    time.sleep(seconds)
    return pid()


def spin() -> bytes:
    """Never returns, and holds Python's global lock."""
    return b"%d" % sum(1 for _ in iter(int, 1))


def crash() -> bytes:
    ctypes.string_at(0)
    return b""


def fill(size: int) -> bytes:
    return b"%d" % len(b"a" * size)


def fail(number: int) -> bytes:
    if number:
        raise OSError(number, "the text of a policy")
    raise ValueError("a message")

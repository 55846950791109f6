"""Processes that are started ahead and reused, run one call after another under limits, and can be killed.

Parsers get files from strangers, and some calls cannot be interrupted: a crash, an endless loop or a decompression bomb
must end such a process and not the program. On Linux, processes are copies of one that has imported what they need, so
that a new one takes 20 milliseconds and 10 MB; elsewhere each imports it itself.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

from clausetag.data.errors import one_line

_MARGIN = 5.0
"""Seconds after its time when a process ends by itself, should the program that waits for it have been killed."""
_RETIRED = 400_000_000
"""Bytes of memory from which a process is not used again: Python and libxml2 give little of it back."""
_MAX_ANSWER = 500_000_000
_STARTING = threading.Lock()


class ProcessTimeout(Exception):
    """The call took longer than it may; its process was killed."""


class ProcessDied(Exception):
    """The process ended during the call: it crashed, exceeded a limit of the system, or was killed."""


class CallFailed(Exception):
    """The function raised an error, which this one's message describes."""


class WorkerProcess:
    """One process. `call` is for one thread at a time; `kill` may be called from any.

    `preload` is the module with the imports, used when the first process is started; `memory` is the bytes that the
    process may need beyond what it has when it starts (Linux only); `nice` lowers its priority.

    Raises:
        OSError: the system cannot start it.
    """

    def __init__(self, preload: str, memory: int, nice: int = 0) -> None:
        # fork alone would copy the locks of other threads in any state; macOS cannot fork safely.
        context: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
        context.set_forkserver_preload([preload])
        child: Connection
        self._connection: Connection
        self._connection, child = context.Pipe()
        try:
            self._process = context.Process(target=_work, args=(child, memory, nice), daemon=True)
            with _without_main_module():
                self._process.start()
        except BaseException:
            self._connection.close()
            raise
        finally:
            child.close()
        self.usable = True
        """Whether it can take another call."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid or 0

    @property
    def alive(self) -> bool:
        """Whether it still runs; somebody else may have killed it."""
        return self.usable and self._process.is_alive()

    def call(self, function: Callable[..., bytes], *arguments: Any, seconds: float, cpu_seconds: float = 0) -> bytes:
        """The bytes that ``function(*arguments)`` returns there; the function must be importable.

        With `cpu_seconds`, the process also ends when it has computed for so long (not on Windows).

        Only bytes come back, so that a process that a parser's fault has taken over gains nothing.

        Raises:
            ProcessTimeout, ProcessDied, CallFailed: see there.
            MemoryError: it needed more memory than the limit.
            OSError: the function raised it.
        """
        try:
            self._connection.send((function, arguments, seconds, cpu_seconds))
            if not self._connection.poll(seconds):
                raise ProcessTimeout
            answer = self._connection.recv_bytes(_MAX_ANSWER)
        except ProcessTimeout:
            self.kill()
            raise
        except (EOFError, OSError, ValueError):  # ValueError: of a connection closed by `kill` in between
            self.kill()
            raise ProcessDied from None
        status, content = answer[:1], answer[1:]
        self.usable = status == b"+"
        if status in b"+-":
            return content
        self.kill()
        if status == b"M":
            raise MemoryError
        if status == b"O":
            number = int(content)
            raise OSError(number, os.strerror(number))
        raise CallFailed(content.decode("utf-8", "replace"))

    def kill(self) -> None:
        """End the process and those that it has started, whatever they do; a call in progress raises ProcessDied."""
        self.usable = False
        with suppress(ProcessLookupError, PermissionError, AttributeError):  # no such group yet; Windows has none
            os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()

    def close(self) -> None:
        """Kill it and release what it holds in this process; no call may be in progress."""
        self.kill()
        self._process.join()
        self._process.close()
        self._connection.close()


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Hide the program's script from multiprocessing, whose new processes would run it again.

    They need nothing from it; and it may be standard input, a notebook, or a script that isn't written for that.
    """
    with _STARTING:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _work(connection: Connection, memory: int, nice: int) -> None:
    """Run calls until the program that started this process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which may still need the answer
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # a group is enough; a session of its own would be scheduled apart, whatever its priority
        os.nice(nice)
    _limit_memory(memory)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            function, arguments, seconds, cpu_seconds = connection.recv()
            _limit_time(seconds)
            _limit_cpu(cpu_seconds)
            answer = _answer(function, arguments)
            _limit_cpu(0)
            del arguments
            connection.send_bytes(answer)
            _limit_time(0)


def _answer(function: Callable[..., bytes], arguments: tuple[Any, ...]) -> bytes:
    try:
        content = function(*arguments)
        return (b"-" if _memory_used() > _RETIRED else b"+") + content
    except MemoryError:
        return b"M"
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            return b"O%d" % error.errno
        return b"!" + f"{type(error).__name__}: {one_line(error)}".encode("utf-8", "replace")


def _limit_memory(extra: int) -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has no limits; macOS refuses to limit memory
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + extra
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _limit_time(seconds: float) -> None:
    """Let the system end this process (and, by CPU time, those it starts) some time after `seconds`; 0: no limit.

    The program that waits for the answer kills it earlier, unless that program itself was killed.
    """
    with suppress(ImportError, ValueError, OSError):
        import resource

        signal.setitimer(signal.ITIMER_REAL, seconds + _MARGIN if seconds else 0)
        used = resource.getrusage(resource.RUSAGE_SELF)
        most = math.ceil(used.ru_utime + used.ru_stime + seconds + _MARGIN)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(resource.RLIMIT_CPU, (most if seconds else hard, hard))


def _limit_cpu(seconds: float) -> None:
    """Let the system end this process when it has computed for so long from now on; 0: no limit."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _memory_used() -> int:
    """The most bytes of memory that this process has had so far; 0 where the system does not say."""
    with suppress(ImportError):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most
    return 0

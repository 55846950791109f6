"""Runs everything that parses what clients send in reader processes, so that no document can stop the service.

There are two lanes of processes. The quick lane is for documents of ordinary size, and gives each a fraction of a
second of CPU time, so that a busy machine does not make them slow ones. Large documents, and those that need longer,
go to the long lane: a few processes of low priority, with the time and memory that the settings allow. So slow
documents do not delay ordinary ones.

`clausetag.data.processes` starts and limits the processes; `clausetag.serving.runtime.prepare` is what they run.
(`clausetag.serving.runtime.workers` is something else: several processes of the whole service.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from time import monotonic
from typing import Any, TypeVar

from clausetag.data.documents.isolated import reader_error
from clausetag.data.processes import CallFailed, ProcessDied, ProcessTimeout, WorkerProcess
from clausetag.serving.observability.logs import error_fields, log
from clausetag.serving.runtime.admission import ConcurrencyLimiter

_T = TypeVar("_T")
_PRELOAD = "clausetag.serving.preload"
_QUICK_SECONDS = 0.3
"""CPU time for any document in the quick lane; ordinary pages take 2 to 30 milliseconds."""
_QUICK_SECONDS_PER_BYTE = 4e-6
"""Added to that for each byte: about four times what long policies take, so that they rarely go to the long lane."""
_QUICK_PATIENCE = 4.0
"""By how much longer it may take on the clock, on a machine whose cores are busy with other things."""
_QUICK_BYTES = 200_000
"""Larger documents go to the long lane at once."""
_DELAY_PER_BYTE = 1e-6
"""Seconds by which a later, smaller document may overtake this one in the queue."""
_LONG_NICE = 10
_RETRY_SECONDS = 1.0
_ATTEMPTS = 3
"""Somebody, such as the system that lacks memory, may kill a process that is just being started."""
_CLOSING_SECONDS = 2.0
"""Time for killed processes to end; it takes milliseconds."""


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """How many processes there are, and what each call may need."""

    quick: int
    """Processes of the quick lane."""
    long: int
    """Processes of the long lane."""
    seconds: float
    """Time in the long lane."""
    memory: int
    """Bytes that a process may need beyond what it has when it starts."""


class Readers:
    """Reader processes for short and long calls. Belongs to one event loop.

    `warm_up` is called once in each process before its first call; `waiting` limits the calls in the long lane.
    """

    def __init__(self, limits: ReaderLimits, waiting: ConcurrencyLimiter, warm_up: Callable[[], bytes]) -> None:
        self._limits = limits
        self._waiting = waiting
        self._threads = ThreadPoolExecutor(2 * (limits.quick + limits.long), thread_name_prefix="reader")
        self._quick = _Lane(limits.quick, partial(_start, limits, 0, warm_up), self._threads)
        self._long = _Lane(limits.long, partial(_start, limits, _LONG_NICE, warm_up), self._threads)

    async def start(self) -> None:
        """Start all processes.

        Raises:
            OSError: the system cannot start them.
            CallFailed: `warm_up` failed.
        """
        await asyncio.gather(self._quick.start(), self._long.start())

    async def run(
        self, function: Callable[..., bytes], *arguments: Any, size: int, decode: Callable[[bytes], _T]
    ) -> _T:
        """The decoded answer of a call that gets `size` bytes. Cancelling ends the process that works on it.

        Raises:
            DocumentError: the call took too long, needed too much memory, or broke its process. (A small document gets
                a second try, in the long lane.)
            ApiError: 429, too many calls are in the long lane.
        """
        limits = self._limits

        def call(process: WorkerProcess, seconds: float, cpu_seconds: float = 0) -> _T:
            return decode(process.call(function, *arguments, seconds=seconds, cpu_seconds=cpu_seconds))

        delay = size * _DELAY_PER_BYTE
        if size <= _QUICK_BYTES:
            with suppress(ProcessTimeout, ProcessDied):
                cpu_seconds = _QUICK_SECONDS + size * _QUICK_SECONDS_PER_BYTE
                seconds = min(_QUICK_PATIENCE * cpu_seconds, limits.seconds)
                return await self._call(self._quick, partial(call, cpu_seconds=cpu_seconds), seconds, delay)
        with self._waiting.slot():
            try:
                return await self._call(self._long, call, limits.seconds, delay)
            except (ProcessTimeout, ProcessDied) as error:
                raise reader_error(error, limits.seconds) from None

    async def _call(self, lane: _Lane, call: Callable[[WorkerProcess, float], _T], seconds: float, delay: float) -> _T:
        try:
            return await lane.call(lambda process: call(process, seconds), delay)
        except (CallFailed, MemoryError) as error:
            if isinstance(error, CallFailed):
                log("reader failed", logging.ERROR, exception=str(error).partition(":")[0])
            raise reader_error(error, seconds) from None

    async def close(self) -> None:
        """Kill all processes, whatever they do."""
        await asyncio.gather(self._quick.close(), self._long.close())
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Lane:
    """A fixed number of identical processes; one that ends is replaced at once."""

    def __init__(self, processes: int, start: Callable[[], WorkerProcess], threads: ThreadPoolExecutor) -> None:
        self._processes = processes
        self._start = start
        self._threads = threads
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._waiting: list[tuple[float, int, asyncio.Future[WorkerProcess]]] = []
        """A heap of (time at which it is due, number, who waits)."""
        self._numbers = count()
        self._background: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> None:
        for _ in range(self._processes):
            self._free(await self._in_thread(self._start))

    async def call(self, call: Callable[[WorkerProcess], _T], delay: float) -> _T:
        """Run a call in a thread with the next free process. Calls wait in the order of their arrival plus `delay`."""
        process = await self._take(delay)
        self._busy.add(process)
        work = asyncio.get_running_loop().run_in_executor(self._threads, call, process)
        work.add_done_callback(partial(self._done, process))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            process.kill()
            raise

    async def close(self) -> None:
        self._closed = True
        for _, _, waiter in self._waiting:
            waiter.cancel()
        for process in (*self._busy, *self._idle):
            process.kill()
        while self._idle:
            self._replace(self._idle.pop())
        end = monotonic() + _CLOSING_SECONDS
        while (self._busy or self._background) and monotonic() < end:
            await asyncio.sleep(0.01)

    async def _take(self, delay: float) -> WorkerProcess:
        if self._closed:
            raise asyncio.CancelledError
        while self._idle:
            process = self._idle.pop()
            if process.alive:
                return process
            self._replace(process)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[WorkerProcess] = loop.create_future()
        heappush(self._waiting, (loop.time() + delay, next(self._numbers), waiter))
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._free(waiter.result())
            raise

    def _done(self, process: WorkerProcess, work: asyncio.Future[Any]) -> None:
        work.cancelled() or work.exception()  # after a cancelled request, nobody else retrieves the exception
        self._busy.discard(process)
        if process.usable and not self._closed:
            self._free(process)
        else:
            self._replace(process)

    def _free(self, process: WorkerProcess) -> None:
        """Give a process to the next waiting call, or keep it as idle."""
        while self._waiting:
            _, _, waiter = heappop(self._waiting)
            if not waiter.done():
                waiter.set_result(process)
                return
        self._idle.append(process)

    def _replace(self, process: WorkerProcess) -> None:
        task = asyncio.get_running_loop().create_task(self._close_and_start(process), name="reader")
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _close_and_start(self, process: WorkerProcess) -> None:
        await self._in_thread(process.close)
        while not self._closed:
            try:
                new = await self._in_thread(self._start)
            except (OSError, CallFailed, ProcessDied, ProcessTimeout, MemoryError) as error:
                log("no reader could be started", logging.ERROR, **error_fields(error))
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                if self._closed:
                    await self._in_thread(new.close)
                else:
                    self._free(new)
                return

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _start(limits: ReaderLimits, nice: int, warm_up: Callable[[], bytes]) -> WorkerProcess:
    for left in reversed(range(_ATTEMPTS)):
        process = WorkerProcess(_PRELOAD, limits.memory, nice)
        try:
            process.call(warm_up, seconds=60)
        except BaseException as error:
            process.close()
            if not isinstance(error, ProcessDied) or not left:
                raise
        else:
            return process
    raise AssertionError

"""Runs the network: threads, one per core, take single windows of all waiting requests from one fair queue.

Every window runs alone anyway, so there is nothing to gain from batches, and a core never waits for another. The next
window is one of the request with the fewest windows left, so that short requests are answered soon; every fourth is one
of the oldest request, so that each makes progress.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, perf_counter

from clausetag.model.tokenise import FloatArray
from clausetag.model.windows import Window
from clausetag.serving.errors import ApiError
from clausetag.serving.observability.logs import error_fields, log
from clausetag.serving.observability.metrics import Metrics

_OLDEST_EVERY = 4
_ALL = -1
_CLOSING_SECONDS = 3.0
"""Time for the windows that are in the network when the service stops; each takes milliseconds of an idle core."""


@dataclass(eq=False, slots=True)
class _Job:
    """One request's windows. Everything but `wake` is guarded by the scheduler's lock."""

    windows: Sequence[Window]
    allowed: int
    """Number of windows that may be started so far."""
    loop: asyncio.AbstractEventLoop
    results: list[FloatArray | None]
    since: float = field(default_factory=perf_counter)
    started: int = 0
    finished: int = 0
    awaited: int = _ALL
    """Number of the window that the request waits for."""
    error: BaseException | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def startable(self) -> int:
        return 0 if self.error else min(self.allowed, len(self.windows)) - self.started


class Scheduler:
    """Calls `infer` with single windows in `threads` threads."""

    def __init__(self, infer: Callable[[Window], FloatArray], threads: int, metrics: Metrics) -> None:
        self._infer = infer
        self._metrics = metrics
        self._jobs: list[_Job] = []
        """In the order of their arrival."""
        self._changed = threading.Condition()
        self._picked = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"inference-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, windows: Sequence[Window]) -> list[FloatArray]:
        """The logits of each window. Cancelling drops the windows that the network has not started.

        Raises:
            ApiError: 500, the network failed on one of them.
        """
        job = self._add(windows, len(windows))
        try:
            if windows:
                await self._wait(job, _ALL)
            return [result for result in job.results if result is not None]
        finally:
            self._remove(job)

    async def stream(self, windows: Sequence[Window], ahead: int) -> AsyncGenerator[FloatArray, None]:
        """The logits of each window in order, as they come; at most `ahead` are computed before they are taken.

        Raises:
            ApiError: as `run`.
        """
        job = self._add(windows, ahead)
        try:
            for number in range(len(windows)):
                await self._wait(job, number)
                result, job.results[number] = job.results[number], None
                assert result is not None
                yield result
                with self._changed:
                    job.allowed += 1
                    self._changed.notify()
        finally:
            self._remove(job)

    async def close(self) -> None:
        """Stop; requests that still wait are cancelled."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                self._fail(job, asyncio.CancelledError())
            self._changed.notify_all()
        end = monotonic() + _CLOSING_SECONDS
        while any(thread.is_alive() for thread in self._threads) and monotonic() < end:
            await asyncio.sleep(0.01)

    def _add(self, windows: Sequence[Window], allowed: int) -> _Job:
        job = _Job(windows, allowed, asyncio.get_running_loop(), [None] * len(windows))
        with self._changed:
            if self._closed:
                raise asyncio.CancelledError
            self._jobs.append(job)
            self._changed.notify(len(windows))
        self._metrics.waiting.inc(len(windows))
        return job

    def _remove(self, job: _Job) -> None:
        with self._changed:
            self._jobs.remove(job)
            left, job.started = len(job.windows) - job.started, len(job.windows)
        self._metrics.waiting.dec(left)

    async def _wait(self, job: _Job, number: int) -> None:
        """Wait for the result of a window, or for all."""
        while True:
            with self._changed:
                if job.error is not None:
                    raise job.error
                if job.finished == len(job.windows) or (number != _ALL and job.results[number] is not None):
                    return
                job.awaited = number
                job.wake.clear()
            await job.wake.wait()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            job, number = taken
            try:
                with self._metrics.stages.labels("inference").time():  # of no single request
                    result = self._infer(job.windows[number])
            except BaseException as error:
                log("inference failed", logging.ERROR, **error_fields(error))
                message = "the model failed on this request; the log says how"
                with self._changed:
                    self._fail(job, ApiError(500, "inference_failed", message))
                continue
            with self._changed:
                job.results[number] = result
                job.finished += 1
                if job.finished == len(job.windows) or job.awaited == number:
                    self._wake(job)

    def _take(self) -> tuple[_Job, int] | None:
        """The next window as (job, number); waits for one. None when the scheduler is closed."""
        with self._changed:
            while not self._closed:
                ready = [job for job in self._jobs if job.startable > 0]
                if ready:
                    break
                self._changed.wait()
            else:
                return None
            self._picked += 1
            is_oldest = self._picked % _OLDEST_EVERY == 0
            job = ready[0] if is_oldest else min(ready, key=lambda each: len(each.windows) - each.started)
            number = job.started
            job.started += 1
        self._metrics.waiting.dec()
        if number == 0:
            self._metrics.stages.labels("queue").observe(perf_counter() - job.since)
        return job, number

    def _fail(self, job: _Job, error: BaseException) -> None:
        job.error = job.error or error
        self._wake(job)

    def _wake(self, job: _Job) -> None:
        if not job.loop.is_closed():
            job.loop.call_soon_threadsafe(job.wake.set)

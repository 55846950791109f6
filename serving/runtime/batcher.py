"""Micro-batching: whatever waits when the network is free goes in together, up to a budget of word pieces.

Nothing waits for company. Windows, not requests, are batched: a long policy is served a batch at a time, and short ones
are served in between. The oldest request always gets half of a batch, so that it finishes; the rest goes to those that
need least, so that they are answered soon. Where the network uses several cores, the next batch is begun before the
last one ends, so that no core waits for another to finish.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter

from clausetag.model.tokenise import FloatArray
from clausetag.model.windows import Window
from clausetag.serving.observability.logs import error_fields, log
from clausetag.serving.observability.metrics import Metrics


class InferenceError(Exception):
    """The network failed on this request's text, also when it was alone."""


@dataclass(eq=False, slots=True)
class _Job:
    windows: Sequence[Window]
    future: asyncio.Future[list[FloatArray]]
    results: list[FloatArray | None]
    since: float
    taken: int = 0
    """Windows that were given to the network."""
    left: int = field(default=0)
    """Windows without a result."""

    @property
    def waiting(self) -> int:
        return len(self.windows) - self.taken


@dataclass(frozen=True, slots=True)
class _Part:
    job: _Job
    number: int

    @property
    def window(self) -> Window:
        return self.job.windows[self.number]


class Batcher:
    """Runs `infer` in threads of its own, `at_once` batches at a time. Belongs to one event loop."""

    def __init__(
        self,
        infer: Callable[[Sequence[Window]], list[FloatArray]],
        budget: int,
        metrics: Metrics | None = None,
        *,
        at_once: int = 1,
    ) -> None:
        self._infer = infer
        self._budget = budget
        self._metrics = metrics or Metrics()
        self._jobs: list[_Job] = []
        self._wake = asyncio.Event()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="inference")
        self._workers: list[asyncio.Task[None] | None] = [None] * at_once

    async def run(self, windows: Sequence[Window]) -> list[FloatArray]:
        """The logits of each window. Cancelling drops what the network has not begun.

        Raises:
            InferenceError: the network failed on these windows.
        """
        if not windows:
            return []
        self._keep_working()
        future: asyncio.Future[list[FloatArray]] = asyncio.get_running_loop().create_future()
        job = _Job(windows, future, [None] * len(windows), perf_counter(), left=len(windows))
        self._jobs.append(job)
        self._count()
        self._wake.set()
        try:
            return await future
        finally:
            if job in self._jobs:
                self._jobs.remove(job)
            self._count()

    async def close(self) -> None:
        """Stop; who still waits is cancelled."""
        workers = [worker for worker in self._workers if worker is not None]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for job in self._jobs:
            job.future.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _keep_working(self) -> None:
        """Start the workers, and start anew what should ever have died."""
        for number, worker in enumerate(self._workers):
            if worker is None or worker.done():
                if worker is not None:
                    log("batcher restarted", logging.ERROR)
                self._workers[number] = asyncio.create_task(self._work(), name=f"batcher {number}")

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            parts = self._take()
            if not parts:
                self._wake.clear()
                continue
            try:
                self._deliver(parts, await self._in_thread(parts))
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                await self._one_by_one(parts, error)

    def _take(self) -> list[_Part]:
        """The next batch; marks what it takes."""
        jobs = [job for job in self._jobs if job.waiting]
        if not jobs:
            return []
        oldest, others = jobs[0], sorted(jobs[1:], key=lambda job: job.waiting)
        parts: list[_Part] = []
        tokens = self._take_from(oldest, parts, 0, self._budget // 2 if others else self._budget)
        for job in [*others, oldest]:
            tokens = self._take_from(job, parts, tokens, self._budget)
        now = perf_counter()
        for part in parts:
            if part.number == 0:
                self._metrics.stages.labels("queue").observe(now - part.job.since)
        self._metrics.batch_tokens.observe(tokens)
        self._metrics.batch_requests.observe(len({id(part.job) for part in parts}))
        self._count()
        return parts

    def _take_from(self, job: _Job, parts: list[_Part], tokens: int, budget: int) -> int:
        while job.waiting:
            size = len(job.windows[job.taken].ids)
            if parts and tokens + size > budget:
                break
            parts.append(_Part(job, job.taken))
            job.taken += 1
            tokens += size
        return tokens

    async def _in_thread(self, parts: Sequence[_Part]) -> list[FloatArray]:
        with self._metrics.stage("inference"):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._infer, [part.window for part in parts])

    def _deliver(self, parts: Sequence[_Part], results: Sequence[FloatArray]) -> None:
        for part, result in zip(parts, results, strict=True):
            job = part.job
            job.results[part.number] = result
            job.left -= 1
            if not job.left and not job.future.done():
                job.future.set_result([found for found in job.results if found is not None])

    async def _one_by_one(self, parts: Sequence[_Part], error: BaseException) -> None:
        """A batch failed: find out whose fault it was; the others get their results."""
        log("batch failed", logging.ERROR, requests=len({id(part.job) for part in parts}), **error_fields(error))
        self._metrics.failures.labels("batch_failed").inc()
        for job in dict.fromkeys(part.job for part in parts):
            own = [part for part in parts if part.job is job]
            if job.future.done():
                continue
            try:
                self._deliver(own, await self._in_thread(own))
            except asyncio.CancelledError:
                raise
            except BaseException as again:
                log("request failed alone", logging.ERROR, **error_fields(again))
                job.taken = len(job.windows)  # its other windows are not worth the time
                if not job.future.done():
                    job.future.set_exception(InferenceError())

    def _count(self) -> None:
        self._metrics.waiting.set(sum(job.waiting for job in self._jobs))

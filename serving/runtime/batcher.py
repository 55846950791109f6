"""Micro-batching: all windows that wait when the network is free run together, up to a number of tokens.

No window waits for others to arrive. Batches consist of windows, not of requests: a long policy is served batch by
batch, and short ones are served in between. The oldest request always gets half of a batch, so that it makes progress;
the rest goes to the requests with the fewest windows left, so that they are answered soon.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

from clausetag.model.tokenise import FloatArray
from clausetag.model.windows import Window
from clausetag.serving.errors import ApiError
from clausetag.serving.observability.logs import error_fields, log
from clausetag.serving.observability.metrics import Metrics


@dataclass(eq=False, slots=True)
class _Job:
    """One request's windows; the first `started` of them have been given to the network."""

    windows: Sequence[Window]
    future: asyncio.Future[list[FloatArray]]
    results: dict[int, FloatArray]
    since: float
    started: int = 0

    @property
    def waiting(self) -> int:
        return len(self.windows) - self.started


_Batch = list[tuple[_Job, int]]
"""Windows as (job, number of the window)."""


class Batcher:
    """Runs `infer` on batches of up to `max_tokens` in `threads` threads. Belongs to one event loop.

    With two threads the next batch starts before the last one has ended, so that no core waits for another to finish.
    """

    def __init__(
        self,
        infer: Callable[[Sequence[Window]], list[FloatArray]],
        max_tokens: int,
        metrics: Metrics,
        *,
        threads: int = 1,
    ) -> None:
        self._infer = infer
        self._max_tokens = max_tokens
        self._metrics = metrics
        self._jobs: list[_Job] = []
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="inference")
        self._threads = threads
        self._workers: list[asyncio.Task[None]] = []

    async def run(self, windows: Sequence[Window]) -> list[FloatArray]:
        """The logits of each window. Cancelling drops the windows that the network has not started.

        Raises:
            ApiError: 500, the network failed on these windows.
        """
        if not windows:
            return []
        job = _Job(windows, asyncio.get_running_loop().create_future(), {}, perf_counter())
        self._jobs.append(job)
        self._count_waiting()
        self._workers = [worker for worker in self._workers if not worker.done()]
        while len(self._workers) < self._threads:
            self._workers.append(asyncio.create_task(self._work(), name="batcher"))
        try:
            return await job.future
        finally:
            self._jobs.remove(job)
            self._count_waiting()

    async def close(self) -> None:
        """Stop; jobs that still wait are cancelled."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for job in self._jobs:
            job.future.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        """Run batches until no window waits."""
        while batch := self._next_batch():
            try:
                self._deliver(batch, await self._run_batch(batch))
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                await self._run_separately(batch, error)

    def _next_batch(self) -> _Batch:
        jobs = [job for job in self._jobs if job.waiting]
        if not jobs:
            return []
        oldest, others = jobs[0], sorted(jobs[1:], key=lambda job: job.waiting)
        batch: _Batch = []
        tokens = self._fill(batch, oldest, 0, self._max_tokens // 2 if others else self._max_tokens)
        for job in [*others, oldest]:
            tokens = self._fill(batch, job, tokens, self._max_tokens)
        now = perf_counter()
        for job, number in batch:
            if number == 0:
                self._metrics.stages.labels("queue").observe(now - job.since)
        self._metrics.batch_tokens.observe(tokens)
        self._metrics.batch_requests.observe(len({job for job, _ in batch}))
        self._count_waiting()
        return batch

    def _fill(self, batch: _Batch, job: _Job, tokens: int, max_tokens: int) -> int:
        """Add a job's next windows to a batch that has `tokens` already; returns how many it has then."""
        while job.waiting:
            size = len(job.windows[job.started].ids)
            if batch and tokens + size > max_tokens:
                break
            batch.append((job, job.started))
            job.started += 1
            tokens += size
        return tokens

    async def _run_batch(self, batch: _Batch) -> list[FloatArray]:
        windows = [job.windows[number] for job, number in batch]
        with self._metrics.stages.labels("inference").time():  # no single request's stage
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._infer, windows)

    def _deliver(self, batch: _Batch, results: Sequence[FloatArray]) -> None:
        for (job, number), result in zip(batch, results, strict=True):
            job.results[number] = result
            if len(job.results) == len(job.windows) and not job.future.done():
                job.future.set_result([job.results[index] for index in range(len(job.windows))])

    async def _run_separately(self, batch: _Batch, error: BaseException) -> None:
        """After a batch failed, run each job's windows alone, so that only the job at fault fails."""
        jobs = list(dict.fromkeys(job for job, _ in batch))
        log("batch failed", logging.ERROR, requests=len(jobs), **error_fields(error))
        self._metrics.failures.labels("batch_failed").inc()
        for job in jobs:
            if job.future.done():
                continue
            own = [(each, number) for each, number in batch if each is job]
            try:
                self._deliver(own, await self._run_batch(own))
            except asyncio.CancelledError:
                raise
            except BaseException as again:
                log("request failed alone", logging.ERROR, **error_fields(again))
                job.started = len(job.windows)  # drop its other windows
                if not job.future.done():
                    message = "the model failed on this request; the log says how"
                    job.future.set_exception(ApiError(500, "inference_failed", message))

    def _count_waiting(self) -> None:
        self._metrics.waiting.set(sum(job.waiting for job in self._jobs))

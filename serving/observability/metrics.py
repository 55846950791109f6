"""Prometheus metrics. Each service has a registry of its own, so that two in one process don't mix."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from clausetag.serving.observability.traces import note_stage

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the folder in which prometheus_client shares metrics between processes, if there are several."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STAGES = (
    "Seconds in a stage: reading (bytes to sentences), tokenising, queue, inference (of a window), "
    "model (a request's queue and inference), writing"
)
_NO_FAILURES = frozenset({"starting", "draining"})
"""Reasons to refuse that are a part of every start and stop; alerts on failures would go off at each."""


class Metrics:
    """The service's counters, gauges and histograms."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, CPU time, open files
        counter, gauge = (
            partial(Counter, registry=registry),
            partial(Gauge, registry=registry, multiprocess_mode="livesum"),
        )
        seconds = partial(Histogram, buckets=_SECONDS, registry=registry)
        self.requests = counter("clausetag_requests", "Requests answered", ("path", "method", "status"))
        self.failures = counter("clausetag_failures", "Requests that failed or were refused", ("reason",))
        self.duration = seconds(
            "clausetag_request_seconds", "Seconds from a POST request's headers to its answer", ("path", "status")
        )
        self.model = gauge(
            "clausetag_model_info",
            "1; the labels say which model is loaded",
            ("name", "hash", "version"),
            multiprocess_mode="livemax",
        )
        self.stages = seconds("clausetag_stage_seconds", _STAGES, ("stage",))
        self.queue = gauge("clausetag_queue_requests", "Requests being answered or waiting")
        self.streams = gauge("clausetag_streams", "Answers being sent line by line")
        self.uploads = gauge("clausetag_uploads", "Requests whose body is arriving")
        self.connections = gauge("clausetag_connections", "Open connections")
        self.long_readings = gauge("clausetag_long_readings", "Documents that take long to read, or wait for that")
        self.waiting = gauge("clausetag_queue_windows", "Windows of text waiting for the network")
        self.sentences = counter("clausetag_sentences", "Sentences tagged")
        self.ready = gauge(
            "clausetag_ready", "1 if requests are accepted; with several workers, the number of them that do"
        )
        for stage in ("reading", "tokenising", "queue", "inference", "model", "writing"):
            self.stages.labels(stage)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage of the current request, also if it fails."""
        start = perf_counter()
        try:
            yield
        finally:
            self.observe(name, perf_counter() - start)

    def observe(self, name: str, seconds: float) -> None:
        """Count a stage of the current request that has just ended."""
        self.stages.labels(name).observe(seconds)
        note_stage(name, seconds)

    def record(self, path: str, method: str, status: int, reason: str | None, seconds: float) -> None:
        """Count a request that is over; `status` is 0 if it got no answer, `reason` the code of its error."""
        self.requests.labels(path, method, str(status)).inc()
        if reason and reason not in _NO_FAILURES:
            self.failures.labels(reason).inc()
        if method == "POST" and path != "other":
            self.duration.labels(path, f"{status // 100}xx" if status else "none").observe(seconds)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format, version 0.0.4: of all workers, if there are several."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)

"""What `/metrics` tells Prometheus. Every app has its own registry, so that two in one process don't mix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_TOKENS = (64, 128, 256, 512, 1024, 1536, 2048, 3072, 4096, 8192)


class Metrics:
    """The service's counters, gauges and histograms."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, CPU time, open files
        self.requests = Counter(
            "clausetag_requests", "Requests answered", ("path", "method", "status"), registry=self.registry
        )
        self.failures = Counter(
            "clausetag_failures", "Requests not answered as asked", ("reason",), registry=self.registry
        )
        self.duration = Histogram(
            "clausetag_request_seconds",
            "Time of a request to /predict, with its body's arrival",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.stages = Histogram(
            "clausetag_stage_seconds",
            "Time of a stage: reading (bytes to sentences), tokenising, queue, "
            "inference (of a batch, and two may overlap), writing",
            ("stage",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.queue = Gauge("clausetag_queue_requests", "Requests being answered or waiting", registry=self.registry)
        self.uploads = Gauge("clausetag_uploads", "Requests whose body is arriving", registry=self.registry)
        self.waiting = Gauge(
            "clausetag_queue_windows", "Windows of text that wait for the network", registry=self.registry
        )
        self.batch_tokens = Histogram(
            "clausetag_batch_tokens", "Word pieces in a batch", buckets=_TOKENS, registry=self.registry
        )
        self.batch_requests = Histogram(
            "clausetag_batch_requests",
            "Requests that share a batch",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.sentences = Counter("clausetag_sentences", "Sentences tagged", registry=self.registry)
        self.ready = Gauge("clausetag_ready", "1 if requests are accepted", registry=self.registry)
        for stage in ("reading", "tokenising", "queue", "inference", "writing"):
            self.stages.labels(stage)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage; it counts where it fails too."""
        start = perf_counter()
        try:
            yield
        finally:
            self.stages.labels(name).observe(perf_counter() - start)

    def text(self) -> bytes:
        """The exposition format, version 0.0.4."""
        return generate_latest(self.registry)

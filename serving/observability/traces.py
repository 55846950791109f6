"""What a request spends its time on, and its place in its client's trace (W3C Trace Context).

The stages of the request that is being handled go into `Server-Timing` and, with the extra `otel`, into OpenTelemetry
spans, which hold no text.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import time_ns
from typing import Any

from clausetag.data.errors import MissingExtraError
from clausetag.version import __version__

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_CURRENT: ContextVar[RequestTrace | None] = ContextVar("request_trace", default=None)


@dataclass
class RequestTrace:
    """The stages of one request, as (name, start, end) in nanoseconds since 1970; and its trace, if its client has one.

    `trace_id` and `parent_id` are hexadecimal, as in the header traceparent; empty if there is none.
    """

    traceparent: str = ""
    start: int = field(default_factory=time_ns)
    stages: list[tuple[str, int, int]] = field(default_factory=list)
    trace_id: str = ""
    parent_id: str = ""

    def __post_init__(self) -> None:
        if (found := _TRACEPARENT.fullmatch(self.traceparent)) and not (found[3] and self.traceparent[:2] == "00"):
            self.trace_id, self.parent_id = found[1], found[2]

    def activate(self) -> None:
        """Collect the stages of the current task, and of the tasks and threads that it starts, from now on."""
        _CURRENT.set(self)

    def server_timing(self) -> str:
        """The header `Server-Timing`: milliseconds in each stage so far, and in total."""
        sums: dict[str, int] = {}
        for name, start, end in [*self.stages, ("total", self.start, time_ns())]:
            sums[name] = sums.get(name, 0) + end - start
        return ", ".join(f"{name};dur={nanoseconds / 1e6:.1f}" for name, nanoseconds in sums.items())


def note_stage(name: str, seconds: float) -> None:
    """Note a stage of the current request that has just ended; does nothing outside of a request."""
    if (trace := _CURRENT.get()) is not None:
        end = time_ns()
        trace.stages.append((name, max(trace.start, end - round(seconds * 1e9)), end))


class SpanExporter:
    """Sends a span for each request, with its stages below it, to an OpenTelemetry collector in the background."""

    def __init__(self, endpoint: str, exporter: Any = None) -> None:
        """`endpoint` gets OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; `exporter` takes its place.

        Raises:
            MissingExtraError: the extra `otel` is not installed.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError as error:
            raise MissingExtraError("--otel-endpoint", error.name, "otel") from None
        resource = Resource.create({"service.name": "clausetag", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter(endpoint, timeout=5)))
        self._tracer = self._provider.get_tracer("clausetag", __version__)

    def send(self, trace: RequestTrace, method: str, route: str, status: int, reason: str | None) -> str:
        """Send the spans of a request that is over; returns its trace's id."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract({"traceparent": trace.traceparent})
        attributes: dict[str, str | int] = {"http.request.method": method, "http.route": route}
        attributes["http.response.status_code"] = status
        if reason:
            attributes["error.type"] = reason
        name = f"{method} {route}"
        span = self._tracer.start_span(name, parent, SpanKind.SERVER, attributes, start_time=trace.start)
        if status >= 500 or not status:
            span.set_status(Status(StatusCode.ERROR))
        below = set_span_in_context(span)
        for stage, start, end in trace.stages:
            self._tracer.start_span(stage, below, start_time=start).end(end)
        span.end()
        return f"{span.get_span_context().trace_id:032x}"

    def close(self) -> None:
        """Send what is left; takes a few seconds if nobody takes it."""
        self._provider.shutdown()

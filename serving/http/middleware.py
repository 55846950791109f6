"""The outermost layer of the app: request ids, security headers, HEAD, the log, metrics, traces, last-resort errors.

Plain ASGI, so that it adds almost no time and passes streams through.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from time import perf_counter
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clausetag.serving.errors import ApiError
from clausetag.serving.observability.logs import error_fields, log
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.observability.traces import RequestTrace, SpanExporter
from clausetag.serving.runtime.admission import Lifecycle

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_MONITORING = ("/health", "/livez", "/readyz", "/metrics")
_UNLOGGED = frozenset(
    {*_MONITORING, *(f"/v1{path}" for path in _MONITORING), "/ping", "/v2/health/live", "/v2/health/ready"}
)
"""Paths that monitoring asks for every few seconds."""


class RequestMiddleware:
    """Wraps the app. Handlers add to the request's log line in ``state.record``; a failure's code is ``state.reason``.

    Metrics, log and spans name routes, not paths: clients could make up any number of those.
    """

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, lifecycle: Lifecycle, spans: SpanExporter | None = None
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._lifecycle = lifecycle
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()
        method = scope["method"]
        if scope["path"].startswith(("http://", "https://")):  # as sent to proxies; every server must take it
            scope = {**scope, "path": "/" + scope["path"].partition("://")[2].partition("/")[2]}
        headers = Headers(scope=scope)
        trace = RequestTrace(headers.get("traceparent", ""))
        trace.activate()
        state: dict[str, Any] = scope.setdefault("state", {})
        state.update(request_id=_request_id(headers), record={}, reason=None)
        if method == "HEAD":
            scope = {**scope, "method": "GET"}  # of its answer, the server leaves out the body
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = state["request_id"]
                headers["server-timing"] = trace.server_timing()
            await send(message)

        async def refuse(error: ApiError) -> None:
            await error_response(error, scope)(scope, receive, send_with_headers)

        try:
            if "content-length" in headers and "transfer-encoding" in headers:
                # A proxy that goes by the other one would take a part of the body for a request of somebody else.
                state["reason"] = "bad_framing"
                message = "a request has Content-Length or Transfer-Encoding, not both"
                error = ApiError(400, "bad_framing", message, field="header.Content-Length")
                error.headers["Connection"] = "close"
                await refuse(error)
            else:
                await self._app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            state["reason"] = "cut_off"
            if self._lifecycle.state != "draining" or status:
                raise
            # The grace after SIGTERM is over.
            await refuse(ApiError(503, "draining", "the service stopped before this was done"))
        except Exception as error:
            state["reason"] = "internal"
            log("failure", logging.ERROR, request_id=state["request_id"], **error_fields(error))
            if not status:
                await refuse(ApiError(500, "internal", "the service failed; the log says how"))
        finally:
            known = method if method in _METHODS else "other"
            self._record(known, scope, trace, status, perf_counter() - start)

    def _record(self, method: str, scope: Scope, trace: RequestTrace, status: int, seconds: float) -> None:
        state = scope["state"]
        path = getattr(scope.get("route"), "path", "other")
        self._metrics.record(path, method, status, state["reason"], seconds)
        if path in _UNLOGGED:
            return
        trace_id = trace.trace_id
        if self._spans is not None:
            trace_id = self._spans.send(trace, method, path, status, state["reason"])
        known = {"reason": state["reason"], "trace_id": trace_id, "parent_id": trace.parent_id}
        log(
            "request",
            logging.WARNING if status >= 500 or not status else logging.INFO,
            request_id=state["request_id"],
            method=method,
            path=path,
            status=status,
            milliseconds=round(1000 * seconds, 1),
            **{name: value for name, value in known.items() if value},
            **state["record"],
        )


def error_response(error: ApiError, scope: Scope) -> Response:
    """The response for an error, in the shape of the protocol that the path belongs to."""
    if scope["path"].startswith("/v2"):
        status = 400 if error.status == 422 else error.status  # the protocol's status for a wrong request
        return Response(error.inference_protocol_body(), status, error.headers, "application/json")
    return Response(error.body(scope["state"]["request_id"]), error.status, error.headers, "application/json")


def _request_id(headers: Headers) -> str:
    """The client's X-Request-ID if it has only letters, digits, dots, dashes and underscores, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

"""The outermost layer of the app: request ids, security headers, the request log, metrics and last-resort errors.

Plain ASGI, so that it adds almost no time and passes streams through.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from time import perf_counter
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clausetag.serving.errors import ApiError
from clausetag.serving.observability.logs import error_fields, log
from clausetag.serving.observability.metrics import Metrics
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

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_UNLOGGED = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths that monitoring asks for every few seconds."""


class RequestMiddleware:
    """Wraps the app. Handlers add to the request's log line in ``state.record``; a failure's code is ``state.reason``.

    `paths` are those that metrics and log name; all others are "other", since clients could make up any number.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, lifecycle: Lifecycle, paths: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._lifecycle = lifecycle
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()
        state: dict[str, Any] = scope.setdefault("state", {})
        state.update(request_id=_request_id(scope), record={}, reason=None)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = state["request_id"]
            await send(message)

        async def refuse(error: ApiError) -> None:
            await error_response(error, state["request_id"])(scope, receive, send_with_headers)

        try:
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
            self._record(scope, state, status, perf_counter() - start)

    def _record(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        path = scope["path"] if scope["path"] in self._paths else "other"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(path, method, str(status)).inc()
        if state["reason"]:
            self._metrics.failures.labels(state["reason"]).inc()
        if path == "/predict":
            self._metrics.duration.observe(seconds)
        if path in _UNLOGGED:
            return
        reason = {"reason": state["reason"]} if state["reason"] else {}
        log(
            "request",
            logging.WARNING if status >= 500 or not status else logging.INFO,
            request_id=state["request_id"],
            method=method,
            path=path,
            status=status,
            milliseconds=round(1000 * seconds, 1),
            **reason,
            **state["record"],
        )


def error_response(error: ApiError, request_id: str) -> Response:
    """The response for an error."""
    return Response(error.body(request_id), error.status, error.headers, "application/json")


def _request_id(scope: Scope) -> str:
    """The client's X-Request-ID if it has only letters, digits, dots, dashes and underscores, else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode("ascii") if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

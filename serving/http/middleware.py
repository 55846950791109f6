"""The outermost layer: a request id, security headers, one log line and the counters; and no error without its shape.

Plain ASGI, so that it costs next to nothing and streams whatever is inside.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clausetag.serving.errors import error_body, error_value
from clausetag.serving.observability.logs import error_fields, log
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.admission import Life

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
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked every few seconds: counted, not logged."""


class Envelope:
    """Wraps the app; what handlers add to ``scope["state"]["record"]`` is logged, ``["reason"]`` is counted."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, life: Life, paths: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._life = life
        self._paths = paths
        self._headers = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()
        request_id = _request_id(scope)
        state: dict[str, Any] = scope.setdefault("state", {})
        state.update(request_id=request_id, record={}, reason=None)
        status = 0

        async def send_more(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                extra = [(name, value) for name, value in self._headers if name not in present]
                message["headers"] = [*message["headers"], *extra, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_more)
        except asyncio.CancelledError:
            state["reason"] = "cut_off"
            if self._life.state != "draining" or status:
                raise
            # The grace after SIGTERM is over.
            await _send_error(send_more, 503, "draining", "the service stopped before this was done", request_id)
        except Exception as error:
            state["reason"] = "internal"
            log("failure", logging.ERROR, request_id=request_id, **error_fields(error))
            if not status:
                await _send_error(send_more, 500, "internal", "the service failed; the log says how", request_id)
        finally:
            self._account(scope, state, status, perf_counter() - start)

    def _account(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        # Neither path nor method may be what a stranger makes up: counters would grow without end.
        path = scope["path"] if scope["path"] in self._paths else "other"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(path, method, str(status)).inc()
        if state["reason"]:
            self._metrics.failures.labels(state["reason"]).inc()
        if path == "/predict":
            self._metrics.duration.observe(seconds)
        if path in _QUIET:
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


async def _send_error(send: Send, status: int, code: str, message: str, request_id: str) -> None:
    body = error_body(error_value(code, message), request_id)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _request_id(scope: Scope) -> str:
    """The caller's X-Request-ID if it is a plain one, else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode("ascii") if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

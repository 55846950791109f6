"""Connections: how many may be open, and how long a client may take to send a request and to take its answer."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from clausetag.serving.observability.logs import log
from clausetag.serving.observability.metrics import Metrics

_OTHER_FILES = 128
"""Open files that are no clients' connections: model, readers, and those that have just been accepted."""


_READ_BYTES = 1 << 12
"""Bytes that are taken from a connection before it is the next one's turn."""


def max_connections(wanted: int) -> int:
    """As many as are wanted and the system's limit of open files allows, which is raised if it may be."""
    with suppress(ImportError):  # Windows has no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            needed = wanted + _OTHER_FILES
            with suppress(ValueError, OSError):
                soft = max(soft, needed if hard == resource.RLIM_INFINITY else min(needed, hard))
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            return max(8, min(wanted, soft - _OTHER_FILES))
    return wanted


class ConnectionLimiter:
    """Limits how many connections are open, far below the system's limit, at which no more could be accepted.

    A new connection takes the place of the one that has been without a request for longest, else of the one whose
    request has been arriving for longest; connections whose requests are being answered keep theirs.
    """

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._open: dict[TimeoutProtocol, None] = {}
        """In the order of the last bytes from their clients."""

    def add(self, connection: TimeoutProtocol) -> None:
        """Take note of a new connection, and close one if there are too many."""
        self._open[connection] = None
        if len(self._open) > self._limit:
            others = list(self._open)[:-1]
            arriving = next((each for each in others if each.state is h11.SEND_BODY), connection)
            victim = next((each for each in others if each.state is h11.IDLE), arriving)
            log("too many connections", logging.WARNING, limit=self._limit)
            self._metrics.failures.labels("too_many_connections").inc()
            self.remove(victim)
            victim.transport.abort()
        self._metrics.connections.set(len(self._open))

    def touch(self, connection: TimeoutProtocol) -> None:
        """Take note of bytes from a client."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def remove(self, connection: TimeoutProtocol) -> None:
        """Take note that a connection is closed."""
        self._open.pop(connection, None)
        self._metrics.connections.set(len(self._open))


class TimeoutProtocol(H11Protocol):
    """Enforces timeouts: closes a connection whose request arrives too slowly, or whose client doesn't take its answer.

    uvicorn itself waits for both without limit. For the body of a request that is being handled, the app enforces
    the timeout, since it can answer 408.
    """

    def __init__(
        self,
        *args: Any,
        read_seconds: float,
        write_seconds: float,
        limiter: ConnectionLimiter,
        metrics: Metrics,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._limiter = limiter
        self._read_seconds = read_seconds
        self._write_seconds = write_seconds
        self._metrics = metrics
        self._read_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for the first request."""
        super().connection_made(transport)
        # Writing counts as paused whenever bytes wait here for the client, and not only above 64 kB.
        transport.set_write_buffer_limits(high=0)
        # asyncio's own 256 kB can hold 43,000 chunks of a body, which keep everybody else waiting for a second.
        transport.max_size = _READ_BYTES  # type: ignore[attr-defined]
        self._start_reading()
        self._limiter.add(self)

    def data_received(self, data: bytes) -> None:
        """Go on with the time for a request, or stop it if the request is complete."""
        self._limiter.touch(self)
        super().data_received(data)
        if self._request_is_incomplete():
            self._start_reading()
        else:
            _cancel(self._read_timer)
            self._read_timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all times."""
        self._limiter.remove(self)
        _cancel(self._read_timer)
        _cancel(self._write_timer)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the time for the client to take the bytes that wait."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self._write_seconds, self._abort)

    def resume_writing(self) -> None:
        """Stop that time: the client has taken everything."""
        _cancel(self._write_timer)
        super().resume_writing()

    @property
    def state(self) -> Any:
        """What the client is doing, in h11's terms."""
        return self.conn.their_state

    def _request_is_incomplete(self) -> bool:
        return self.state in (h11.IDLE, h11.SEND_BODY)

    def _start_reading(self) -> None:
        if self._read_timer is None:  # the time is for the whole request, not for each of its bytes
            self._read_timer = self.loop.call_later(self._read_seconds, self._close_if_incomplete)

    def _close_if_incomplete(self) -> None:
        self._read_timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._start_reading()
        elif self._request_is_incomplete() and not self.transport.is_closing():
            self.transport.close()

    def _abort(self) -> None:
        self._write_timer = None
        log("answer not taken", logging.WARNING, bytes_left=self.transport.get_write_buffer_size())
        self._metrics.failures.labels("answer_not_taken").inc()
        self.transport.abort()  # close() would first wait for the client to take the rest


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()

"""Runs the app in uvicorn, with timeouts for slow clients, draining on SIGTERM, and the service's own logs."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from clausetag.data.errors import ClausetagError
from clausetag.serving.observability.logs import configure_logging, log
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.service import Service

_LOOPBACK = ("127.", "::1", "localhost")
_BACKLOG = 2048


class TimeoutProtocol(H11Protocol):
    """Enforces timeouts: closes a connection whose request arrives too slowly, or whose client doesn't take its answer.

    uvicorn itself waits for both without limit. For the body of a request that is being handled, the app enforces
    the timeout, since it can answer 408.
    """

    def __init__(self, *args: Any, read_seconds: float, write_seconds: float, metrics: Metrics, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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
        self._start_reading()

    def data_received(self, data: bytes) -> None:
        """Go on with the time for a request, or stop it if the request is complete."""
        super().data_received(data)
        if self._request_is_incomplete():
            self._start_reading()
        else:
            _cancel(self._read_timer)
            self._read_timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all times."""
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

    def _request_is_incomplete(self) -> bool:
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

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


class DrainingServer(uvicorn.Server):
    """Drains on the first SIGTERM or Ctrl-C: refuses new requests, finishes the others, exits with 0.

    A second signal stops it at once. It also exits if the model cannot be loaded.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._signals: list[int] = []
        self._exit_time = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections."""
        await super().startup(sockets=sockets)
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            log("listening", url=f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take note of a signal, which may interrupt anything; `on_tick` does the rest."""
        self.force_exit = self.should_exit
        self._signals.append(sig)

    async def on_tick(self, counter: int) -> bool:
        """Drain after a signal; whether to exit. Called every tenth of a second."""
        lifecycle = self._service.lifecycle
        if self._signals and lifecycle.state not in ("draining", "failed"):
            name = signal.Signals(self._signals[0]).name
            log("stopping", signal=name, in_flight=self._service.queue.active)
            lifecycle.set("draining")
            self._exit_time = monotonic() + self._service.settings.notice_seconds
        noticed = lifecycle.state == "draining" and monotonic() >= self._exit_time
        self.should_exit = noticed or len(self._signals) > 1 or lifecycle.state == "failed"
        return await super().on_tick(counter)


def run(app: ASGIApp, service: Service) -> int:
    """Serve until a signal; returns the exit code, 1 if the model could not be loaded.

    Raises:
        ClausetagError: the address cannot be used.
    """
    settings = service.settings
    listener = listen(settings.host, settings.port)
    configure_logging()
    if not settings.api_key.get_secret_value() and not settings.host.startswith(_LOOPBACK):
        log("anybody who reaches this address can use the service: set CLAUSETAG_API_KEY", logging.WARNING)
    protocol: Any = partial(
        TimeoutProtocol,
        read_seconds=settings.read_seconds,
        write_seconds=settings.write_seconds,
        metrics=service.metrics,
    )
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
    )
    DrainingServer(config, service).run(sockets=[listener])
    return 1 if service.lifecycle.state == "failed" else 0


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on an address.

    Raises:
        ClausetagError: the address is wrong, taken, or not this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        # Connections inherit it. asyncio doesn't set it on these sockets, and without it the last part of an answer
        # waits 40 ms for the client to acknowledge the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, UnicodeError) as error:
        # The socket module appends the address to the system's message.
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise ClausetagError(f"cannot listen on {host}, port {port}: {reason}") from None

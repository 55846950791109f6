"""uvicorn, with three habits of its own: it is patient with nobody, drains on SIGTERM, and logs as the service does."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from types import FrameType
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from clausetag.data.errors import ClausetagError
from clausetag.serving.http.app import create_app
from clausetag.serving.observability.logs import log, set_up
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.service import Service
from clausetag.serving.settings import Settings

_LOOPBACK = ("127.", "::1", "localhost")
_BACKLOG = 2048


class ImpatientProtocol(H11Protocol):
    """Closes a connection whose request takes too long to arrive, or whose client does not take its answer.

    uvicorn would wait for ever for both. The body of a request that is being handled is the app's business, which
    answers 408.
    """

    read_seconds: float
    write_seconds: float
    metrics: Metrics
    _timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connects: its first request must arrive."""
        super().connection_made(transport)
        # So that "paused" is every moment in which bytes wait here for the client, and not only above 64 kB.
        transport.set_write_buffer_limits(high=0)
        self._start()

    def data_received(self, data: bytes) -> None:
        """Bytes arrive: a request has begun, goes on, or is there."""
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._start()
        else:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take the bytes as fast as they come."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.write_seconds, self._give_up)

    def resume_writing(self) -> None:
        """The client has taken everything."""
        self._taken()
        super().resume_writing()

    def _taken(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _give_up(self) -> None:
        self._write_timer = None
        log("answer not taken", logging.WARNING, bytes_left=self.transport.get_write_buffer_size())
        self.metrics.failures.labels("answer_not_taken").inc()
        self.transport.abort()  # close() would first wait for the client to take the rest

    def _start(self) -> None:
        # Not anew with every byte: the time is for the whole request.
        if self._timer is None:
            self._timer = self.loop.call_later(self.read_seconds, self._expire)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._start()
        elif self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not self.transport.is_closing():
            self.transport.close()


class DrainingServer(uvicorn.Server):
    """On the first SIGTERM or Ctrl-C: refuse new work, finish what is in flight, exit with 0. On the second: stop."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop: asyncio.AbstractEventLoop | None = None
        self.failed = False
        service.on_failure = self._fail

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        for listener in sockets or ():
            log("listening", url=_url(listener))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal, between any two instructions: leave the work to the event loop."""
        if self.should_exit:
            self.force_exit = True
        elif self._loop is None:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self._drain, signal.Signals(sig).name)

    def _drain(self, name: str) -> None:
        if self._service.life.state == "draining":  # the second signal within the notice
            self.should_exit = True
            return
        log("stopping", signal=name, in_flight=self._service.queue.taken)
        self._service.life.set("draining")
        assert self._loop is not None
        self._loop.call_later(self._service.settings.notice_seconds, self._close)

    def _close(self) -> None:
        self.should_exit = True

    def _fail(self) -> None:
        self.failed = True
        self.should_exit = True


def run(settings: Settings) -> int:
    """Serve until a signal; returns the exit code, 1 if the model could not be loaded.

    Raises:
        ClausetagError: the address cannot be listened on.
    """
    set_up()
    listener = _listen(settings.host, settings.port)
    if not settings.api_key and not settings.host.startswith(_LOOPBACK):
        log("anybody who reaches this address can use the service: set CLAUSETAG_API_KEY", logging.WARNING)
    app = create_app(settings)
    service: Service = app.state.service
    server = DrainingServer(_config(app, settings, service.metrics), service)
    server.run(sockets=[listener])
    return 1 if server.failed else 0


def _config(app: Any, settings: Settings, metrics: Metrics) -> uvicorn.Config:
    limits = {"read_seconds": settings.read_seconds, "write_seconds": settings.write_seconds, "metrics": metrics}
    protocol = type("Protocol", (ImpatientProtocol,), limits)
    return uvicorn.Config(
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


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        # Connections inherit it. asyncio sets it on sockets of a named protocol only, which these are not; without it
        # an answer's last part waits 40 ms for the client's acknowledgement of the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None) or 0
        # The socket module puts the address into its message once more.
        reason = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error)
        raise ClausetagError(f"cannot listen on {host}, port {port}: {reason}") from None


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

"""Runs the app in uvicorn, with limits on connections, draining on SIGTERM, and the service's own logs."""

from __future__ import annotations

import faulthandler
import logging
import signal
import socket
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from clausetag.data.errors import ClausetagError
from clausetag.serving.observability.logs import configure_logging, log
from clausetag.serving.runtime.connections import ConnectionLimiter, TimeoutProtocol, max_connections
from clausetag.serving.runtime.service import Service

_SEND_BUFFER = 1 << 18
_LOOPBACK = ("127.", "::1", "localhost")
_BACKLOG = 2048
"""Connections that the system keeps until they are accepted."""
_ACCEPTED_AT_ONCE = 16
_LAST_SECONDS = 5.0
"""Time after the grace period in which the service ends by itself."""


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
            listener.listen(_BACKLOG)  # uvicorn has set it to the number of connections that are accepted at once
            host, port = listener.getsockname()[:2]
            log("listening", url=f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, end the connections, and stop the service, also where uvicorn would leave that out."""
        await super().shutdown(sockets=sockets)
        if self.force_exit:
            # A thread that is still in the network while the interpreter ends would abort the process.
            await self._service.stop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take note of a signal, which may interrupt anything; `on_tick` does the rest."""
        if sig == signal.SIGINT and self._service.settings.workers > 1:
            return  # a terminal sends it to all processes; the first one passes it on
        self.force_exit = self.should_exit
        self._signals.append(sig)

    async def on_tick(self, counter: int) -> bool:
        """Drain after a signal; whether to exit. Called every tenth of a second."""
        lifecycle = self._service.lifecycle
        if self._signals and lifecycle.state not in ("draining", "failed"):
            name = signal.Signals(self._signals[0]).name
            log("stopping", signal=name, in_flight=self._service.queue.active)
            lifecycle.set("draining")
            settings = self._service.settings
            # Whatever happens until then; it needs neither this thread nor Python's lock.
            last = settings.notice_seconds + settings.grace_seconds + _LAST_SECONDS
            faulthandler.dump_traceback_later(last, exit=True)
            self._exit_time = monotonic() + settings.notice_seconds
        noticed = lifecycle.state == "draining" and monotonic() >= self._exit_time
        self.should_exit = noticed or len(self._signals) > 1 or lifecycle.state == "failed"
        return await super().on_tick(counter)


def run(app: ASGIApp, service: Service, listener: socket.socket) -> int:
    """Serve until a signal; returns the exit code, 1 if the model could not be loaded."""
    settings = service.settings
    configure_logging()
    if not settings.api_key.get_secret_value() and not settings.host.startswith(_LOOPBACK):
        log("anybody who reaches this address can use the service: set CLAUSETAG_API_KEY", logging.WARNING)
    protocol: Any = partial(
        TimeoutProtocol,
        read_seconds=settings.read_seconds,
        write_seconds=settings.write_seconds,
        limiter=ConnectionLimiter(max_connections(settings.max_connections), service.metrics),
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
        backlog=_ACCEPTED_AT_ONCE,
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
        # A client that doesn't read is noticed after this much, and not after the megabytes that the kernel would take.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        return listener
    except (OSError, UnicodeError) as error:
        # The socket module appends the address to the system's message.
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise ClausetagError(f"cannot listen on {host}, port {port}: {reason}") from None

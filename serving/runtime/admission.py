"""Admission control: whether the service is ready, and whether it has room for one more request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from prometheus_client import Gauge

from clausetag.serving.errors import ApiError
from clausetag.serving.observability.logs import log

State = Literal["starting", "ready", "draining", "failed"]

_REFUSALS = {
    "starting": "the model is being loaded; try again in a moment",
    "draining": "the service is stopping",
    "failed": "the model could not be loaded; the log says why",
}


class Lifecycle:
    """The service's state: "starting", then "ready", then "draining"; or "failed" if the model cannot be loaded."""

    def __init__(self, ready: Gauge) -> None:
        self._ready = ready
        self.state: State = "starting"

    def set(self, state: State) -> None:
        """Change the state and log it. "draining" and "failed" are final."""
        if self.state in ("draining", "failed", state):
            return
        self.state = state
        self._ready.set(state == "ready")
        log(state)

    def check(self) -> None:
        """Check that the service accepts requests.

        Raises:
            ApiError: 503; the code is the state, the message says why.
        """
        if self.state != "ready":
            raise ApiError(503, self.state, _REFUSALS[self.state], retry_after=2)


class ConcurrencyLimiter:
    """Limits how many requests are in one phase at once; one more is refused immediately instead of waiting.

    `phase` completes the sentence "64 requests are … already"; `gauge` shows how many there are.
    """

    def __init__(self, limit: int, phase: str, gauge: Gauge) -> None:
        self._limit = limit
        self._phase = phase
        self._gauge = gauge
        self.active = 0

    def check(self) -> None:
        """Check for room without taking it.

        Raises:
            ApiError: 429 if there is none.
        """
        if self.active >= self._limit:
            message = f"{self._limit} requests are {self._phase} already; try again in a moment"
            raise ApiError(429, "overloaded", message, retry_after=1)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Take a slot for the duration of a ``with`` block.

        Raises:
            ApiError: 429 if there is none.
        """
        self.check()
        self.active += 1
        self._gauge.set(self.active)
        try:
            yield
        finally:
            self.active -= 1
            self._gauge.set(self.active)

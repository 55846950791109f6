"""Whether the service takes requests: not before the model is warm, and not while it drains."""

from __future__ import annotations

from typing import Literal

from clausetag.serving.errors import ApiError
from clausetag.serving.observability.logs import log
from clausetag.serving.observability.metrics import Metrics

State = Literal["starting", "ready", "draining", "failed"]

_REFUSALS = {
    "starting": "the model is being loaded; try again in a moment",
    "draining": "the service is stopping",
    "failed": "the model could not be loaded; the log says why",
}


class Life:
    """starting, then ready, then draining; or failed."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.state: State = "starting"

    def set(self, state: State) -> None:
        """Change the state; what drains stays so."""
        if self.state in ("draining", state):
            return
        self.state = state
        self._metrics.ready.set(state == "ready")
        log(state)

    def check(self) -> None:
        """See whether new work is taken.

        Raises:
            ApiError: 503; the message says why, the code is the state.
        """
        if self.state != "ready":
            raise ApiError(503, self.state, _REFUSALS[self.state], retry_after=2)

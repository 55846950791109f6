"""How far a long run is, in one line on the terminal that is written over and over; nothing where there is none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TextIO

_SECONDS = 0.2
"""Between two updates of the line."""
_BAR = 20
_CLEAR = "\r\x1b[K"


class Progress:
    """Counts documents and sentences. Whatever else goes to the same terminal must call `clear` first, or `note`."""

    def __init__(
        self,
        stream: TextIO,
        *,
        quiet: bool = False,
        width: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`width` is the terminal's, by default as it says."""
        self._stream = stream
        self.shown = not quiet and stream.isatty()
        """Whether there is a line at all."""
        self._width = width
        self._clock = clock
        self._visible = False
        self.start("", None)

    def start(self, what: str, total: int | None, done: int = 0) -> None:
        """Begin a stretch of work on `total` documents (None: unknown), of which `done` are done already."""
        self._what, self._total, self._done = what, total, done
        self._first = done
        self._sentences = 0
        self._began = self._clock()
        self._next = self._began

    def step(self, sentences: int = 0) -> None:
        """One more document is done, of so many sentences."""
        self._done += 1
        self._sentences += sentences
        now = self._clock()
        if self.shown and now >= self._next:
            self._next = now + _SECONDS
            self._stream.write(_CLEAR + self.line(now - self._began)[: self._columns() - 1])
            self._stream.flush()
            self._visible = True

    def note(self, line: str) -> None:
        """Print a line that stays, above the one that moves."""
        self.clear()
        print(line, file=self._stream, flush=True)

    def clear(self) -> None:
        """Take the line off the terminal; the next step brings it back."""
        if self._visible:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._visible = False
            self._next = 0.0

    def line(self, seconds: float) -> str:
        """What is shown after so many seconds of work."""
        known = self._total is not None and self._total >= self._done
        counted = f"{self._done:,} of {self._total:,}" if known else f"{self._done:,}"
        parts = [f"{self._what}{counted} document{'' if counted == '1' else 's'}"]
        if self._sentences and seconds > 0:
            parts.append(f"{self._sentences / seconds:,.0f} sentences/s")
        if known and self._total and (new := self._done - self._first):
            filled = _BAR * self._done // self._total
            parts.insert(0, f"[{'#' * filled}{'.' * (_BAR - filled)}]")
            parts.append(f"{_span(seconds / new * (self._total - self._done))} left")
        return parts[0] + " " + ", ".join(parts[1:]) if parts[0].startswith("[") else ", ".join(parts)

    def _columns(self) -> int:
        if self._width is not None:
            return self._width
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

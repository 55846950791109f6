"""Progress of a long run: one line on the terminal that is updated in place; nothing if stderr is no terminal."""

from __future__ import annotations

from typing import TextIO

from tqdm import tqdm


class _Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
    monitor_interval = 0  # no thread that watches the bar


class Progress:
    """Counts documents and sentences on a terminal. Other output to the terminal must go through `note` or `clear`."""

    def __init__(self, stream: TextIO, *, quiet: bool = False, interval: float = 0.2) -> None:
        """With `quiet`, or if `stream` is no terminal, there is no line, but notes are printed.

        `interval` is the least time in seconds between two updates.
        """
        self._stream = stream
        self._interval = interval
        self.shown = not quiet and stream.isatty()
        """Whether there is a line at all."""
        self._bar: _Bar | None = None
        self._sentences = 0

    def start(self, what: str, total: int | None, done: int = 0) -> None:
        """Begin a stage of work on `total` documents (None: unknown), of which `done` are finished already."""
        self.close()
        self._sentences = 0
        if self.shown:
            self._bar = _Bar(
                desc=what or None,
                total=total,
                initial=done,
                unit=" documents",
                file=self._stream,
                leave=False,
                mininterval=self._interval,
                dynamic_ncols=True,
                delay=1e-6,  # show nothing before the first document
            )

    def step(self, sentences: int = 0) -> None:
        """Count one more document that is finished, and its sentences."""
        if self._bar is None:
            return
        self._sentences += sentences
        if self._sentences:
            seconds = max(self._bar.format_dict["elapsed"], 1e-9)
            self._bar.set_postfix_str(f"{self._sentences / seconds:,.0f} sentences/s", refresh=False)
        self._bar.update()

    def note(self, line: str) -> None:
        """Print a line that stays, above the one that is updated."""
        self.clear()
        print(line, file=self._stream, flush=True)

    def clear(self) -> None:
        """Remove the line from the terminal; the next step shows it again."""
        if self._bar is not None:
            self._bar.clear()

    def close(self) -> None:
        """Remove the line for good."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

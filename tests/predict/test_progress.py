"""The line on the terminal: what it says, and that nothing moves where there is none."""

from __future__ import annotations

import io

import pytest

from clausetag.predict.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_documents_rate_and_time_left(clock: Clock) -> None:
    terminal = Terminal()
    progress = Progress(terminal, width=200, clock=clock)
    progress.start("", 2_100, done=1_000)
    clock.now = 10.0
    for _ in range(99):
        progress.step(50)
    terminal.truncate(0)
    clock.now = 20.0
    progress.step(50)
    # 100 of this session's documents in 20 s, so 1,000 more take 200 s
    assert terminal.getvalue().endswith("[##########..........] 1,100 of 2,100 documents, 250 sentences/s, 3:20 left")


@pytest.mark.parametrize("total", [None, 3])
def test_without_a_total_or_beyond_it_no_time_is_left(total: int | None, clock: Clock) -> None:
    progress = Progress(Terminal(), clock=clock)
    progress.start("", total)
    for _ in range(4):
        progress.step(3)
    assert progress.line(2.0) == "4 documents, 6 sentences/s"


def test_the_line_fits_and_is_not_written_too_often(clock: Clock) -> None:
    terminal = Terminal()
    progress = Progress(terminal, width=30, clock=clock)
    progress.start("", 10)
    for _ in range(5):
        progress.step(1)
    (line,) = terminal.getvalue().split("\r\x1b[K")[1:]
    assert len(line) == 29


def test_notes_stand_on_lines_of_their_own(clock: Clock) -> None:
    terminal = Terminal()
    progress = Progress(terminal, width=80, clock=clock)
    progress.start("", None)
    progress.step()
    progress.note("clausetag: bad.txt: no such file")
    assert terminal.getvalue() == "\r\x1b[K1 document\r\x1b[Kclausetag: bad.txt: no such file\n"
    progress.step()
    progress.clear()
    assert terminal.getvalue().endswith("\r\x1b[K2 documents\r\x1b[K")


def test_nothing_moves_where_there_is_no_terminal_or_with_quiet() -> None:
    for stream, quiet in ((io.StringIO(), False), (Terminal(), True)):
        progress = Progress(stream, quiet=quiet)
        progress.start("", 5)
        progress.step(3)
        progress.note("a word")
        progress.clear()
        assert stream.getvalue() == "a word\n"


def test_hours() -> None:
    progress = Progress(Terminal())
    progress.start("", 1_001)
    progress.step(1)
    assert progress.line(7.5).endswith("2:05:00 left")

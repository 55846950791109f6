"""The progress line: what it says, that notes stay above it, and that there is none without a terminal."""

from __future__ import annotations

import io
import re
import threading

import pytest

from clausetag.predict.progress import Progress


class Terminal(io.StringIO):
    """A terminal; `lines` are the states that its last line had, and what stayed."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        return [line.strip() for line in re.split(r"[\r\n]", self.getvalue()) if line.strip()]


def test_documents_total_and_rate() -> None:
    terminal = Terminal()
    progress = Progress(terminal, interval=0)
    progress.start("checked", 2_100, done=1_000)
    assert terminal.getvalue() == ""
    progress.step(50)
    progress.close()
    (line,) = terminal.lines()
    assert line.startswith("checked:") and "1001/2100" in line
    assert re.search(r"[\d,]+ sentences/s", line)


@pytest.mark.parametrize("total", [None, 3])
def test_without_a_total_or_beyond_it_none_is_shown(total: int | None) -> None:
    terminal = Terminal()
    progress = Progress(terminal, interval=0)
    progress.start("", total, done=3)
    progress.step()
    progress.close()
    assert re.match(r"4 documents \[", terminal.lines()[0])


def test_it_is_not_written_at_every_step() -> None:
    terminal = Terminal()
    progress = Progress(terminal, interval=3600)
    progress.start("", 100_000)
    for _ in range(1_000):
        progress.step(1)
    assert terminal.lines() == []


def test_notes_stand_on_lines_of_their_own_and_the_line_comes_back() -> None:
    terminal = Terminal()
    progress = Progress(terminal, interval=0)
    progress.start("", None)
    progress.step()
    progress.note("clausetag: bad.txt: no such file")
    assert terminal.getvalue().endswith("\rclausetag: bad.txt: no such file\n")
    progress.start("written", None)
    progress.step()
    progress.clear()
    last = terminal.getvalue().rsplit("\n", 1)[1]
    assert "written: 1 documents" in last and re.search(r"\r +\r$", last), "the line is blank in the end"
    progress.close()


def test_nothing_moves_without_a_terminal_or_with_quiet() -> None:
    for stream, quiet in ((io.StringIO(), False), (Terminal(), True)):
        progress = Progress(stream, quiet=quiet)
        assert not progress.shown
        progress.start("", 5)
        progress.step(3)
        progress.note("a word")
        progress.clear()
        progress.close()
        assert stream.getvalue() == "a word\n"


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    progress = Progress(Terminal())
    progress.start("", 5)
    progress.step()
    assert threading.active_count() == before
    progress.close()

"""Processes that run calls under limits: reused while they are sound, ended when they aren't."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clausetag.data.documents.isolated import PRELOAD
from clausetag.data.processes import CallFailed, ProcessDied, ProcessTimeout, WorkerProcess
from tests.data import calls

posix = pytest.mark.skipif(os.name != "posix", reason="asks by signal 0 whether a process is there")


@pytest.fixture
def process() -> Iterator[WorkerProcess]:
    found = WorkerProcess(PRELOAD, memory=500_000_000)
    yield found
    found.close()


def until_gone(pid: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except OSError:
            return
        time.sleep(0.01)
    raise AssertionError(f"{pid} is still there")


def test_one_process_runs_one_call_after_another(process: WorkerProcess) -> None:
    assert process.call(calls.echo, b"a" * 1_000_000, seconds=30) == b"a" * 1_000_000
    assert process.call(calls.echo, b"", seconds=30) == b""
    first, second = (process.call(calls.pid, seconds=30) for _ in range(2))
    assert first == second == b"%d" % process.pid != b"%d" % os.getpid()
    assert process.usable


@posix
def test_what_takes_too_long_is_killed_with_the_processes_that_it_started(
    process: WorkerProcess, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(ProcessTimeout):
        process.call(calls.sleep, str(pids), seconds=5)
    assert not process.usable
    for pid in map(int, pids.read_text().split()):
        until_gone(pid)


@posix
def test_time_to_compute_is_limited_apart_from_time(process: WorkerProcess) -> None:
    for _ in range(2):
        assert process.call(calls.wait, 0.3, seconds=60, cpu_seconds=0.2) == b"%d" % process.pid
    with pytest.raises(ProcessDied):
        process.call(calls.spin, seconds=60, cpu_seconds=0.2)


def test_another_thread_can_kill_it(process: WorkerProcess) -> None:
    timer = threading.Timer(0.2, process.kill)
    timer.start()
    with pytest.raises(ProcessDied):
        process.call(calls.spin, seconds=60)
    timer.join()
    assert not process.usable
    with pytest.raises(ProcessDied):
        process.call(calls.echo, b"", seconds=60)


def test_a_crash(process: WorkerProcess) -> None:
    with pytest.raises(ProcessDied):
        process.call(calls.crash, seconds=60)
    assert not process.usable


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by RLIMIT_AS")
def test_memory_is_limited_and_a_process_that_had_much_is_not_used_again(process: WorkerProcess) -> None:
    assert process.call(calls.fill, 10_000_000, seconds=30) == b"10000000"
    assert process.usable
    assert process.call(calls.fill, 410_000_000, seconds=30) == b"410000000"
    assert not process.usable
    other = WorkerProcess(PRELOAD, memory=500_000_000)
    with pytest.raises(MemoryError):
        other.call(calls.fill, 600_000_000, seconds=30)
    other.close()


def test_errors_of_the_function(process: WorkerProcess) -> None:
    with pytest.raises(CallFailed, match=r"^ValueError: a message$"):
        process.call(calls.fail, 0, seconds=30)
    other = WorkerProcess(PRELOAD, memory=500_000_000)
    with pytest.raises(OSError) as caught:
        other.call(calls.fail, errno.EMFILE, seconds=30)
    assert caught.value.errno == errno.EMFILE
    other.close()


@posix
def test_a_process_ends_with_the_program_that_waits_for_it(tmp_path: Path) -> None:
    """Idle ones at once; one that is busy when its time is over."""
    code = (
        "import sys, os, signal\nfrom clausetag.data.documents.isolated import PRELOAD\n"
        "from clausetag.data.processes import WorkerProcess\nfrom tests.data import calls\n"
        "process = WorkerProcess(PRELOAD, 10**9)\nprint(process.call(calls.pid, seconds=30).decode(), flush=True)\n"
        "sys.stdin.read()"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert program.stdout is not None and program.stdin is not None
    pid = int(program.stdout.readline())
    program.send_signal(signal.SIGKILL)
    program.wait()
    program.stdout.close()
    program.stdin.close()
    until_gone(pid)


@pytest.mark.parametrize("by", ["file", "standard input"])
def test_the_programs_script_is_not_run_again(tmp_path: Path, by: str) -> None:
    code = (
        "from clausetag.data.documents.isolated import IsolatedReader\n"
        "with IsolatedReader(seconds=60) as reader:\n    print(reader.read('a', b'<p>We keep it.</p>', '.html').text)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    command = [sys.executable, *([str(script)] if by == "file" else [])]
    done = subprocess.run(command, input=code if by != "file" else "", capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("We keep it.\n", "")

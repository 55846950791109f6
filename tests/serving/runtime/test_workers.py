"""Several processes on one port: what one counts all show, one that dies is replaced, and all of them drain."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.serving.process import Process, exchange, metric, service, start, until
from tests.serving.runtime.test_kills import alive, busy, children

BODY = json.dumps({"text": "We keep it for a year. You may opt out. " * 30, "scores": False}).encode()

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")


@contextmanager
def two() -> Iterator[Process]:
    with service("--workers", "2", "--deadline-seconds", "300", "--grace-seconds", "300") as running:
        until(lambda: running.count("ready") == 2)
        yield running


def workers(running: Process) -> list[int]:
    """Those of its processes that serve: they are its children, and have children."""
    return [pid for pid in children(running.process.pid, deep=False) if children(pid)]


def test_metrics_are_those_of_all_processes() -> None:
    with two() as running:
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda _: exchange(running.address, BODY), range(24)))
        assert [answer.status for answer in answers] == [200] * 24
        assert len({answer.body for answer in answers}) == 1
        name = 'clausetag_requests_total{method="POST",path="/predict",status="200"}'
        until(lambda: metric(running, name) == 24)  # counted when the answer is on its way
        for _ in range(8):  # whichever of them answers
            assert metric(running, name) == 24
        assert metric(running, "clausetag_ready") == 2
        assert metric(running, "clausetag_queue_requests") == metric(running, "clausetag_queue_windows") == 0


def test_a_process_that_dies_is_replaced_and_the_others_go_on() -> None:
    with two() as running:
        statuses: Counter[int] = Counter()
        end = threading.Event()

        def ask_on() -> None:
            while not end.is_set():
                statuses[exchange(running.address, BODY).status] += 1

        with ThreadPoolExecutor(4) as threads:
            for _ in range(4):
                threads.submit(ask_on)
            until(lambda: statuses[200] > 4)
            os.kill(workers(running)[0], signal.SIGKILL)
            until(lambda: running.count("ready") == 3)
            before = statuses[200]
            until(lambda: statuses[200] > before + 8)
            end.set()
        assert running.count("worker died", code=-signal.SIGKILL) == 1
        # Who was connected to it sees the connection closed, everybody else an answer.
        assert statuses.keys() <= {0, 200} and statuses[0] <= 4
        assert metric(running, "clausetag_ready") == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_requests_of_all_processes_finish(number: signal.Signals) -> None:
    with two() as running:
        below = children(running.process.pid)
        with busy(running, 6) as answers:
            for pid in [running.process.pid, *(workers(running) if number == signal.SIGINT else ())]:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)  # Ctrl-C reaches all processes of a terminal
            assert running.wait() == 0
        statuses = Counter(answer.status for answer in answers)
        assert statuses.keys() <= {0, 200, 503} and statuses[200] == running.count("request", status=200) > 0
        until(lambda: not any(map(alive, below)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_they_start(number: signal.Signals) -> None:
    process = start("--workers", "2")
    try:
        until(lambda: len(children(process.pid, deep=False)) > 2)  # one keeps track of resources
        for pid in [process.pid, *(children(process.pid) if number == signal.SIGINT else ())]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        errors = process.communicate(timeout=180)[1]
    finally:
        process.kill()
    assert process.returncode == 0 and b"Traceback" not in errors, errors


def test_they_end_with_the_process_that_started_them() -> None:
    with two() as running:
        below = children(running.process.pid)
        running.process.kill()
        running.wait()
        until(lambda: not any(map(alive, below)))

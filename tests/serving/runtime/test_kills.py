"""SIGTERM, SIGKILL and crashes while requests are being answered: every answer is whole, or there is none."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from clausetag.data.corpora.five import FIVE, read_source
from tests.data.documents.pdf_fixture import typeset, write_pdf
from tests.serving.hostile import HANG, PATCH, SPIN
from tests.serving.process import Answer, Process, exchange, metric, service, until

SHORT = b'{"text": "We encrypt it. You may opt out."}'
BODY, OTHER = (json.dumps({"text": read_source(policy)[:1500]}).encode() for policy in FIVE[:2])
PDF = write_pdf(typeset([("We encrypt your data, and keep it for a year.", "paragraph")] * 3000))
# The network fails on one word, as a runtime would that throws, and takes its time, so that requests are there at once.
FAULT = """
import time
from clausetag.model.tagger import Tagger
run = Tagger.run
def faulty(self, windows):
    poison = self.tokenizer.encode(["poison"])[0][0]
    time.sleep(0.05)
    if any(poison in window.ids for window in windows):
        raise MemoryError("poison")
    return run(self, windows)
Tagger.run = faulty
"""

linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")


@contextmanager
def busy(running: Process, clients: int) -> Iterator[list[Answer]]:
    """Clients that ask again and again until the end; gives the list that their answers are put in."""
    answers: list[Answer] = []
    end = threading.Event()

    def ask_on() -> None:
        while not end.is_set():
            answers.append(exchange(running.address, BODY))
            if not answers[-1].status:
                return

    with ThreadPoolExecutor(clients) as threads:
        for _ in range(clients):
            threads.submit(ask_on)
        until(lambda: metric(running, "clausetag_queue_requests") > 1 and any(a.status == 200 for a in answers))
        try:
            yield answers
        finally:
            end.set()


def children(pid: int, *, deep: bool = True) -> set[int]:
    """The processes that a process has started, and (if `deep`) those that they have."""
    found: set[int] = set()
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found |= set(map(int, (task / "children").read_text().split()))
    return found.union(*map(children, found)) if deep else found


def readers_of(running: Process) -> set[int]:
    """Its reader processes: children of the process from which they are copied, itself started with another."""
    return children(running.process.pid) - children(running.process.pid, deep=False)


def alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_sigterm_in_the_middle_of_many_requests() -> None:
    """Who was accepted gets an answer, the others a refusal or a closed connection; none is lost on the way."""
    with service("--max-queue", "8", "--deadline-seconds", "300", "--grace-seconds", "300") as running:
        with busy(running, 16) as answers:
            running.process.send_signal(signal.SIGTERM)
            assert running.wait() == 0
        statuses = Counter(answer.status for answer in answers)
        assert statuses.keys() <= {200, 429, 503, 0} and statuses[0]
        done = running.count("request", status=200)
        assert statuses[200] == done > 0, "what the service has logged as answered has arrived"
        assert all(json.loads(answer.body)["sentences"] for answer in answers if answer.status == 200)


@linux
def test_sigkill_in_the_middle_of_requests_and_a_new_start_on_the_same_port() -> None:
    with service("--max-queue", "8", "--deadline-seconds", "300") as running:
        with ThreadPoolExecutor(1) as thread, busy(running, 6) as answers:
            reading = thread.submit(exchange, running.address, PDF, "application/pdf")
            until(lambda: metric(running, "clausetag_long_readings") == 1)
            readers = children(running.process.pid)
            running.process.kill()
            assert running.wait() == -signal.SIGKILL
            assert reading.result().status == 0
        assert {answer.status for answer in answers} <= {200, 429, 0}
        assert all(json.loads(answer.body)["sentences"] for answer in answers if answer.status == 200)
        until(lambda: not any(map(alive, readers)))
        with service("--port", str(running.address[1])) as again:
            assert exchange(again.address, SHORT).status == 200


@linux
def test_sigterm_ends_it_within_the_grace_though_readers_never_return(tmp_path: Path) -> None:
    """One sleeps, one computes; both have started a process of their own, or hold the lock of Python's interpreter."""
    with (
        service("--grace-seconds", "1", "--reader-seconds", "600", "--deadline-seconds", "600", code=PATCH) as running,
        ThreadPoolExecutor(3) as threads,
    ):
        started = [tmp_path / word for word in (HANG, SPIN)]
        bodies = [json.dumps({"text": f"{path.name} {path}"}).encode() for path in started]
        waiting = [threads.submit(exchange, running.address, body) for body in bodies]
        until(lambda: metric(running, "clausetag_long_readings") == 2)
        readers = children(running.process.pid)
        running.process.send_signal(signal.SIGTERM)
        assert running.wait() == 0
        assert {each.result().status for each in waiting} <= {0, 503}
        until(lambda: not any(map(alive, readers)))


@linux
def test_readers_that_are_killed_harm_nobody_else() -> None:
    """A request whose reader is killed is read again; if that is killed too, it is refused."""
    with service("--deadline-seconds", "300") as running, ThreadPoolExecutor(4) as threads:
        alone = exchange(running.address, SHORT)
        reading = [threads.submit(exchange, running.address, PDF, "application/pdf") for _ in range(2)]
        until(lambda: metric(running, "clausetag_long_readings") == 2)
        while not all(each.done() for each in reading):
            for pid in readers_of(running):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            found = exchange(running.address, SHORT)
            assert found.body == alone.body or json.loads(found.body)["error"]["code"] in ("unreadable", "overloaded")
            time.sleep(0.01)
        for each in reading:
            assert each.result().status == 422
            assert json.loads(each.result().body)["error"]["code"] == "unreadable"
        assert exchange(running.address, SHORT).body == alone.body
        page = write_pdf(typeset([("We encrypt it.", "paragraph")]))
        assert exchange(running.address, page, "application/pdf").status == 200


def test_a_network_that_fails_on_one_request_answers_the_others() -> None:
    """And the thread that runs the network goes on."""
    with service("--deadline-seconds", "300", code=FAULT) as running, ThreadPoolExecutor(12) as threads:
        alone = {body: exchange(running.address, body) for body in (BODY, OTHER)}
        bodies = [BODY, b'{"text": "This is poison."}', OTHER] * 4
        answers = list(threads.map(lambda body: exchange(running.address, body), bodies))
        for body, answer in zip(bodies, answers, strict=True):
            if body in alone:
                assert (answer.status, answer.body) == (200, alone[body].body)
            else:
                assert answer.status == 500 and json.loads(answer.body)["error"]["code"] == "inference_failed"
        until(lambda: metric(running, 'clausetag_failures_total{reason="inference_failed"}') == 4)
        assert exchange(running.address, SHORT).status == 200
        assert not any("poison" in json.dumps(row) for row in running.log), "exceptions' messages are not logged"

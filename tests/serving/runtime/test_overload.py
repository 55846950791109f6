"""More clients than there is room for, clients that are slow or never read, huge bodies: against a real process."""

from __future__ import annotations

import json
import os
import socket
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from clausetag.data.corpora.five import FIVE, read_source
from tests.serving.process import Answer, Process, exchange, metric, read_all, service, until

SHORT = b'{"text": "We encrypt it. You may opt out.", "scores": false}'
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
DEADLINE = 30.0


def all_at_once(running: Process, bodies: Sequence[bytes]) -> list[Answer]:
    with ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(lambda body: exchange(running.address, body), bodies))


def open_files(running: Process) -> int:
    return len(os.listdir(f"/proc/{running.process.pid}/fd"))


def failures(running: Process, reason: str) -> float:
    return metric(running, f'clausetag_failures_total{{reason="{reason}"}}')


linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")


@pytest.mark.parametrize(("clients", "rounds"), [(60, 2), pytest.param(200, 10, marks=pytest.mark.slow)])
def test_far_more_clients_than_the_queue_holds(clients: int, rounds: int) -> None:
    """Each is answered at once, with its result or with when to come back; nobody waits beyond the deadline."""
    body = json.dumps({"text": read_source("000_sagenext"), "scores": False}).encode()
    with service("--max-queue", "4", "--deadline-seconds", str(DEADLINE)) as running:
        answers = [answer for _ in range(rounds) for answer in all_at_once(running, [body] * clients)]
        assert Counter(answer.status for answer in answers).keys() == {200, 429}
        accepted = sorted(answer.seconds for answer in answers if answer.status == 200)
        assert len(accepted) >= 4 * rounds
        assert accepted[int(0.99 * len(accepted))] <= DEADLINE
        assert len({answer.body for answer in answers if answer.status == 200}) == 1
        for answer in answers:
            if answer.status == 429:
                assert answer.retry_after and int(answer.retry_after) >= 1
                assert json.loads(answer.body)["error"]["code"] == "overloaded"
        assert metric(running, "clausetag_queue_requests") == metric(running, "clausetag_uploads") == 0
        assert exchange(running.address, body).status == 200


@pytest.mark.slow
def test_the_same_answers_in_whatever_crowd() -> None:
    bodies = [json.dumps({"text": read_source(policy)}).encode() for policy in FIVE]
    bodies.append(json.dumps({"sentences": ["We encrypt it.", "You may opt out."], "context": False}).encode())
    bodies.append(
        json.dumps({"policies": [{"id": "a", "text": read_source(FIVE[0])}, {"id": "b", "text": "?"}]}).encode()
    )
    with service("--threads", "3", "--deadline-seconds", "300") as running:
        alone = [exchange(running.address, body) for body in bodies]
        assert [answer.status for answer in alone] == [200] * len(bodies)
        crowd = all_at_once(running, bodies * 4)
        assert [answer.body for answer in crowd] == [answer.body for answer in alone] * 4


@linux
@pytest.mark.parametrize("clients", [20, pytest.param(400, marks=pytest.mark.slow)])
def test_slow_headers_and_slow_bodies_keep_nobody_waiting(clients: int) -> None:
    """Bytes drip in from many clients; the others are served, and the time for a request is not anew for each byte."""
    with service("--read-seconds", "2", "--max-queue", "4") as running, ExitStack() as stack:
        before = open_files(running)
        dripping = []
        for number in range(clients):
            client = stack.enter_context(socket.create_connection(running.address, timeout=60))
            client.sendall(HEAD if number % 2 else HEAD + b"Content-Length: 1000\r\n\r\n{")
            dripping.append(client)
        until(lambda: open_files(running) >= before + clients)
        until(lambda: metric(running, "clausetag_uploads") == clients / 2)
        ended: set[int] = set()
        served = 0
        while len(ended) < clients:
            for number, client in enumerate(dripping):
                try:
                    client.send(b"X" if number % 2 else b" ")
                except OSError:
                    ended.add(number)
            served += exchange(running.address, SHORT).status == 200
            time.sleep(0.1)
        assert served >= 1
        answers = [_rest(client) for client in dripping]
        # Who sent no request gets no answer; whose body does not come is told so. A reset may overtake that.
        assert {answer[:12] for answer in answers[1::2]} <= {b""}
        assert {answer[:12] for answer in answers[::2]} <= {b"HTTP/1.1 408", b""}
        assert failures(running, "body_too_slow") == clients / 2
        until(lambda: open_files(running) <= before + 1 and metric(running, "clausetag_uploads") == 0)


def _rest(client: socket.socket) -> bytes:
    try:
        return read_all(client)
    except ConnectionError:
        return b""


@linux
def test_answers_that_nobody_takes_are_dropped() -> None:
    """Pipelined requests, and one long answer after which the server itself wants to close."""
    # Words that are no words are cheap to tag and long to send: more than the kernel keeps for a client.
    long = json.dumps({"text": "\U00010400" * 900_000, "scores": False}, ensure_ascii=False).encode()
    with service("--write-seconds", "2", "--read-seconds", "20") as running, ExitStack() as stack:
        before = open_files(running)
        for request in (
            b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 600,
            HEAD + b"Content-Length: %d\r\n\r\n" % len(long) + long,
            HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(long) + long,
        ):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(running.address)
            client.settimeout(60)
            client.sendall(request)
        until(lambda: running.count("answer not taken") == 3)
        assert failures(running, "answer_not_taken") == 3
        until(lambda: open_files(running) <= before + 1)
        # Slowly, but it takes it: the time is for those who do not.
        patient = stack.enter_context(socket.socket())
        patient.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        patient.connect(running.address)
        patient.sendall(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(long) + long)
        head, _, body = read_all(patient).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ") and json.loads(body)["sentences"]


def test_huge_and_broken_bodies() -> None:
    whole = b'{"text": "We encrypt it."}'
    chunked = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (65536, b" " * 65536)
    length = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n"
    cases: list[tuple[list[bytes], bytes]] = [
        ([chunked, *(b"1\r\n%c\r\n" % byte for byte in whole), b"0\r\n\r\n"], b"200"),
        ([length % len(whole), *(bytes([byte]) for byte in whole)], b"200"),
        ([length % 10**18], b"413"),
        ([length % 50_000_000, *[b" " * 1_000_000] * 50], b"413"),
        ([chunked, *[chunk] * 200], b"413"),
        ([chunked, b"fffffffffffffff\r\n"], b"408"),
        ([chunked, b"xyz\r\n"], b"400"),
        ([HEAD + b"Content-Length: -1\r\n\r\n"], b"400"),
        ([HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"], b"400"),
        ([HEAD + b"Content-Length: 9\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], b"400"),
        ([length % 0], b"400"),
        ([chunked, b"0\r\n\r\n"], b"400"),
    ]
    with service("--max-body-bytes", "1000000", "--read-seconds", "1.5") as running:
        for parts, status in cases:
            with socket.create_connection(running.address, timeout=60) as client:
                try:
                    for part in parts:
                        client.sendall(part)
                except (BrokenPipeError, ConnectionResetError):
                    assert status == b"413", "hung up in the middle of a body that fits"
                line = _rest(client).partition(b"\r\n")[0]
            assert line.split(b" ")[1] == status if line else status == b"413", (parts[:2], line)
        # It ends in the middle: nobody reads the answer, and nothing is left.
        with socket.create_connection(running.address, timeout=60) as client:
            client.sendall(length % 100 + b"{")
        until(lambda: running.count("request", status=499) >= 1 and metric(running, "clausetag_uploads") == 0)
        assert exchange(running.address, whole).status == 200

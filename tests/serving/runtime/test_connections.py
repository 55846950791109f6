"""Connections against a real process: more than there is room for, and requests that are refused while they arrive."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import socket
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from tests.serving.process import Process, ask, exchange, metric, service, until

SMALL = b'{"text": "We encrypt it."}'
LARGE = b" " * 20_000_000
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("begun", [b"", b"POST /predict HTTP/1.1\r\nX-A: ", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_idle_connections_make_room(begun: bytes) -> None:
    """400 of them with 256 files; they stay until somebody needs their place, and fill no log."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))"
    pytest.importorskip("resource")
    with service("--read-seconds", "300", code=limit) as running, ExitStack() as stack:
        for _ in range(400):
            client = stack.enter_context(socket.create_connection(running.address, timeout=60))
            client.sendall(begun)
        for path in ("livez", "readyz", "metrics"):
            with urllib.request.urlopen(f"{running.url}{path}", timeout=60) as response:
                assert response.status == 200
        assert exchange(running.address, SMALL).status == 200
        assert 100 < metric(running, "clausetag_connections") <= 128
        assert metric(running, 'clausetag_failures_total{reason="too_many_connections"}') >= 270
        assert len(running.log) < 100


def test_bodies_in_very_many_chunks_keep_nobody_waiting() -> None:
    """A small request is answered while they still arrive; with what asyncio takes at once, it is not."""
    body = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\na\r\n" * 1_000_000
    )
    with service() as running, ExitStack() as stack, ThreadPoolExecutor(4) as threads:
        clients = [stack.enter_context(socket.create_connection(running.address, timeout=60)) for _ in range(4)]
        sending = [threads.submit(client.sendall, body) for client in clients]
        until(lambda: metric(running, "clausetag_uploads") == 4)
        assert exchange(running.address, SMALL).status == 200
        assert not any(each.done() for each in sending)
        running.process.kill()
        for each in sending:
            assert isinstance(each.exception(), ConnectionError)


def test_a_connection_whose_request_is_answered_keeps_its_place() -> None:
    long = json.dumps({"text": "We keep it for a year. " * 1500, "scores": False}).encode()
    with service("--max-connections", "8", "--deadline-seconds", "300") as running, ExitStack() as stack:
        clients = [stack.enter_context(ask(running.address, long)) for _ in range(4)]
        until(lambda: metric(running, "clausetag_queue_requests") == 4)
        for _ in range(30):
            stack.enter_context(socket.create_connection(running.address, timeout=60))
        until(lambda: running.count("too many connections") >= 20)
        for client in clients:
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def _urllib(url: str, body: bytes) -> int:
    try:
        return int(urllib.request.urlopen(urllib.request.Request(url, body, JSON), timeout=60).status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _requests(url: str, body: bytes) -> int:
    return int(pytest.importorskip("requests").post(url, data=body, headers=JSON, timeout=60).status_code)


def _httpx(url: str, body: bytes) -> int:
    return int(pytest.importorskip("httpx2").post(url, content=body, headers=JSON, timeout=60).status_code)


def _aiohttp(url: str, body: bytes) -> int:
    aiohttp: Any = pytest.importorskip("aiohttp")

    async def post() -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=io.BytesIO(body), headers=JSON) as response,
        ):
            return int(response.status)

    status = asyncio.run(post())
    # aiohttp leaves the transport of a body that was not sent to its end to the garbage collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return status


def _chunks(url: str, body: bytes) -> int:
    parts = (body[start : start + 10**6] for start in range(0, len(body), 10**6))
    return int(pytest.importorskip("requests").post(url, data=parts, headers=JSON, timeout=60).status_code)


@pytest.mark.parametrize("post", [_urllib, _requests, _httpx, _aiohttp, _chunks])
def test_clients_see_why_their_upload_is_refused(running: Process, post: Callable[[str, bytes], int]) -> None:
    for _ in range(3):
        assert post(f"{running.url}predict", LARGE) == 413
    assert post(f"{running.url}nowhere", LARGE) == 404
    assert post(f"{running.url}predict", SMALL) == 200


def test_a_client_that_asks_before_it_sends_is_refused_at_once(running: Process) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    with socket.create_connection(running.address, timeout=60) as client:
        client.sendall(head + b"Connection: close\r\nContent-Length: 99999999\r\n\r\n")
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_the_rest_of_a_refused_body_is_read_for_a_while_only() -> None:
    with service("--read-seconds", "1") as running, socket.create_connection(running.address, timeout=60) as client:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
        client.sendall(head + b"Content-Length: 99999999\r\n\r\n{")
        answer = b""
        while chunk := client.recv(65536):  # ends without another byte of the body
            answer += chunk
        assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_length_beside_chunks_is_refused(running: Process) -> None:
    """Otherwise one request could hide another from a proxy."""
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for framing in (
        b"Content-Length: 26\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n" + SMALL + b"\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1a\r\n" + SMALL + b"\r\n0\r\n\r\n",
    ):
        with socket.create_connection(running.address, timeout=60) as client:
            client.sendall(head + framing)
            answer = b""
            while chunk := client.recv(65536):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 400 ") and b"bad_framing" in answer
        assert answer.count(b"HTTP/1.1") == 1

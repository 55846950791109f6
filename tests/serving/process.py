"""The command as a process of its own, and bare sockets to it: what a client that does not behave needs."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true; after three minutes, on a machine however busy, that is a failure."""
    end = time.monotonic() + 180
    while not true():
        assert time.monotonic() < end, "waited for three minutes"
        time.sleep(0.01)


def start(*options: str, code: str = "", **environment: str) -> subprocess.Popen[bytes]:
    """Start `clausetag serve`, after running `code`, with its log in a pipe."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CLAUSETAG_")}
    script = f"{code}\nimport sys\nfrom clausetag.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "serve", "--port", "0", "--threads", "1", *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, env={**clean, **environment})


class Process:
    """A running service; `log` grows as it writes."""

    def __init__(self, *options: str, code: str = "", **environment: str) -> None:
        """Start it and wait until it is ready."""
        self.process = start(*options, code=code, **environment)
        self.log: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        try:
            until(lambda: self.said("ready") and self.said("listening"))  # with workers, in this order
        except BaseException:
            self.process.kill()
            raise
        self.url = next(row["url"] for row in self.log if row["event"] == "listening")
        self.address = ("127.0.0.1", int(self.url.rstrip("/").rpartition(":")[2]))

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                if line.startswith(b"{"):  # a stack of the last resort is none
                    self.log.append(json.loads(line))

    def said(self, event: str) -> bool:
        assert self.process.poll() is None or event not in ("ready", "listening"), self.log
        return any(row["event"] == event for row in self.log)

    def count(self, event: str, **fields: Any) -> int:
        """How often the log has an event with these fields."""
        return sum(row["event"] == event and fields.items() <= row.items() for row in list(self.log))

    def wait(self) -> int:
        code = self.process.wait(180)
        self._thread.join()
        return code


@contextmanager
def service(*options: str, code: str = "", **environment: str) -> Iterator[Process]:
    running = Process(*options, code=code, **environment)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.wait()


@dataclass(frozen=True)
class Answer:
    """What came back for one request, and after how many seconds; status 0 if the connection ended before it did."""

    status: int
    seconds: float
    body: bytes = b""
    retry_after: str | None = None


def exchange(address: tuple[str, int], body: bytes, kind: str = "application/json", seconds: float = 120) -> Answer:
    """One request on a connection of its own; a cut answer is never taken for a whole one."""
    start = time.monotonic()
    connection = http.client.HTTPConnection(*address, timeout=seconds)
    try:
        connection.request("POST", "/predict", body, {"Content-Type": kind})
        response = connection.getresponse()
        content = response.read()
        return Answer(response.status, time.monotonic() - start, content, response.getheader("Retry-After"))
    except (http.client.HTTPException, ConnectionError):
        return Answer(0, time.monotonic() - start)
    finally:
        connection.close()


def ask(address: tuple[str, int], body: bytes, kind: bytes = b"application/json") -> socket.socket:
    connection = socket.create_connection(address, timeout=60)
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
    connection.sendall(head + body)
    return connection


def read_all(connection: socket.socket) -> bytes:
    found = b""
    while chunk := connection.recv(65536):
        found += chunk
    return found


def metric(running: Process, name: str) -> float:
    with urllib.request.urlopen(f"{running.url}metrics", timeout=60) as response:
        lines = response.read().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))

"""How much memory the whole service needs, all of its processes together, whatever a single request holds."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serving.attack import ATTACKS, memory
from tests.serving.hostile import GROW, PATCH
from tests.serving.process import Answer, Process, exchange, service

READER_MB = 1000
AT_REST_MB = 500
"""docs/SERVICE.md says less; other versions of Python and its libraries need other amounts."""
ELSE_MB = 300
"""Body, parsed request, answer."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits and tells the memory of processes")


def peak(running: Process, kind: str, body: bytes) -> tuple[Answer, float]:
    """The answer, and the most memory until then in MB."""
    most = 0.0
    with ThreadPoolExecutor(1) as thread:
        request = thread.submit(exchange, running.address, body, kind)
        while not request.done():
            most = max(most, memory(running))
            time.sleep(0.01)
    return request.result(), most


def test_a_document_that_takes_ever_more_memory() -> None:
    """It ends at the reader's limit, which is for what it needs beyond what it has when it starts."""
    with service(code=PATCH) as running:
        at_rest = memory(running)
        assert at_rest < AT_REST_MB
        answer, most = peak(running, "application/json", json.dumps({"text": GROW}).encode())
        assert answer.status == 413 and json.loads(answer.body)["error"]["code"] == "too_large"
        assert READER_MB / 2 < most - at_rest < READER_MB + 50, "the limit holds, and is not met by accident"
        assert exchange(running.address, b'{"text": "We encrypt it."}').status == 200


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_no_request_needs_more(name: str) -> None:
    with service("--deadline-seconds", "60") as running:
        kind, body = ATTACKS[name](9_900_000)
        _, most = peak(running, kind, body)
        # A PDF is read by another process of the reader's, with a limit of its own.
        readers = 2 if kind == "application/pdf" else 1
        assert most < AT_REST_MB + readers * READER_MB + ELSE_MB

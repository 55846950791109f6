"""The shipped model, and the service around it, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi.testclient import TestClient

from clausetag.model.artifact import shipped
from clausetag.model.tagger import Tagger
from clausetag.serving.app import create_app
from clausetag.serving.service import Service
from clausetag.serving.settings import Settings

MakeClient = Callable[..., TestClient]


@pytest.fixture(scope="session")
def tagger() -> Tagger:
    return Tagger.load(shipped(), threads=1)


@pytest.fixture(scope="module")
def make_client(tagger: Tagger) -> Iterator[MakeClient]:
    """Services with settings of their own, ready."""
    with ExitStack() as stack:

        def make(**settings: Any) -> TestClient:
            client = stack.enter_context(TestClient(create_app(Settings(**settings), tagger)))
            until(lambda: client.get("/readyz").status_code == 200)
            return client

        yield make


@pytest.fixture(scope="module")
def client(make_client: MakeClient) -> TestClient:
    return make_client()


def service_of(client: TestClient) -> Service:
    service = client.app.state.service  # type: ignore[attr-defined]
    assert isinstance(service, Service)
    return service


def until(true: Callable[[], bool]) -> None:
    """Wait for something that will be; a minute is a failure, not a measurement."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "waited for a minute"
        time.sleep(0.01)

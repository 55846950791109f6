"""The shipped model and the service around it, in this process; and a browser for its page."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from clausetag.model.artifact import shipped
from clausetag.model.tagger import Tagger
from clausetag.serving.http.app import create_app
from clausetag.serving.runtime.service import Service
from clausetag.serving.settings import Settings
from tests.serving.page import chromium, launch
from tests.serving.page_stub import stub
from tests.serving.process import Process, service, until

MakeClient = Callable[..., TestClient]


@pytest.fixture(scope="session")
def tagger() -> Tagger:
    return Tagger.load(shipped(), threads=1)


@pytest.fixture(scope="module")
def make_client(tagger: Tagger) -> Iterator[MakeClient]:
    """Services with settings of their own, ready."""
    with ExitStack() as stack:

        def make(**settings: Any) -> TestClient:
            service = Service(Settings(**settings), load=lambda: tagger)
            client = stack.enter_context(TestClient(app_of(service)))
            until(lambda: client.get("/readyz").status_code == 200)
            return client

        yield make


@pytest.fixture(scope="module")
def client(make_client: MakeClient) -> TestClient:
    return make_client()


def app_of(service: Service) -> FastAPI:
    app = create_app(service)
    app.state.service = service
    return app


def service_of(client: TestClient) -> Service:
    service = client.app.state.service  # type: ignore[attr-defined]
    assert isinstance(service, Service)
    return service


@pytest.fixture(scope="session")
def running() -> Iterator[Process]:
    """The command with the shipped model, for all tests that leave it as it is."""
    with service("--deadline-seconds", "300") as process:
        yield process


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("needs playwright: pip install playwright")
    if chromium() is None:
        pytest.skip("needs Chromium, as in Debian's package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with stub() as url:
        yield url


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address; at the end nothing may have failed in the page, and nothing been loaded from elsewhere."""
    contexts: list[Any] = []
    trouble: list[str] = []

    def opened(url: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
        page.on("request", lambda it: None if it.url.startswith((url, "blob:", "data:")) else trouble.append(it.url))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    # Chromium itself logs each answer that is an error, and a server that is gone.
    assert [line for line in trouble if not line.startswith("Failed to load resource")] == []


@pytest.fixture
def page(open_page: Callable[..., Any], address: str) -> Any:
    return open_page(address)

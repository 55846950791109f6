"""Too much, too slow, or gone: what the service does when a client does not behave, or its own model does not."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from clausetag.data.errors import ArtifactError
from clausetag.model.tagger import Tagger
from clausetag.serving.http.app import create_app
from clausetag.serving.runtime import service as serving
from clausetag.serving.runtime.service import Service
from clausetag.serving.settings import Settings
from tests.serving.conftest import MakeClient, app_of, service_of
from tests.serving.hostile import CRASH, FAIL, FILL, HANG, SPIN, hostile
from tests.serving.http.test_errors import refused
from tests.serving.process import until

TEXT = {"text": "We encrypt it."}
Message = MutableMapping[str, Any]


class Brake:
    """Holds the network back until it is released."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self._gate = threading.Event()
        self._run = service.tagger.run
        monkeypatch.setattr(service.tagger, "run", self)

    def __call__(self, windows: Sequence[Any]) -> Any:
        self.calls += 1
        assert self._gate.wait(60)
        return self._run(windows)

    def release(self) -> None:
        self._gate.set()


def test_one_more_than_the_queue_holds_is_turned_away(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client(max_queue=3)
    service = service_of(client)
    brake = Brake(service, monkeypatch)
    with ThreadPoolExecutor(3) as threads:
        accepted = [threads.submit(client.post, "/predict", json=TEXT) for _ in range(3)]
        until(lambda: service.queue.active == 3)
        for _ in range(3):
            response = client.post("/predict", json=TEXT)
            refused(response, 429, "overloaded")
            assert int(response.headers["Retry-After"]) >= 1
        assert client.get("/livez").status_code == client.get("/readyz").status_code == 200
        assert "clausetag_queue_requests 3.0" in client.get("/metrics").text
        brake.release()
        assert [each.result().status_code for each in accepted] == [200, 200, 200]
    assert service.queue.active == 0
    assert client.post("/predict", json=TEXT).status_code == 200


def test_the_deadline(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client(deadline_seconds=0.2)
    brake = Brake(service_of(client), monkeypatch)
    refused(client.post("/predict", json=TEXT), 504, "deadline")
    assert service_of(client).queue.active == 0
    brake.release()


def test_a_failing_model_is_a_500_and_the_next_request_is_served(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    with monkeypatch.context() as patch:

        def crash(_: Any) -> None:
            raise MemoryError

        patch.setattr(service_of(client).tagger, "run", crash)
        refused(client.post("/predict", json=TEXT), 500, "inference_failed")
    assert client.post("/predict", json=TEXT).status_code == 200


class Exchange:
    """One request by bare ASGI, as a server would pass it on."""

    def __init__(self, app: Any, body: Sequence[bytes], *, ends: bool = True) -> None:
        self.sent: list[Message] = []
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        for number, chunk in enumerate(body, 1):
            last = ends and number == len(body)
            self.incoming.put_nowait({"type": "http.request", "body": chunk, "more_body": not last})
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/predict",
            "raw_path": b"/predict",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }
        self.task = asyncio.create_task(app(scope, self.incoming.get, self._send))

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    def hang_up(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})

    async def status(self) -> int:
        await self.task
        found: int = self.sent[0]["status"]
        return found


def within_the_app(tagger: Tagger, test: Callable[[Any, Service], Awaitable[None]], **settings: Any) -> None:
    """Run a test in the event loop of a ready service."""

    async def whole() -> None:
        service = Service(Settings(**settings), load=lambda: tagger)
        app = create_app(service)
        async with app.router.lifespan_context(app):
            while service.lifecycle.state != "ready":
                await asyncio.sleep(0.01)
            await test(app, service)

    asyncio.run(asyncio.wait_for(whole(), 60))


def test_who_hangs_up_is_dropped(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(app: Any, service: Service) -> None:
        brake = Brake(service, monkeypatch)
        first = Exchange(app, [b'{"text": "We encrypt it."}'])
        while not brake.calls:
            await asyncio.sleep(0.01)
        gone, stays = (Exchange(app, [b'{"text": "We keep it."}']) for _ in range(2))
        while b"clausetag_queue_windows 2.0" not in service.metrics.text():
            await asyncio.sleep(0.01)
        assert service.queue.active == 3
        gone.hang_up()
        assert await gone.status() == 499
        assert service.queue.active == 2 and b"clausetag_queue_windows 1.0" in service.metrics.text()
        brake.release()
        assert await first.status() == await stays.status() == 200
        assert b'clausetag_failures_total{reason="client_gone"} 1.0' in service.metrics.text()

    within_the_app(tagger, test, threads=1)


def test_a_body_that_does_not_arrive(tagger: Tagger) -> None:
    async def test(app: Any, service: Service) -> None:
        slow = Exchange(app, [b'{"text": '], ends=False)
        assert await slow.status() == 408
        assert service.uploads.active == service.queue.active == 0
        half = Exchange(app, [b'{"text": '], ends=False)
        half.hang_up()
        assert await half.status() == 499

    within_the_app(tagger, test, read_seconds=0.2)


def test_slow_bodies_take_no_place_in_the_queue(tagger: Tagger) -> None:
    async def test(app: Any, service: Service) -> None:
        slow = [Exchange(app, [b"{"], ends=False) for _ in range(5)]
        while service.uploads.active < 5:
            await asyncio.sleep(0.01)
        assert service.queue.active == 0
        assert await Exchange(app, [b'{"text": "We encrypt it."}']).status() == 200
        while service.uploads.active > 5:  # the answered one leaves its place after its answer
            await asyncio.sleep(0.01)
        last = Exchange(app, [b"{"], ends=False)
        while service.uploads.active < 6:
            await asyncio.sleep(0.01)
        assert await Exchange(app, [b"{"], ends=False).status() == 429
        for exchange in [*slow, last]:
            exchange.hang_up()
            assert await exchange.status() == 499

    within_the_app(tagger, test, max_queue=1, max_uploads=6, read_seconds=50)


def test_a_full_queue_refuses_before_the_body_arrives(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(app: Any, service: Service) -> None:
        brake = Brake(service, monkeypatch)
        first = Exchange(app, [b'{"text": "We encrypt it."}'])
        while not brake.calls:
            await asyncio.sleep(0.01)
        assert await Exchange(app, [b"{"], ends=False).status() == 429
        brake.release()
        assert await first.status() == 200

    within_the_app(tagger, test, max_queue=1, read_seconds=50)


def test_in_pieces_however_small(tagger: Tagger) -> None:
    async def test(app: Any, service: Service) -> None:
        body = '{"text": "We encrypt naïve users’ data."}'.encode()
        assert await Exchange(app, [body[n : n + 1] for n in range(len(body))]).status() == 200

    within_the_app(tagger, test)


def test_not_ready_before_the_model_and_not_while_draining(tagger: Tagger) -> None:
    loading = threading.Event()

    def load() -> Tagger:
        assert loading.wait(60)
        return tagger

    with TestClient(app_of(Service(Settings(), load=load))) as client:
        for method, path in (("GET", "/readyz"), ("POST", "/predict"), ("GET", "/info")):
            response = client.request(method, path)
            refused(response, 503, "starting")
            assert "Retry-After" in response.headers
        assert client.get("/livez").status_code == 200
        assert "clausetag_ready 0.0" in client.get("/metrics").text
        loading.set()
        until(lambda: client.get("/readyz").status_code == 200)
        service_of(client).lifecycle.set("draining")
        service_of(client).lifecycle.set("ready")  # nothing comes back from that
        refused(client.get("/readyz"), 503, "draining")
        refused(client.post("/predict", json=TEXT), 503, "draining")
        assert client.get("/livez").status_code == 200


def test_a_model_that_cannot_be_loaded() -> None:
    def load() -> Tagger:
        raise ArtifactError("there is no such model")

    service = Service(Settings(), load=load)
    with TestClient(create_app(service)) as client:
        until(lambda: service.lifecycle.state == "failed")
        refused(client.get("/readyz"), 503, "failed")
    assert service.lifecycle.state == "failed", "the exit code tells"


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [(HANG, 422, "unreadable"), (SPIN, 422, "unreadable"), (CRASH, 422, "unreadable"), (FILL, 413, "too_large")],
)
def test_a_document_that_breaks_its_reader_is_an_error_of_its_own(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, word: str, status: int, code: str
) -> None:
    monkeypatch.setattr(serving, "prepare", hostile)
    client = make_client(reader_seconds=1)
    refused(client.post("/predict", json={"text": word}), status, code, "text")
    policies = [{"id": "a", **TEXT}, {"id": "b", "html": word}, {"id": "c", **TEXT}]
    found = client.post("/predict", json={"policies": policies}).json()["policies"]
    assert [each.get("error", {}).get("code") for each in found] == [None, code, None]


def test_a_fault_in_the_program_is_a_500_without_its_message(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "prepare", hostile)
    response = make_client().post("/predict", json={"text": FAIL})
    refused(response, 500, "internal")
    assert "ValueError" in str([vars(record).get("fields") for record in caplog.records])
    assert "of a policy" not in response.text
    assert "of a policy" not in str([vars(record) for record in caplog.records])


def test_who_hangs_up_ends_the_reader_of_the_document(
    tagger: Tagger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(serving, "prepare", hostile)

    async def test(app: Any, service: Service) -> None:
        for number in range(4):  # more than there are processes in the long lane
            started = tmp_path / str(number)
            body = json.dumps({"text": f"{SPIN} {started}"}).encode()
            exchange = Exchange(app, [body])
            while not started.exists():
                await asyncio.sleep(0.01)
            exchange.hang_up()
            assert await exchange.status() == 499
        assert await Exchange(app, [b'{"html": "<p>We encrypt it.</p>"}']).status() == 200

    within_the_app(tagger, test)


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "text/markdown"])
def test_what_is_too_much_for_any_reader_is_refused_before_it_is_read(client: TestClient, kind: str) -> None:
    content = b"<p>We keep it." * 100_001 if kind == "text/html" else b"We keep it " * 400_000
    response = client.post("/predict", content=content, headers={"Content-Type": kind})
    if kind == "text/html":
        refused(response, 413, "too_large", "body")
        refused(client.post("/predict", json={"html": content.decode()}), 413, "too_large", "html")
    else:
        refused(response, 422, "too_many_characters", "body")


def test_a_large_body_is_first_tried_in_a_process(client: TestClient) -> None:
    """The errors are the same there."""
    many = ["a"] * 100_000
    refused(client.post("/predict", json={"sentences": many}), 422, "too_many_values", "body")
    refused(client.post("/predict", json={"x": [[{"y": many}]]}), 422, "too_many_values", "body")
    refused(client.post("/predict", json={"sentences": ["a" * 20] * 20_001}), 422, "too_many_sentences", "sentences")
    deep = client.post("/predict", content=b"[" * 300_000, headers={"Content-Type": "application/json"})
    refused(deep, 400, "bad_json", "body")
    long = {"text": "We keep it. " * 20_000, "thresholds": {"x": 1}}
    refused(client.post("/predict", json=long), 422, "invalid", "thresholds.x")

"""Answers line by line: the same rows as at once, in time for who reads them, and no work for who doesn't."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from clausetag.data.corpora.five import FIVE, read_source
from clausetag.data.labels import SECURITY
from clausetag.serving.http.schemas import StreamLine
from clausetag.serving.http.streaming import wants_stream
from tests.serving.conftest import MakeClient, service_of
from tests.serving.http.test_errors import refused
from tests.serving.process import Process, exchange, metric, service, until

NDJSON = {"Accept": "application/x-ndjson"}
LINE: TypeAdapter[Any] = TypeAdapter(StreamLine)
SENTENCES = " ".join(f"We collect your name for purpose number {number} and share it." for number in range(1500))


def stream(client: TestClient, value: Any, **headers: str) -> list[dict[str, Any]]:
    response = client.post("/v1/predict", json=value, headers={**NDJSON, **headers})
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert response.text.endswith("\n")
    lines = response.text.splitlines()
    for line in lines:
        LINE.validate_json(line)
    return [json.loads(line) for line in lines]


def rows(lines: list[dict[str, Any]], policy: str = "text") -> list[dict[str, Any]]:
    return [line for line in lines if "index" in line and line["policy"] == policy]


def test_one_policy(client: TestClient) -> None:
    body = {"text": read_source("004_vtiger"), "head": "opp115", "thresholds": {SECURITY: 0.9}}
    whole = client.post("/v1/predict", json=body).json()
    lines = stream(client, body)
    assert rows(lines) == whole["sentences"]
    n = len(whole["sentences"])
    document = {**{key: whole[key] for key in ("model", "text", "sha256", "flags")}, "sentences": n}
    assert lines[0] == {"policy": "text", "document": document}
    assert [line for line in lines if "summary" in line] == [{"policy": "text", "summary": whole["summary"]}]
    assert lines[-1] == {"done": {"policies": 1, "sentences": n}}
    progress = [line["progress"] for line in lines if "progress" in line]
    assert [each["sentences"] for each in progress] == sorted(each["sentences"] for each in progress)
    assert len(progress) > 5 and progress[-1] == {"policies": 1, "of": 1, "sentences": n}
    assert (
        json.loads("".join(map(json.dumps, stream(client, body, **{"Accept-Encoding": "identity"})[-1:]))) == lines[-1]
    )


def test_many_policies_one_of_which_cannot_be_read(client: TestClient) -> None:
    policies = [{"id": policy, "text": read_source(policy)} for policy in FIVE[:3]]
    policies.insert(1, {"id": "empty", "text": "..."})
    whole = client.post("/v1/predict", json={"policies": policies}).json()["policies"]
    lines = stream(client, {"policies": policies})
    for answer in whole:
        if "error" in answer:
            assert {"policy": "empty", "error": answer["error"]} in lines
        else:
            assert rows(lines, answer["id"]) == answer["sentences"]
    order = [line["policy"] for line in lines if "document" in line or "error" in line]
    assert order == [policy["id"] for policy in policies]
    assert [line["progress"]["policies"] for line in lines if "progress" in line][-1] == 4
    too_long = [{"id": "long", "text": "We keep it. " * 100_000}, policies[0]]
    lines = stream(client, {"policies": too_long})
    assert lines[0]["error"]["code"] == "too_many_characters" and rows(lines, policies[0]["id"])


def test_errors_before_the_first_line_are_errors_as_always(make_client: MakeClient) -> None:
    client = make_client(max_streams=1)
    for body, code in (({"text": "..."}, "empty"), ({"text": 1}, "invalid"), ({}, "invalid")):
        response = client.post("/v1/predict", json=body, headers=NDJSON)
        assert response.status_code == 422 and response.json()["error"]["code"] == code
    with service_of(client).streams.slot():
        refused(client.post("/v1/predict", json={"text": "We keep it."}, headers=NDJSON), 429, "overloaded")
        assert client.post("/v1/predict", json={"text": "We keep it."}).status_code == 200
    assert stream(client, {"text": "We keep it."})
    answer = client.post("/invocations", json={"text": "We keep it."}, headers={"Accept": "application/x-ndjson;q=1"})
    assert answer.text.count("\n") > 3


def test_a_failure_in_the_middle_is_the_last_line(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = service_of(client).tagger
    run, calls = type(tagger).run, []

    def fails(self: Any, windows: Any) -> Any:
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError
        return run(self, windows)

    monkeypatch.setattr(type(tagger), "run", fails)
    lines = stream(client, {"text": read_source("004_vtiger")})
    assert lines[-1]["error"]["code"] == "inference_failed" and rows(lines)
    assert not any("done" in line for line in lines)


@pytest.mark.parametrize(
    ("accept", "asks"),
    [("application/x-ndjson", True), ("text/html, Application/X-NDJSON; q=0.5", True), ("*/*", False), ("", False)]
    + [(f"application/x-ndjson;q={zero}, */*", False) for zero in ("0", "0.0", " 0.000")],
)
def test_only_who_accepts_lines_gets_them(accept: str, asks: bool) -> None:
    assert wants_stream(accept) is asks


def request(address: tuple[str, int], body: bytes) -> socket.socket:
    connection = socket.create_connection(address, timeout=60)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\nContent-Type: application/json\r\n"
    connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return connection


def test_lines_come_before_the_work_is_done_and_a_hang_up_ends_it(running: Process) -> None:
    before = metric(running, "clausetag_sentences_total")
    with request(running.address, json.dumps({"text": SENTENCES}).encode()) as connection:
        found = b""
        while found.count(b'"index":') < 20:
            found += connection.recv(65536)
    until(lambda: metric(running, "clausetag_streams") == 0)
    until(lambda: running.count("request", status=200, reason="client_gone") > 0)
    assert metric(running, "clausetag_sentences_total") - before < 1000
    assert metric(running, "clausetag_queue_windows") == 0


def test_a_client_that_stops_reading_stops_its_own_work_alone() -> None:
    with service("--write-seconds", "3", "--max-streams", "4") as running:
        body = json.dumps({"text": SENTENCES}).encode()
        stalled = [request(running.address, body) for _ in range(4)]
        until(lambda: metric(running, "clausetag_streams") == 4)
        small = json.dumps({"text": "We keep it."}).encode()
        for _ in range(5):
            answer = exchange(running.address, small)
            assert answer.status == 200
        # Then their connections are closed; the log counts lines that repeat.
        until(lambda: running.count("answer not taken") > 0)
        until(lambda: metric(running, 'clausetag_failures_total{reason="answer_not_taken"}') == 4)
        until(lambda: metric(running, "clausetag_streams") == 0)
        for connection in stalled:
            connection.close()
        assert metric(running, "clausetag_sentences_total") < 4 * 1500
        with request(running.address, json.dumps({"text": "We keep it."}).encode()) as connection:
            connection.settimeout(2)
            found = b""
            while b'"done"' not in found:
                found += connection.recv(65536)

"""Every error has its status, its code, the one shape, the request's id, and the part of the request that is wrong."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from fastapi.testclient import TestClient

from clausetag.data.labels import SECURITY
from clausetag.serving.http.middleware import CSP
from clausetag.serving.http.schemas import ErrorAnswer
from tests.data.documents.pdf_fixture import typeset, write_pdf
from tests.serving.conftest import MakeClient

JSON = {"Content-Type": "application/json"}
SECRET = "Zanzibarian"
"""Stands in policies that must not be logged."""


def refused(response: Any, status: int, code: str, field: str | None = None) -> str:
    """Check an error's shape; returns its message."""
    assert response.status_code == status, response.text
    error = ErrorAnswer.model_validate_json(response.content).error
    assert (error.code, error.field) == (code, field)
    assert error.request_id == response.headers["X-Request-ID"]
    assert "field" in response.json()["error"] or field is None
    assert error.message and error.message == " ".join(error.message.split())
    return error.message


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 400, "bad_json", "body"),
        (b"{", 400, "bad_json", "body"),
        (b'{"text": "a"} x', 400, "bad_json", "body"),
        (b'{"text": NaN}', 400, "bad_json", "body"),
        (b'{"text": "\\ud800"}', 400, "bad_json", "body"),
        (b"[" * 100_000, 400, "bad_json", "body"),
        (b'{"text": "\xff"}', 400, "bad_utf8", "body"),
        ('{"text": "é"}'.encode("utf-16"), 400, "bad_utf8", "body"),
        (b"[]", 422, "invalid", "body"),
        (b"{}", 422, "invalid", "body"),
        (b'{"txt": "a"}', 422, "invalid", "body"),
        (b'{"text": "a", "html": "b"}', 422, "invalid", "html"),
        (b'{"text": 1}', 422, "invalid", "text"),
        (b'{"text": null}', 422, "invalid", "text"),
        (b'{"text": ""}', 422, "invalid", "text"),
        (b'{"text": "..."}', 422, "empty", "text"),
        (b'{"text": "123"}', 422, "empty", "text"),
        (b'{"html": "<p></p>"}', 422, "empty", "html"),
        (b'{"text": "a", "url": "https://example.org"}', 422, "invalid", "url"),
        (b'{"text": "a", "context": false}', 422, "invalid", "context"),
        (b'{"text": "a", "scores": "yes"}', 422, "invalid", "scores"),
        (b'{"text": "a", "head": "other"}', 422, "invalid", "head"),
        (b'{"text": "a", "categories": ["Security"]}', 422, "invalid", "categories.0"),
        (b'{"text": "a", "thresholds": {"Data Security": 1.5}}', 422, "invalid", "thresholds.Data Security"),
        (b'{"text": "a", "thresholds": {"Data Security": "0.5"}}', 422, "invalid", "thresholds.Data Security"),
        (b'{"text": "a", "thresholds": {"Security": 0.5}}', 422, "invalid", "thresholds.Security"),
        (b'{"sentences": []}', 422, "invalid", "sentences"),
        (b'{"sentences": "a"}', 422, "invalid", "sentences"),
        (b'{"sentences": ["a", 2]}', 422, "invalid", "sentences.1"),
        (b'{"sentences": ["a", " "]}', 422, "invalid", "sentences.1"),
        (b'{"policies": []}', 422, "invalid", "policies"),
        (b'{"policies": [{"text": "a"}]}', 422, "invalid", "policies.0.id"),
        (b'{"policies": [{"id": "a"}]}', 422, "invalid", "policies.0"),
        (b'{"policies": [{"id": "a", "text": "b", "html": "c"}]}', 422, "invalid", "policies.0"),
        (b'{"policies": [{"id": "a", "text": "", "html": "c"}]}', 422, "invalid", "policies.0"),
        (b'{"policies": [{"id": "a", "text": "b"}, {"id": "a", "text": "b"}]}', 422, "invalid", "policies.1.id"),
    ],
)
def test_bad_bodies(client: TestClient, body: bytes, status: int, code: str, field: str) -> None:
    refused(client.post("/predict", content=body, headers=JSON), status, code, field)


def test_bad_query(client: TestClient) -> None:
    body = {"text": "We keep it.", "categories": ["Data Retention"], "head": "guide"}
    refused(client.post("/predict?categories=none+such", json=body), 422, "invalid", "categories.0")
    refused(client.post("/predict?head=none+such", json=body), 422, "invalid", "head")
    refused(client.post("/predict?scores=perhaps", json={"text": "a"}), 422, "invalid", "query.scores")
    refused(client.post("/predict?categories=x", json={"text": "a"}), 422, "invalid", "categories.0")


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded", "multipart/mixed", "image/png", "json"])
def test_content_types(client: TestClient, kind: str) -> None:
    response = client.post("/predict", content=b"{}", headers={"Content-Type": kind})
    message = refused(response, 415, "unsupported_media_type", "header.Content-Type")
    assert "application/json" in message and "application/pdf" in message


def test_json_in_another_charset(client: TestClient) -> None:
    headers = {"Content-Type": "application/json; charset=latin-1"}
    refused(client.post("/predict", content=b"{}", headers=headers), 415, "unsupported_charset", "header.Content-Type")
    headers = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert client.post("/predict", content=b'{"text": "We encrypt it."}', headers=headers).status_code == 200


def test_paths_and_methods(client: TestClient) -> None:
    refused(client.get("/nothing"), 404, "not_found")
    refused(client.get("/../../etc/passwd"), 404, "not_found")
    response = client.get("/predict")
    refused(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == "POST, OPTIONS"
    refused(client.post("/livez"), 405, "method_not_allowed")


def test_a_pdf_whatever_it_is_called(client: TestClient) -> None:
    content = write_pdf(typeset([("Privacy Policy", "heading"), ("We encrypt all of your data.", "paragraph")]))
    for kind in ("application/pdf", "text/html"):
        response = client.post("/predict", content=content, headers={"Content-Type": kind})
        assert response.status_code == 200, response.text
        tagged = {row["text"]: row["labels"] for row in response.json()["sentences"]}
        assert SECURITY in tagged["We encrypt all of your data."]


@pytest.mark.parametrize(
    ("kind", "content", "status", "code"),
    [
        ("application/pdf", b"%PDF-1.4 nonsense", 422, "unreadable"),
        ("application/pdf", b"", 422, "empty"),
        ("text/plain", b"", 422, "empty"),
        ("text/plain", b"PK\x03\x04 an archive", 415, "unsupported"),
        ("text/html", b"<p></p>", 422, "empty"),
    ],
)
def test_documents_that_cannot_be_read(client: TestClient, kind: str, content: bytes, status: int, code: str) -> None:
    response = client.post("/predict", content=content, headers={"Content-Type": kind})
    refused(response, status, code, "body")


def test_limits_name_the_field(make_client: MakeClient) -> None:
    client = make_client(max_body_bytes=3000, max_characters=100, max_sentences=5, max_policies=2)
    long, many = "We keep it, " * 10 + "always.", "It is. " * 10
    for field, value in (("text", long), ("html", f"<p>{long}</p>"), ("sentences", [long])):
        message = refused(client.post("/predict", json={field: value}), 422, "too_many_characters", field)
        assert "100" in message
    for field, value in (("text", many), ("html", f"<p>{many}</p>"), ("sentences", ["It is."] * 6)):
        message = refused(client.post("/predict", json={field: value}), 422, "too_many_sentences", field)
        assert "5" in message
    response = client.post("/predict", content=many, headers={"Content-Type": "text/plain"})
    refused(response, 422, "too_many_sentences", "body")
    policies = [{"id": str(n), "text": "We keep it. We do."} for n in range(3)]
    refused(client.post("/predict", json={"policies": policies}), 422, "too_many_policies", "policies")
    policies = [{"id": "a", "text": "It is. " * 4}, {"id": "b", "html": "<p>It is. It is.</p>"}]
    response = client.post("/predict", json={"policies": policies})
    refused(response, 422, "too_many_sentences", "policies.1.html")
    policies = [{"id": str(n), "text": "We keep all of it, as we always did before. Yes."} for n in range(2)]
    assert sum(len(policy["text"]) for policy in policies) == 96
    assert client.post("/predict", json={"policies": policies}).status_code == 200
    policies[1]["text"] += " Yes!"
    refused(client.post("/predict", json={"policies": policies}), 422, "too_many_characters", "policies.1.text")
    assert client.get("/info").json()["limits"]["max_sentences"] == 5


def test_what_is_exactly_at_a_limit_is_accepted(make_client: MakeClient) -> None:
    client = make_client(max_characters=100, max_sentences=5, max_policies=2)
    exact = "We keep it, " * 8 + "yes."
    assert len(exact) == 100
    five = "It is. " * 4 + "It is."
    for body in (
        *({"text": text} for text in (exact, five)),
        *({"html": f"<p>{text}</p>"} for text in (exact, five)),
        {"sentences": ["We keep it " + "x" * 9] * 5},
        {"policies": [{"id": "a", "text": "It is. It is."}, {"id": "b", "text": "It is. It is. It is."}]},
    ):
        assert client.post("/predict", json=body).status_code == 200, body
    # Of a text the characters that were sent count too, since extraction takes longer the more there are.
    link = "[We keep it](https://example.org/" + "x" * 100 + ")."
    refused(client.post("/predict", json={"text": link}), 422, "too_many_characters", "text")


def test_a_body_is_counted_declared_or_not(make_client: MakeClient) -> None:
    client = make_client(max_body_bytes=1000)
    whole = b'{"text": "' + b"a " * 491 + b'we."}'
    fits = whole[:-5] + b"x" * (1000 - len(whole)) + whole[-5:]
    assert len(fits) == 1000
    assert client.post("/predict", content=fits, headers=JSON).status_code == 200
    message = refused(client.post("/predict", content=fits + b" ", headers=JSON), 413, "body_too_large", "body")
    assert "1,000" in message
    chunks = (b" " * 100 for _ in range(11))
    refused(client.post("/predict", content=chunks, headers=JSON), 413, "body_too_large", "body")
    lying = {**JSON, "Content-Length": "99999999999999999999999999"}
    refused(client.post("/predict", content=b"{}", headers=lying), 413, "body_too_large", "body")


def test_the_key(make_client: MakeClient) -> None:
    client = make_client(api_key="open-sesame")
    for given in ("", "open-sesame", "Bearer", "Bearer open-sesam", "Bearer open-sesame2", "Basic open-sesame"):
        headers = {"Authorization": given} if given else {}
        for method, path in (("POST", "/predict"), ("GET", "/info"), ("GET", "/metrics")):
            response = client.request(method, path, headers=headers)
            refused(response, 401, "unauthorized", "header.Authorization")
            assert response.headers["WWW-Authenticate"] == "Bearer"
    foreign = {b"Authorization": "Bearer ö".encode()}
    assert client.get("/info", headers=foreign).status_code == 401
    right = {"Authorization": "Bearer open-sesame"}
    assert client.post("/predict", json={"text": "We encrypt it."}, headers=right).status_code == 200
    assert client.get("/info", headers=right).status_code == client.get("/metrics", headers=right).status_code == 200
    for path in ("/livez", "/readyz", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_request_ids(client: TestClient) -> None:
    assert client.get("/livez", headers={"X-Request-ID": "mine-1.2_3"}).headers["X-Request-ID"] == "mine-1.2_3"
    ids = {client.get("/livez").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3
    for bad in ("a b", "x" * 65, 'a"},{"b', ""):
        assert client.get("/livez", headers={"X-Request-ID": bad}).headers["X-Request-ID"] != bad


def test_security_headers_stand_on_everything(client: TestClient) -> None:
    for response in (client.get("/livez"), client.get("/nothing"), client.get("/"), client.get("/docs")):
        assert response.headers["Content-Security-Policy"] == CSP
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "microphone=()" in response.headers["Permissions-Policy"]
    assert "unsafe" not in CSP
    assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(CSP.split("; "))
    assert client.post("/predict", json={"text": "We do."}).headers["Cache-Control"] == "no-store"


def test_cross_origin_calls_are_off_unless_asked_for(client: TestClient, make_client: MakeClient) -> None:
    ask = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    assert "Access-Control-Allow-Origin" not in client.options("/predict", headers=ask).headers
    open_to_one = make_client(cors_origins=("https://example.org",))
    answer = open_to_one.options("/predict", headers=ask)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://example.org"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    found = open_to_one.get("/livez", headers={"Origin": "https://example.org"})
    assert found.headers["Access-Control-Expose-Headers"] == "Retry-After, Server-Timing, X-Request-ID"
    other = open_to_one.options("/predict", headers={**ask, "Origin": "https://example.com"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_logs_hold_what_happened_and_no_text(
    client: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "clausetag.serving")
    headers = {"X-Request-ID": "good-1"}
    client.post("/predict", json={"text": f"We encrypt the {SECRET} data."}, headers=headers)
    client.post(f"/predict?categories={SECRET}", json={"text": SECRET, SECRET: 1}, headers={"X-Request-ID": "bad-1"})
    client.get(f"/{SECRET}")

    def fail(*_: Any) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("clausetag.serving.runtime.service.DocumentAnswer", fail)
    response = client.post("/predict", json={"text": f"We encrypt the {SECRET} data."})
    refused(response, 500, "internal")
    from clausetag.serving.observability.logs import JsonFormatter

    lines = [JsonFormatter().format(record) for record in caplog.records if record.name == "clausetag.serving"]
    assert SECRET not in "".join(lines) and SECRET not in response.text
    rows = {row.get("request_id"): row for row in map(json.loads, lines)}
    good = rows["good-1"]
    assert (good["path"], good["status"], good["sentences"], good["kind"]) == ("/predict", 200, 1, "application/json")
    assert rows["bad-1"]["status"] == 422 and rows["bad-1"]["reason"] == "invalid"
    assert any(row.get("exception") == "RuntimeError" and row["trace"] for row in map(json.loads, lines))


def test_metrics(make_client: MakeClient) -> None:
    client = make_client()
    client.post("/predict", json={"text": "We encrypt it."})
    client.post("/predict", json={"text": ""})
    client.get("/made-up")
    client.request("PROPFIND", "/livez")
    text = client.get("/metrics").text
    assert client.get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in (
        'clausetag_requests_total{method="POST",path="/predict",status="200"} 1.0',
        'clausetag_requests_total{method="POST",path="/predict",status="422"} 1.0',
        'clausetag_requests_total{method="GET",path="other",status="404"} 1.0',
        'clausetag_requests_total{method="other",path="/livez",status="405"} 1.0',
        'clausetag_failures_total{reason="invalid"} 1.0',
        'clausetag_request_seconds_count{path="/predict",status="2xx"} 1.0',
        'clausetag_request_seconds_count{path="/predict",status="4xx"} 1.0',
        # The first of these ran when the model was loaded.
        'clausetag_stage_seconds_count{stage="reading"} 2.0',
        'clausetag_stage_seconds_count{stage="tokenising"} 2.0',
        'clausetag_stage_seconds_count{stage="queue"} 2.0',
        'clausetag_stage_seconds_count{stage="inference"}',
        'clausetag_stage_seconds_count{stage="model"} 2.0',
        'clausetag_stage_seconds_count{stage="writing"} 2.0',
        "clausetag_queue_windows 0.0",
        "clausetag_uploads 0.0",
        "clausetag_queue_requests 0.0",
        "clausetag_ready 1.0",
        "clausetag_sentences_total",
        "clausetag_long_readings 0.0",
    ):
        assert line in text, line
    assert "made-up" not in text

"""What clients, proxies and monitoring expect of any HTTP service."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import zlib
from typing import Any

import pytest
from fastapi.testclient import TestClient

from clausetag.data.labels import CHOICE
from clausetag.serving.errors import ApiError
from clausetag.serving.http.app import create_app
from clausetag.serving.http.encoding import accepts_gzip
from clausetag.serving.http.forms import parse_form
from clausetag.serving.observability.traces import SpanExporter
from clausetag.serving.runtime.service import Service
from clausetag.serving.settings import Settings
from tests.data.documents.pdf_fixture import typeset, write_pdf
from tests.serving.conftest import MakeClient, service_of
from tests.serving.http.test_errors import refused
from tests.serving.process import Process, read_all, until

TEXT = "We encrypt all of your data. You may opt out."
JSON = {"Content-Type": "application/json"}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("target", "status"),
    [("http://x/v1/livez", 200), ("https://x:80/livez?a=1", 200), ("http://x", 200), ("http://x//y", 404)],
)
def test_targets_in_the_form_that_proxies_get(running: Process, target: str, status: int) -> None:
    with socket.create_connection(running.address, timeout=60) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert read_all(connection).startswith(f"HTTP/1.1 {status} ".encode())


def test_every_path_is_also_below_v1(client: TestClient) -> None:
    body = {"text": TEXT}
    assert client.post("/v1/predict", json=body).json() == client.post("/predict", json=body).json()
    assert client.get("/v1/info").json() == client.get("/info").json()
    for path in ("/health", "/v1/health", "/v1/readyz"):
        assert client.get(path).json() == {"status": "ready"}
    assert client.get("/v1/livez").json() == {"status": "alive"}
    assert "clausetag_ready 1.0" in client.get("/v1/metrics").text


@pytest.mark.parametrize("path", ["/", "/page.css", "/docs", "/openapi.json", "/v1/info", "/health", "/v2", "/ping"])
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    get, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    ignored = ("x-request-id", "server-timing")
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in get.headers.items() if k not in ignored
    }


def test_options_name_the_methods(make_client: MakeClient) -> None:
    client = make_client(api_key="open-sesame")
    for path, methods in (
        ("/v1/predict", "POST, OPTIONS"),
        ("/info", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ):
        answer = client.options(path)
        assert (answer.status_code, answer.headers["Allow"], answer.content) == (204, methods, b"")
    assert client.options("/nothing").status_code == 404
    assert client.head("/v1/predict").headers["Allow"] == "POST, OPTIONS"


def test_an_uploaded_file(client: TestClient) -> None:
    pdf = write_pdf(typeset([("We encrypt all of your data.", "paragraph")]))
    found = client.post("/v1/predict", files={"file": ("C:\\mine\\policy.pdf", pdf, "application/octet-stream")}).json()
    assert [(row["policy"], row["text"]) for row in found["sentences"]] == [
        ("policy.pdf", "We encrypt all of your data.")
    ]
    options = {"head": "opp115", "scores": "false", "categories": [CHOICE]}
    answer = client.post(
        "/v1/predict?head=guide", data=options, files={"file": ("a", b"# Us\n\n* [x](y)", "text/markdown")}
    )
    assert answer.json()["model"]["head"] == "opp115" and list(answer.json()["summary"]) == [CHOICE]
    assert [row["text"] for row in answer.json()["sentences"]] == ["Us", "x"]
    assert "scores" not in answer.json()["sentences"][0]
    nameless = client.post("/predict", files={"file": ("", b"We keep it.", "text/plain")})
    assert nameless.status_code == 422  # a browser sends that if no file is chosen: it is empty there


def test_forms_that_are_not_one_file(client: TestClient) -> None:
    file = ("a.txt", b"We keep it.", "text/plain")
    refused(client.post("/predict", files=[("file", file), ("file", file)]), 422, "invalid", "file")
    refused(client.post("/predict", files={"policy": file}), 422, "invalid", "file")
    assert "scores?" in refused(
        client.post("/predict", files={"file": file}, data={"score": "1"}), 422, "invalid", "score"
    )
    refused(client.post("/predict", files={"file": file}, data={"scores": "perhaps"}), 422, "invalid", "scores")
    refused(client.post("/predict", files={"file": file}, data={"head": ["guide", "guide"]}), 422, "invalid", "head")
    refused(client.post("/predict", files={"file": ("a.pdf", b"no", "")}), 422, "unreadable", "file")
    refused(client.post("/predict", files={"file": ("a.doc", b"no", "")}), 415, "unsupported", "file")
    # An invalid query is an error even if the form overrides it.
    answer = client.post("/predict?categories=x", files={"file": file}, data={"categories": [CHOICE]})
    refused(answer, 422, "invalid", "categories.0")
    many = [(f"f{number}", (None, b"x")) for number in range(70)]
    refused(client.post("/predict", files=many), 422, "invalid", "body")
    for kind, body in (
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"no form"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nwithout a name\r\n--x--\r\n"),
    ):
        refused(client.post("/predict", content=body, headers={"Content-Type": kind}), 400, "bad_form", "body")
    cut = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nWe ke'
    answer = client.post("/predict", content=cut, headers={"Content-Type": "multipart/form-data; boundary=x"})
    refused(answer, 422, "invalid", "file")


def test_a_broken_form_writes_nothing_of_itself_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for body in (b"--x\r\nContent-Dis\rposition: form-data\r\n\r\n", b"nothing"):
        with pytest.raises(ApiError):
            parse_form("multipart/form-data; boundary=x", body)
    assert caplog.records == []


def test_answers_are_compressed_for_those_who_accept_it(client: TestClient) -> None:
    body = {"text": TEXT * 20}
    plain = client.post("/predict", json=body, headers={"Accept-Encoding": "identity"})
    packed = client.post("/predict", json=body, headers={"Accept-Encoding": "br, gzip"})
    assert packed.json() == plain.json() and packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < len(plain.content) / 4
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    for refusing in ("gzip;q=0", "identity", "*;q=0", ""):
        answer = client.post("/predict", json=body, headers={"Accept-Encoding": refusing})
        assert "Content-Encoding" not in answer.headers, refusing
    assert 'clausetag_requests_total{method="POST",path="other"' not in client.get("/metrics").text
    assert client.get("/page.js", headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("header", "accepts"),
    [
        ("gzip", True),
        ("deflate, GZIP ; q=0.5", True),
        ("*", True),
        ("gzip;q=0.001", True),
        ("gzip; q=0.000", False),
        ("*, gzip;q=0", False),
        ("x-gzipped", False),
        ("", False),
    ],
)
def test_accept_encoding(header: str, accepts: bool) -> None:
    assert accepts_gzip(header) is accepts


def test_bodies_may_be_compressed(client: TestClient) -> None:
    body = json.dumps({"text": TEXT}).encode()
    members = gzip.compress(body[:10]) + gzip.compress(body[10:])
    for encoding, content in (("gzip", gzip.compress(body)), ("x-gzip", members), ("identity", body)):
        answer = client.post("/predict", content=content, headers={**JSON, "Content-Encoding": encoding})
        assert answer.status_code == 200, answer.text
    headers = {**JSON, "Content-Encoding": "gzip"}
    for damaged in (body, gzip.compress(body)[:-9], gzip.compress(body) + b"x", zlib.compress(body)):
        refused(client.post("/predict", content=damaged, headers=headers), 400, "bad_gzip", "body")
    answer = client.post("/predict", content=body, headers={**JSON, "Content-Encoding": "br"})
    refused(answer, 415, "unsupported_encoding", "header.Content-Encoding")
    assert answer.headers["Accept-Encoding"] == "gzip"


def test_a_compressed_body_is_unpacked_up_to_the_limit(make_client: MakeClient) -> None:
    client = make_client(max_body_bytes=1000)
    headers = {**JSON, "Content-Encoding": "gzip"}
    fits = b'{"text": "We keep it."}'.ljust(1000)
    assert client.post("/predict", content=gzip.compress(fits), headers=headers).status_code == 200
    bomb = gzip.compress(bytes(500_000))
    assert len(bomb) < 1000
    many = gzip.compress(bytes(999)) * 20
    for content in (gzip.compress(fits + b" "), bomb, many):
        refused(client.post("/predict", content=content, headers=headers), 413, "body_too_large", "body")


def test_a_compressed_body_of_very_many_members(client: TestClient) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}
    body = json.dumps({"text": TEXT}).encode()
    parts = b"".join(gzip.compress(body[start : start + 10]) for start in range(0, len(body), 10))
    assert client.post("/predict", content=parts, headers=headers).status_code == 200
    refused(client.post("/predict", content=gzip.compress(b"") * 101, headers=headers), 400, "bad_gzip", "body")


def test_unknown_keys_are_refused_with_the_nearest_name(client: TestClient) -> None:
    for key, nearest in (("category", "categories"), ("Scores", "scores"), ("heads", "head")):
        message = refused(client.post(f"/predict?{key}=1", json={"text": TEXT}), 422, "invalid", f"query.{key}")
        assert message == f"unknown; did you mean {nearest}?"
    message = refused(client.post("/v1/predict?xyz=1", json={"text": TEXT}), 422, "invalid", "query.xyz")
    assert message == "unknown; there are head, scores, attributes, facts, categories"
    message = refused(client.post("/predict", json={"text": TEXT, "threshold": {}}), 422, "invalid", "threshold")
    assert message == "unknown; did you mean thresholds?"


def test_json_with_a_byte_order_mark(client: TestClient) -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"text": TEXT}).encode()
    assert client.post("/predict", content=body, headers=JSON).status_code == 200
    refused(client.post("/predict", content=b"\xef\xbb\xbf", headers=JSON), 400, "bad_json", "body")


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"cc-{TRACE}-{PARENT}-01-more", True),
        (f"00-{TRACE}-{PARENT}-01-more", False),
        (f"ff-{TRACE}-{PARENT}-01", False),
        (f"00-{'0' * 32}-{PARENT}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{PARENT}-01", False),
        ("", False),
    ],
)
def test_the_clients_trace_is_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture, given: str, known: bool
) -> None:
    caplog.set_level(logging.INFO, "clausetag.serving")
    client.get("/info", headers={"traceparent": given})
    fields = caplog.records[-1].fields  # type: ignore[attr-defined]
    assert (fields.get("trace_id"), fields.get("parent_id")) == ((TRACE, PARENT) if known else (None, None))


def test_server_timing(client: TestClient) -> None:
    header = client.post("/predict", json={"text": TEXT}).headers["Server-Timing"]
    stages = dict(part.split(";dur=") for part in header.split(", "))
    assert list(stages) == ["reading", "tokenising", "model", "writing", "total"]
    assert sum(map(float, list(stages.values())[:-1])) <= float(stages["total"]) + 0.5
    assert client.get("/info").headers["Server-Timing"].startswith("total;dur=")


def test_starting_and_draining_are_no_failures(tagger: Any, make_client: MakeClient) -> None:
    client = make_client()
    service_of(client).lifecycle.set("draining")
    refused(client.post("/predict", json={"text": TEXT}), 503, "draining")
    text = client.get("/metrics").text
    assert "clausetag_failures_total{" not in text
    assert 'clausetag_requests_total{method="POST",path="/predict",status="503"} 1.0' in text


def test_metrics_say_which_model_it_is(client: TestClient, tagger: Any) -> None:
    text = client.get("/metrics").text
    assert f'clausetag_model_info{{hash="{tagger.hash}",name="standard",version="0.1.0"}} 1.0' in text


def test_spans(tagger: Any, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="needs the extra otel")
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    caplog.set_level(logging.INFO, "clausetag.serving")
    exporter = InMemorySpanExporter()
    app = create_app(Service(Settings(), load=lambda: tagger), SpanExporter("", exporter))
    with TestClient(app) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        client.post("/predict", json={"text": TEXT}, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        own = caplog.records[-1].fields["trace_id"]  # type: ignore[attr-defined]
        client.post("/predict", json={"text": ""})
        new = caplog.records[-1].fields["trace_id"]  # type: ignore[attr-defined]
        client.get("/readyz")
    spans = exporter.get_finished_spans()
    root = next(span for span in spans if span.name == "POST /predict" and span.parent is not None)
    assert (f"{root.context.trace_id:032x}", f"{root.parent.span_id:016x}", own) == (TRACE, PARENT, TRACE)
    assert root.attributes["http.response.status_code"] == 200
    below = [span for span in spans if span.parent is not None and span.parent.span_id == root.context.span_id]
    assert [span.name for span in below] == ["reading", "tokenising", "model", "writing"]
    assert all(root.start_time <= span.start_time <= span.end_time <= root.end_time for span in below)
    (failed,) = (span for span in spans if span.attributes.get("error.type") == "invalid")
    assert f"{failed.context.trace_id:032x}" == new != TRACE
    assert TEXT not in "".join(span.to_json() for span in spans) and len(spans) == 6

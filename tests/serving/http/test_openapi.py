"""The OpenAPI file is the app's; the page and the docs are served from the package and load nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from clausetag.data.labels import LABELS
from clausetag.model.tagger import Tagger
from clausetag.serving.http import openapi
from clausetag.serving.http.app import create_app
from clausetag.serving.http.pages import asset
from clausetag.serving.http.schemas import Info
from clausetag.serving.runtime.service import Service
from clausetag.serving.settings import Settings

SERVING = Path(__file__).resolve().parents[3] / "serving" / "static"


def test_the_checked_in_file_is_the_apps(client: TestClient) -> None:
    """After a change to the contract: `make openapi`."""
    checked_in = (SERVING / "openapi.json").read_text(encoding="utf-8")
    assert checked_in == openapi.file_text(create_app(Service(Settings())).openapi())
    assert client.get("/openapi.json").text == checked_in


def test_every_reference_leads_somewhere() -> None:
    spec = create_app(Service(Settings())).openapi()
    for name in set(re.findall(r'"#/components/schemas/(\w+)"', openapi.file_text(spec))):
        assert name in spec["components"]["schemas"]
    assert {"TextRequest", "HtmlRequest", "SentencesRequest", "PoliciesRequest"} <= set(spec["components"]["schemas"])
    own = {"/predict", "/info", "/health", "/livez", "/readyz", "/metrics"}
    assert set(spec["paths"]) == {
        *(prefix + path for path in own for prefix in ("", "/v1")),
        *("/v2", "/v2/health/live", "/v2/health/ready"),
        *(
            f"/v2/models/{{name}}{version}{part}"
            for version in ("", "/versions/{version}")
            for part in ("", "/ready", "/infer")
        ),
        *("/ping", "/invocations"),
    }


def test_info(client: TestClient, tagger: Tagger) -> None:
    found = Info.model_validate_json(client.get("/info").content)
    assert (found.model.hash, found.labels) == (tagger.hash, list(LABELS))
    assert list(found.thresholds.values()) == tagger.thresholds().tolist()
    assert list(found.model.heads["opp115"].thresholds.values()) == tagger.thresholds("opp115").tolist()
    assert found.min_labels == tagger.min_labels() == 1
    assert found.limits == Settings().limits()
    assert "non-commercial" in found.model.licence
    assert len(found.model.figures) == len(tagger.config["figures"]) > 0
    assert "application/pdf" in found.content_types


def test_health(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript"), ("/docs.css", "text/css")],
)
def test_files_of_the_page(client: TestClient, path: str, kind: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert (response.content, f"{kind}; charset=utf-8") == asset(path)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_need_nothing_that_the_policy_forbids(client: TestClient, path: str) -> None:
    html = client.get(path).text
    assert not re.search(r"""<script(?![^>]*\bsrc=)|\bon[a-z]+\s*=\s*["']|\bstyle\s*=\s*["']|<style\b""", html)
    for target in re.findall(r'(?:src|href)="([^"]+)"', html):
        assert not re.match(r"(?:[a-z]+:)?//|javascript:", target), target


def test_the_docs_name_every_endpoint(client: TestClient) -> None:
    html = client.get("/docs").text
    for words in ("POST /predict", "GET /info", "GET /livez", "GET /readyz", "GET /metrics", 'id="TextRequest"'):
        assert words in html
    anchors = set(re.findall(r'href="#(\w+)"', html))
    assert anchors and anchors <= set(re.findall(r'id="(\w+)"', html))

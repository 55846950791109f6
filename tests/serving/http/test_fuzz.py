"""Requests that nobody would write: each is answered, by the contract, and never by a fault of the service."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clausetag.data.labels import LABELS
from clausetag.serving.http.requests import CONTENT_TYPES
from clausetag.serving.http.schemas import ErrorAnswer, PoliciesAnswer, TaggedPolicy

TEXT = st.text(max_size=60) | st.sampled_from(
    ["We keep it. You may opt out.", "# A\n\n* b", "<p>We share it.</p>", "\0"]
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OPTIONS = {
    "head": st.sampled_from(["", "guide", "opp115", "passage", "?"]),
    "thresholds": st.dictionaries(st.sampled_from(LABELS), st.floats(0, 1) | ANY, max_size=3),
    "categories": st.lists(st.sampled_from(LABELS) | TEXT, max_size=3),
    "scores": st.booleans(),
    "context": st.booleans() | ANY,
}
POLICY = st.fixed_dictionaries({"id": TEXT}, optional={"text": TEXT, "html": TEXT}) | ANY
INPUTS = (
    st.fixed_dictionaries({"text": TEXT}, optional=OPTIONS)
    | st.fixed_dictionaries({"html": TEXT}, optional=OPTIONS)
    | st.fixed_dictionaries({"sentences": st.lists(TEXT, max_size=4)}, optional=OPTIONS)
    | st.fixed_dictionaries({"policies": st.lists(POLICY, max_size=3)}, optional=OPTIONS)
    | st.dictionaries(st.sampled_from(["text", "html", "sentences", "policies", *OPTIONS]), ANY, max_size=4)
)
QUICK = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(response: Any) -> None:
    assert response.status_code in (200, 400, 413, 415, 422), response.text
    if response.status_code != 200:
        ErrorAnswer.model_validate_json(response.content)
        return
    value = response.json()
    (PoliciesAnswer if "policies" in value else TaggedPolicy).model_validate_json(response.content)
    for answer in value.get("policies", [value]):
        for row in answer.get("sentences", ()):
            assert answer["text"][row["start"] : row["end"]] == row["text"]


@pytest.mark.filterwarnings("ignore")
@QUICK
@given(value=INPUTS)
def test_json(client: TestClient, value: Any) -> None:
    body = json.dumps(value).encode()
    check(client.post("/predict", content=body, headers={"Content-Type": "application/json"}))


@pytest.mark.filterwarnings("ignore")
@QUICK
@given(
    body=st.binary(max_size=80) | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")),
    kind=st.sampled_from([kind for kind in CONTENT_TYPES if kind != "application/pdf" and "word" not in kind]),
)
def test_bytes(client: TestClient, body: bytes, kind: str) -> None:
    check(client.post("/predict", content=body, headers={"Content-Type": kind}))

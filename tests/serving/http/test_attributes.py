"""Attributes and fact sheets over HTTP, and a model that has none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from clausetag.data.attributes import BY_NAME
from clausetag.data.labels import FIRST_PARTY, LABELS
from clausetag.data.records import Sentence
from clausetag.model.artifact import load_artifact, shipped
from clausetag.model.tagger import Tagger
from clausetag.serving.runtime.service import Service
from clausetag.serving.settings import Settings
from tests.serving.conftest import app_of
from tests.serving.process import until

TEXT = "We collect your name."


class Stating(Tagger):
    """The model, as if every sentence stated that contact data are collected."""

    def label(self, sentences: Any, outputs: Any, *, attributes: bool = True, **options: Any) -> list[Sentence]:
        """As the method that it replaces."""
        found = super().label(sentences, outputs, attributes=False, **options)
        values = {"Does/Does Not": ("Does",), "Personal Information Type": ("Contact",)}
        scores = {"Does/Does Not": {"Does": 0.9}, "Personal Information Type": {"Contact": 0.8}}
        if not attributes:
            return found
        scored = scores if options.get("scores") else None
        return [replace(one, labels=(FIRST_PARTY,), attributes=values, attribute_scores=scored) for one in found]


@pytest.fixture(scope="module")
def stating() -> Iterator[TestClient]:
    tagger = Stating(load_artifact(shipped()), threads=1)
    tagger.attributes = True
    client = TestClient(app_of(Service(Settings(), load=lambda: tagger)))
    with client:
        until(lambda: client.get("/readyz").status_code == 200)
        yield client


def post(client: TestClient, value: dict[str, Any], query: str = "") -> dict[str, Any]:
    response = client.post(f"/predict{query}", json=value)
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


def test_rows_have_attributes_with_scores(stating: TestClient) -> None:
    (row,) = post(stating, {"text": TEXT})["sentences"]
    assert row["attributes"] == {"Does/Does Not": ["Does"], "Personal Information Type": ["Contact"]}
    assert row["attribute_scores"]["Personal Information Type"] == {"Contact": 0.8}
    (row,) = post(stating, {"text": TEXT, "scores": False})["sentences"]
    assert "attributes" in row and "attribute_scores" not in row
    for value, query in (({"attributes": False}, ""), ({}, "?attributes=false")):
        (row,) = post(stating, {"text": TEXT, **value}, query)["sentences"]
        assert "attributes" not in row and "attribute_scores" not in row
    assert stating.get("/info").json()["attributes"] == {name: list(one.values) for name, one in BY_NAME.items()}


def test_facts_are_an_option(stating: TestClient) -> None:
    assert "facts" not in post(stating, {"text": TEXT})
    facts = post(stating, {"text": TEXT}, "?facts=json")["facts"]
    assert facts["company"]["cells"] == [{"data": "Contact", "purpose": None, "does": [0]}]
    graph = post(stating, {"text": TEXT, "facts": "jsonld"})["facts"]
    assert graph["@graph"][0]["dpv:hasProcess"][0]["clausetag:sentences"] == [0]
    answer = post(stating, {"policies": [{"id": "a", "text": TEXT}], "facts": "json"})
    assert answer["policies"][0]["facts"]["policy"] == "a"
    lines = stating.post("/predict?facts=json", json={"text": TEXT}, headers={"Accept": "application/x-ndjson"}).text
    assert [json.loads(line)["facts"] for line in lines.splitlines() if '"summary"' in line] == [facts]


@pytest.mark.parametrize("other", [{"attributes": False}, {"categories": [LABELS[0]]}])
def test_facts_that_would_leave_something_out_are_refused(stating: TestClient, other: dict[str, Any]) -> None:
    response = stating.post("/predict", json={"text": TEXT, "facts": "json", **other})
    assert response.status_code == 422
    assert response.json()["error"]["field"] == "facts"


def test_another_form_of_facts_is_refused(stating: TestClient) -> None:
    assert stating.post("/predict?facts=xml", json={"text": TEXT}).status_code == 422


def test_kserve_has_an_output_of_attributes(stating: TestClient) -> None:
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]}
    body = {"inputs": [tensor], "outputs": [{"name": "attributes"}]}
    (output,) = stating.post("/v2/models/standard/infer", json=body).json()["outputs"]
    assert output["data"] == ["Does/Does Not: Does; Personal Information Type: Contact"]


def test_a_model_without_attributes_answers_as_before() -> None:
    tagger = Tagger.load(shipped(), threads=1, attributes=False)
    client = TestClient(app_of(Service(Settings(), load=lambda: tagger)))
    with client:
        until(lambda: client.get("/readyz").status_code == 200)
        answer = post(client, {"text": TEXT, "facts": "json"})
        assert answer["facts"] is None and "attributes" not in answer["sentences"][0]
        assert client.get("/info").json()["attributes"] == {}

"""The requests that KServe's and SageMaker's clients send."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from clausetag.data.corpora.five import document_of, read_source
from clausetag.data.labels import LABELS
from clausetag.model.tagger import Tagger
from clausetag.serving.http.inference import InferAnswer, InferError, ModelMetadata
from tests.serving.conftest import MakeClient, service_of

URL = "/v2/models/standard/infer"


def infer(client: TestClient, data: list[Any], name: str = "text", shape: list[int] | None = None, **more: Any) -> Any:
    tensor = {"name": name, "shape": shape or [len(data)], "datatype": "BYTES", "data": data}
    return client.post(URL, json={"inputs": [tensor], **more})


def outputs(response: Any) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    InferAnswer.model_validate_json(response.content)
    return {each["name"]: each for each in response.json()["outputs"]}


def refused(response: Any, status: int, *words: str) -> None:
    assert response.status_code == status, response.text
    message = InferError.model_validate_json(response.content).error
    assert response.json().keys() == {"error"} and all(word in message for word in words), message


def test_metadata_and_health(client: TestClient, tagger: Tagger) -> None:
    assert client.get("/v2").json() == {"name": "clausetag", "version": "0.1.0", "extensions": []}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/standard/ready").json() == {"name": "standard", "ready": True}
    model = ModelMetadata.model_validate_json(client.get("/v2/models/standard").content)
    assert (model.name, model.versions, model.labels) == ("standard", [tagger.hash], list(LABELS))
    assert {each.name: each.shape for each in model.outputs}["scores"] == [-1, 12]
    for path in ("/v2/models/other", "/v2/models/other/ready"):
        refused(client.get(path), 404, "standard")
    version = f"/v2/models/standard/versions/{tagger.hash}"
    assert client.get(version).json() == client.get("/v2/models/standard").json()
    assert client.get(f"{version}/ready").json() == {"name": "standard", "ready": True}
    refused(client.get("/v2/models/standard/versions/1/ready"), 404, tagger.hash)
    refused(client.get("/v2/nothing"), 404)
    refused(client.get(URL), 405)
    # By routes, since clients could make up any number of names.
    line = 'clausetag_requests_total{method="GET",path="/v2/models/{name}",status="404"} 1.0'
    assert line in client.get("/metrics").text


def test_the_outputs_are_those_of_predict(client: TestClient, tagger: Tagger) -> None:
    texts = [read_source("000_sagenext"), "We encrypt it."]
    response = infer(client, texts, id="7")
    found = outputs(response)
    assert (response.json()["id"], response.json()["model_name"]) == ("7", "standard")
    assert response.json()["model_version"] == tagger.hash
    url = f"/v2/models/standard/versions/{tagger.hash}/infer"
    assert client.post(url, content=response.request.content).json() == response.json()
    rows = tagger.tag_document(document_of("000_sagenext"))
    n = len(rows)
    assert found["policy"]["data"] == [0] * n + [1]
    assert found["scores"]["shape"] == [n + 1, 12] and found["scores"]["datatype"] == "FP32"
    assert found["scores"]["data"][: 12 * n] == [score for row in rows for score in (row.scores or {}).values()]
    assert found["labels"]["data"][:n] == ["; ".join(row.labels or ()) for row in rows]
    assert found["sentence"]["data"] == [*(row.text for row in rows), "We encrypt it."]
    assert found["start"]["data"] == [*(row.start for row in rows), 0]


def test_nested_data_options_and_chosen_outputs(client: TestClient) -> None:
    wanted = [{"name": "scores"}, {"name": "labels"}]
    parameters = {"head": "opp115", "binary_data_output": True}
    found = outputs(
        infer(client, [["We keep it."], ["You may opt out."]], shape=[2, 1], outputs=wanted, parameters=parameters)
    )
    assert list(found) == ["scores", "labels"] and found["scores"]["shape"] == [2, 12]
    assert found["scores"]["data"] != outputs(infer(client, ["We keep it.", "You may opt out."]))["scores"]["data"]
    sentences = outputs(infer(client, ["We keep it.", "You may opt out."], "sentences", parameters={"context": False}))
    assert sentences["policy"]["data"] == [0, 0]
    assert outputs(infer(client, ["<p>We keep it.</p>"], "html"))["sentence"]["data"] == ["We keep it."]
    bare = outputs(infer(client, ["We keep it."], parameters={"scores": False}))
    assert (bare["scores"]["shape"], bare["scores"]["data"]) == ([1, 0], [])


def test_errors_have_the_protocols_shape(client: TestClient, make_client: MakeClient) -> None:
    refused(infer(client, ["We keep it."], shape=[2]), 400, "2 strings", "1")
    refused(infer(client, [1]), 400, "BYTES")
    refused(infer(client, [], shape=[0]), 400, "0")
    refused(infer(client, ["a"], "texts"), 400, "text, html, sentences")
    refused(infer(client, ["a"], outputs=[{"name": "label"}]), 400, "label", "labels")
    refused(infer(client, ["a"], parameters={"heads": "guide"}), 400, "heads", "head?")
    refused(infer(client, ["We keep it.", "..."]), 400, "inputs.1", "no text")
    refused(infer(client, ["a"] * 65), 400, "64")
    refused(client.post(URL, json={"inputs": []}), 400, "text, html, sentences")
    refused(client.post(URL, content=b"{"), 400, "JSON")
    refused(client.post(URL, content=b"%PDF", headers={"Content-Type": "application/pdf"}), 400, "JSON")
    binary = {"Inference-Header-Content-Length": "9", "Content-Type": "application/octet-stream"}
    refused(client.post(URL, content=b"{}", headers=binary), 400, "binary")
    assert client.post(URL.replace("standard", "other"), json={}).status_code == 404
    other = make_client(api_key="open-sesame", served_name="policies", max_body_bytes=100)
    refused(other.post("/v2/models/policies/infer", json={}), 401)
    headers = {"Authorization": "Bearer open-sesame"}
    assert other.get("/v2/models/policies", headers=headers).json()["name"] == "policies"
    refused(other.post("/v2/models/policies/infer", content=b" " * 101, headers=headers), 413)


def test_sagemaker(client: TestClient, make_client: MakeClient) -> None:
    assert (client.get("/ping").status_code, client.get("/ping").content) == (200, b"")
    body = {"text": "We keep it."}
    assert client.post("/invocations", json=body).json() == client.post("/predict", json=body).json()
    text = client.post("/invocations?head=opp115", content=b"We keep it.", headers={"Content-Type": "text/plain"})
    assert text.json()["model"]["head"] == "opp115"
    draining = make_client()
    service_of(draining).lifecycle.set("draining")
    assert draining.get("/ping").status_code == draining.get("/v2/health/ready").status_code == 503
    refused(draining.get("/v2/models/standard/ready"), 503)
    assert draining.get("/v2/health/live").status_code == 200

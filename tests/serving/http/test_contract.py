"""The OpenAPI file taken at its word: requests made from it, as it wants them and as it does not, sent to the service.

No answer is a fault of the service; each has a status, a content type, headers and a shape that the file states for it;
and what the file forbids is refused.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.generation import GenerationMode

from tests.serving.process import Process

FILE = Path(__file__).resolve().parents[3] / "serving" / "static" / "openapi.json"
SCHEMA = schemathesis.openapi.from_path(str(FILE))
# The file cannot say that a text holds a letter, a document is what its type says, ids differ: what it allows can be
# answered by 422 as well. Any bytes are a document, which the other check does not know.
EXCLUDED = {
    GenerationMode.POSITIVE: CHECKS.get_by_names(["positive_data_acceptance", "negative_data_rejection"]),
    GenerationMode.NEGATIVE: [],
}
WORDS = st.sampled_from(["", " We encrypt it. You may opt out.", "\n\n# Who we are\n\n* We <b>share</b> it.\n* Näme\0"])
HEADS = st.sampled_from(["", "guide", "opp115", "guide", "opp115", "none such"])
OPERATIONS = [(path, method.upper()) for path, methods in SCHEMA.raw_schema["paths"].items() for method in methods]
POSTS = {"/v1/predict": 6, "/invocations": 1, "/v2/models/{name}/infer": 2}
"""How many of nine requests go to each; `/predict` is `/v1/predict` by another name."""


def with_words(body: Any, words: str) -> Any:
    """The same body with words in its texts: of what is made up alone, nearly nothing holds a sentence."""
    if isinstance(body, list):
        return [item + words if isinstance(item, str) else with_words(item, words) for item in body]
    if not isinstance(body, dict):
        return body
    texts = {"text", "html"} & body.keys() or {"sentences", "policies"} & body.keys()
    return {
        key: value + words
        if key in texts and isinstance(value, str) and value
        else with_words(value, words)
        if key in texts
        else value
        for key, value in body.items()
    }


def sensible(case: schemathesis.Case, words: str, head: str) -> None:
    """Make an allowed request one that has a chance: with words, a head that exists, and the model's name."""
    if case.path_parameters:
        case.path_parameters["name"] = "standard"
    if case.path.endswith("/infer") and isinstance(case.body, dict):
        texts = [text for text in (words, "We keep it.") if text.strip()]
        tensor = {"name": "html" if len(words) > 40 else "text", "shape": [len(texts)], "datatype": "BYTES"}
        case.body = {**case.body, "inputs": [{**tensor, "data": texts}], "parameters": {"head": head}, "outputs": []}
        return
    case.body = with_words(case.body, words)
    for options in (case.body, case.query):
        if isinstance(options, dict) and "head" in options:
            options["head"] = head


def fuzz(running: Process, mode: GenerationMode, count: int) -> Counter[tuple[str, int]]:
    """Send `count` requests; returns how often each path answered with each status."""
    statuses: Counter[tuple[str, int]] = Counter()
    url = running.url.rstrip("/")
    with requests.Session() as session:

        def send(path: str, method: str, examples: int) -> None:
            @settings(
                max_examples=examples,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=SCHEMA[path][method].as_strategy(generation_mode=mode), words=WORDS, head=HEADS)
            def each(case: schemathesis.Case, words: str, head: str) -> None:
                if mode is GenerationMode.POSITIVE:
                    sensible(case, words, head)
                answer = case.call_and_validate(url, session, excluded_checks=EXCLUDED[mode], timeout=60)
                statuses[path, answer.status_code] += 1

            each()

        for path, share in POSTS.items():
            send(path, "POST", count * share // sum(POSTS.values()))
    return statuses


@pytest.mark.parametrize("count", [150, pytest.param(2600, marks=pytest.mark.slow)])
def test_requests_that_the_file_allows(running: Process, count: int) -> None:
    statuses = fuzz(running, GenerationMode.POSITIVE, count)
    assert statuses.total() >= 0.95 * count
    assert {status for _, status in statuses} <= {200, 400, 415, 422}  # 415: the bytes are of a kind that is not read
    assert statuses["/v1/predict", 200] and statuses["/v2/models/{name}/infer", 200]
    assert sum(number for (_, status), number in statuses.items() if status == 200) > count / 10, statuses


@pytest.mark.parametrize("count", [150, pytest.param(2600, marks=pytest.mark.slow)])
def test_requests_that_the_file_forbids(running: Process, count: int) -> None:
    statuses = fuzz(running, GenerationMode.NEGATIVE, count)
    assert statuses.total() >= 0.95 * count
    refused = sum(number for (_, status), number in statuses.items() if status in (400, 422))
    assert refused > count / 10, statuses


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_and_no_other_method(running: Process, path: str, method: str) -> None:
    case = SCHEMA[path][method].Case()
    version = requests.get(running.url + "v1/info", timeout=60).json()["model"]["hash"]
    given = {"name": "standard", "version": version}
    case.path_parameters = {key: value for key, value in given.items() if f"{{{key}}}" in path}
    if method == "POST":
        case.body, case.media_type = {"text": "We encrypt it."}, "application/json"
    if path.endswith("/infer"):
        case.body = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["We encrypt it."]}]}
    assert case.call_and_validate(running.url.rstrip("/"), timeout=60).status_code == 200
    allowed = {"GET": "GET, HEAD, OPTIONS", "POST": "POST, OPTIONS"}[method]
    for other in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - {method}:
        response = requests.request(other, running.url.rstrip("/") + path.format(**given), timeout=60)
        assert (response.status_code, response.headers["Allow"]) == (405, allowed)
        assert "error" in response.json()

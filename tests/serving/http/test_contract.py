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


def fuzz(running: Process, mode: GenerationMode, count: int) -> Counter[int]:
    """Send `count` requests to /predict; returns how often each status came back."""
    statuses: Counter[int] = Counter()
    strategy = SCHEMA["/predict"]["POST"].as_strategy(generation_mode=mode)
    positive = mode is GenerationMode.POSITIVE
    url = running.url.rstrip("/")

    with requests.Session() as session:

        @settings(
            max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=strategy, words=WORDS, head=HEADS)
        def each(case: schemathesis.Case, words: str, head: str) -> None:
            if positive:
                case.body = with_words(case.body, words)
                for options in (case.body, case.query):
                    if isinstance(options, dict) and "head" in options:
                        options["head"] = head
            answer = case.call_and_validate(url, session, excluded_checks=EXCLUDED[mode], timeout=60)
            statuses[answer.status_code] += 1

        each()
    return statuses


@pytest.mark.parametrize("count", [150, pytest.param(2600, marks=pytest.mark.slow)])
def test_requests_that_the_file_allows(running: Process, count: int) -> None:
    statuses = fuzz(running, GenerationMode.POSITIVE, count)
    assert statuses.total() >= count
    assert statuses.keys() <= {200, 415, 422}  # 415: the bytes are of a kind that is not read
    assert statuses[200] > count / 10, statuses


@pytest.mark.parametrize("count", [150, pytest.param(2600, marks=pytest.mark.slow)])
def test_requests_that_the_file_forbids(running: Process, count: int) -> None:
    statuses = fuzz(running, GenerationMode.NEGATIVE, count)
    assert statuses.total() >= count
    assert statuses[422] > count / 10, statuses


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_and_no_other_method(running: Process, path: str, method: str) -> None:
    case = SCHEMA[path][method].Case()
    if method == "POST":
        case.body, case.media_type = {"text": "We encrypt it."}, "application/json"
    assert case.call_and_validate(running.url.rstrip("/"), timeout=60).status_code == 200
    for other in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - {method}:
        response = requests.request(other, f"{running.url.rstrip('/')}{path}", timeout=60)
        assert (response.status_code, response.headers["Allow"]) == (405, method)
        assert response.json()["error"]["code"] == "method_not_allowed"

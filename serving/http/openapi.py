"""What the OpenAPI file says beyond the schemas. `python -m clausetag.serving.http.openapi` writes it anew."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from clausetag.data.labels import LABELS
from clausetag.serving.http.requests import DOCUMENT_TYPES, JSON_TYPE
from clausetag.serving.http.schemas import REQUESTS, ErrorAnswer, PoliciesAnswer, TaggedPolicy, with_labels

TEXT = (
    "Tags every sentence of a privacy policy with the data practices it states (OPP-115's categories, twelve labels, "
    "multi-label). Nothing that is sent is stored, logged or passed on."
)
QUERY = "As in a JSON body, which goes before it."

_REASONS = {
    400: "Not JSON, or not UTF-8",
    401: "The key is missing or wrong",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "The content type is not supported, or the file's kind is not",
    422: "The request is wrong, too long or cannot be read; `field` says where",
    429: "Overloaded; Retry-After says when to try again",
    500: "The service failed",
    503: "Starting or stopping",
    504: "The deadline passed",
}


def _errors(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": _REASONS[status], "model": ErrorAnswer} for status in statuses
    }
    for status in (429, 503):
        if status in found:
            found[status]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return found


_BODY = {
    JSON_TYPE: {"schema": {"oneOf": [{"$ref": f"#/components/schemas/{m.__name__}"} for m in REQUESTS.values()]}},
    **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in DOCUMENT_TYPES},
}
_KEY: dict[str, Any] = {"security": [{}, {"key": []}]}

PREDICT: dict[str, Any] = {
    "summary": "Tag one policy, or several",
    "description": "JSON, or a document as it is. A list of policies is answered by a list, in which one that cannot "
    "be read has an error of its own.",
    "responses": {
        200: {"description": "The tagged sentences", "model": TaggedPolicy | PoliciesAnswer},
        **_errors(_REASONS),
    },
    "openapi_extra": {"requestBody": {"required": True, "content": _BODY}, **_KEY},
}
INFO: dict[str, Any] = {
    "summary": "The model, its labels and thresholds, and the limits",
    "responses": _errors((401, 500, 503)),
    "openapi_extra": _KEY,
}
LIVEZ: dict[str, Any] = {"summary": "Whether the process answers", "responses": _errors((500,))}
READYZ: dict[str, Any] = {"summary": "Whether requests are taken", "responses": _errors((500, 503))}
METRICS: dict[str, Any] = {
    "summary": "Figures for Prometheus",
    "responses": {
        200: {"description": "Exposition format 0.0.4", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **_errors((401, 500)),
    },
    "openapi_extra": _KEY,
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description; made once. The labels in it are the model's, as soon as there is one."""
    if app.openapi_schema is None:
        spec = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        template = "#/components/schemas/{model}"
        _, requests = models_json_schema([(m, "validation") for m in REQUESTS.values()], ref_template=template)
        components = spec["components"]
        components["schemas"] = dict(sorted((components["schemas"] | requests["$defs"]).items()))
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        # /metrics answers text alone; FastAPI would add its default.
        spec["paths"]["/metrics"]["get"]["responses"]["200"]["content"].pop("application/json", None)
        app.openapi_schema = spec
    service = app.state.service
    labels = service.engine.tagger.labels if service.life.state == "ready" else LABELS
    described: dict[str, Any] = with_labels(app.openapi_schema, labels)
    return described


def text(spec: dict[str, Any]) -> str:
    """The file's text."""
    return json.dumps(spec, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write `openapi.json` beside this file."""
    from pathlib import Path

    from clausetag.data.jsonl import write_text
    from clausetag.serving.http.app import create_app
    from clausetag.serving.settings import Settings

    write_text(Path(__file__).parents[1] / "static" / "openapi.json", text(create_app(Settings()).openapi()))


if __name__ == "__main__":
    main()

"""The OpenAPI description: what it says beyond the schemas. `make openapi` writes the file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from clausetag.data.labels import LABELS
from clausetag.serving.http.forms import FORM_TYPE
from clausetag.serving.http.inference import InferAnswer, InferError, InferRequest
from clausetag.serving.http.requests import DOCUMENT_TYPES, JSON_TYPE
from clausetag.serving.http.schemas import REQUESTS, ErrorAnswer, PoliciesAnswer, StreamLine, TaggedPolicy
from clausetag.serving.runtime.prepare import FactsForm

NDJSON_TYPE = "application/x-ndjson"
DESCRIPTION = (
    "Tags every sentence of a privacy policy with the data practices it states (OPP-115's categories, twelve labels, "
    "multi-label). Nothing that is sent is stored, logged or passed on."
)
QUERY = "As in a JSON body, which takes precedence."

_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "Not what the headers say: not JSON, not UTF-8, not gzip data, not a form"},
    401: {"description": "The key is missing or wrong"},
    408: {"description": "The body did not arrive in time"},
    404: {"description": "There is no such model"},
    413: {"description": "The body is too large, or unpacks to too much"},
    415: {"description": "The content type, the encoding or the kind of file is not supported"},
    422: {"description": "The request is invalid, too long or cannot be read; `field` says where"},
    429: {"description": "Overloaded; Retry-After says when to try again", "headers": _RETRY_AFTER},
    500: {"description": "The service failed"},
    503: {"description": "Starting or stopping", "headers": _RETRY_AFTER},
    504: {"description": "The deadline passed"},
}


def _refs(models: Iterable[type[BaseModel]]) -> list[dict[str, str]]:
    return [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]


_KEY: dict[str, Any] = {"security": [{}, {"key": []}]}
_FORM = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "Its name's suffix says what it is."},
        "head": {"type": "string"},
        "scores": {"type": "boolean"},
        "attributes": {"type": "boolean"},
        "facts": {"type": "string", "enum": list(get_args(FactsForm))},
        "categories": {"type": "array", "items": {"type": "string", "enum": list(LABELS)}},
    },
}
_BODY = {
    JSON_TYPE: {"schema": {"oneOf": _refs(REQUESTS.values())}},
    FORM_TYPE: {"schema": _FORM},
    **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in DOCUMENT_TYPES},
}


def _errors(*statuses: int, model: type[BaseModel] = ErrorAnswer) -> dict[int | str, dict[str, Any]]:
    return {status: {**_ERRORS[status], "model": model} for status in statuses}


PREDICT: dict[str, Any] = {
    "summary": "Tag one policy, or several",
    "description": "JSON, or a document as it is. Several policies get a list of answers, in which one that cannot be "
    "read has an error of its own.",
    "responses": {
        200: {
            "description": "The tagged sentences; with `Accept: application/x-ndjson` as lines, when they are ready",
            "model": TaggedPolicy | PoliciesAnswer,
            "content": {NDJSON_TYPE: {"schema": {"oneOf": _refs(get_args(StreamLine))}}},
        },
        **_errors(400, 401, 408, 413, 415, 422, 429, 500, 503, 504),
    },
    "openapi_extra": {"requestBody": {"required": True, "content": _BODY}, **_KEY},
}
INFO: dict[str, Any] = {
    "summary": "The model, its labels and thresholds, and the limits",
    "responses": _errors(401, 500, 503),
    "openapi_extra": _KEY,
}
LIVEZ: dict[str, Any] = {"summary": "Whether the process is alive", "responses": _errors(500)}
READYZ: dict[str, Any] = {"summary": "Whether requests are accepted", "responses": _errors(500, 503)}
METRICS: dict[str, Any] = {
    "summary": "Metrics for Prometheus",
    "responses": {
        200: {"description": "Text format 0.0.4", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **_errors(401, 500),
    },
    "openapi_extra": _KEY,
}


V2: dict[str, Any] = {"summary": "KServe: the server", "responses": _errors(500, model=InferError)}
V2_LIVE: dict[str, Any] = {**V2, "summary": "KServe: whether the process is alive"}
V2_READY: dict[str, Any] = {
    "summary": "KServe: whether requests are accepted",
    "responses": _errors(500, 503, model=InferError),
}
V2_MODEL: dict[str, Any] = {
    "summary": "KServe: the model, its inputs and outputs",
    "responses": _errors(401, 404, 500, 503, model=InferError),
    "openapi_extra": _KEY,
}
V2_MODEL_READY: dict[str, Any] = {
    "summary": "KServe: whether the model is ready",
    "responses": _errors(404, 500, 503, model=InferError),
}
V2_INFER: dict[str, Any] = {
    "summary": "KServe: tag policies, or the sentences of one",
    "description": "One input of BYTES: `text` or `html`, whose elements are policies, or `sentences` of one policy. "
    "The outputs have one row for each sentence. Of a request with a policy that cannot be read, all is refused.",
    "responses": {
        200: {"description": "The tagged sentences", "model": InferAnswer},
        **_errors(400, 401, 404, 408, 413, 415, 429, 500, 503, 504, model=InferError),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {JSON_TYPE: {"schema": {"$ref": f"#/components/schemas/{InferRequest.__name__}"}}},
        },
        **_KEY,
    },
}
INVOCATIONS: dict[str, Any] = {**PREDICT, "summary": "SageMaker: the same as /predict"}
PING: dict[str, Any] = {
    "summary": "SageMaker: whether requests are accepted",
    "responses": {200: {"description": "They are; the body is empty", "content": {}}, **_errors(500, 503)},
    "response_class": Response,
}
_FURTHER: list[type[BaseModel]] = [*REQUESTS.values(), InferRequest, *get_args(StreamLine)]
"""Models that FastAPI doesn't find in the routes by itself."""


def describe(app: FastAPI, labels: Sequence[str]) -> dict[str, Any]:
    """The OpenAPI description of an app whose model has these labels; all but the labels is made only once."""
    if app.openapi_schema is None:
        spec = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        template = "#/components/schemas/{model}"
        _, further = models_json_schema([(model, "validation") for model in _FURTHER], ref_template=template)
        components = spec["components"]
        components["schemas"] = dict(sorted((components["schemas"] | further["$defs"]).items()))
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        # FastAPI adds JSON, its default, to the plain text that /metrics answers with.
        for path in ("/metrics", "/v1/metrics"):
            spec["paths"][path]["get"]["responses"]["200"]["content"].pop(JSON_TYPE, None)
        app.openapi_schema = spec
    described: dict[str, Any] = _with_labels(app.openapi_schema, labels)
    return described


def file_text(spec: dict[str, Any]) -> str:
    """The text of `openapi.json`."""
    return json.dumps(spec, indent=1, ensure_ascii=False) + "\n"


def _with_labels(spec: Any, labels: Sequence[str]) -> Any:
    """An OpenAPI description with a model's own `labels` in place of the twelve."""
    if isinstance(spec, dict):
        if spec.get("enum") == list(LABELS):
            return {**spec, "enum": list(labels)}
        return {key: _with_labels(value, labels) for key, value in spec.items()}
    return [_with_labels(value, labels) for value in spec] if isinstance(spec, list) else spec

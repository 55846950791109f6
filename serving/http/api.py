"""The service's own routes: `/v1/predict` and those for monitoring, each also without `/v1`."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Annotated, Any

import pydantic_core
from fastapi import FastAPI, Query, Request, Response
from fastapi.params import Depends

from clausetag.data.attributes import ATTRIBUTES
from clausetag.serving.errors import ApiError
from clausetag.serving.http import openapi
from clausetag.serving.http.forms import Upload
from clausetag.serving.http.predict import answer_request
from clausetag.serving.http.requests import CONTENT_TYPES, check_names, parse
from clausetag.serving.http.schemas import Info, Label, Status
from clausetag.serving.http.streaming import StreamedAnswer, wants_stream
from clausetag.serving.observability.metrics import CONTENT_TYPE
from clausetag.serving.runtime.answer import model_info
from clausetag.serving.runtime.prepare import FactsForm, TagRequest
from clausetag.serving.runtime.service import Service, Write
from clausetag.version import __version__

VERSION = "/v1"


def require_key(service: Service) -> Depends:
    """The dependency of routes that need the API key, if there is one."""
    key = service.settings.api_key.get_secret_value()

    async def check(request: Request) -> None:  # async, since FastAPI runs plain functions in a thread
        if key and not _has_key(request.headers.get("authorization") or "", key):
            message = "send the key as Authorization: Bearer KEY"
            raise ApiError(401, "unauthorized", message, field="header.Authorization")

    return Depends(check)


def _has_key(header: str, key: str) -> bool:
    """Compare the key of an Authorization header, in a time that doesn't depend on how much of it is right."""
    scheme, _, given = header.partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), key.encode())
    return same and scheme.lower() == "bearer"


def predict_route(service: Service) -> Callable[..., Any]:
    """The handler of `/predict` and of SageMaker's `/invocations`."""

    async def predict(
        request: Request,
        head: Annotated[str | None, Query(description=openapi.QUERY)] = None,
        scores: Annotated[bool | None, Query(description=openapi.QUERY)] = None,
        attributes: Annotated[bool | None, Query(description=openapi.QUERY)] = None,
        facts: Annotated[FactsForm | None, Query(description=openapi.QUERY)] = None,
        categories: Annotated[list[Label] | None, Query(description=openapi.QUERY)] = None,
    ) -> Response:
        given = {"head": head, "scores": scores, "attributes": attributes, "facts": facts, "categories": categories}
        check_names(request.query_params, given, "query")
        query = {name: value for name, value in given.items() if value is not None}

        def check(header: str, body: bytes | Upload) -> tuple[TagRequest, Write]:
            return parse(header, body, query, service.tagger, service.settings.max_policies), pydantic_core.to_json

        if wants_stream(request.headers.get("accept", "")):
            return StreamedAnswer(service, request, check)
        body = await answer_request(service, request, CONTENT_TYPES, check)
        return Response(body, media_type="application/json")

    return predict


def add_api(app: FastAPI, service: Service) -> None:
    """Add the routes to `app`."""
    protected = [require_key(service)]

    async def info() -> dict[str, Any]:
        model = model_info(service.tagger)
        head = model["heads"][model["default_head"]]
        return {
            "version": __version__,
            "model": model,
            "labels": list(head["thresholds"]),
            "attributes": {a.name: list(a.values) for a in ATTRIBUTES if service.tagger.attributes},
            **head,
            "limits": service.settings.limits(),
            "content_types": list(CONTENT_TYPES),
        }

    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    async def readyz() -> dict[str, str]:
        service.lifecycle.check()
        return {"status": "ready"}

    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    for prefix in (VERSION, ""):
        app.post(f"{prefix}/predict", dependencies=protected, **openapi.PREDICT)(predict_route(service))
        app.get(f"{prefix}/info", dependencies=protected, response_model=Info, **openapi.INFO)(info)
        for path in ("health", "readyz"):
            app.get(f"{prefix}/{path}", response_model=Status, **openapi.READYZ)(readyz)
        app.get(f"{prefix}/livez", response_model=Status, **openapi.LIVEZ)(livez)
        app.get(f"{prefix}/metrics", dependencies=protected, **openapi.METRICS)(metrics)

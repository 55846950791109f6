"""The FastAPI application: routes and error handlers."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from clausetag.data.labels import LABELS
from clausetag.model.provenance import package_version
from clausetag.serving.errors import ApiError
from clausetag.serving.http import openapi
from clausetag.serving.http.middleware import RequestMiddleware, error_response
from clausetag.serving.http.pages import ASSETS, asset, docs_page
from clausetag.serving.http.predict import answer_request
from clausetag.serving.http.requests import CONTENT_TYPES
from clausetag.serving.http.schemas import Info, Label, Status
from clausetag.serving.observability.metrics import CONTENT_TYPE
from clausetag.serving.runtime.answer import model_info
from clausetag.serving.runtime.service import Service


def create_app(service: Service) -> FastAPI:
    """The application around a service, which it starts and stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="clausetag",
        version=package_version(),
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    _add_api(app, service)
    _add_pages(app, service)
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_query)
    app.add_exception_handler(HTTPException, _on_http_error)
    if service.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    paths = frozenset(route.path for route in app.routes if hasattr(route, "path"))
    app.add_middleware(RequestMiddleware, metrics=service.metrics, lifecycle=service.lifecycle, paths=paths)
    return app


def _add_api(app: FastAPI, service: Service) -> None:
    key = service.settings.api_key.get_secret_value()

    async def require_key(request: Request) -> None:  # async, since FastAPI runs plain functions in a thread
        if key and not _has_key(request.headers.get("authorization") or "", key):
            message = "send the key as Authorization: Bearer KEY"
            raise ApiError(401, "unauthorized", message, field="header.Authorization")

    protected = [Depends(require_key)]

    @app.post("/predict", dependencies=protected, **openapi.PREDICT)
    async def predict(
        request: Request,
        head: Annotated[str | None, Query(description=openapi.QUERY)] = None,
        scores: Annotated[bool | None, Query(description=openapi.QUERY)] = None,
        categories: Annotated[list[Label] | None, Query(description=openapi.QUERY)] = None,
    ) -> Response:
        given = {"head": head, "scores": scores, "categories": categories}
        query = {name: value for name, value in given.items() if value is not None}
        return Response(await answer_request(service, request, query), media_type="application/json")

    @app.get("/info", dependencies=protected, response_model=Info, **openapi.INFO)
    async def info() -> dict[str, Any]:
        model = model_info(service.tagger)
        head = model["heads"][model["default_head"]]
        return {
            "version": package_version(),
            "model": model,
            "labels": list(head["thresholds"]),
            **head,
            "limits": service.settings.limits(),
            "content_types": list(CONTENT_TYPES),
        }

    @app.get("/livez", response_model=Status, **openapi.LIVEZ)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", response_model=Status, **openapi.READYZ)
    async def readyz() -> dict[str, str]:
        service.lifecycle.check()
        return {"status": "ready"}

    @app.get("/metrics", dependencies=protected, **openapi.METRICS)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def _has_key(header: str, key: str) -> bool:
    """Compare the key of an Authorization header, in a time that doesn't depend on how much of it is right."""
    scheme, _, given = header.partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), key.encode())
    return same and scheme.lower() == "bearer"


def _add_pages(app: FastAPI, service: Service) -> None:
    def description() -> dict[str, Any]:
        return openapi.describe(app, service.tagger.labels if service.lifecycle.state == "ready" else LABELS)

    app.openapi = description  # type: ignore[method-assign]
    docs = cache(lambda: docs_page(description()))

    @app.get("/docs", include_in_schema=False)
    async def get_docs() -> Response:
        return Response(docs(), media_type="text/html; charset=utf-8")

    @app.get("/openapi.json", include_in_schema=False)
    async def get_openapi() -> Response:
        return Response(openapi.file_text(description()), media_type="application/json")

    async def file(request: Request) -> Response:
        found = asset(request.url.path)
        if found is None:
            raise HTTPException(404)
        return Response(found[0], media_type=found[1], headers={"Cache-Control": "no-cache"})

    for path in ASSETS:
        app.add_api_route(path, file, include_in_schema=False)


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    request.state.reason = error.code
    return error_response(error, request.state.request_id)


async def _on_invalid_query(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    message = str(first["msg"]).removeprefix("Value error, ")
    return await _on_api_error(request, ApiError(422, "invalid", message, field=field))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    refusal = ApiError(error.status_code, code, error.detail)
    refusal.headers.update(error.headers or {})
    return await _on_api_error(request, refusal)

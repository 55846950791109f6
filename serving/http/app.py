"""The FastAPI application: its routes, middleware and error handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from clausetag.data.labels import LABELS
from clausetag.serving.errors import ApiError
from clausetag.serving.http import openapi
from clausetag.serving.http.api import add_api
from clausetag.serving.http.drain import DrainMiddleware
from clausetag.serving.http.encoding import CompressionMiddleware
from clausetag.serving.http.middleware import RequestMiddleware, error_response
from clausetag.serving.http.pages import ASSETS, asset, docs_page
from clausetag.serving.http.platforms import add_platforms
from clausetag.serving.observability.traces import SpanExporter
from clausetag.serving.runtime.service import Service
from clausetag.version import __version__


def create_app(service: Service, spans: SpanExporter | None = None) -> FastAPI:
    """The application around a service, which it starts and stops with itself.

    `spans` receives an OpenTelemetry span of each request; by default the settings decide whether there is one.

    Raises:
        MissingExtraError: the settings ask for OpenTelemetry, which is not installed.
    """
    settings = service.settings
    if spans is None and settings.otel_endpoint:
        spans = SpanExporter(settings.otel_endpoint)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        if settings.workers > 1:  # other workers take the connections until this one has loaded its model
            await service.loaded()
        yield
        await service.stop()
        if spans is not None:
            spans.close()

    app = FastAPI(
        title="clausetag",
        version=__version__,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    add_api(app, service)
    add_platforms(app, service)
    _add_pages(app, service)
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_query)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(CompressionMiddleware, minimum_size=1000, compresslevel=5)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["Authorization", "Content-Encoding", "Content-Type", "Traceparent", "X-Request-ID"],
            expose_headers=["Retry-After", "Server-Timing", "X-Request-ID"],
        )
    app.add_middleware(RequestMiddleware, metrics=service.metrics, lifecycle=service.lifecycle, spans=spans)
    app.add_middleware(DrainMiddleware, seconds=settings.read_seconds)
    return app


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

    async def get_asset(request: Request) -> Response:
        found = asset(request.url.path)
        if found is None:
            raise HTTPException(404)
        return Response(found[0], media_type=found[1], headers={"Cache-Control": "no-cache"})

    for path in ASSETS:
        app.add_api_route(path, get_asset, include_in_schema=False)


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    request.state.reason = error.code
    return error_response(error, request.scope)


async def _on_invalid_query(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    message = str(first["msg"]).removeprefix("Value error, ")
    return await _on_api_error(request, ApiError(422, "invalid", message, field=field))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # Each path has one method; HEAD goes wherever GET does, and OPTIONS is answered here.
        methods = {"GET": ("GET", "HEAD"), "POST": ("POST",)}[headers["Allow"]]
        headers["Allow"] = ", ".join((*methods, "OPTIONS"))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    api_error = ApiError(error.status_code, code, error.detail)
    api_error.headers.update(headers)
    return await _on_api_error(request, api_error)

"""The FastAPI application: which path answers what. What is behind them stands in the modules beside.

uvicorn.run(create_app(Settings()))   # `clausetag serve` does more: it drains, and is patient with nobody
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from clausetag.model.provenance import package_version
from clausetag.model.tagger import Tagger
from clausetag.serving.errors import ApiError, error_body, error_value
from clausetag.serving.http import openapi as description
from clausetag.serving.http.middleware import Envelope
from clausetag.serving.http.pages import ASSETS, asset, docs_page
from clausetag.serving.http.requests import CONTENT_TYPES, check_key
from clausetag.serving.http.schemas import Info, Label, Status
from clausetag.serving.observability.metrics import CONTENT_TYPE
from clausetag.serving.runtime.service import Service
from clausetag.serving.settings import Settings


def create_app(settings: Settings, tagger: Tagger | None = None) -> FastAPI:
    """The application; without a `tagger` it loads the one that the settings name, in the background."""
    service = Service(settings, tagger)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="clausetag",
        version=package_version(),
        description=description.TEXT,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    _add_routes(app, service)
    _add_files(app)
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_bad_query)
    app.add_exception_handler(HTTPException, _on_http_error)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    paths = frozenset(route.path for route in app.routes if hasattr(route, "path"))
    app.add_middleware(Envelope, metrics=service.metrics, life=service.life, paths=paths)
    app.openapi = lambda: description.describe(app)  # type: ignore[method-assign]
    return app


def _add_routes(app: FastAPI, service: Service) -> None:
    async def key(request: Request) -> None:  # a plain function would cost a change of threads
        check_key(request.headers.get("authorization"), service.settings.api_key)

    protected = [Depends(key)]

    @app.post("/predict", dependencies=protected, **description.PREDICT)
    async def predict(
        request: Request,
        head: Annotated[str | None, Query(description=description.QUERY)] = None,
        scores: Annotated[bool | None, Query(description=description.QUERY)] = None,
        categories: Annotated[list[Label] | None, Query(description=description.QUERY)] = None,
    ) -> Response:
        given = {"head": head, "scores": scores, "categories": categories}
        query = {name: value for name, value in given.items() if value is not None}
        body = await service.predict(request.headers, request.receive, query, request.state.record)
        return Response(body, media_type="application/json")

    @app.get("/info", dependencies=protected, response_model=Info, **description.INFO)
    async def info() -> dict[str, Any]:
        model = service.engine.info()
        head = model["heads"][model["default_head"]]
        return {
            "version": package_version(),
            "model": model,
            "labels": list(head["thresholds"]),
            **head,
            "limits": service.settings.limits(),
            "content_types": list(CONTENT_TYPES),
        }

    @app.get("/livez", response_model=Status, **description.LIVEZ)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", response_model=Status, **description.READYZ)
    async def readyz() -> dict[str, str]:
        service.life.check()
        return {"status": "ready"}

    @app.get("/metrics", dependencies=protected, **description.METRICS)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def _add_files(app: FastAPI) -> None:
    @cache
    def docs() -> bytes:
        return docs_page(app.openapi())

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> Response:
        return Response(docs(), media_type="text/html; charset=utf-8")

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return Response(description.text(app.openapi()), media_type="application/json")

    async def file(request: Request) -> Response:
        found = asset(request.url.path)
        if found is None:
            raise HTTPException(404)
        return Response(found[0], media_type=found[1], headers={"Cache-Control": "no-cache"})

    for path in ASSETS:
        app.add_api_route(path, file, include_in_schema=False)


def _respond(request: Request, error: ApiError) -> Response:
    request.state.reason = error.code
    body = error_body(error_value(error.code, error.message, error.field), request.state.request_id)
    return Response(body, error.status, error.headers, "application/json")


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _respond(request, error)


async def _on_bad_query(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    return _respond(request, ApiError(422, "invalid", str(first["msg"]).removeprefix("Value error, "), field=field))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    refusal = ApiError(error.status_code, code, error.detail)
    refusal.headers.update(error.headers or {})
    return _respond(request, refusal)

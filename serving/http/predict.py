"""POST /predict, from a request's headers to its answer: admission, upload, deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

from fastapi import Request
from starlette.types import Receive

from clausetag.serving.errors import ApiError
from clausetag.serving.http.requests import JSON_TYPE, content_type, parse
from clausetag.serving.runtime.service import Service

_T = TypeVar("_T")


async def answer_request(service: Service, request: Request, query: Mapping[str, Any]) -> bytes:
    """The JSON that answers a request; its content type and sizes are put into its log record.

    Raises:
        ApiError: why there is no answer.
    """
    settings, record = service.settings, request.state.record
    service.lifecycle.check()
    kind = content_type(request.headers.get("content-type"))
    record["kind"] = kind
    service.queue.check()  # before reading a body that would be refused
    with service.uploads.slot():
        length = request.headers.get("content-length")
        body = await _read_body(request.receive, length, settings.max_body_bytes, settings.read_seconds)
    record["bytes"] = len(body)

    async def answer() -> bytes:
        check = partial(parse, kind, body, query, service.tagger, settings.max_policies)
        return await service.tag(await service.in_thread(check) if kind == JSON_TYPE else check(), record)

    with service.queue.slot():
        return await _within_deadline(answer(), request.receive, settings.deadline_seconds)


async def _read_body(receive: Receive, length: str | None, max_bytes: int, seconds: float) -> bytes:
    """A request's body, counted while it arrives, whatever its Content-Length says."""
    too_large = ApiError(413, "body_too_large", f"a body has at most {max_bytes:,} bytes", field="body")
    if length is not None and length.isdecimal() and int(length[:20]) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _client_gone()
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise too_large
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise ApiError(408, "body_too_slow", f"the body did not arrive within {seconds:g} seconds") from None


async def _within_deadline(work: Coroutine[Any, Any, _T], receive: Receive, seconds: float) -> _T:
    """The result of `work`, which is cancelled at the deadline or when the client closes the connection."""
    task, gone = asyncio.create_task(work), asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise _client_gone()
        raise ApiError(504, "deadline", f"no answer within {seconds:g} seconds; send less at once")
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _client_gone() -> ApiError:
    return ApiError(499, "client_gone", "the client closed the connection")  # nobody reads it, but it is logged

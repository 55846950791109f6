"""A POST request, from its headers to its answer: admission, upload, unpacking, deadline."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from fastapi import Request
from starlette.types import Receive

from clausetag.data.errors import DocumentError
from clausetag.serving.errors import ApiError
from clausetag.serving.http.encoding import check_encoding, decompress
from clausetag.serving.http.forms import FORM_TYPE, Upload, form_answer, upload_of
from clausetag.serving.http.requests import CONTENT_TYPES, JSON_TYPE, content_type, try_json
from clausetag.serving.runtime.prepare import TagRequest, refusal
from clausetag.serving.runtime.service import Service, Write

_T = TypeVar("_T")
Parse = Callable[[str, Any], tuple[TagRequest, Write]]
"""Checks a body, or the upload in a form, by its Content-Type header, in a thread; says how the answer is written."""
_SMALL = 200_000
"""Bytes of JSON up to which it is parsed at once; larger bodies are first tried in a reader process."""
_MORE_VALUES = 10_000
"""Values that a JSON body may have besides its sentences: options, thresholds, policies."""


async def answer_request(service: Service, request: Request, kinds: Sequence[str], parse: Parse) -> bytes:
    """The body that answers a request of one of these content types (none: of any); its sizes go into its log record.

    Raises:
        ApiError: why there is no answer.
    """
    service.queue.check()  # before reading a body that would be refused
    body = await receive_body(service, request, kinds)

    async def answer() -> bytes:
        tagged, write = await check_body(service, request, parse, body)
        return await service.tag(tagged, request.state.record, write)

    with service.queue.slot():
        return await _within_deadline(answer(), request.receive, service.settings.deadline_seconds)


async def receive_body(service: Service, request: Request, kinds: Sequence[str] = CONTENT_TYPES) -> bytes:
    """The body of a request of one of these content types (none: of any), as it was sent.

    Raises:
        ApiError: the service isn't ready, the headers are wrong, or the body is too large or too slow.
    """
    settings, record = service.settings, request.state.record
    service.lifecycle.check()
    header = request.headers.get("content-type") or ""
    record["kind"] = content_type(header, kinds) if kinds else JSON_TYPE
    check_encoding(request.headers.get("content-encoding"))
    with service.uploads.slot():
        length = request.headers.get("content-length")
        body = await _read_body(request.receive, length, settings.max_body_bytes, settings.read_seconds)
    record["bytes"] = len(body)
    return body


async def check_body(service: Service, request: Request, parse: Parse, body: bytes) -> tuple[TagRequest, Write]:
    """What a body asks for.

    Raises:
        ApiError: it cannot be unpacked, or is not a valid request.
    """
    settings, kind = service.settings, request.state.record["kind"]
    header = request.headers.get("content-type") or ""
    whole: bytes | Upload = body

    async def in_process(function: Callable[..., bytes], *arguments: Any, decode: Callable[[bytes], _T]) -> _T:
        try:
            return await service.readers.run(function, *arguments, size=len(body), decode=decode)
        except DocumentError as error:
            raise refusal(error, "body") from None

    if check_encoding(request.headers.get("content-encoding")):
        whole = await service.in_thread(partial(decompress, body, settings.max_body_bytes))
    if kind == FORM_TYPE:
        whole = await in_process(form_answer, header, whole, decode=upload_of)
    elif kind == JSON_TYPE and len(whole) > _SMALL:
        ApiError.check(await in_process(try_json, whole, settings.max_sentences + _MORE_VALUES, decode=json.loads))
    return await service.in_thread(partial(parse, header, whole))


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
                    raise client_gone()
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise too_large
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise ApiError(408, "body_too_slow", f"the body did not arrive within {seconds:g} seconds") from None


async def _within_deadline(work: Coroutine[Any, Any, _T], receive: Receive, seconds: float) -> _T:
    """The result of `work`, which is cancelled at the deadline or when the client closes the connection."""
    task, gone = asyncio.create_task(work), asyncio.create_task(disconnected(receive))
    try:
        await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise client_gone()
        raise ApiError(504, "deadline", f"no answer within {seconds:g} seconds; send less at once")
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def disconnected(receive: Receive) -> None:
    """Wait until the client closes the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def client_gone() -> ApiError:
    """The error of a request whose client has closed the connection."""
    return ApiError(499, "client_gone", "the client closed the connection")  # nobody reads it, but it is logged

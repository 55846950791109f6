"""Answers as `application/x-ndjson`: one JSON object a line, sent as they are ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pydantic_core
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from clausetag.serving.errors import ApiError
from clausetag.serving.http.openapi import NDJSON_TYPE
from clausetag.serving.http.predict import Parse, check_body, client_gone, disconnected, receive_body
from clausetag.serving.runtime.service import Service
from clausetag.serving.runtime.stream import Lines, stream


def wants_stream(accept: str) -> bool:
    """Whether an Accept header asks for lines."""
    for kind in accept.lower().replace(" ", "").split(","):
        name, _, parameters = kind.partition(";")
        if name == NDJSON_TYPE:
            return parameters.rstrip("0.") != "q="  # a weight of 0 refuses it
    return False


class StreamedAnswer(Response):
    """The lines that answer a request; what is wrong before the first of them is an error as always.

    The first lines, and each next ones, must be ready within the deadline. While the client takes its time, so does the
    work for it. A failure after the first line is the last line, with the key `error`.
    """

    media_type = NDJSON_TYPE

    def __init__(self, service: Service, request: Request, parse: Parse) -> None:
        super().__init__()
        self._service = service
        self._request = request
        self._parse = parse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request and send the answer.

        Raises:
            ApiError: why there is no answer.
        """
        service, state = self._service, self._request.state
        with service.streams.slot():
            body = await receive_body(service, self._request)
            gone = asyncio.create_task(disconnected(receive), name="disconnect")
            lines = self._lines(body)
            started = False
            try:
                while True:
                    group = await _next(lines, gone, service.settings.deadline_seconds)
                    if not started:
                        start = {"status": 200, "headers": [(b"content-type", NDJSON_TYPE.encode())]}
                        await send({"type": "http.response.start", **start})
                        started = True
                    content = b"".join(pydantic_core.to_json(line) + b"\n" for line in group)
                    await send({"type": "http.response.body", "body": content, "more_body": bool(group)})
                    if not group:
                        return
            except ApiError as error:
                if not started:
                    raise
                state.reason = error.code
                if not gone.done():
                    content = error.body(state.request_id) + b"\n"
                    await send({"type": "http.response.body", "body": content, "more_body": False})
            finally:
                gone.cancel()
                await lines.aclose()

    async def _lines(self, body: bytes) -> AsyncGenerator[Lines, None]:
        """The groups of lines; an empty one at the end."""
        tagged, _ = await check_body(self._service, self._request, self._parse, body)
        async for group in stream(self._service, tagged, self._request.state.record):
            yield group
        yield []


async def _next(lines: AsyncGenerator[Lines, None], gone: asyncio.Task[None], seconds: float) -> Lines:
    """The next lines.

    Raises:
        ApiError: 504 if they are not ready in time, 499 if the client has closed the connection.
    """
    task = asyncio.ensure_future(anext(lines))
    try:
        await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            raise client_gone()
        if task.done():
            found: Lines = task.result()
            return found
        raise ApiError(504, "deadline", f"no further line within {seconds:g} seconds")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

"""Reads what is left of a request's body after it was refused, so that its client sees the answer.

Many clients read nothing before they have sent everything. If the connection is closed while they send, the system
tells them that it was reset, and the answer is lost.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class DrainMiddleware:
    """Wraps the app. The answer is sent at once; then the rest of the body is read and dropped.

    That ends `seconds` after the request has begun, as the time for its body does.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        unread = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        expected = "expect" not in headers
        """Whether the client sends its body without being asked; with Expect: 100-continue it waits for `receive`."""
        held = False
        end = asyncio.get_running_loop().time() + self._seconds

        async def counting() -> Message:
            nonlocal unread, expected
            expected = True
            message = await receive()
            unread = unread and message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            nonlocal held
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            held = is_last and unread and expected
            await send({**message, "more_body": True} if held else message)

        await self._app(scope, counting, sending)
        if held:
            with suppress(TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout_at(end):
                    while unread:
                        await counting()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

"""What keeps one client from taking the service from the others: bodies that are counted, places that are counted."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import Gauge

from clausetag.serving.errors import ApiError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

JSON_TYPE = "application/json"
DOCUMENT_TYPES = {
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/html": ".html",
    "application/xhtml+xml": ".xhtml",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}
"""Documents that can be sent as they are, and the suffix of their files."""
CONTENT_TYPES = (JSON_TYPE, *DOCUMENT_TYPES)


class Places:
    """A number of places, one a request; when all are taken the next is turned away at once."""

    def __init__(self, places: int, what: str, gauge: Gauge) -> None:
        self._places = places
        self._what = what
        self._gauge = gauge
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._taken

    def check(self) -> None:
        """See whether there is a place, without taking it.

        Raises:
            ApiError: 429, there is none.
        """
        if self._taken >= self._places:
            message = f"{self._places} requests are {self._what} already; try again in a moment"
            raise ApiError(429, "overloaded", message, retry_after=1)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            ApiError: 429, there is none.
        """
        self.check()
        self._taken += 1
        self._gauge.set(self._taken)
        try:
            yield
        finally:
            self._taken -= 1
            self._gauge.set(self._taken)


def content_type(header: str | None) -> str:
    """The media type of a request, one of `CONTENT_TYPES`.

    Raises:
        ApiError: 415, it is none of them, or text in JSON's type that is not UTF-8.
    """
    name, _, parameters = (header or "").lower().partition(";")
    name = name.strip()
    if name not in CONTENT_TYPES:
        message = f"send one of {', '.join(CONTENT_TYPES)} as Content-Type"
        raise ApiError(415, "unsupported_media_type", message, field="header.Content-Type")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "')
    if name == JSON_TYPE and charset not in ("", "utf-8", "utf8"):
        raise ApiError(415, "unsupported_charset", "JSON is UTF-8", field="header.Content-Type")
    return name


async def read_body(receive: Receive, length: str | None, limit: int, seconds: float) -> bytes:
    """A request's body, counted as it arrives, whatever Content-Length says or does not say.

    Raises:
        ApiError: 413 beyond `limit` bytes, 408 after `seconds`, 499 if the client hangs up.
    """
    too_large = ApiError(413, "body_too_large", f"a body has at most {limit:,} bytes", field="body")
    if length is not None and length.isdecimal() and int(length[:20]) > limit:
        raise too_large
    chunks: list[bytes] = []
    count = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise gone()
                chunk = message.get("body", b"")
                count += len(chunk)
                if count > limit:
                    raise too_large
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise ApiError(408, "body_too_slow", f"the body did not arrive within {seconds:g} seconds") from None


async def hung_up(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def gone() -> ApiError:
    """The client left: nobody reads this, but it is logged and counted."""
    return ApiError(499, "client_gone", "the client closed the connection")


def check_key(header: str | None, key: str) -> None:
    """Compare the caller's key, in a time that does not depend on how much of it is right.

    Raises:
        ApiError: 401.
    """
    if not key:
        return
    scheme, _, given = (header or "").partition(" ")
    right = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), key.encode())
    if scheme.lower() != "bearer" or not right:
        raise ApiError(401, "unauthorized", "send the key as Authorization: Bearer KEY", field="header.Authorization")

"""Content encodings: compressed answers, and request bodies that arrive compressed."""

from __future__ import annotations

import zlib

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

from clausetag.serving.errors import ApiError

_GZIP = 16 + zlib.MAX_WBITS
_SUPPORTED = "gzip"
_MAX_MEMBERS = 100
"""What follows a member is copied, so that a million empty ones would take hours."""


class CompressionMiddleware(GZipMiddleware):
    """Compresses answers for clients that accept gzip; Starlette's own overlooks that ``gzip;q=0`` refuses it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and not accepts_gzip(Headers(scope=scope).get("accept-encoding", "")):
            # In place: the outer layers read from the same scope which route was taken.
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await super().__call__(scope, receive, send)


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    weights: dict[str, str] = {}
    for item in header.lower().split(","):
        name, _, parameter = item.partition(";")
        weights[name.strip()] = parameter.replace(" ", "")
    weight = weights.get("gzip", weights.get("*"))
    return weight is not None and weight.rstrip("0.") != "q="


def check_encoding(header: str | None) -> bool:
    """Whether a request's body is compressed, by its Content-Encoding header.

    Raises:
        ApiError: 415 if it is in an encoding other than gzip.
    """
    name = (header or "identity").strip().lower()
    if name not in ("identity", "gzip", "x-gzip"):
        message = f"a body is sent as it is or with Content-Encoding {_SUPPORTED}"
        error = ApiError(415, "unsupported_encoding", message, field="header.Content-Encoding")
        error.headers["Accept-Encoding"] = _SUPPORTED
        raise error
    return name != "identity"


def decompress(body: bytes, max_bytes: int) -> bytes:
    """Unpack a gzip body, which may have several members; stops as soon as it exceeds `max_bytes`.

    Raises:
        ApiError: 413 if it unpacks to more than `max_bytes`, 400 if it is damaged.
    """
    unpacked = bytearray()
    try:
        for _ in range(_MAX_MEMBERS):
            if not body:
                return bytes(unpacked)
            member = zlib.decompressobj(_GZIP)
            unpacked += member.decompress(body, max_bytes + 1 - len(unpacked))
            if len(unpacked) > max_bytes:
                raise ApiError(413, "body_too_large", f"a body unpacks to at most {max_bytes:,} bytes", field="body")
            if not member.eof:
                raise ApiError(400, "bad_gzip", "the body ends in the middle of its gzip data", field="body")
            body = member.unused_data
    except zlib.error:
        raise ApiError(400, "bad_gzip", "the body is not gzip data", field="body") from None
    raise ApiError(400, "bad_gzip", f"the body has more than {_MAX_MEMBERS} gzip members", field="body")

"""The one shape of every error: ``{"error": {"code", "message", "request_id", "field"?}}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """A request that gets no answer but this. `code` is for programs, `field` names the part that is wrong."""

    def __init__(
        self, status: int, code: str, message: str, *, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(code)  # the message may quote the request, and exceptions end up in logs
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers: dict[str, str] = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if status == 401:
            self.headers["WWW-Authenticate"] = "Bearer"


def error_value(code: str, message: str, field: str | None = None) -> dict[str, Any]:
    """What stands under "error", without the request's id."""
    value = {"code": code, "message": message}
    return value if field is None else {**value, "field": field}


def error_body(value: Mapping[str, Any], request_id: str) -> bytes:
    """The JSON of an error response."""
    order = ("code", "message", "request_id", "field")
    whole = {**value, "request_id": request_id}
    return json.dumps({"error": {key: whole[key] for key in order if key in whole}}, ensure_ascii=False).encode()

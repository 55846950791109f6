"""The error that a request can end with, in any part of the service, and its JSON form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """A request that is refused or fails.

    `code` is for programs and `message` for people; `field` names the part of the request that is wrong, such as
    "policies.2.text"; `retry_after` is in seconds.
    """

    def __init__(
        self, status: int, code: str, message: str, *, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(code)  # not the message: it may quote the request, and exceptions end up in logs
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retry_after = retry_after
        self.headers: dict[str, str] = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if status == 401:
            self.headers["WWW-Authenticate"] = "Bearer"

    def inference_protocol_body(self) -> bytes:
        """The same as KServe's Open Inference Protocol wants it: ``{"error": message}``."""
        message = self.message if self.field is None else f"{self.field}: {self.message}"
        return json.dumps({"error": message}, ensure_ascii=False).encode()

    def body(self, request_id: str) -> bytes:
        """The response's JSON: ``{"error": {"code", "message", "request_id", "field"}}``, `field` only if known."""
        error = {"code": self.code, "message": self.message, "request_id": request_id}
        if self.field is not None:
            error["field"] = self.field
        return json.dumps({"error": error}, ensure_ascii=False).encode()

    def dump(self) -> bytes:
        """The error as the answer of a reader process, which `check` raises again in the service."""
        names = ("status", "code", "message", "field", "retry_after")
        return json.dumps({"refused": {name: getattr(self, name) for name in names}}).encode()

    @classmethod
    def check(cls, answer: Mapping[str, Any]) -> None:
        """Check that a reader process did not answer with an error.

        Raises:
            ApiError: it did.
        """
        if "refused" in answer:
            raise cls(**answer["refused"])

"""Logging as one JSON object a line on stderr, without anything that a client sent.

Texts and exceptions' messages, which may quote them, are never logged. Client addresses aren't either: a service that
reads privacy policies keeps no list of who read what.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from time import monotonic
from typing import Any

LOGGER = logging.getLogger("clausetag.serving")


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON: time (UTC), level, event, its fields, and the type and trace of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        row: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": " ".join(record.getMessage().split()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            row.update(error_fields(record.exc_info[1]))
        return json.dumps(row, ensure_ascii=False, default=str)


class RepeatFilter(logging.Filter):
    """Lets `most` records of one kind through in `seconds`; the next after that says how many were left out.

    Answered requests are all logged. Of refusals and faults, whoever causes them could fill the disk.
    """

    def __init__(self, most: int = 50, seconds: float = 10.0) -> None:
        super().__init__()
        self._most = most
        self._seconds = seconds
        self._seen: dict[tuple[Any, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        fields = getattr(record, "fields", {})
        if record.levelno < logging.WARNING and "reason" not in fields:
            return True
        event = str(record.msg).partition("\n")[0]
        kind = (record.name, event, fields.get("status"), fields.get("reason"))
        now = monotonic()
        start, count = self._seen.get(kind, (now, 0))
        if now - start >= self._seconds:
            if count > self._most:
                record.fields = {**fields, "left_out": count - self._most}
            start, count = now, 0
        if len(self._seen) > 1000:
            self._seen.clear()
        self._seen[kind] = (start, count + 1)
        return count < self._most


def error_fields(error: BaseException) -> dict[str, Any]:
    """Type and trace of an exception, without its message."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return {"exception": type(error).__name__, "trace": frames[-12:]}


def log(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event with its fields."""
    LOGGER.log(level, event, extra={"fields": fields})


def configure_logging() -> None:
    """Send the records of the service, uvicorn, asyncio and OpenTelemetry to stderr as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    handler.addFilter(RepeatFilter())
    for name in ("clausetag.serving", "uvicorn", "opentelemetry"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    logging.getLogger("asyncio").handlers[:] = [handler]

"""One JSON object a line on stderr. No text of a policy is ever logged, nor an exception's message, which may quote it.

Client addresses are left out as well: a service that reads privacy policies keeps no list of who read what.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("clausetag.serving")


class JsonFormatter(logging.Formatter):
    """Records as JSON: time (UTC), level, event, the fields given, and of an exception its type and places."""

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


def error_fields(error: BaseException) -> dict[str, Any]:
    """Type and places of an exception, without its message."""
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return {"exception": type(error).__name__, "trace": places[-12:]}


def log(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event with its fields."""
    LOGGER.log(level, event, extra={"fields": fields})


def set_up() -> None:
    """Send the service's and uvicorn's records to stderr as JSON; called by the command, not on import."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    for name in ("clausetag.serving", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    # Python warns about asyncio's own troubles there; they belong into the same stream.
    logging.getLogger("asyncio").handlers[:] = [handler]

"""An answer as lines that come as they are ready: rows of sentences, and how far the request is.

Each line is a JSON object, told apart by its keys:

- `document`: a policy has been read; its text, hash, flags, model and number of sentences.
- `index`: a row, as in the answer that comes at once.
- `summary`: all rows of a policy have come; its sentences by category.
- `error`: a policy could not be read (with `policy`), or the request ends here (without).
- `progress`: after each group of rows, the finished policies of all, and the sentences so far.
- `done`: the last line of a complete answer.

One policy is read ahead of the one that is tagged, and a few windows are tagged ahead of those whose rows were taken:
a client that stops reading stops its own work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

from clausetag.data.errors import DocumentError
from clausetag.serving.errors import ApiError
from clausetag.serving.runtime.answer import DocumentAnswer
from clausetag.serving.runtime.prepare import PolicySource, PreparedDocument, SentenceList, TagRequest, refusal
from clausetag.serving.runtime.service import Service

Lines = list[dict[str, Any]]
_WINDOWS_PER_CORE = 2


async def stream(
    service: Service, request: TagRequest, record: MutableMapping[str, Any]
) -> AsyncGenerator[Lines, None]:
    """Groups of lines that are ready together; numbers of policies, sentences and tokens go into `record`.

    Raises:
        ApiError: the only policy cannot be read, which is known before the first line; or the model failed.
    """
    record.update(policies=len(request.sources), sentences=0, tokens=0)
    readings = _Readings(service, request)
    try:
        for number in range(len(request.sources)):
            item = await readings.take(number)
            if isinstance(item, PreparedDocument):
                async for lines in _document(service, request, item, record):
                    yield [*lines, _progress(number, record, len(request.sources))]
                yield [_progress(number + 1, record, len(request.sources))]
            else:
                yield [item, _progress(number + 1, record, len(request.sources))]
        yield [{"done": {"policies": record["policies"], "sentences": record["sentences"]}}]
    finally:
        readings.cancel()


async def _document(
    service: Service, request: TagRequest, item: PreparedDocument, record: MutableMapping[str, Any]
) -> AsyncGenerator[Lines, None]:
    answer = DocumentAnswer(service.tagger, item, request.options)
    document = await service.in_thread(answer.document)
    yield [{"policy": item.policy, "document": {**document, "sentences": len(item.sentences)}}]
    outputs = service.scheduler.stream(item.windows, _WINDOWS_PER_CORE * service.cores)
    try:
        for window in item.windows:
            rows = answer.take([await anext(outputs)])
            record["sentences"] += len(rows)
            record["tokens"] += len(window.ids)
            service.metrics.sentences.inc(len(rows))
            yield rows
    finally:
        await outputs.aclose()
    yield [{"policy": item.policy, **answer.end()}]


def _progress(policies: int, record: MutableMapping[str, Any], of: int) -> dict[str, Any]:
    return {"progress": {"policies": policies, "of": of, "sentences": record["sentences"]}}


class _Readings:
    """Reads a request's policies in their order, one ahead of the one that was taken last."""

    def __init__(self, service: Service, request: TagRequest) -> None:
        self._service = service
        self._request = request
        self._tasks: dict[int, asyncio.Task[PreparedDocument | dict[str, Any]]] = {}

    async def take(self, number: int) -> PreparedDocument | dict[str, Any]:
        """Policy `number`, or the line that says why it cannot be read."""
        for wanted in (number, number + 1):
            if wanted not in self._tasks and wanted < len(self._request.sources):
                reading = self._read(self._request.sources[wanted])
                self._tasks[wanted] = asyncio.create_task(reading, name="reading ahead")
        return await self._tasks.pop(number)

    def cancel(self) -> None:
        """Stop reading."""
        for task in self._tasks.values():
            task.cancel()

    async def _read(self, source: PolicySource | SentenceList) -> PreparedDocument | dict[str, Any]:
        try:
            return await self._service.read(source)
        except DocumentError as error:
            refused = refusal(error, source.field)
        except ApiError as error:
            refused = error
        if not self._request.many or refused.status >= 500:
            raise refused
        return {"policy": source.policy, "error": {"code": refused.code, "message": refused.message}}

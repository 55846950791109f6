"""What happens to a request to /predict, from its first byte to its answer's last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import pydantic_core

from clausetag.data.documents.quality import quality_flags
from clausetag.data.errors import ClausetagError, DocumentError
from clausetag.model.runtime import available_cores
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import FloatArray
from clausetag.serving.errors import ApiError
from clausetag.serving.http.requests import (
    DOCUMENT_TYPES,
    JSON_TYPE,
    Places,
    Receive,
    content_type,
    gone,
    hung_up,
    read_body,
)
from clausetag.serving.observability.logs import error_fields, log
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.admission import Life
from clausetag.serving.runtime.batcher import Batcher, InferenceError
from clausetag.serving.runtime.engine import Engine, Prepared
from clausetag.serving.runtime.prepare import POLICY, Failure, Preparer, Work, flagged, options, refusal, wanted
from clausetag.serving.runtime.reader import Reader
from clausetag.serving.settings import Settings

_T = TypeVar("_T")
_WARM_UP = (
    "<h1>Privacy policy</h1><p>We collect your name and e-mail address when you open an account, and keep them for as "
    "long as the account is open.</p><ul>" + "<li>We do not sell your personal information.</li>" * 40 + "</ul>"
)
_BINARY = (b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class Service:
    """One loaded model and everything around it. Belongs to one event loop."""

    def __init__(self, settings: Settings, tagger: Tagger | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.life = Life(self.metrics)
        self.uploads = Places(settings.max_uploads, "arriving", self.metrics.uploads)
        self.queue = Places(settings.max_queue, "being answered", self.metrics.queue)
        self.on_failure: Callable[[], None] = lambda: None
        """Called if the model cannot be loaded."""
        self._tagger = tagger
        self._engine: Engine | None = None
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="text")
        self._batcher = Batcher(
            lambda windows: self.engine.infer(windows),
            settings.batch_tokens,
            self.metrics,
            at_once=1 if (settings.threads or available_cores()) == 1 else 2,
        )
        self._reader = Reader(settings)
        self._loading: asyncio.Task[None] | None = None

    @property
    def engine(self) -> Engine:
        """The loaded model.

        Raises:
            ApiError: 503, there is none yet.
        """
        if self._engine is None:
            self.life.check()
            raise AssertionError("ready without a model")
        return self._engine

    def start(self) -> None:
        """Load and warm the model in the background."""
        self._loading = asyncio.create_task(self._load(), name="loading")

    async def stop(self) -> None:
        """Drop what is still being done."""
        self.life.set("draining")
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        await self._batcher.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _load(self) -> None:
        try:
            if self._tagger is None:
                load = partial(Tagger.load, self.settings.model or None, threads=self.settings.threads or None)
                self._tagger = await self._in_thread(load)
            engine = await self._in_thread(partial(Engine, self._tagger))
            self._engine = engine
            # What is imported or built on first use is so now: the segmenter, the language model, the network's memory.
            preparer = Preparer(engine, Settings(), Metrics())
            work = await self._in_thread(partial(preparer.upload, _WARM_UP.encode(), ".html", {}))
            await self._answer(work, {})
        except asyncio.CancelledError:
            raise
        except Exception as error:
            reason = {"reason": str(error)} if isinstance(error, ClausetagError) else error_fields(error)
            log("the model could not be loaded", logging.ERROR, **reason)
            self.life.set("failed")
            self.on_failure()
        else:
            log("model loaded", model=self.engine.tagger.hash, threads=self.settings.threads or "all")
            self.life.set("ready")

    async def predict(
        self, headers: Mapping[str, str], receive: Receive, query: Mapping[str, Any], record: MutableMapping[str, Any]
    ) -> bytes:
        """The JSON that answers a request; `record` takes what the log shall say.

        Raises:
            ApiError: why there is no answer.
        """
        self.life.check()
        kind = content_type(headers.get("content-type"))
        record["kind"] = kind
        self.queue.check()  # before a body is read for nothing
        with self.uploads.take():
            limits = self.settings
            length = headers.get("content-length")
            body = await read_body(receive, length, limits.max_body_bytes, limits.read_seconds)
        record["bytes"] = len(body)
        with self.queue.take():
            work = asyncio.create_task(self._work(kind, body, query, record))
            left = asyncio.create_task(hung_up(receive))
            try:
                seconds = self.settings.deadline_seconds
                await asyncio.wait({work, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    return work.result()
                if left.done():
                    raise gone()
                raise ApiError(504, "deadline", f"no answer within {seconds:g} seconds; send less at once")
            finally:
                work.cancel()
                left.cancel()
                await asyncio.gather(work, left, return_exceptions=True)

    async def _work(self, kind: str, body: bytes, query: Mapping[str, Any], record: MutableMapping[str, Any]) -> bytes:
        return await self._answer(await self._prepare(kind, body, query), record)

    async def _prepare(self, kind: str, body: bytes, query: Mapping[str, Any]) -> Work:
        preparer = Preparer(self.engine, self.settings, self.metrics)
        if kind == JSON_TYPE:
            return await self._in_thread(partial(preparer.json, body, query))
        suffix = DOCUMENT_TYPES[kind]
        # What the bytes say goes before what the header says.
        if suffix not in (".pdf", ".docx") and not body[:64].lstrip(b"\xef\xbb\xbf\0 \t\r\n\f").startswith(_BINARY):
            return await self._in_thread(partial(preparer.upload, body, suffix, query))
        choice = wanted(options(query), self.engine)
        try:
            with self.metrics.stage("reading"):
                document = await self._reader.read(POLICY, body, suffix)
        except DocumentError as error:
            raise refusal(error, "body") from None
        return await self._in_thread(partial(preparer.document, lambda: document, choice, "body"))

    async def _answer(self, work: Work, record: MutableMapping[str, Any]) -> bytes:
        found = [item for item in work.items if isinstance(item, Prepared)]
        windows = [window for item in found for window in item.windows]
        record.update(
            policies=len(work.items),
            sentences=sum(len(item.sentences) for item in found),
            tokens=sum(len(window.ids) for window in windows),
        )
        try:
            # The doubts are looked for while the network works.
            logits, flags = await asyncio.gather(self._batcher.run(windows), self._in_thread(partial(_doubts, found)))
        except InferenceError:
            raise ApiError(500, "inference_failed", "the model failed on this request; the log says how") from None
        body = await self._in_thread(partial(self._write, work, logits, flags))
        self.metrics.sentences.inc(record["sentences"])
        return body

    def _write(self, work: Work, logits: Sequence[FloatArray], flags: Sequence[tuple[str, ...]]) -> bytes:
        with self.metrics.stage("writing"):
            answers: list[dict[str, Any]] = []
            rest, doubts = iter(logits), iter(flags)
            for item in work.items:
                if isinstance(item, Failure):
                    answers.append({"id": item.policy, "error": item.error})
                    continue
                own = [next(rest) for _ in item.windows]
                answer = self.engine.answer(flagged(item, next(doubts)), own, work.wanted)
                answers.append({"id": item.document.policy, **answer} if work.many else answer)
            return pydantic_core.to_json({"policies": answers} if work.many else answers[0])

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _doubts(items: Sequence[Prepared]) -> list[tuple[str, ...]]:
    return [quality_flags(item.document) for item in items]

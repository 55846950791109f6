"""The service without HTTP: a loaded model, and the way from a checked request to its answer."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import pydantic_core

from clausetag.data.documents.quality import quality_flags
from clausetag.data.errors import ClausetagError, DocumentError
from clausetag.data.records import FailedInput
from clausetag.model.provenance import package_version
from clausetag.model.runtime import available_cores
from clausetag.model.tagger import Tagger
from clausetag.serving.observability.logs import error_fields, log
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.admission import ConcurrencyLimiter, Lifecycle
from clausetag.serving.runtime.answer import answer
from clausetag.serving.runtime.batcher import Batcher
from clausetag.serving.runtime.prepare import (
    AnswerOptions,
    PolicySource,
    PreparedDocument,
    Preparer,
    SentenceList,
    TagRequest,
    refusal,
)
from clausetag.serving.runtime.reader import ProcessReader
from clausetag.serving.settings import Settings

_T = TypeVar("_T")
_WARM_UP = (
    "<h1>Privacy policy</h1><p>We collect your name and e-mail address when you open an account, and keep them for as "
    "long as the account is open.</p><ul>" + "<li>We do not sell your personal information.</li>" * 40 + "</ul>"
)


class Service:
    """A model and what runs requests with it. Belongs to one event loop.

    `load` loads the model in a thread; `load` and `reader` default to what the settings say.
    """

    def __init__(
        self, settings: Settings, load: Callable[[], Tagger] | None = None, reader: ProcessReader | None = None
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.lifecycle = Lifecycle(self.metrics.ready)
        self.uploads = ConcurrencyLimiter(settings.max_uploads, "arriving", self.metrics.uploads)
        self.queue = ConcurrencyLimiter(settings.max_queue, "being answered", self.metrics.queue)
        self._load = load or partial(Tagger.load, settings.model or None, threads=settings.threads or None)
        self._loading: asyncio.Task[None] | None = None
        self._tagger: Tagger | None = None
        self._reader = reader or ProcessReader(seconds=settings.reader_seconds, memory_bytes=settings.reader_bytes)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="text")
        self._batcher = Batcher(
            lambda windows: self.tagger.run(windows),
            settings.batch_tokens,
            self.metrics,
            threads=min(2, settings.threads or available_cores()),
        )

    @property
    def tagger(self) -> Tagger:
        """The loaded model.

        Raises:
            ApiError: 503 if it isn't loaded.
        """
        if self._tagger is None:
            self.lifecycle.check()
            raise AssertionError("ready without a model")
        return self._tagger

    @property
    def model_name(self) -> str:
        """The name under which platforms ask for the model."""
        return self.settings.served_name or str(self.tagger.config.get("name", "")) or "clausetag"

    def start(self) -> None:
        """Load the model and run it once, in the background."""
        self._loading = asyncio.create_task(self._load_and_warm_up(), name="loading")

    async def stop(self) -> None:
        """Drop all work that is not finished."""
        self.lifecycle.set("draining")
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        await self._batcher.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, call: Callable[[], _T]) -> _T:
        """Run a function that takes long in one of the two threads for text, in the caller's context."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: context.run(call))

    async def tag(
        self,
        request: TagRequest,
        record: MutableMapping[str, Any],
        write: Callable[[dict[str, Any]], bytes] = pydantic_core.to_json,
    ) -> bytes:
        """The answer to a request, as `write` writes it; numbers of policies, sentences and tokens go into `record`.

        Raises:
            ApiError: it is too long, cannot be read, or the model failed on it.
        """
        if not isinstance(request.sources, SentenceList):
            sources = [await self._read(source) if source.isolated else source for source in request.sources]
            request = replace(request, sources=tuple(sources))
        limits = self.settings
        preparer = Preparer(self.tagger, self.metrics, limits.max_characters, limits.max_sentences)
        return await self._answer(request, preparer, record, write)

    async def _read(self, source: PolicySource) -> PolicySource:
        """The source with its file read by a process of its own."""
        assert isinstance(source.content, bytes)
        try:
            with self.metrics.stage("reading"):
                document = await self._reader.read(source.policy, source.content, source.kind)
        except DocumentError as error:
            raise refusal(error, source.field) from None
        return replace(source, content=document)

    async def _answer(
        self,
        request: TagRequest,
        preparer: Preparer,
        record: MutableMapping[str, Any],
        write: Callable[[dict[str, Any]], bytes],
    ) -> bytes:
        items = await self.in_thread(partial(preparer.prepare, request))
        prepared = [item for item in items if isinstance(item, PreparedDocument)]
        windows = [window for item in prepared for window in item.windows]
        record.update(
            policies=len(items),
            sentences=sum(len(item.sentences) for item in prepared),
            tokens=sum(len(window.ids) for window in windows),
        )
        flagging = self.in_thread(lambda: [quality_flags(item.document) for item in prepared])
        with self.metrics.stage("model"):
            logits, flags = await asyncio.gather(self._batcher.run(windows), flagging)

        def body() -> bytes:
            answers: list[dict[str, Any]] = []
            next_logits, next_flags = iter(logits), iter(flags)
            for item in items:
                if isinstance(item, FailedInput):
                    answers.append({"id": item.policy, "error": {"code": item.code, "message": item.message}})
                    continue
                own = [next(next_logits) for _ in item.windows]
                found = answer(self.tagger, item, own, next(next_flags), request.options)
                answers.append({"id": item.document.policy, **found} if request.many else found)
            return write({"policies": answers} if request.many else answers[0])

        with self.metrics.stage("writing"):
            written = await self.in_thread(body)
        self.metrics.sentences.inc(record["sentences"])
        return written

    async def _load_and_warm_up(self) -> None:
        try:
            self._tagger = tagger = await self.in_thread(self._load)
            # Whatever is imported or built on first use is so now: segmenter, language detection, network.
            source = PolicySource(_WARM_UP.encode(), ".html", "body")
            request = TagRequest((source,), AnswerOptions(tagger.artifact.default_head))
            preparer = Preparer(tagger, Metrics(), len(_WARM_UP), len(_WARM_UP))
            await self._answer(request, preparer, {}, pydantic_core.to_json)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            reason = {"reason": str(error)} if isinstance(error, ClausetagError) else error_fields(error)
            log("the model could not be loaded", logging.ERROR, **reason)
            self.lifecycle.set("failed")
        else:
            log("model loaded", model=tagger.hash, threads=self.settings.threads or "all")
            self.metrics.model.labels(self.model_name, tagger.hash, package_version()).set(1)
            self.lifecycle.set("ready")

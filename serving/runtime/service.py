"""The service without HTTP: a loaded model, and the way from a checked request to its answer."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import pydantic_core

from clausetag.data.errors import ClausetagError, DocumentError
from clausetag.data.records import FailedInput
from clausetag.model.runtime import available_cores
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import FloatArray
from clausetag.serving.observability.logs import error_fields, log
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.admission import ConcurrencyLimiter, Lifecycle
from clausetag.serving.runtime.answer import DocumentAnswer
from clausetag.serving.runtime.prepare import (
    AnswerOptions,
    ModelFiles,
    PolicySource,
    PreparedDocument,
    SentenceList,
    TagRequest,
    TextLimits,
    prepare,
    prepared,
    refusal,
)
from clausetag.serving.runtime.readers import ReaderLimits, Readers
from clausetag.serving.runtime.scheduler import Scheduler
from clausetag.serving.settings import Settings
from clausetag.version import __version__

_T = TypeVar("_T")
Write = Callable[[dict[str, Any]], bytes]
"""Writes an answer as the body of a response."""
_LONG_READERS = 2
"""Processes for documents that take long to read."""
_WARM_UP = (
    "<h1>Privacy policy</h1><p>We collect your name and e-mail address when you open an account, and keep them for as "
    "long as the account is open.</p><ul>" + "<li>We do not sell your personal information.</li>" * 40 + "</ul>"
)


class Service:
    """A model and what runs requests with it. Belongs to one event loop; `load` loads the model in a thread."""

    def __init__(self, settings: Settings, load: Callable[[], Tagger] | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.lifecycle = Lifecycle(self.metrics.ready)
        self.uploads = ConcurrencyLimiter(settings.max_uploads, "arriving", self.metrics.uploads)
        self.queue = ConcurrencyLimiter(settings.max_queue, "being answered", self.metrics.queue)
        self.streams = ConcurrencyLimiter(settings.max_streams, "being streamed", self.metrics.streams)
        self._load = load or partial(Tagger.load, settings.model or None, threads=1)
        self._loading: asyncio.Task[None] | None = None
        self._tagger: Tagger | None = None
        self._readers: Readers | None = None
        self._limits = TextLimits(settings.max_characters, settings.max_sentences)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="json")
        self.cores = settings.threads or available_cores()
        self.scheduler = Scheduler(lambda window: self.tagger.run([window])[0], self.cores, self.metrics)

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
    def model(self) -> ModelFiles:
        """Which model a reader process has to load."""
        artifact = self.tagger.artifact
        return ModelFiles(artifact.folder, artifact.hash)

    @property
    def model_name(self) -> str:
        """The name under which platforms ask for the model."""
        return self.settings.served_name or str(self.tagger.config.get("name", "")) or "clausetag"

    @property
    def readers(self) -> Readers:
        """The processes that parse what clients send; started with the model."""
        assert self._readers is not None
        return self._readers

    def start(self) -> None:
        """Load the model, start the readers and run everything once, in the background."""
        self._loading = asyncio.create_task(self._load_and_warm_up(), name="loading")

    async def loaded(self) -> None:
        """Wait until the model is loaded, or cannot be."""
        if self._loading is not None:
            await self._loading

    async def stop(self) -> None:
        """Drop all work that is not finished, and end the readers."""
        self.lifecycle.set("draining")
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        if self._readers is not None:
            await self._readers.close()
        await self.scheduler.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, call: Callable[[], _T]) -> _T:
        """Run a function that takes a while in one of the two threads for JSON, in the caller's context."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: context.run(call))

    async def tag(
        self, request: TagRequest, record: MutableMapping[str, Any], write: Write = pydantic_core.to_json
    ) -> bytes:
        """The answer to a request, as `write` writes it; numbers of policies, sentences and tokens go into `record`.

        Raises:
            ApiError: it is too long, cannot be read, or the model failed on it.
        """
        return await self._answer(request, await self._prepare(request), record, write)

    async def _answer(
        self,
        request: TagRequest,
        items: Sequence[PreparedDocument | FailedInput],
        record: MutableMapping[str, Any],
        write: Write,
    ) -> bytes:
        windows = [window for item in items if isinstance(item, PreparedDocument) for window in item.windows]
        record.update(
            policies=len(items),
            sentences=sum(len(item.sentences) for item in items if isinstance(item, PreparedDocument)),
            tokens=sum(len(window.ids) for window in windows),
        )
        with self.metrics.stage("model"):
            logits = await self.scheduler.run(windows)
        with self.metrics.stage("writing"):
            body = await self.in_thread(lambda: write(self._value(request, items, logits)))
        self.metrics.sentences.inc(record["sentences"])
        return body

    async def _prepare(self, request: TagRequest) -> list[PreparedDocument | FailedInput]:
        """The request's policies with their windows, each read in a process of its own."""
        items: list[PreparedDocument | FailedInput] = []
        n_sentences = n_characters = 0
        for source in request.sources:
            try:
                item = await self.read(source)
            except DocumentError as error:
                if not request.many:
                    raise refusal(error, source.field) from None
                items.append(FailedInput(source.policy, error.code, str(error)))
                continue
            n_sentences += len(item.sentences)
            n_characters += len(item.text)
            if request.many:  # of a single one, its reader has checked them
                self._limits.check(source.field, n_characters, n_sentences)
            items.append(item)
        return items

    async def read(self, source: PolicySource | SentenceList, limits: TextLimits | None = None) -> PreparedDocument:
        """Read, segment and tokenise a policy in a process of its own.

        Raises:
            DocumentError: it cannot be read.
            ApiError: it is too long, or no process is free.
        """
        limits = limits or self._limits
        arguments = (self.model, source, limits)
        item = await self.readers.run(prepare, *arguments, size=source.size, decode=prepared)
        for stage, seconds in item.seconds.items():
            self.metrics.observe(stage, seconds)
        return item

    def _value(
        self, request: TagRequest, items: Sequence[PreparedDocument | FailedInput], logits: Sequence[FloatArray]
    ) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        rest = iter(logits)
        for item in items:
            if isinstance(item, FailedInput):
                answers.append({"id": item.policy, "error": {"code": item.code, "message": item.message}})
                continue
            found = DocumentAnswer(self.tagger, item, request.options).whole([next(rest) for _ in item.windows])
            answers.append({"id": item.policy, **found} if request.many else found)
        return {"policies": answers} if request.many else answers[0]

    async def _load_and_warm_up(self) -> None:
        settings = self.settings
        try:
            self._tagger = tagger = await self.in_thread(self._load)
            source = PolicySource(_WARM_UP.encode(), ".html", "body")
            readers = ReaderLimits(
                max(4, self.cores // 2), _LONG_READERS, settings.reader_seconds, settings.reader_bytes
            )
            waiting = ConcurrencyLimiter(
                max(_LONG_READERS, settings.max_queue // 4), "taking long to read", self.metrics.long_readings
            )
            limits = TextLimits(len(_WARM_UP), len(_WARM_UP))
            self._readers = Readers(readers, waiting, partial(prepare, self.model, source, limits))
            await self._readers.start()
            request = TagRequest((source,), AnswerOptions(tagger.artifact.default_head))
            await self._answer(request, [await self.read(source, limits)], {}, pydantic_core.to_json)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            reason = {"reason": str(error)} if isinstance(error, ClausetagError) else error_fields(error)
            log("the model could not be loaded", logging.ERROR, **reason)
            self.lifecycle.set("failed")
        else:
            log("model loaded", model=tagger.hash, threads=settings.threads or "all")
            self.metrics.model.labels(self.model_name, tagger.hash, __version__).set(1)
            self.lifecycle.set("ready")

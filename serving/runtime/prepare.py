"""From the bytes of a request to documents that are ready for the network, in plain functions that a thread runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pydantic_core
from pydantic import ValidationError

from clausetag.data.documents.sniff import document_from_bytes, extract_html, extract_text, require_text
from clausetag.data.errors import DocumentError
from clausetag.data.records import Block, Document, Sentence
from clausetag.data.segment import segment
from clausetag.serving.errors import ApiError, error_value
from clausetag.serving.http.schemas import (
    REQUESTS,
    HtmlRequest,
    Options,
    PoliciesRequest,
    Policy,
    SentencesRequest,
    TextRequest,
)
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.engine import Engine, Prepared, Wanted
from clausetag.serving.settings import Settings

POLICY = "text"
"""The id of a policy that was sent without one, as in `Tagger.tag`."""

_STATUS = {"unsupported": 415, "too_large": 413}


@dataclass(frozen=True, slots=True)
class Failure:
    """One of several policies that cannot be read; `error` is its JSON."""

    policy: str
    error: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Work:
    """A request, ready for the network."""

    items: tuple[Prepared | Failure, ...]
    wanted: Wanted
    many: bool
    """Whether the answer is a list of policies."""


def parse(body: bytes, query: Mapping[str, Any]) -> Options:
    """Check a JSON body; options that it leaves out are taken from the `query`.

    Raises:
        ApiError: 400 if it is not JSON in UTF-8, 422 if it is not a request; `field` says where.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise ApiError(400, "bad_utf8", "the body is not UTF-8", field="body") from None
    try:
        value = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError:
        raise ApiError(400, "bad_json", "the body is not JSON", field="body") from None
    if not isinstance(value, dict):
        raise ApiError(422, "invalid", "the body must be a JSON object", field="body")
    kinds = [name for name in REQUESTS if name in value]
    if len(kinds) != 1:
        raise ApiError(
            422, "invalid", f"give exactly one of {', '.join(REQUESTS)}", field=kinds[1] if kinds else "body"
        )
    return _checked(REQUESTS[kinds[0]], {**query, **value})


def options(query: Mapping[str, Any]) -> Options:
    """Options of a document that is sent as it is.

    Raises:
        ApiError: 422.
    """
    return _checked(Options, query)


def _checked(kind: type[Options], value: Mapping[str, Any]) -> Options:
    try:
        return kind.model_validate(dict(value))
    except ValidationError as error:
        # Without the input: it may be a whole policy.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part != "[key]")
        message = str(first["msg"]).removeprefix("Value error, ")
        raise ApiError(422, "invalid", message[:1].lower() + message[1:], field=field[:200] or "body") from None


def wanted(given: Options, engine: Engine) -> Wanted:
    """The options, with the model's defaults.

    Raises:
        ApiError: 422, the model has no such head or category.
    """
    if given.head and given.head not in engine.heads:
        raise ApiError(422, "invalid", f"no such head; the model has {', '.join(engine.heads)}", field="head")
    known = engine.tagger.labels
    for field, names in (("thresholds", list(given.thresholds)), ("categories", given.categories)):
        for number, name in enumerate(names):
            if name not in known:
                where = f"{field}.{name if field == 'thresholds' else number}"[:200]
                raise ApiError(422, "invalid", "no such category; /info lists them", field=where)
    categories = tuple(label for label in known if label in given.categories)
    return Wanted(given.head or engine.tagger.artifact.default_head, given.thresholds, categories, given.scores)


class Preparer:
    """Extracts, segments and tokenises within the limits; safe to call from several threads."""

    def __init__(self, engine: Engine, settings: Settings, metrics: Metrics) -> None:
        self._engine = engine
        self._settings = settings
        self._metrics = metrics

    def json(self, body: bytes, query: Mapping[str, Any]) -> Work:
        """A JSON request.

        Raises:
            ApiError: it is wrong, too long, or (unless it is a list of policies) cannot be read.
        """
        given = parse(body, query)
        choice = wanted(given, self._engine)
        if query:
            wanted(options(query), self._engine)  # wrong, even if the body has the same option
        if isinstance(given, PoliciesRequest):
            return Work(tuple(self._policies(given.policies)), choice, many=True)
        if isinstance(given, SentencesRequest):
            return Work((self._sentences(given),), choice, many=False)
        if isinstance(given, HtmlRequest):
            return self.document(lambda: require_text(extract_html(POLICY, given.html)), choice, "html")
        assert isinstance(given, TextRequest)
        self._check("text", characters=len(given.text))
        return self.document(lambda: require_text(extract_text(POLICY, given.text)), choice, "text")

    def upload(self, content: bytes, suffix: str, query: Mapping[str, Any]) -> Work:
        """A text, Markdown or HTML file, sent as it is.

        Raises:
            ApiError: it is too long or cannot be read.
        """
        choice = wanted(options(query), self._engine)
        return self.document(lambda: document_from_bytes(POLICY, content, suffix), choice, "body")

    def document(self, read: Callable[[], Document], choice: Wanted, field: str) -> Work:
        """One document, whose error is the request's.

        Raises:
            ApiError: it is too long or cannot be read.
        """
        try:
            prepared = self._prepared(read, field)
        except DocumentError as error:
            raise refusal(error, field) from None
        self._check(field, len(prepared.sentences), len(prepared.document.text))
        return Work((prepared,), choice, many=False)

    def _policies(self, policies: Sequence[Policy]) -> list[Prepared | Failure]:
        if len(policies) > self._settings.max_policies:
            message = f"a request has at most {self._settings.max_policies:,} policies"
            raise ApiError(422, "too_many_policies", message, field="policies")
        seen: set[str] = set()
        for number, policy in enumerate(policies):
            if policy.id in seen:
                raise ApiError(422, "invalid", "ids must differ", field=f"policies.{number}.id")
            if len(policy.model_fields_set & {"text", "html"}) != 1:
                raise ApiError(422, "invalid", "give exactly one of text, html", field=f"policies.{number}")
            seen.add(policy.id)
        items: list[Prepared | Failure] = []
        sentences = characters = 0
        for number, policy in enumerate(policies):
            field = f"policies.{number}.{'html' if 'html' in policy.model_fields_set else 'text'}"
            try:
                item = self._prepared(_reading(policy), field)
            except DocumentError as error:
                items.append(Failure(policy.id, error_value(error.code, str(error))))
                continue
            sentences += len(item.sentences)
            characters += len(item.document.text)
            self._check(field, sentences, characters)
            items.append(item)
        return items

    def _prepared(self, read: Callable[[], Document], field: str) -> Prepared:
        with self._metrics.stage("reading"):
            document = read()
            self._check(field, characters=len(document.text))
            sentences = segment(document)
        if not sentences:
            raise DocumentError("empty", "there is no sentence in it")
        with self._metrics.stage("tokenising"):
            return self._engine.prepare(document, sentences)

    def _sentences(self, given: SentencesRequest) -> Prepared:
        self._check("sentences", len(given.sentences), sum(map(len, given.sentences)))
        rows: list[Sentence] = []
        start = 0
        for number, text in enumerate(given.sentences):
            if text.isspace():
                raise ApiError(422, "invalid", "a sentence is more than white space", field=f"sentences.{number}")
            rows.append(Sentence(POLICY, number, text, start=start, end=start + len(text)))
            start += len(text) + 1
        blocks = tuple(Block(row.start or 0, row.end or 0) for row in rows)
        document = Document(POLICY, "\n".join(given.sentences), blocks)
        with self._metrics.stage("tokenising"):
            return self._engine.prepare(document, rows, context=given.context)

    def _check(self, field: str, sentences: int = 0, characters: int = 0) -> None:
        limits = self._settings
        if characters > limits.max_characters:
            message = f"a request has at most {limits.max_characters:,} characters of text"
            raise ApiError(422, "too_many_characters", message, field=field)
        if sentences > limits.max_sentences:
            message = f"a request has at most {limits.max_sentences:,} sentences"
            raise ApiError(422, "too_many_sentences", message, field=field)


def _reading(policy: Policy) -> Callable[[], Document]:
    if "html" in policy.model_fields_set:
        return lambda: require_text(extract_html(policy.id, policy.html))
    return lambda: require_text(extract_text(policy.id, policy.text))


def refusal(error: DocumentError, field: str) -> ApiError:
    """A document's error as the request's."""
    return ApiError(_STATUS.get(error.code, 422), error.code, str(error), field=field)


def flagged(prepared: Prepared, flags: tuple[str, ...]) -> Prepared:
    """The same with the doubts about the document."""
    return replace(prepared, document=replace(prepared.document, flags=flags))

"""From a body and its content type to a checked request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydantic_core
from pydantic import ValidationError

from clausetag.model.tagger import Tagger
from clausetag.serving.errors import ApiError
from clausetag.serving.http.schemas import (
    REQUESTS,
    HtmlRequest,
    Options,
    PoliciesRequest,
    SentencesRequest,
    TextRequest,
)
from clausetag.serving.runtime.prepare import AnswerOptions, PolicySource, SentenceList, TagRequest

JSON_TYPE = "application/json"
DOCUMENT_TYPES = {
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/html": ".html",
    "application/xhtml+xml": ".xhtml",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}
"""Content types of documents that can be sent as they are, and the suffixes of such files."""
CONTENT_TYPES = (JSON_TYPE, *DOCUMENT_TYPES)


def content_type(header: str | None) -> str:
    """The media type of a request, one of `CONTENT_TYPES`.

    Raises:
        ApiError: 415 if it is not supported, or JSON in another charset than UTF-8.
    """
    name, _, parameters = (header or "").lower().partition(";")
    name = name.strip()
    if name not in CONTENT_TYPES:
        message = f"send one of {', '.join(CONTENT_TYPES)} as Content-Type"
        raise ApiError(415, "unsupported_media_type", message, field="header.Content-Type")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "')
    if name == JSON_TYPE and charset not in ("", "utf-8", "utf8"):
        raise ApiError(415, "unsupported_charset", "JSON is UTF-8", field="header.Content-Type")
    return name


def parse(kind: str, body: bytes, query: Mapping[str, Any], tagger: Tagger, max_policies: int) -> TagRequest:
    """Check a request of content type `kind`; options that a JSON body leaves out are taken from the `query`.

    Raises:
        ApiError: 400 if it is not JSON in UTF-8, 422 if it is not a valid request; `field` says where.
    """
    if kind != JSON_TYPE:
        options = _answer_options(_validate(Options, query), tagger)
        return TagRequest((PolicySource(body, DOCUMENT_TYPES[kind], "body"),), options)
    value = _json_object(body)
    keys = [key for key in REQUESTS if key in value]
    if len(keys) != 1:
        message = f"give exactly one of {', '.join(REQUESTS)}"
        raise ApiError(422, "invalid", message, field=keys[1] if keys else "body")
    given = _validate(REQUESTS[keys[0]], {**query, **value})
    options = _answer_options(given, tagger)
    if query:  # an invalid query is an error even if the body overrides it
        _answer_options(_validate(Options, query), tagger)
    match given:
        case PoliciesRequest():
            return TagRequest(_policies(given, max_policies), options, many=True)
        case SentencesRequest():
            return TagRequest(SentenceList(tuple(given.sentences), given.context), options)
        case HtmlRequest():
            return TagRequest((PolicySource(given.html, "html", "html"),), options)
        case TextRequest():
            return TagRequest((PolicySource(given.text, "text", "text"),), options)
    raise AssertionError(f"unknown kind of request: {keys[0]}")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        body.decode("utf-8")
        value = pydantic_core.from_json(body, allow_inf_nan=False)
    except UnicodeDecodeError:
        raise ApiError(400, "bad_utf8", "the body is not UTF-8", field="body") from None
    except ValueError:
        raise ApiError(400, "bad_json", "the body is not JSON", field="body") from None
    if not isinstance(value, dict):
        raise ApiError(422, "invalid", "the body must be a JSON object", field="body")
    return value


def _validate(model: type[Options], value: Mapping[str, Any]) -> Options:
    try:
        return model.model_validate(dict(value))
    except ValidationError as error:
        # Without the input, which may be a whole policy.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part != "[key]")
        message = str(first["msg"]).removeprefix("Value error, ")
        raise ApiError(422, "invalid", message[:1].lower() + message[1:], field=field[:200] or "body") from None


def _answer_options(given: Options, tagger: Tagger) -> AnswerOptions:
    """The options, checked against the model and with its defaults."""
    heads, labels = tagger.artifact.settings, tagger.labels
    if given.head and given.head not in heads:
        raise ApiError(422, "invalid", f"no such head; the model has {', '.join(heads)}", field="head")
    fields = {f"thresholds.{name}": name for name in given.thresholds}
    fields |= {f"categories.{number}": name for number, name in enumerate(given.categories)}
    for field, name in fields.items():
        if name not in labels:
            raise ApiError(422, "invalid", "no such category; /info lists them", field=field[:200])
    categories = tuple(label for label in labels if label in given.categories)
    head = given.head or tagger.artifact.default_head
    return AnswerOptions(head, given.thresholds, categories, given.scores)


def _policies(given: PoliciesRequest, max_policies: int) -> tuple[PolicySource, ...]:
    if len(given.policies) > max_policies:
        message = f"a request has at most {max_policies:,} policies"
        raise ApiError(422, "too_many_policies", message, field="policies")
    sources: dict[str, PolicySource] = {}
    for number, policy in enumerate(given.policies):
        if policy.id in sources:
            raise ApiError(422, "invalid", "ids must differ", field=f"policies.{number}.id")
        kinds = policy.model_fields_set & {"text", "html"}
        if len(kinds) != 1:
            raise ApiError(422, "invalid", "give exactly one of text, html", field=f"policies.{number}")
        kind = kinds.pop()
        content = policy.html if kind == "html" else policy.text
        sources[policy.id] = PolicySource(content, kind, f"policies.{number}.{kind}", policy.id)
    return tuple(sources.values())

"""From a body and its content type to a checked request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, TypeVar

import pydantic_core
from pydantic import BaseModel, ValidationError

from clausetag.model.tagger import Tagger
from clausetag.serving.errors import ApiError
from clausetag.serving.http.forms import FORM_TYPE, Upload
from clausetag.serving.http.schemas import (
    REQUESTS,
    HtmlRequest,
    Options,
    PoliciesRequest,
    SentencesRequest,
    TextRequest,
)
from clausetag.serving.runtime.prepare import DEFAULT_ID, AnswerOptions, PolicySource, SentenceList, TagRequest

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
CONTENT_TYPES = (JSON_TYPE, FORM_TYPE, *DOCUMENT_TYPES)
_M = TypeVar("_M", bound=BaseModel)
_BOM = b"\xef\xbb\xbf"


def content_type(header: str, allowed: Sequence[str] = CONTENT_TYPES) -> str:
    """The media type of a request, one of those that are allowed.

    Raises:
        ApiError: 415 if it is not supported, or JSON in another charset than UTF-8.
    """
    name, _, parameters = header.lower().partition(";")
    name = name.strip()
    if name not in allowed:
        message = f"send {', '.join(allowed)} as Content-Type"
        raise ApiError(415, "unsupported_media_type", message, field="header.Content-Type")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "')
    if name == JSON_TYPE and charset not in ("", "utf-8", "utf8"):
        raise ApiError(415, "unsupported_charset", "JSON is UTF-8", field="header.Content-Type")
    return name


def check_names(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Check that a request has only names that are known, such as keys of its query.

    Raises:
        ApiError: 422; the message has the nearest known name.
    """
    allowed = list(known)
    for name in names:
        if name not in allowed:
            raise ApiError(422, "invalid", _unknown(name, allowed), field=f"{where}.{name}"[:200])


def _unknown(name: str, known: Iterable[str]) -> str:
    nearest = get_close_matches(name[:100].lower(), known, 1, 0.5)
    return f"unknown; did you mean {nearest[0]}?" if nearest else f"unknown; there are {', '.join(known)}"


def parse(header: str, body: bytes | Upload, query: Mapping[str, Any], tagger: Tagger, max_policies: int) -> TagRequest:
    """Check a request, or the upload in one; options that its body leaves out are taken from the `query`.

    Raises:
        ApiError: 400 if it is not what the header says, 422 if it is not a valid request; `field` says where.
    """
    kind = content_type(header)
    # An invalid query is an error even if the body overrides it.
    in_query = _answer_options(validate(Options, query), tagger)
    if isinstance(body, Upload):
        upload = body
        options = _answer_options(validate(Options, {**query, **upload.fields}, strict=False), tagger)
        suffix = PurePath(upload.name).suffix or DOCUMENT_TYPES.get(upload.kind, "")
        policy = upload.name[:1000] or DEFAULT_ID
        return TagRequest((PolicySource(upload.content, suffix.lower(), "file", policy),), options)
    if kind != JSON_TYPE:
        return TagRequest((PolicySource(body, DOCUMENT_TYPES[kind], "body"),), in_query)
    return parse_object(json_object(body), query, tagger, max_policies)


def parse_object(value: Mapping[str, Any], query: Mapping[str, Any], tagger: Tagger, max_policies: int) -> TagRequest:
    """Check a JSON request.

    Raises:
        ApiError: 422 if it is not a valid one; `field` says where.
    """
    keys = [key for key in REQUESTS if key in value]
    if len(keys) != 1:
        message = f"give exactly one of {', '.join(REQUESTS)}"
        raise ApiError(422, "invalid", message, field=keys[1] if keys else "body")
    given = validate(REQUESTS[keys[0]], {**query, **value})
    options = _answer_options(given, tagger)
    match given:
        case PoliciesRequest():
            return TagRequest(_policies(given, max_policies), options, many=True)
        case SentencesRequest():
            return TagRequest((SentenceList(tuple(given.sentences), given.context),), options)
        case HtmlRequest():
            return TagRequest((PolicySource(given.html, "html", "html"),), options)
        case TextRequest():
            return TagRequest((PolicySource(given.text, "text", "text"),), options)
    raise AssertionError(f"unknown kind of request: {keys[0]}")


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, which may begin with a byte order mark, as Windows programs write it.

    Raises:
        ApiError: 400 if it is not JSON in UTF-8, 422 if it is not an object.
    """
    body = body.removeprefix(_BOM)
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


def try_json(body: bytes, max_values: int) -> bytes:
    """Parse a large body in a reader process; the answer is for `ApiError.check`.

    A list of millions of values would hold up all other requests, for its parser keeps Python's global lock.
    """
    count = 0
    try:
        containers: list[Any] = [json_object(body)]
        while containers:
            container = containers.pop()
            count += len(container)
            if count > max_values:
                raise ApiError(422, "too_many_values", f"a JSON body has at most {max_values:,} values", field="body")
            values = container.values() if isinstance(container, dict) else container
            containers += [value for value in values if isinstance(value, dict | list)]
    except ApiError as error:
        return error.dump()
    return b"{}"


def validate(model: type[_M], value: Mapping[str, Any], *, strict: bool = True) -> _M:
    """The model that a JSON object is; unless `strict`, text such as "false" is converted.

    Raises:
        ApiError: 422; `field` says where it is wrong.
    """
    try:
        return model.model_validate(dict(value), strict=strict)
    except ValidationError as error:
        # Without the input, which may be a whole policy.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part != "[key]")
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            message = _unknown(field, model.model_fields)
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
    if given.facts and (given.categories or not given.attributes):
        raise ApiError(422, "invalid", "facts need attributes and all categories", field="facts")
    return AnswerOptions(head, given.thresholds, categories, given.scores, given.attributes, given.facts)


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

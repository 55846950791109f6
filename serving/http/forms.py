"""Uploads as `multipart/form-data`, which `curl -F file=@policy.pdf` and HTML forms send."""

from __future__ import annotations

import json
import logging
from pathlib import PureWindowsPath
from typing import Any, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, create_form_parser

from clausetag.serving.errors import ApiError

FORM_TYPE = "multipart/form-data"
_MAX_FIELDS = 64
_REPEATED = "categories"


class Upload(NamedTuple):
    """The file of a form, and the form's other fields."""

    name: str
    """The file's name without folders; empty if the form has none."""
    kind: str
    """Content type that the form gives for the file."""
    content: bytes
    fields: dict[str, Any]
    """Values as text; of `categories`, which may be repeated, a list."""


def parse_form(header: str, body: bytes) -> Upload:
    """The upload in a body; `header` is its Content-Type, which names the boundary. The file stays in memory.

    Raises:
        ApiError: 400 if the body is not such a form, 422 if it doesn't have exactly one file, named "file".
    """
    files: list[File] = []
    fields: list[Field] = []

    def keep(part: File | Field, parts: list[Any]) -> None:
        parts.append(part)
        if len(files) + len(fields) > _MAX_FIELDS:
            raise ApiError(422, "invalid", f"a form has at most {_MAX_FIELDS} fields", field="body")

    # It writes to stderr what clients sent; the error that follows says the same. Set here, in whichever process it is.
    logging.getLogger("python_multipart.multipart").disabled = True
    config = {"MAX_MEMORY_FILE_SIZE": len(body) + 1}  # a larger file would be written to disk
    try:
        parser = create_form_parser(
            {"Content-Type": header.encode("latin-1")},
            lambda field: keep(field, fields),
            lambda file: keep(file, files),
            config,
        )
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError):
        message = "the body is not multipart/form-data with the boundary that its Content-Type names"
        raise ApiError(400, "bad_form", message, field="body") from None
    if len(files) != 1 or files[0].field_name != b"file":
        message = f"send one file in the field file, as in curl -F file=@policy.pdf; there are {len(files)} files"
        raise ApiError(422, "invalid", message, field="file")
    stream = files[0].file_object
    stream.seek(0)
    values: dict[str, Any] = {}
    for field in fields:
        name, value = _text(field.field_name), _text(field.value)
        if name == _REPEATED:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise ApiError(422, "invalid", "the field is given twice", field=name[:200])
        else:
            values[name] = value
    name = PureWindowsPath(_text(files[0].file_name)).name
    return Upload(name, (files[0].content_type or "").partition(";")[0].strip().lower(), stream.read(), values)


def form_answer(header: str, body: bytes) -> bytes:
    """`parse_form` in a reader process, since a hostile form takes it long; the answer is for `upload_of`."""
    try:
        upload = parse_form(header, body)
    except ApiError as error:
        return error.dump()
    return (
        json.dumps({"name": upload.name, "kind": upload.kind, "fields": upload.fields}).encode()
        + b"\n"
        + upload.content
    )


def upload_of(answer: bytes) -> Upload:
    """The upload that `form_answer` has found.

    Raises:
        ApiError: there was none.
    """
    head, _, content = answer.partition(b"\n")
    value = json.loads(head)
    ApiError.check(value)
    return Upload(content=content, **value)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")

"""The five annotated policies of the project: texts, sentences, gold labels and both labelling passes.

`DATASHEET.md` describes how the labels were made. Each row of `policies/gold.jsonl` has both passes and, if they
differed, the reason for the adjudicated labels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from clausetag.data.documents.blocks import assemble
from clausetag.data.documents.markdown import looks_like_markdown, markdown_blocks
from clausetag.data.documents.plain import plain_blocks
from clausetag.data.errors import DataError
from clausetag.data.records import Document, Sentence, sentence_from_row

FIVE = ("000_sagenext", "001_samanage", "002_clicentrix", "003_empxtrack", "004_vtiger")
"""Ids of the five policies, in order."""


def _folder() -> Traversable:
    return files("clausetag.data").joinpath("policies")


def read_source(policy: str) -> str:
    """The original text of one of the five policies, with archive notice and markup."""
    if policy not in FIVE:
        raise DataError(f"{policy!r} is not one of the five policies: {', '.join(FIVE)}")
    return _folder().joinpath(f"{policy}.txt").read_text(encoding="utf-8")


def document_of(policy: str) -> Document:
    """One of the five policies, extracted."""
    text = read_source(policy)
    return assemble(policy, markdown_blocks(text) if looks_like_markdown(text) else plain_blocks(text))


def sources() -> Mapping[str, Any]:
    """Company, site, archive date and address, SHA-256 of the extracted text and segmenter version of each policy."""
    found: dict[str, Any] = json.loads(_folder().joinpath("sources.json").read_text(encoding="utf-8"))
    return found


@cache
def read_five() -> tuple[Sentence, ...]:
    """The gold sentences of the five policies, in order: adjudicated `labels`, and both passes in ``extra["passes"]``.

    Raises:
        DataError: the file is damaged.
    """
    rows: list[Sentence] = []
    lines = _folder().joinpath("gold.jsonl").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            rows.append(sentence_from_row(json.loads(line)))
        except ValueError as error:
            raise DataError(f"gold.jsonl, line {number}: {error}") from None
    return tuple(rows)


def text_sha256(text: str) -> str:
    """Hexadecimal SHA-256 of an extracted text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()

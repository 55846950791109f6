"""The texts that `clausetag bench` measures on: the five policies and a sample of others, the same for every row."""

from __future__ import annotations

import html
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from clausetag.data.corpora.five import FIVE, document_of
from clausetag.data.documents.inputs import extract_html, extract_text, read_inputs
from clausetag.data.documents.quality import quality_flags
from clausetag.data.documents.tables import PolicyRow, is_table, table_rows
from clausetag.data.errors import DataError, DocumentError
from clausetag.data.jsonl import iter_json_rows, write_jsonl
from clausetag.data.records import Block, Document, FailedInput, Sentence

LATENCY_WORDS = 3000
"""Length of the policy whose latency is measured; the nearest one is taken."""
_SPARE = 2
"""So many times as many policies are drawn as are wanted, since some are no English privacy policy."""
_TAGS = {"heading": "h2", "list_item": "li"}

T = TypeVar("T")


def five_policies() -> list[Document]:
    """The five policies, extracted."""
    return [document_of(policy) for policy in FIVE]


def sample_policies(path: str, number: int, seed: int = 1) -> list[Document]:
    """`number` English privacy policies drawn from what `clausetag predict` would read at `path`, or all if fewer.

    Raises:
        DataError: there is none; the message has the reader's reason, if it gave one.
    """
    if not number:
        return []
    failures: list[str] = []
    drawn = draw(_candidates(path, failures), _SPARE * number, seed)
    kept: list[Document] = []
    for candidate in drawn:
        document = _extracted(candidate) if isinstance(candidate, PolicyRow) else candidate
        if document.text and not quality_flags(document):
            kept.append(document)
        if len(kept) == number:
            break
    if not kept:
        reason = f" ({failures[0]})" if failures else ""
        raise DataError(f"{path}: holds no English privacy policy to measure on{reason}")
    return kept


def _candidates(path: str, failures: list[str]) -> Iterator[Document | PolicyRow]:
    """What stands at `path`; rows of a table are not extracted yet, as most of them will not be needed."""
    if is_table(path) and Path(path).is_file():
        try:
            for _, row in table_rows(Path(path)):
                if isinstance(row, PolicyRow):
                    yield row
                else:
                    failures.append(str(row))
        except DocumentError as error:
            failures.append(str(error))
        return
    for found in read_inputs([path], BytesIO()):
        if isinstance(found, FailedInput):
            failures.append(found.message)
        else:
            yield found


def _extracted(row: PolicyRow) -> Document:
    return (extract_html if row.is_html else extract_text)(row.id, row.content)


def draw(items: Iterable[T], number: int, seed: int) -> list[T]:
    """A uniform sample of at most `number` items in random order, in one pass (reservoir sampling)."""
    generator = random.Random(seed)
    kept: list[T] = []
    for place, item in enumerate(items):
        if place < number:
            kept.append(item)
        elif (other := generator.randrange(place + 1)) < number:
            kept[other] = item
    generator.shuffle(kept)
    return kept


def words(document: Document) -> int:
    """Words of a document: runs between white space."""
    return len(document.text.split())


def nearest(documents: Sequence[Document], length: int = LATENCY_WORDS) -> int:
    """Place of the document whose number of words is nearest to `length`."""
    return min(range(len(documents)), key=lambda place: abs(words(documents[place]) - length))


def evenly(documents: Sequence[Document], first: int = 10) -> list[Document]:
    """All documents in an order whose first ten or so are spread evenly over the lengths, as is each ten after them."""
    by_length = sorted(documents, key=words)
    step = max(1, len(by_length) // first)
    offsets = sorted(range(step), key=lambda offset: abs(offset - step // 2))
    return [document for offset in offsets for document in by_length[offset::step]]


def subset(sentences: Sequence[Sentence], number: int) -> list[Sentence]:
    """At most `number` of the sentences, in order, with the distribution of lengths that all have."""
    total = len(sentences)
    if number >= total:
        return list(sentences)
    by_length = sorted(range(total), key=lambda row: len(sentences[row].text))
    return [sentences[row] for row in sorted(by_length[(2 * k + 1) * total // (2 * number)] for k in range(number))]


def write_documents(path: Path, documents: Sequence[Document]) -> None:
    """Write extracted documents for `read_documents`."""
    rows = (
        {"policy": d.policy, "text": d.text, "blocks": [[b.start, b.end, b.kind] for b in d.blocks]} for d in documents
    )
    write_jsonl(path, rows)


def read_documents(path: Path) -> list[Document]:
    """What `write_documents` wrote."""
    return [
        Document(row["policy"], row["text"], tuple(Block(*block) for block in row["blocks"]))
        for _, row in iter_json_rows(path)
    ]


def write_table(path: Path, documents: Sequence[Document], number: int) -> int:
    """Write a table of `number` policies for `clausetag predict`, repeating the texts where they are fewer.

    Returns the number of words in it. Ids differ, and one row is in memory at a time.
    """
    total = 0
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for place in range(number):
            document = documents[place % len(documents)]
            total += words(document)
            stream.write(json.dumps({"id": f"{place:06}", "text": document.text}) + "\n")
    return total


def write_pages(folder: Path, documents: Sequence[Document]) -> None:
    """Write each document as a plain HTML page."""
    folder.mkdir()
    for place, document in enumerate(documents):
        lines = [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8"><title>Privacy policy</title></head><body>',
        ]
        for block in document.blocks:
            tag = _TAGS.get(block.kind, "p")
            lines.append(f"<{tag}>{html.escape(document.text[block.start : block.end])}</{tag}>")
        (folder / f"{place:04}.html").write_text("\n".join([*lines, "</body></html>\n"]), encoding="utf-8")

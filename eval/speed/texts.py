"""The texts that `clausetag bench` measures on: the five policies and a sample of others, the same for every system."""

from __future__ import annotations

import html
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from clausetag.data.corpora.five import FIVE, document_of
from clausetag.data.documents.formats import is_table
from clausetag.data.documents.inputs import read_inputs
from clausetag.data.documents.quality import quality_flags
from clausetag.data.documents.rows import PolicyRow
from clausetag.data.documents.sniff import extract_html, extract_text
from clausetag.data.documents.tables import table_rows
from clausetag.data.errors import DataError, DocumentError
from clausetag.data.jsonl import iter_json_rows, write_jsonl
from clausetag.data.records import Document, FailedInput, Sentence, block_from_row
from clausetag.data.segment import segment

LATENCY_WORDS = 3000
"""Latency is measured on the policy whose length is closest to this."""
_OVERSAMPLING = 2
"""Candidates drawn for each policy wanted, since some are not in English or not privacy policies."""
_TAGS = {"heading": "h2", "list_item": "li"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Texts:
    """The policies that every system tags."""

    documents: list[Document]
    policies: list[list[Sentence]]
    """The sentences of each document."""
    latency: int
    """Index of the document on which latency is measured."""
    path: Path
    """File with the documents, for `read_documents` in another process."""

    @property
    def sentences(self) -> list[Sentence]:
        """The sentences of all policies."""
        return [sentence for policy in self.policies for sentence in policy]

    def subset(self, number: int | None) -> list[Sentence]:
        """At most `number` of the sentences, see `representative`; None for all."""
        return self.sentences if number is None else representative(self.sentences, number)


def collect_texts(path: Path, source: str | None = None, sample: int = 20, shortest: int | None = None) -> Texts:
    """The five policies and `sample` others from `source`, or only the `shortest` of these; also written to `path`.

    Raises:
        DataError: `source` holds no English privacy policy.
    """
    documents = [document_of(policy) for policy in FIVE]
    if source is not None:
        others = sample_policies(source, sample)
        documents += [replace(d, policy=f"{d.policy} (sample)") if d.policy in FIVE else d for d in others]
    if shortest is not None:
        documents = sorted(documents, key=count_words)[:shortest]
    write_documents(path, documents)
    latency = min(range(len(documents)), key=lambda index: abs(count_words(documents[index]) - LATENCY_WORDS))
    return Texts(documents, list(map(segment, documents)), latency, path)


def sample_policies(path: str, number: int, seed: int = 1) -> list[Document]:
    """A random sample of `number` English privacy policies (or all if fewer) from an input of `clausetag predict`.

    Raises:
        DataError: there is none; the message gives the reader's reason where there is one.
    """
    failures: list[str] = []
    kept: list[Document] = []
    for candidate in reservoir_sample(_candidates(path, failures), _OVERSAMPLING * number, seed):
        if isinstance(candidate, PolicyRow):
            extract = extract_html if candidate.is_html else extract_text
            document = extract(candidate.id, candidate.content)
        else:
            document = candidate
        if document.text and not quality_flags(document):
            kept.append(document)
        if len(kept) == number:
            break
    if not kept:
        reason = f" ({failures[0]})" if failures else ""
        raise DataError(f"{path}: no English privacy policy found to measure on{reason}")
    return kept


def _candidates(path: str, failures: list[str]) -> Iterator[Document | PolicyRow]:
    """The policies at `path`. Rows of a table are not extracted yet, since most of them are not drawn."""
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


def reservoir_sample(items: Iterable[T], number: int, seed: int) -> list[T]:
    """A uniform sample of at most `number` items in random order, in one pass over items of unknown number."""
    rng = random.Random(seed)
    kept: list[T] = []
    for index, item in enumerate(items):
        if index < number:
            kept.append(item)
        elif (other := rng.randrange(index + 1)) < number:
            kept[other] = item
    rng.shuffle(kept)
    return kept


def count_words(document: Document) -> int:
    """Words of a document: runs of characters between white space."""
    return len(document.text.split())


def spread_lengths(documents: Sequence[Document], group: int = 10) -> list[Document]:
    """The documents in an order in which each `group` in a row has short, medium and long ones alike."""
    by_length = sorted(documents, key=count_words)
    step = max(1, len(by_length) // group)
    offsets = sorted(range(step), key=lambda offset: abs(offset - step // 2))
    return [document for offset in offsets for document in by_length[offset::step]]


def representative(sentences: Sequence[Sentence], number: int) -> list[Sentence]:
    """At most `number` of the sentences, in order, with the same distribution of lengths as all of them."""
    total = len(sentences)
    if number >= total:
        return list(sentences)
    by_length = sorted(range(total), key=lambda row: len(sentences[row].text))
    return [sentences[row] for row in sorted(by_length[(2 * k + 1) * total // (2 * number)] for k in range(number))]


def write_documents(path: Path, documents: Sequence[Document]) -> None:
    """Write extracted documents for `read_documents`."""
    write_jsonl(path, ({"policy": d.policy, "text": d.text, "blocks": list(map(asdict, d.blocks))} for d in documents))


def read_documents(path: Path) -> list[Document]:
    """The documents that `write_documents` wrote."""
    return [
        Document(row["policy"], row["text"], tuple(map(block_from_row, row["blocks"])))
        for _, row in iter_json_rows(path)
    ]


def write_table(path: Path, documents: Sequence[Document], number: int) -> int:
    """Write a table of `number` policies for `clausetag predict`, repeating the documents; return its words."""
    words = 0
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for row in range(number):
            document = documents[row % len(documents)]
            words += count_words(document)
            stream.write(json.dumps({"id": f"{row:06}", "text": document.text}) + "\n")
    return words


def write_pages(folder: Path, documents: Sequence[Document]) -> None:
    """Write each document as a plain HTML page."""
    folder.mkdir()
    for number, document in enumerate(documents):
        tagged = [(_TAGS.get(block.kind, "p"), document.text[block.start : block.end]) for block in document.blocks]
        body = "\n".join(f"<{tag}>{html.escape(text)}</{tag}>" for tag, text in tagged)
        head = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Privacy policy</title></head>'
        (folder / f"{number:04}.html").write_text(f"{head}<body>\n{body}\n</body></html>\n", encoding="utf-8")

"""From a checked request to windows that are ready for the network. `prepare` runs in a reader process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from tokenizers import Tokenizer

from clausetag.data.documents.quality import quality_flags
from clausetag.data.documents.sniff import document_from_bytes, extract_html, extract_text, require_text
from clausetag.data.errors import ArtifactError, DocumentError
from clausetag.data.records import Block, Document, Sentence, sentence_from_row
from clausetag.data.segment import segment
from clausetag.model.artifact import Artifact, load_artifact
from clausetag.model.tokenise import SubwordTokenizer, encode_sentences, inference_windows
from clausetag.model.windows import Unit, Window
from clausetag.serving.errors import ApiError

FactsForm = Literal["", "json", "jsonld", "page"]
"""Of the fact sheet in an answer; empty: none."""
DEFAULT_ID = "text"
"""The id of a policy that was sent without one, as in `Tagger.tag`."""

_TEXT_KINDS = frozenset({"text", ".txt", ".md"})
_BINARY_KINDS = frozenset({".pdf", ".docx"})
_MAX_TAGS = 100_000
"""A page takes 0.2 milliseconds for each on a busy core. Of 59 crawled policies, none has more than 4,200."""


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What an answer contains: the options of a request, checked against the model."""

    head: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Thresholds in place of the head's, by label."""
    categories: tuple[str, ...] = ()
    """Labels in the answer; empty for all."""
    scores: bool = True
    attributes: bool = True
    facts: FactsForm = ""
    """The form of the fact sheet, if one is wanted."""


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A policy as it was sent: text or HTML, or a file's bytes."""

    content: str | bytes
    kind: str
    """The format: "text", "html", or the suffix of a file, such as ".pdf"."""
    field: str
    """The part of the request that holds it; errors name it."""
    policy: str = DEFAULT_ID

    @property
    def size(self) -> int:
        """Its length in characters or bytes."""
        return len(self.content)

    def read(self) -> Document:
        """Extract the document.

        Raises:
            DocumentError: it cannot be read.
        """
        if isinstance(self.content, bytes):
            return document_from_bytes(self.policy, self.content, self.kind)
        extract = extract_html if self.kind == "html" else extract_text
        return require_text(extract(self.policy, self.content))


@dataclass(frozen=True, slots=True)
class SentenceList:
    """A policy already split into sentences; without `context` they are independent of each other."""

    texts: tuple[str, ...]
    context: bool
    field: str = "sentences"
    policy: str = DEFAULT_ID

    @property
    def size(self) -> int:
        """Its length in characters."""
        return sum(map(len, self.texts))


@dataclass(frozen=True, slots=True)
class TagRequest:
    """A checked request. If `many`, the answer is a list, in which a policy that cannot be read has its own error."""

    sources: tuple[PolicySource | SentenceList, ...]
    options: AnswerOptions
    many: bool = False


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model folder, and the hash that its files must have."""

    folder: Path
    hash: str

    def load(self) -> Artifact:
        """The model's settings, read once in each process.

        Raises:
            ArtifactError: the folder has changed since the service was started.
        """
        return _load(self)[0]


@cache
def _load(model: ModelFiles) -> tuple[Artifact, SubwordTokenizer]:
    artifact = load_artifact(model.folder)
    if artifact.hash != model.hash:
        raise ArtifactError(f"{model.folder}: was changed after the service had started; restart it")
    return artifact, SubwordTokenizer.of(Tokenizer.from_file(str(model.folder / "tokenizer.json")))


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How much text a request may have."""

    characters: int
    sentences: int

    def check(self, field: str, characters: int = 0, sentences: int = 0) -> None:
        """Check that there is not more.

        Raises:
            ApiError: 422.
        """
        if characters > self.characters:
            message = f"a request has at most {self.characters:,} characters of text"
            raise ApiError(422, "too_many_characters", message, field=field)
        if sentences > self.sentences:
            message = f"a request has at most {self.sentences:,} sentences"
            raise ApiError(422, "too_many_sentences", message, field=field)


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document with its sentences and the windows that the network reads."""

    policy: str
    text: str
    flags: tuple[str, ...]
    sentences: Sequence[Sentence]
    windows: Sequence[Window]
    seconds: Mapping[str, float]
    """How long each stage took."""


def prepare(model: ModelFiles, source: PolicySource | SentenceList, limits: TextLimits) -> bytes:
    """Extract, segment and tokenise a policy; returns it, or why that failed, for `prepared`."""
    artifact, tokenizer = _load(model)
    start = perf_counter()
    context = artifact.context
    try:
        if isinstance(source, SentenceList):
            document, sentences = _given_sentences(source, limits)
            context = context and source.context
        else:
            document, sentences = _read(source, limits)
    except DocumentError as error:
        return json.dumps({"code": error.code, "message": str(error)}).encode()
    except ApiError as error:
        return error.dump()
    flags = quality_flags(document)
    middle = perf_counter()
    encoded = encode_sentences(sentences, tokenizer, context=context)
    windows = [
        # Passages decide where a window ends; their logits aren't needed.
        (window.ids, [(unit.row, unit.start, unit.end) for unit in window.sentences])
        for window in inference_windows(encoded, artifact.window, tokenizer)
    ]
    answer = {
        "policy": document.policy,
        "text": document.text,
        "flags": flags,
        "sentences": [sentence.row() for sentence in sentences],
        "windows": windows,
        "seconds": {"reading": middle - start, "tokenising": perf_counter() - middle},
    }
    return json.dumps(answer).encode()


def prepared(answer: bytes) -> PreparedDocument:
    """What `prepare` has made of a policy.

    Raises:
        DocumentError: it cannot be read.
        ApiError: it is too long.
    """
    value: dict[str, Any] = json.loads(answer)
    ApiError.check(value)
    if "code" in value:
        raise DocumentError(value["code"], value["message"])
    sentences = [sentence_from_row(row) for row in value.pop("sentences")]
    windows = [
        Window(tuple(ids), tuple(Unit(*unit) for unit in units), passages=()) for ids, units in value.pop("windows")
    ]
    return PreparedDocument(**{**value, "flags": tuple(value["flags"])}, sentences=sentences, windows=windows)


def _read(source: PolicySource, limits: TextLimits) -> tuple[Document, list[Sentence]]:
    content = source.content
    if source.kind in _TEXT_KINDS:  # a character has at most four bytes
        limits.check(source.field, len(content) // (4 if isinstance(content, bytes) else 1))
    if source.kind not in _BINARY_KINDS:
        tags = content.count(b"<") if isinstance(content, bytes) else content.count("<")
        if tags > _MAX_TAGS:
            raise DocumentError("too_large", f"it has more than {_MAX_TAGS:,} tags")
    document = source.read()
    limits.check(source.field, len(document.text))
    sentences = segment(document)
    if not sentences:
        raise DocumentError("empty", "there is no sentence in it")
    limits.check(source.field, sentences=len(sentences))
    return document, sentences


def _given_sentences(given: SentenceList, limits: TextLimits) -> tuple[Document, list[Sentence]]:
    limits.check(given.field, given.size, len(given.texts))
    sentences: list[Sentence] = []
    blocks: list[Block] = []
    start = 0
    for number, text in enumerate(given.texts):
        if text.isspace():
            raise ApiError(422, "invalid", "a sentence is more than white space", field=f"{given.field}.{number}")
        end = start + len(text)
        sentences.append(Sentence(given.policy, number, text, start=start, end=end))
        blocks.append(Block(start, end))
        start = end + 1
    return Document(given.policy, "\n".join(given.texts), tuple(blocks)), sentences


def refusal(error: DocumentError, field: str) -> ApiError:
    """A document's error as the request's."""
    if error.code == "failed":
        return ApiError(500, "internal", "the service failed; the log says how")
    statuses = {"unsupported": 415, "too_large": 413}
    return ApiError(statuses.get(error.code, 422), error.code, str(error), field=field)

"""From a checked request to documents whose windows are ready for the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from clausetag.data.documents.sniff import document_from_bytes, extract_html, extract_text, require_text
from clausetag.data.errors import DocumentError
from clausetag.data.records import Block, Document, FailedInput, Sentence
from clausetag.data.segment import segment
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import encode_sentences
from clausetag.model.windows import Window, pack
from clausetag.serving.errors import ApiError
from clausetag.serving.observability.metrics import Metrics

DEFAULT_ID = "text"
"""The id of a policy that was sent without one, as in `Tagger.tag`."""

_BINARY = (b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What an answer contains: the options of a request, checked against the model."""

    head: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Thresholds in place of the head's, by label."""
    categories: tuple[str, ...] = ()
    """Labels in the answer; empty for all."""
    scores: bool = True


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A policy as it was sent: text or HTML, a file's bytes, or a document that a reader process has extracted."""

    content: str | bytes | Document
    kind: str
    """The format: "text", "html", or the suffix of a file, such as ".pdf"."""
    field: str
    """The part of the request that holds it; errors name it."""
    policy: str = DEFAULT_ID

    @property
    def isolated(self) -> bool:
        """Whether it must be read in a process of its own: a PDF or Word file, by its suffix or its first bytes."""
        if not isinstance(self.content, bytes):
            return False
        start = self.content[:64].lstrip(b"\xef\xbb\xbf\0 \t\r\n\f")
        return self.kind in (".pdf", ".docx") or start.startswith(_BINARY)

    def read(self) -> Document:
        """Extract the document.

        Raises:
            DocumentError: it cannot be read.
        """
        if isinstance(self.content, Document):
            return self.content
        if isinstance(self.content, bytes):
            return document_from_bytes(self.policy, self.content, self.kind)
        extract = extract_html if self.kind == "html" else extract_text
        return require_text(extract(self.policy, self.content))


@dataclass(frozen=True, slots=True)
class SentenceList:
    """A policy already split into sentences; without `context` they are independent of each other."""

    texts: tuple[str, ...]
    context: bool


@dataclass(frozen=True, slots=True)
class TagRequest:
    """A checked request. If `many`, the answer is a list, in which a policy that cannot be read has its own error."""

    sources: tuple[PolicySource, ...] | SentenceList
    options: AnswerOptions
    many: bool = False


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document with its sentences and the windows that the network reads."""

    document: Document
    sentences: Sequence[Sentence]
    windows: Sequence[Window]


@dataclass(frozen=True, slots=True)
class Preparer:
    """Extracts, segments and tokenises within the limits of a request; safe to use from several threads at once."""

    tagger: Tagger
    metrics: Metrics
    max_characters: int
    max_sentences: int

    def prepare(self, request: TagRequest) -> list[PreparedDocument | FailedInput]:
        """The request's policies with their windows.

        Raises:
            ApiError: the request is too long, or its only policy cannot be read.
        """
        if isinstance(request.sources, SentenceList):
            return [self._prepare_sentences(request.sources)]
        items: list[PreparedDocument | FailedInput] = []
        n_sentences = n_characters = 0
        for source in request.sources:
            if isinstance(source.content, str) and source.kind == "text" and not request.many:
                self._check(source.field, characters=len(source.content))
            try:
                document, sentences = self._read(source)
            except DocumentError as error:
                if not request.many:
                    raise refusal(error, source.field) from None
                items.append(FailedInput(source.policy, error.code, str(error)))
                continue
            n_sentences += len(sentences)
            n_characters += len(document.text)
            self._check(source.field, n_characters, n_sentences)
            items.append(self.tokenise(document, sentences))
        return items

    def tokenise(self, document: Document, sentences: Sequence[Sentence], *, context: bool = True) -> PreparedDocument:
        """Cut windows as `Tagger` does; ``context=False`` gives every sentence a window of its own."""
        artifact, tokenizer = self.tagger.artifact, self.tagger.tokenizer
        with self.metrics.stage("tokenising"):
            encoded = encode_sentences(sentences, tokenizer, context=context and artifact.context)
            windows = [
                replace(window, passages=())  # passages decide where a window ends; their logits aren't needed
                for policy in encoded.policies
                for window in pack(policy, artifact.window, tokenizer.cls_id, tokenizer.sep_id)
            ]
        return PreparedDocument(document, sentences, windows)

    def _read(self, source: PolicySource) -> tuple[Document, list[Sentence]]:
        with self.metrics.stage("reading"):
            document = source.read()
            self._check(source.field, len(document.text))
            sentences = segment(document)
        if not sentences:
            raise DocumentError("empty", "there is no sentence in it")
        return document, sentences

    def _prepare_sentences(self, given: SentenceList) -> PreparedDocument:
        self._check("sentences", sum(map(len, given.texts)), len(given.texts))
        sentences: list[Sentence] = []
        blocks: list[Block] = []
        start = 0
        for number, text in enumerate(given.texts):
            if text.isspace():
                raise ApiError(422, "invalid", "a sentence is more than white space", field=f"sentences.{number}")
            end = start + len(text)
            sentences.append(Sentence(DEFAULT_ID, number, text, start=start, end=end))
            blocks.append(Block(start, end))
            start = end + 1
        document = Document(DEFAULT_ID, "\n".join(given.texts), tuple(blocks))
        return self.tokenise(document, sentences, context=given.context)

    def _check(self, field: str, characters: int = 0, sentences: int = 0) -> None:
        if characters > self.max_characters:
            message = f"a request has at most {self.max_characters:,} characters of text"
            raise ApiError(422, "too_many_characters", message, field=field)
        if sentences > self.max_sentences:
            message = f"a request has at most {self.max_sentences:,} sentences"
            raise ApiError(422, "too_many_sentences", message, field=field)


def refusal(error: DocumentError, field: str) -> ApiError:
    """A document's error as the request's."""
    return ApiError({"unsupported": 415, "too_large": 413}.get(error.code, 422), error.code, str(error), field=field)

"""Requests and answers as strict pydantic models; they define the OpenAPI file's schemas."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from clausetag.data.attributes import BY_NAME
from clausetag.data.labels import LABELS
from clausetag.serving.runtime.prepare import FactsForm

Label = Annotated[str, WithJsonSchema({"type": "string", "enum": list(LABELS)})]
"""One of the model's labels, which `clausetag.serving.http.requests` checks; the schema lists the twelve."""
AttributeName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(BY_NAME)})]
"""An attribute's name."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Facts = Annotated[
    dict[str, Any] | None,
    Field(description="The fact sheet; absent unless it is asked for, and null if the model has no attributes."),
]
Text = Annotated[str, StringConstraints(min_length=1)]


class Strict(BaseModel):
    """Base of all models: types are not converted, and unknown keys are errors."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Options(Strict):
    """Options of every request."""

    head: str = Field("", description="Label source: guide or opp115; /info lists them. Empty: the model's default.")
    thresholds: dict[Label, Share] = Field(
        default_factory=dict,
        description="Thresholds by category, in place of the model's. If the head gives every sentence a label, it "
        "still does: the category whose score is farthest above, or least below, its threshold.",
    )
    categories: list[Label] = Field(
        default_factory=list, description="Categories in the answer; the others are left out. Empty: all."
    )
    scores: bool = Field(True, description="Whether sentences have `scores` and `attribute_scores`.")
    attributes: bool = Field(True, description="Whether sentences have `attributes`, if the model has them.")
    facts: FactsForm = Field(
        "",
        description="A fact sheet, as in OUTPUTS.md, of models with attributes: json, jsonld with terms of the W3C "
        "Data Privacy Vocabulary, or page: its tables and lists as the page at / draws them, which may change. It "
        "needs attributes and all categories.",
    )


class TextRequest(Options):
    """One policy as plain text or Markdown."""

    text: Text = Field(description="Plain text or Markdown, recognised by its headings and links.")


class HtmlRequest(Options):
    """One policy as HTML; its main content is tagged."""

    html: Text = Field(description="A page or a fragment. Nothing that it links to is fetched.")


class SentencesRequest(Options):
    """One policy already split into sentences, in order; or independent sentences."""

    sentences: list[Text] = Field(min_length=1)
    context: bool = Field(True, description="false: the sentences are independent; each is tagged alone.")


class Policy(Strict):
    """One of several policies: an id, and either text or html."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["text"]}, {"required": ["html"]}]})

    id: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    text: str = ""
    html: str = ""


class PoliciesRequest(Options):
    """Several policies, each answered separately; one that cannot be read doesn't affect the others."""

    policies: list[Policy] = Field(min_length=1, description="Policies with different ids.")


REQUESTS: dict[str, type[Options]] = {
    "text": TextRequest,
    "html": HtmlRequest,
    "sentences": SentencesRequest,
    "policies": PoliciesRequest,
}
"""Request kinds by the key that only they have; a request has exactly one of these keys."""


class ModelName(Strict):
    """The model that answered."""

    name: str
    hash: str = Field(description="Identifies the model's files.")
    head: str
    version: str = Field(description="Version of clausetag.")


class TextLink(Strict):
    """A link on a part of the answer's text, from `start` to `end` in characters. It is never fetched."""

    start: int
    end: int
    href: str = Field(description="An http, https, mailto or tel address, or one relative to the page.")


class TaggedSentence(Strict):
    """A tagged sentence; its `text` is `text[start:end]` of the answer's text, in characters (code points)."""

    policy: str
    index: int
    passage: int | None = Field(None, description="Number of the block that contains it; absent if unknown.")
    start: int
    end: int
    text: str
    heading: str | None = Field(None, description="The nearest heading above; absent if there is none.")
    lead_in: str | None = Field(
        None,
        description="What it completes: of a list item, the sentence above the list; of a table cell, the heading of "
        "its column. Absent if there is none.",
    )
    links: list[TextLink] | None = Field(None, description="The links on its text; absent if there are none.")
    labels: list[Label]
    scores: dict[Label, Share] | None = Field(None, description="Calibrated probabilities; absent if scores is false.")
    attributes: dict[AttributeName, list[str]] | None = Field(
        None,
        description="What it says within its categories: the values of each attribute that has any. Absent if "
        "attributes is false, or the model has none.",
    )
    attribute_scores: dict[AttributeName, dict[str, Share]] | None = Field(
        None, description="Calibrated probabilities of these values; absent if scores is false."
    )
    flags: list[str] | None = Field(None, description="The policy's quality flags; absent if there are none.")


class TaggedPolicy(Strict):
    """The answer for one policy."""

    model: ModelName
    text: str = Field(description="The extracted text; offsets refer to it.")
    sha256: str = Field(description="SHA-256 of the text's UTF-8 bytes.")
    flags: list[str] = Field(
        description="Quality flags: not_english, not_privacy_policy, not_a_document, "
        "too_little_text, text_set_aside, embedded_unread, partly_scanned."
    )
    sentences: list[TaggedSentence]
    summary: dict[Label, int] = Field(description="Number of sentences with each category.")
    facts: Facts = None


class ItemError(Strict):
    """Why one of several policies has no answer."""

    code: str
    message: str


class PolicyAnswer(TaggedPolicy):
    """One of several policies."""

    id: str


class PolicyFailure(Strict):
    """One of several policies that could not be read."""

    id: str
    error: ItemError


class PoliciesAnswer(Strict):
    """The answers in the order of the request."""

    policies: list[PolicyAnswer | PolicyFailure]


class StreamedDocument(Strict):
    """What is known of a policy before its rows."""

    model: ModelName
    text: str
    sha256: str
    flags: list[str]
    sentences: int = Field(description="Number of rows that will come.")


class DocumentLine(Strict):
    """A policy has been read; its rows follow."""

    policy: str
    document: StreamedDocument


class SummaryLine(Strict):
    """All rows of a policy have come."""

    policy: str
    summary: dict[Label, int]
    facts: Facts = None


class FailureLine(Strict):
    """A policy could not be read."""

    policy: str
    error: ItemError


class Progress(Strict):
    """How far a request is."""

    policies: int = Field(description="Policies that are finished.")
    of: int = Field(description="Policies of the request.")
    sentences: int = Field(description="Rows so far.")


class ProgressLine(Strict):
    """Follows each group of lines that came together."""

    progress: Progress


class Totals(Strict):
    """What a stream held."""

    policies: int
    sentences: int


class DoneLine(Strict):
    """The last line of a complete answer."""

    done: Totals


class ErrorDetail(Strict):
    """What went wrong."""

    code: str = Field(description="For programs; stable between versions.")
    message: str = Field(description="For people.")
    request_id: str = Field(description="Also in the header X-Request-ID and in the log.")
    field: str | None = Field(None, description="The part of the request that is wrong, such as policies.2.text.")


class ErrorAnswer(Strict):
    """The shape of every error."""

    error: ErrorDetail


StreamLine = DocumentLine | TaggedSentence | SummaryLine | FailureLine | ProgressLine | DoneLine | ErrorAnswer
"""A line of a stream; `ErrorAnswer` is the last line of one that failed."""


class HeadInfo(Strict):
    """How a head's scores become labels."""

    thresholds: dict[Label, float]
    min_labels: int = Field(description="1: every sentence gets at least one label.")


class ModelInfo(Strict):
    """The loaded model."""

    name: str
    hash: str
    backbone: str
    default_head: str
    heads: dict[str, HeadInfo]
    licence: str
    figures: list[dict[str, Any]] = Field(description="Evaluation results on data that training did not use.")


class Info(Strict):
    """The service's version, model and limits."""

    version: str
    model: ModelInfo
    labels: list[Label] = Field(description="In the order of all lists and tables.")
    thresholds: dict[Label, float] = Field(description="Of the default head.")
    min_labels: int = Field(description="Of the default head.")
    attributes: dict[AttributeName, list[str]] = Field(description="The values of each; empty if the model has none.")
    limits: dict[str, int | float]
    content_types: list[str] = Field(description="Content types that POST /predict accepts.")


class Status(Strict):
    """Whether the process is alive, or ready for requests."""

    status: str

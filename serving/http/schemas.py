"""What is sent and answered, as pydantic models: strict, unknown keys refused. They make up the OpenAPI file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from clausetag.data.labels import LABELS

Label = Annotated[str, WithJsonSchema({"type": "string", "enum": list(LABELS)})]
"""One of the model's labels, which `clausetag.serving.runtime.prepare` checks; described as one of the twelve."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(min_length=1)]


class Strict(BaseModel):
    """Types are not converted, and a key that is not known is an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Options(Strict):
    """What any request can ask for."""

    head: str = Field("", description="Label source: guide or opp115; /info lists them. Empty: the model's default.")
    thresholds: dict[Label, Share] = Field(
        default_factory=dict,
        description="Thresholds in place of the model's, category by category. A head that gives every sentence a "
        "label still does: the one with the largest score above, or least below, its threshold.",
    )
    categories: list[Label] = Field(
        default_factory=list, description="Categories to answer with; the others are left out. Empty: all."
    )
    scores: bool = Field(True, description="Whether sentences carry `scores`.")


class TextRequest(Options):
    """One policy as plain text or Markdown."""

    text: Text = Field(description="Plain text or Markdown (headings and links tell which).")


class HtmlRequest(Options):
    """One policy as HTML; its main text is read."""

    html: Text = Field(description="A page or a fragment. Nothing in it is fetched.")


class SentencesRequest(Options):
    """One policy whose sentences are known, in order, or sentences that have nothing to do with each other."""

    sentences: list[Text] = Field(min_length=1)
    context: bool = Field(True, description="false: each sentence is read alone, in whatever order they stand.")


class Policy(Strict):
    """One of several policies: an id, and either text or html."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["text"]}, {"required": ["html"]}]})

    id: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    text: str = ""
    html: str = ""


class PoliciesRequest(Options):
    """Several policies, each answered on its own: one that cannot be read harms no other."""

    policies: list[Policy] = Field(min_length=1, description="Their ids differ.")


REQUESTS: dict[str, type[Options]] = {
    "text": TextRequest,
    "html": HtmlRequest,
    "sentences": SentencesRequest,
    "policies": PoliciesRequest,
}
"""Which key a request has says which kind it is; it has exactly one of them."""


class ModelName(Strict):
    """Which model answered."""

    name: str
    hash: str = Field(description="Names exactly the model's files.")
    head: str
    version: str = Field(description="clausetag's.")


class TaggedSentence(Strict):
    """A sentence; `text` is `text[start:end]` of the answer's text, in characters (code points)."""

    policy: str
    index: int
    passage: int | None = Field(None, description="Number of the block that it stands in; absent if not known.")
    start: int
    end: int
    text: str
    heading: str | None = Field(None, description="The nearest heading above; absent if there is none.")
    labels: list[Label]
    scores: dict[Label, Share] | None = Field(None, description="Calibrated probabilities; absent if not asked for.")
    flags: list[str] | None = Field(
        None, description="not_english, not_privacy_policy, partly_scanned; absent if there is none."
    )


class TaggedPolicy(Strict):
    """The answer for one policy."""

    model: ModelName
    text: str = Field(description="The extracted text that offsets index.")
    sha256: str = Field(description="Of the text's UTF-8 bytes.")
    flags: list[str] = Field(description="Doubts about the whole: not_english, not_privacy_policy, partly_scanned.")
    sentences: list[TaggedSentence]
    summary: dict[Label, int] = Field(description="Sentences with each category.")


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


class ErrorDetail(Strict):
    """What went wrong."""

    code: str = Field(description="For programs; stays the same from version to version.")
    message: str = Field(description="For people.")
    request_id: str = Field(description="As in the header X-Request-ID and in the log.")
    field: str | None = Field(None, description="The part of the request that is wrong, such as policies.2.text.")


class ErrorAnswer(Strict):
    """The shape of every error."""

    error: ErrorDetail


class HeadInfo(Strict):
    """What turns a head's scores into labels."""

    thresholds: dict[Label, float]
    min_labels: int = Field(description="1: every sentence gets a label.")


class ModelInfo(Strict):
    """The loaded model."""

    name: str
    hash: str
    backbone: str
    default_head: str
    heads: dict[str, HeadInfo]
    licence: str
    figures: list[dict[str, Any]] = Field(description="Measured on data that training did not see.")


class Info(Strict):
    """What the service is and allows."""

    version: str
    model: ModelInfo
    labels: list[Label] = Field(description="In the order of every list and table.")
    thresholds: dict[Label, float] = Field(description="Of the default head.")
    min_labels: int = Field(description="Of the default head.")
    limits: dict[str, int | float]
    content_types: list[str] = Field(description="What POST /predict takes.")


class Status(Strict):
    """Whether the process lives, or is ready."""

    status: str


def with_labels(spec: Any, labels: Sequence[str]) -> Any:
    """A description made from these models, with a model's own `labels` in place of the twelve."""
    if isinstance(spec, dict):
        if spec.get("enum") == list(LABELS):
            return {**spec, "enum": list(labels)}
        return {key: with_labels(value, labels) for key, value in spec.items()}
    return [with_labels(value, labels) for value in spec] if isinstance(spec, list) else spec

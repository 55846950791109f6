"""The messages of KServe's Open Inference Protocol as pydantic models; they define the OpenAPI file's schemas."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Size = Annotated[int, Field(ge=0)]


class Message(BaseModel):
    """Base of all messages. Unknown keys are ignored, since clients of the protocol send keys of its extensions."""

    model_config = ConfigDict(strict=True, frozen=True)


class ServerMetadata(Message):
    """The server."""

    name: str
    version: str
    extensions: list[str]


class Ready(Message):
    """Whether the server is alive or ready, or a model is ready."""

    live: bool | None = None
    ready: bool | None = None
    name: str | None = None


class TensorMetadata(Message):
    """A tensor of the model; -1 stands for any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Message):
    """The model, its inputs (of which a request has exactly one) and outputs."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    labels: list[str] = Field(description="The columns of the output `scores`.")


class InferInput(Message):
    """Texts, flat or nested as their shape says."""

    name: str = Field(description="text, html (one policy each) or sentences (of one policy).")
    shape: Annotated[list[Size], Field(min_length=1)]
    datatype: str = Field(description="BYTES")
    data: list[Any]
    parameters: dict[str, Any] = Field(default_factory=dict)


class RequestedOutput(Message):
    """An output that the answer shall have."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class InferRequest(Message):
    """An inference request."""

    id: str | None = None
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="The options head, thresholds, categories, scores, attributes and context of /predict.",
    )
    inputs: list[InferInput]
    outputs: list[RequestedOutput] = Field(default_factory=list, description="Empty: all.")


class InferOutput(Message):
    """One value for each sentence; of `scores`, as many as there are labels."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any]


class InferAnswer(Message):
    """The answer to an inference request."""

    model_name: str
    model_version: str
    outputs: list[InferOutput]
    id: str | None = None


class InferError(Message):
    """The shape of every error of the protocol."""

    error: str

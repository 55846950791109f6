"""The routes that platforms ask for: KServe's Open Inference Protocol, version 2 (REST), and Amazon SageMaker's.

A tensor `text`, `html` or `sentences` of BYTES means what the key of that name means in `/predict`. The outputs have
one row for each sentence, of all policies together. Binary tensors, an extension of the protocol, are refused.

Sources: https://github.com/kserve/open-inference-protocol and
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pydantic_core
from fastapi import Depends, FastAPI, Request, Response

from clausetag.serving.errors import ApiError
from clausetag.serving.http import openapi
from clausetag.serving.http.api import predict_route, require_key
from clausetag.serving.http.inference import InferInput, InferRequest, ModelMetadata, Ready, ServerMetadata
from clausetag.serving.http.predict import answer_request
from clausetag.serving.http.requests import JSON_TYPE, json_object, parse_object, validate
from clausetag.serving.runtime.prepare import TagRequest
from clausetag.serving.runtime.service import Service, Write
from clausetag.version import __version__

_INPUTS = ("text", "html", "sentences")
_OUTPUTS = {
    "policy": "INT64",
    "start": "INT64",
    "end": "INT64",
    "sentence": "BYTES",
    "labels": "BYTES",
    "scores": "FP32",
    "attributes": "BYTES",
}
_SEPARATOR = "; "
_IGNORED = frozenset({"binary_data_output", "content_type"})
"""Parameters of extensions that clients send by default, and that change nothing here."""


def add_platforms(app: FastAPI, service: Service) -> None:
    """Add the routes to `app`."""
    protected = [require_key(service)]

    async def ready() -> dict[str, bool]:
        service.lifecycle.check()
        return {"ready": True}

    @app.get("/v2", response_model=ServerMetadata, **openapi.V2)
    async def server() -> dict[str, Any]:
        return {"name": "clausetag", "version": __version__, "extensions": []}

    @app.get("/v2/health/live", response_model=Ready, response_model_exclude_none=True, **openapi.V2_LIVE)
    async def live() -> dict[str, bool]:
        return {"live": True}

    app.get("/v2/health/ready", response_model=Ready, response_model_exclude_none=True, **openapi.V2_READY)(ready)

    async def model(name: str, request: Request) -> dict[str, Any]:
        _check_model(service, request)
        shape = {"scores": [-1, len(service.tagger.labels)]}
        return {
            "name": name,
            "versions": [service.tagger.hash],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": key, "datatype": "BYTES", "shape": [-1]} for key in _INPUTS],
            "outputs": [
                {"name": key, "datatype": datatype, "shape": shape.get(key, [-1])} for key, datatype in _OUTPUTS.items()
            ],
            "labels": list(service.tagger.labels),
        }

    async def model_ready(name: str, request: Request) -> dict[str, Any]:
        _check_model(service, request)
        return {"name": name, **await ready()}

    async def infer(name: str, request: Request) -> Response:
        _check_model(service, request)
        if "inference-header-content-length" in request.headers:
            message = "binary tensors are not supported; send the data as JSON"
            raise ApiError(400, "invalid", message, field="header.Inference-Header-Content-Length")
        # Whatever their Content-Type: clients of the protocol often send none.
        body = await answer_request(service, request, (), partial(_parse, service, name))
        return Response(body, media_type=JSON_TYPE)

    def version(version: str) -> str:
        return version

    for path, given in (("/v2/models/{name}", []), ("/v2/models/{name}/versions/{version}", [Depends(version)])):
        needed = [*protected, *given]
        app.get(path, dependencies=needed, response_model=ModelMetadata, **openapi.V2_MODEL)(model)
        state = {**openapi.V2_MODEL_READY, "response_model": Ready, "response_model_exclude_none": True}
        app.get(f"{path}/ready", dependencies=given, **state)(model_ready)
        app.post(f"{path}/infer", dependencies=needed, **openapi.V2_INFER)(infer)

    @app.get("/ping", **openapi.PING)
    async def ping() -> Response:
        service.lifecycle.check()
        return Response()

    app.post("/invocations", dependencies=protected, **openapi.INVOCATIONS)(predict_route(service))


def _check_model(service: Service, request: Request) -> None:
    """Check the name, and the version if there is one, of the model that a path asks for."""
    service.lifecycle.check()
    if request.path_params["name"] != service.model_name:
        raise ApiError(404, "not_found", f"no such model; this service has {service.model_name}")
    version = service.tagger.hash
    if request.path_params.get("version", version) != version:
        raise ApiError(404, "not_found", f"no such version; this service has {version}")


def _parse(service: Service, name: str, header: str, body: bytes) -> tuple[TagRequest, Write]:
    """Check an inference request; returns it with what writes its answer."""
    given = validate(InferRequest, json_object(body))
    if len(given.inputs) != 1 or given.inputs[0].name not in _INPUTS:
        raise ApiError(400, "invalid", f"give exactly one of {', '.join(_INPUTS)}", field="inputs")
    wanted = [output.name for output in given.outputs] or list(_OUTPUTS)
    if unknown := set(wanted) - _OUTPUTS.keys():
        message = f"no such output: {min(unknown)[:100]}; there are {', '.join(_OUTPUTS)}"
        raise ApiError(400, "invalid", message, field="outputs")
    key, texts = given.inputs[0].name, _texts(given.inputs[0])
    value = {name: value for name, value in given.parameters.items() if name not in _IGNORED}
    if key == "sentences":
        value[key] = texts
    else:
        value["policies"] = [{"id": str(number), key: text} for number, text in enumerate(texts)]
    tagged = parse_object(value, {}, service.tagger, service.settings.max_policies)

    def write(answer: Mapping[str, Any]) -> bytes:
        outputs = _outputs(answer.get("policies", [answer]), wanted)
        found: dict[str, Any] = {"model_name": name, "model_version": service.tagger.hash, "outputs": outputs}
        return pydantic_core.to_json(found if given.id is None else {**found, "id": given.id})

    return tagged, write


def _texts(tensor: InferInput) -> list[str]:
    """The strings of an input, which may be nested as its shape says."""

    def flat(values: list[Any]) -> Iterator[Any]:
        for value in values:
            yield from flat(value) if isinstance(value, list) else [value]

    texts = list(flat(tensor.data))
    if tensor.datatype != "BYTES" or not all(isinstance(text, str) for text in texts):
        raise ApiError(400, "invalid", "the datatype is BYTES, and the data are strings", field=f"inputs.{tensor.name}")
    if math.prod(tensor.shape) != len(texts) or not texts:
        message = f"the shape says {math.prod(tensor.shape)} strings; there are {len(texts)}"
        raise ApiError(400, "invalid", message, field=f"inputs.{tensor.name}")
    return texts


def _outputs(policies: list[dict[str, Any]], wanted: list[str]) -> list[dict[str, Any]]:
    """The tensors of the sentences of all policies.

    Raises:
        ApiError: 400; a policy could not be read, which the protocol cannot say of a single one.
    """
    rows: list[dict[str, Any]] = []
    for number, policy in enumerate(policies):
        if "error" in policy:
            raise ApiError(400, policy["error"]["code"], policy["error"]["message"], field=f"inputs.{number}")
        rows += [
            {
                **row,
                "policy": number,
                "sentence": row["text"],
                "labels": _SEPARATOR.join(row["labels"]),
                "attributes": _SEPARATOR.join(
                    f"{name}: {value}" for name, values in row.get("attributes", {}).items() for value in values
                ),
            }
            for row in policy["sentences"]
        ]
    found = []
    for name in wanted:
        data: list[Any] = [row.get(name) for row in rows]
        shape = [len(rows)]
        if name == "scores":
            data = [score for row in rows for score in row.get("scores", {}).values()]
            shape = [len(rows), len(data) // len(rows) if rows else 0]
        found.append({"name": name, "datatype": _OUTPUTS[name], "shape": shape, "data": data})
    return found

"""Export: the torch network to one ONNX file with int8 weights.

Weights are quantised symmetrically per output channel (per row for the embeddings), activations stay in float: the
file is a quarter of the size, results do not depend on the batch nor on which 8-bit instructions a CPU has, and the
loss is measured by the caller. Source of the scheme: Jacob et al. (CVPR 2018), weights only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from clausetag.model.network import SentenceTagger

OPSET = 17
_SMALLEST = 1024
"""Tensors of fewer elements (biases, norms) stay in float."""


def export_onnx(model: SentenceTagger, path: Path) -> None:
    """Write `model` to `path` as ONNX with int8 weights: inputs input_ids, attention_mask (int64 [B, T]) and pool
    (float32 [B, U, T]), output logits (float32 [B, U, heads, labels])."""
    import onnx

    model.train(False)
    batch, units, length = 2, 3, 16
    example = (
        torch.ones(batch, length, dtype=torch.int64),
        torch.ones(batch, length, dtype=torch.int64),
        torch.ones(batch, units, length),
    )
    shapes = {
        "input_ids": {0: "batch", 1: "length"},
        "attention_mask": {0: "batch", 1: "length"},
        "pool": {0: "batch", 1: "units", 2: "length"},
        "logits": {0: "batch", 1: "units"},
    }
    raw = path.with_suffix(".float.onnx")
    try:
        _trace(model, example, raw, shapes)
        graph = onnx.load(str(raw))
        quantise_weights(graph)
        onnx.checker.check_model(graph)
        temporary = path.with_suffix(".tmp")
        onnx.save(graph, str(temporary))
        temporary.replace(path)
    finally:
        raw.unlink(missing_ok=True)


def _trace(
    model: SentenceTagger, example: tuple[torch.Tensor, ...], path: Path, shapes: dict[str, dict[int, str]]
) -> None:
    import warnings

    # Eager attention traces to plain products; the fused kernel would bake in the example's mask shape.
    model.encoder.set_attn_implementation("eager")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            example,
            str(path),
            input_names=["input_ids", "attention_mask", "pool"],
            output_names=["logits"],
            dynamic_axes=shapes,
            opset_version=OPSET,
            dynamo=False,
        )


def quantise_weights(graph: Any) -> None:
    """Replace each large float initializer of an ONNX model by int8 values and a DequantizeLinear node, in place."""
    from onnx import helper, numpy_helper

    uses = {name: node for node in graph.graph.node for name in node.input}
    kept: list[Any] = []
    nodes: list[Any] = []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim != 2 or values.size < _SMALLEST:
            kept.append(tensor)
            continue
        # A gathered table has one scale a row; a product's weight [in, out] one a column.
        axis = 0 if uses[tensor.name].op_type == "Gather" else 1
        quantised, scale = quantise(values, axis)
        kept.append(numpy_helper.from_array(quantised, tensor.name + "_int8"))
        kept.append(numpy_helper.from_array(scale, tensor.name + "_scale"))
        nodes.append(
            helper.make_node(
                "DequantizeLinear", [tensor.name + "_int8", tensor.name + "_scale"], [tensor.name], axis=axis
            )
        )
    others = list(graph.graph.node)
    del graph.graph.initializer[:]
    del graph.graph.node[:]
    del graph.graph.value_info[:]
    graph.graph.initializer.extend(kept)
    graph.graph.node.extend(nodes + others)


def quantise(values: npt.NDArray[np.float32], axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Symmetric int8 of a matrix with one scale for each index of `axis`: int8 of the same shape, float32 scales."""
    largest = np.abs(values).max(axis=1 - axis, keepdims=True)
    scale = np.where(largest > 0, largest / 127.0, 1.0).astype(np.float32)
    quantised = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
    return quantised, scale.reshape(-1)

"""Export a network from torch to one ONNX file with 8-bit weights that reads one window at a time.

For BERT-like encoders, `onnx.graph` builds a graph whose products have 8-bit inputs as well. Any other encoder is
traced: only its weights are 8 bits and its products are computed in float, so the file is as small but slower.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clausetag.model.network import SentenceTagger
from clausetag.model.onnx.activations import record, sample_windows
from clausetag.model.onnx.graph import OPSET, build, is_buildable, quantised_modules
from clausetag.model.onnx.quantise import quantise_columns, quantise_rows
from clausetag.model.windows import Window

_SMALLEST = 1024
"""Tensors with fewer elements (biases, layer norms) stay in float."""


def export_onnx(model: SentenceTagger, windows: Sequence[Window], path: Path) -> None:
    """Write `model` to `path`: inputs input_ids int64 [T] and pool float32 [U, T], output logits float32 [U, heads,
    labels].

    Args:
        model: the trained network.
        windows: training texts; the ranges of the 8-bit activations are measured on a sample of them.
        path: the ONNX file to write.

    Raises:
        ValueError: `windows` is empty.
    """
    import onnx

    if not windows:
        raise ValueError("an export needs windows to measure the ranges of activations on")
    model.train(False)
    # Eager attention is traced as plain products; a fused kernel would fix the shape of the example's mask.
    model.encoder.set_attn_implementation("eager")
    if is_buildable(model):
        graph = build(model, record(model, quantised_modules(model), sample_windows(windows)))
    else:
        graph = _traced(model, path.with_suffix(".float.onnx"))
        quantise_weights(graph)
    onnx.checker.check_model(graph)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        onnx.save(graph, str(temporary))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class _OneWindow(torch.nn.Module):
    """The network without its batch dimension."""

    def __init__(self, model: SentenceTagger) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, pooling: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids[None], torch.ones_like(input_ids)[None], pooling[None]).logits[0]
        return logits


def _traced(model: SentenceTagger, path: Path) -> Any:
    import onnx

    example = (torch.ones(16, dtype=torch.int64), torch.ones(3, 16))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _OneWindow(model),
                example,
                str(path),
                input_names=["input_ids", "pool"],
                output_names=["logits"],
                dynamic_axes={"input_ids": {0: "length"}, "pool": {0: "units", 1: "length"}, "logits": {0: "units"}},
                opset_version=OPSET,
                dynamo=False,
            )
        return onnx.load(str(path))
    finally:
        path.unlink(missing_ok=True)


def quantise_weights(graph: Any) -> None:
    """Replace each large float matrix of an ONNX model (in place) with int8 values and a DequantizeLinear node."""
    from onnx import helper, numpy_helper

    uses = {name: node for node in graph.graph.node for name in node.input}
    kept: list[Any] = []
    nodes: list[Any] = []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim != 2 or values.size < _SMALLEST:
            kept.append(tensor)
            continue
        # An embedding table has one scale per row, the weights [in, out] of a product one per column.
        gathered = uses[tensor.name].op_type == "Gather"
        quantised, scale = quantise_rows(values) if gathered else quantise_columns(values)
        kept.append(numpy_helper.from_array(quantised, tensor.name + "_int8"))
        kept.append(numpy_helper.from_array(scale, tensor.name + "_scale"))
        nodes.append(
            helper.make_node(
                "DequantizeLinear",
                [tensor.name + "_int8", tensor.name + "_scale"],
                [tensor.name],
                axis=0 if gathered else 1,
            )
        )
    others = list(graph.graph.node)
    del graph.graph.initializer[:]
    del graph.graph.node[:]
    del graph.graph.value_info[:]
    graph.graph.initializer.extend(kept)
    graph.graph.node.extend(nodes + others)

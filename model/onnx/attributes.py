"""Attribute heads on an exported network: its hidden states as outputs, and the heads as nodes of its graph.

The heads read several layers of the network, because the last one keeps little of the words that name a kind of data or
a purpose. The encoder is not changed, so a model gives the same labels with and without them.

The states are projected to few dimensions, in 8 bits like the encoder's products. From these, a head is a linear layer
with label-wise attention (Mullenbach et al., NAACL 2018), as in `clausetag.model.network`: the logit of a sentence is
the mean of its tokens' logits, weighted by their attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clausetag.data.errors import ArtifactError
from clausetag.model.network import MAX_ATTENTION
from clausetag.model.onnx.quantise import activation, quantise_columns
from clausetag.model.runtime import ATTRIBUTES_OUTPUT, session_options
from clausetag.model.tokenise import EncodedPolicies, SubwordTokenizer, inference_windows

Array = npt.NDArray[np.float32]
Hidden = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """Trained heads of S sources and V values on hidden states of width D: `projection` float32 [D, R], `logits`
    float32 [R, S x V] with `bias` [S x V], and `attention` float32 [R, V], which the sources share."""

    projection: Array
    logits: Array
    bias: Array
    attention: Array


def layer_count(graph: Any) -> int:
    """Number of the encoder's layers.

    Raises:
        ArtifactError: the network has no layers that can be read.
    """
    return len(_layer_outputs(graph))


def _layer_outputs(graph: Any) -> list[str]:
    """The name of each layer's hidden states, float [1, T, width], from the first layer to the last."""
    found: dict[int, str] = {}
    for node in graph.graph.node:
        parts = node.input[1].split(".") if node.op_type == "LayerNormalization" else []
        if parts[:3] == ["encoder", "encoder", "layer"] and parts[4:] == ["output", "LayerNorm", "weight"]:
            found[int(parts[3])] = node.output[0]
    if not found:
        raise ArtifactError("attributes need a network with BERT's layers, exported with 8-bit products")
    return [found[number] for number in sorted(found)]


def default_layers(count: int) -> tuple[int, ...]:
    """The layers, counted from 1, that heads read by default: a third and two thirds of the way up, and the last."""
    return tuple(sorted({max(1, round(count / 3)), max(1, round(2 * count / 3)), count}))


class HiddenStates:
    """Runs a network and returns the hidden states of some layers, side by side."""

    def __init__(self, path: Path, layers: Sequence[int]) -> None:
        """Load `path`; `layers` are counted from 1.

        Raises:
            ArtifactError: the network has no layers that can be read.
        """
        import onnx
        import onnxruntime as ort

        graph = onnx.load(str(path))
        outputs = _layer_outputs(graph)
        self._names = [outputs[layer - 1] for layer in layers]
        for name in self._names:
            graph.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
        self._session = ort.InferenceSession(
            graph.SerializeToString(), session_options(), providers=["CPUExecutionProvider"]
        )

    def of_sentences(self, encoded: EncodedPolicies, window: int, tokenizer: SubwordTokenizer) -> list[Hidden]:
        """The hidden states float16 [tokens, layers x width] of each sentence's tokens, read in context."""
        found: list[list[Hidden]] = [[] for _ in range(encoded.n_sentences)]
        for one in inference_windows(encoded, window, tokenizer):
            pooling = np.zeros((1, len(one.ids)), dtype=np.float32)
            pooling[0, 0] = 1.0
            arrays = self._session.run(self._names, {"input_ids": np.array(one.ids, np.int64), "pool": pooling})
            hidden = np.concatenate([array[0] for array in arrays], axis=-1).astype(np.float16)
            for unit in one.sentences:
                found[unit.row].append(hidden[unit.start : unit.end])
        return [np.concatenate(parts) for parts in found]


def add_heads(
    source: Path, target: Path, layers: Sequence[int], weights: HeadWeights, sample: npt.NDArray[np.float32]
) -> None:
    """Write the network of `source` to `target` with one more output, "attributes" float32 [U, S, V].

    Heads that it has already are replaced.

    Args:
        source: an exported network.
        target: the file to write.
        layers: the layers whose hidden states the heads read, counted from 1.
        weights: the trained heads.
        sample: hidden states float32 [n, D]; the range of the 8-bit states is chosen from them.

    Raises:
        ArtifactError: the network has no layers that can be read.
    """
    import onnx

    graph = onnx.load(str(source))
    without_heads(graph)
    _Nodes(graph).heads(layers, weights, sample)
    onnx.checker.check_model(graph)
    onnx.save(graph, str(target))


class _Nodes:
    """Adds nodes and constants to a graph; each method returns the name of what it adds."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph.graph
        self.hidden = _layer_outputs(graph)

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), f"attributes.{name}"))
        return f"attributes.{name}"

    def add(self, kind: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = output if output == ATTRIBUTES_OUTPUT else f"attributes.{output}"
        node = helper.make_node(
            kind, list(inputs), [name], name=f"attributes.node.{output}", domain=domain, **attributes
        )
        self.graph.node.append(node)
        return name

    def heads(self, layers: Sequence[int], weights: HeadWeights, sample: npt.NDArray[np.float32]) -> None:
        from onnx import TensorProto, helper

        n_values = weights.attention.shape[1]
        n_sources = weights.logits.shape[1] // n_values
        width = len(weights.projection) // len(layers)
        projected = ""
        for place, layer in enumerate(layers):
            rows = slice(place * width, (place + 1) * width)
            part = self.product(f"layer{layer}", self.hidden[layer - 1], weights.projection[rows], sample[:, rows])
            projected = self.add("Add", [projected, part], f"sum{layer}") if projected else part
        tokens = self.add("Squeeze", [projected, self.constant("first", np.array([0], np.int64))], "tokens")
        product = self.add("MatMul", [tokens, self.constant("logits", weights.logits)], "product")
        logits = self.add("Add", [product, self.constant("bias", weights.bias)], "by_token")
        attention = self.add("MatMul", [tokens, self.constant("attention", weights.attention)], "attends")
        low = self.constant("low", np.array(-MAX_ATTENTION, np.float32))
        high = self.constant("high", np.array(MAX_ATTENTION, np.float32))
        weight = self.add("Exp", [self.add("Clip", [attention, low, high], "clipped")], "weight")
        sources = self.constant("sources", np.array([1, n_sources], np.int64))
        weight_of_all = self.add("Tile", [weight, sources], "weights")
        share = self.add("MatMul", ["pool", self.add("Mul", [weight_of_all, logits], "weighted")], "share")
        total = self.add("MatMul", ["pool", weight_of_all], "total")
        shape = self.constant("shape", np.array([-1, n_sources, n_values], np.int64))
        self.add("Reshape", [self.add("Div", [share, total], "flat"), shape], ATTRIBUTES_OUTPUT)
        self.graph.output.append(
            helper.make_tensor_value_info(ATTRIBUTES_OUTPUT, TensorProto.FLOAT, ["units", n_sources, n_values])
        )

    def product(self, name: str, hidden: str, matrix: Array, sample: npt.NDArray[np.float32]) -> str:
        """A layer's states times a matrix, both in 8 bits, like the products of `clausetag.model.onnx.graph`."""
        measured = activation(sample)
        scale = self.constant(f"{name}.scale", np.array(measured.scale, np.float32))
        zero = self.constant(f"{name}.zero", np.array(measured.zero, np.uint8))
        small = self.add("QuantizeLinear", [hidden, scale, zero], f"{name}.small")
        quantised, steps = quantise_columns(matrix)
        inputs = [
            small,
            self.constant(f"{name}.int8", quantised),
            scale,
            self.constant(f"{name}.steps", steps),
            zero,
            self.constant(f"{name}.zeros", np.zeros(len(steps), np.int8)),
        ]
        return self.add("MatMulIntegerToFloat", inputs, f"{name}.product", domain="com.microsoft")


def without_heads(graph: Any) -> None:
    """Remove attribute heads from a graph, in place."""
    for field in (graph.graph.node, graph.graph.initializer, graph.graph.output):
        kept = [part for part in field if not part.name.startswith("attributes")]
        del field[:]
        field.extend(kept)

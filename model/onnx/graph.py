"""A BERT-like tagger as an ONNX graph for one window, with matrix products in 8 bits.

The graph is built by hand: one window per run needs no batch, padding or mask, so no text can change another's result.
Products have 8-bit inputs with fixed ranges; the rest uses ONNX Runtime's fastest operators (its fused attention and
GELU, but not its fused residual and layer norm, which is slower than the two operators).
A library's quantiser is no replacement (measured in docs/LOG.md, 17): it does not limit pairs of weights, which
saturate on CPUs without VNNI (clipping them makes the error six times as large), and does not smooth activations.

Inputs input_ids int64 [T] and pool float32 [U, T] (rows that sum to 1), output logits float32 [U, heads, labels].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from clausetag.model.network import MAX_ATTENTION, SentenceTagger
from clausetag.model.onnx.quantise import activation, quantise_columns, quantise_rows, smoothing

Array = npt.NDArray[Any]
_RUNTIME = "com.microsoft"
OPSET = 17


def is_buildable(model: SentenceTagger) -> bool:
    """Whether `build` supports the encoder."""
    config = model.encoder.config
    return (
        config.model_type == "bert"
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", None) in ("absolute", None)
    )


def quantised_modules(model: SentenceTagger) -> dict[str, torch.nn.Module]:
    """The module that receives each 8-bit input, by the name under which `build` expects its sample."""
    found: dict[str, torch.nn.Module] = {}
    for number, layer in enumerate(model.encoder.encoder.layer):
        found[f"{number}.attention"] = layer.attention.self.query
        found[f"{number}.attended"] = layer.attention.output.dense
        found[f"{number}.up"] = layer.intermediate.dense
        found[f"{number}.down"] = layer.output.dense
    return found


def build(model: SentenceTagger, samples: Mapping[str, npt.NDArray[np.float32]]) -> Any:
    """The model's graph (an onnx.ModelProto); `samples` are inputs float32 [n, width] of `quantised_modules`.

    Raises:
        ValueError: the encoder is not one that `is_buildable` accepts.
    """
    from onnx import TensorProto, helper

    if not is_buildable(model):
        raise ValueError(f"no graph can be built for the encoder type {model.encoder.config.model_type}")
    weights = {name: tensor.detach().float().numpy() for name, tensor in model.state_dict().items()}
    graph = _Graph(weights, samples, model.encoder.config)
    hidden = graph.embeddings()
    for number in range(int(model.encoder.config.num_hidden_layers)):
        hidden = graph.layer(hidden, number)
    heads, labels = len(model.config.heads), len(model.config.labels)
    graph.pooled(hidden, heads, labels)
    proto = helper.make_graph(
        graph.nodes,
        "clausetag",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["length"]),
            helper.make_tensor_value_info("pool", TensorProto.FLOAT, ["units", "length"]),
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["units", heads, labels])],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_RUNTIME, 1)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=9, producer_name="clausetag")


class _Graph:
    """Collects nodes and constants; each method returns the name of what it computes."""

    def __init__(self, weights: Mapping[str, Array], samples: Mapping[str, Array], config: Any) -> None:
        self.weights = weights
        self.samples = samples
        self.heads = int(config.num_attention_heads)
        self.epsilon = float(config.layer_norm_eps)
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._known: set[str] = set()

    def constant(self, name: str, value: Array) -> str:
        from onnx import numpy_helper

        if name not in self._known:
            self._known.add(name)
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], domain: str = "", output: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"{kind}_{name}", domain=domain, **attributes))
        return name

    def embeddings(self) -> str:
        prefix = "encoder.embeddings."
        words, scale = quantise_rows(self.weights[prefix + "word_embeddings.weight"])
        first = self.constant("first", np.array([0], dtype=np.int64))
        places = (
            self.weights[prefix + "position_embeddings.weight"]
            + self.weights[prefix + "token_type_embeddings.weight"][0]
        )
        rows = self.add("Cast", [self.add("Gather", [self.constant("words", words), "input_ids"])], to=1)
        scales = self.add("Gather", [self.constant("words.scale", scale[:, None]), "input_ids"])
        used = self.add("Slice", [self.constant("places", places), first, self.add("Shape", ["input_ids"]), first])
        total = self.add("Add", [self.add("Mul", [rows, scales]), used])
        # ONNX Runtime's attention needs a batch dimension; it has size 1 from here to the heads.
        return self.norm(self.add("Unsqueeze", [total, first]), prefix + "LayerNorm")

    def layer(self, hidden: str, number: int) -> str:
        prefix = f"encoder.encoder.layer.{number}."
        names = [f"{prefix}attention.self.{name}" for name in ("query", "key", "value")]
        parts = self.products(hidden, f"{number}.attention", names)
        attended = self.add("MultiHeadAttention", parts, _RUNTIME, num_heads=self.heads)
        [out] = self.products(attended, f"{number}.attended", [prefix + "attention.output.dense"])
        hidden = self.norm(self.add("Add", [out, hidden]), prefix + "attention.output.LayerNorm")
        # Smoothed, since after the first layer norm some columns are ten times as large as the others.
        [up] = self.products(hidden, f"{number}.up", [prefix + "intermediate.dense"], smooth=True)
        [down] = self.products(self.add("Gelu", [up], _RUNTIME), f"{number}.down", [prefix + "output.dense"])
        return self.norm(self.add("Add", [down, hidden]), prefix + "output.LayerNorm")

    def norm(self, value: str, name: str) -> str:
        scale = self.constant(name + ".weight", self.weights[name + ".weight"])
        shift = self.constant(name + ".bias", self.weights[name + ".bias"])
        return self.add("LayerNormalization", [value, scale, shift], axis=-1, epsilon=self.epsilon)

    def products(self, value: str, sampled: str, names: list[str], *, smooth: bool = False) -> list[str]:
        """Linear layers with the same input, which is converted to 8 bits only once."""
        sample = self.samples[sampled]
        matrices = [self.weights[name + ".weight"].T for name in names]
        if smooth:
            factors = smoothing(sample, np.concatenate(matrices, axis=1))
            sample, matrices = sample * factors, [matrix / factors[:, None] for matrix in matrices]
            value = self.add("Mul", [value, self.constant(sampled + ".factors", factors)])
        measured = activation(sample)
        scale = self.constant(sampled + ".scale", np.array(measured.scale, dtype=np.float32))
        zero = self.constant(sampled + ".zero", np.array(measured.zero, dtype=np.uint8))
        small = self.add("QuantizeLinear", [value, scale, zero])
        found: list[str] = []
        for name, matrix in zip(names, matrices, strict=True):
            quantised, steps = quantise_columns(matrix)
            inputs = [
                small,
                self.constant(name + ".int8", quantised),
                scale,
                self.constant(name + ".steps", steps),
                zero,
                self.constant(name + ".zeros", np.zeros(len(steps), dtype=np.int8)),
                self.constant(name + ".bias", self.weights[name + ".bias"]),
            ]
            found.append(self.add("MatMulIntegerToFloat", inputs, _RUNTIME))
        return found

    def pooled(self, hidden: str, heads: int, labels: int) -> None:
        """The heads, with their linear layers as one product; in full precision, since they are small."""
        width = self.weights["shared.weight"].shape[1]
        by_token = self.weights["shared.weight"][None] + self.weights["own.weight"].reshape(heads, labels, width)
        bias = (self.weights["shared.bias"][None] + self.weights["own.bias"].reshape(heads, labels)).reshape(-1)
        matrix = np.concatenate([by_token.reshape(-1, width), self.weights["attend.weight"]]).T
        tokens = self.add("Squeeze", [hidden, "first"])
        both = self.add("MatMul", [tokens, self.constant("heads.weight", matrix)])
        both = self.add("Add", [both, self.constant("heads.bias", np.concatenate([bias, np.zeros_like(bias)]))])
        columns = np.arange(2 * len(bias)).reshape(2, -1)
        logits = self.add("Gather", [both, self.constant("heads.says", columns[0])], axis=-1)
        attention = self.add("Gather", [both, self.constant("heads.attends", columns[1])], axis=-1)
        low = self.constant("heads.low", np.array(-MAX_ATTENTION, dtype=np.float32))
        high = self.constant("heads.high", np.array(MAX_ATTENTION, dtype=np.float32))
        weight = self.add("Exp", [self.add("Clip", [attention, low, high])])
        share = self.add("MatMul", ["pool", self.add("Mul", [weight, logits])])
        total = self.add("MatMul", ["pool", weight])
        shape = self.constant("heads.shape", np.array([-1, heads, labels], dtype=np.int64))
        self.add("Reshape", [self.add("Div", [share, total]), shape], output="logits")

"""Float weights of a network from the 8-bit ONNX file that ships, so that training can continue from it.

The inverse of `clausetag.model.onnx.graph`: 8-bit weights times their scales, smoothing undone. The rounding of the
export stays in them; what is lost is less than the 8-bit activations of the exported graph lose (docs/MODELS.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clausetag.data.errors import ArtifactError, MissingExtraError

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "model.safetensors"
"""A model folder's full-precision weights."""

Array = npt.NDArray[Any]
_EMBEDDINGS = "encoder.embeddings."


def float_weights(path: Path, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights in the ONNX file `path`, under the names and with the shapes of the network's `state`.

    Raises:
        MissingExtraError: the library onnx is not installed.
        ArtifactError: the file is not the graph of such a network.
    """
    import torch

    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise MissingExtraError("a model with 8-bit weights", error.name) from None
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(path)).graph.initializer}
    try:
        shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
        found = _encoder(constants, shapes) | _heads(constants, shapes)
        if {name: array.shape for name, array in found.items()} != shapes:
            raise ValueError("other weights than config.json describes")
    except (KeyError, ValueError, IndexError) as error:
        raise ArtifactError(
            f"{path}: its 8-bit weights cannot be turned back into a network for training ({error}); "
            f"give a folder with {WEIGHTS}"
        ) from None
    return {name: torch.from_numpy(np.array(array, dtype=np.float32)) for name, array in found.items()}


def _encoder(constants: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
    # The graph adds up position and token type embeddings, and only the first token type is ever used.
    found = {
        f"{_EMBEDDINGS}word_embeddings.weight": constants["words"] * constants["words.scale"],
        f"{_EMBEDDINGS}position_embeddings.weight": constants["places"],
    }
    for name in names:
        module, _, kind = name.rpartition(".")
        if not name.startswith("encoder.") or name in found:
            continue
        if name == f"{_EMBEDDINGS}token_type_embeddings.weight":
            found[name] = np.zeros((2, constants["places"].shape[1]), dtype=np.float32)
        elif f"{module}.int8" in constants and kind == "weight":
            matrix = constants[f"{module}.int8"] * constants[f"{module}.steps"]
            if module.endswith("intermediate.dense"):
                matrix = matrix * constants[f"{module.split('.')[3]}.up.factors"][:, None]
            found[name] = matrix.T
        else:
            found[name] = constants[name]
    return found


def _heads(constants: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    # The graph holds what each label source computes; the part that all share is their mean.
    labels, width = shapes["shared.weight"]
    both = constants["heads.weight"].T
    by_token, attend = both[: len(both) // 2].reshape(-1, labels, width), both[len(both) // 2 :]
    bias = constants["heads.bias"][: len(both) // 2].reshape(-1, labels)
    return {
        "shared.weight": by_token.mean(0),
        "shared.bias": bias.mean(0),
        "own.weight": (by_token - by_token.mean(0)).reshape(-1, width),
        "own.bias": (bias - bias.mean(0)).reshape(-1),
        "attend.weight": attend,
    }

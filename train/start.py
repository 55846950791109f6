"""Trained models to continue from: a recipe's `start`, and the teachers of a distillation.

    clausetag train mine.toml --set start=standard -o runs/mine
    clausetag train lopo --set start=runs/opp115 -o runs/lopo

Training continues with the start model's encoder and heads; if its labels differ, with its encoder alone. Thresholds
and calibration are fitted again, since the encoder changes. The new model's record of what it was trained on includes
all that the start model's record has. A model that ships has 8-bit weights only; it starts from these as floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clausetag.data.errors import ArtifactError, RecipeError, first_line
from clausetag.data.labels import LABELS
from clausetag.model.artifact import Artifact, TrainedOn, load_artifact
from clausetag.model.rebuild import WEIGHTS, float_weights

if TYPE_CHECKING:
    from torch import Tensor

    from clausetag.model.network import SentenceTagger

_LAYER = "encoder.encoder.layer."
_UP, _DOWN = "intermediate.dense", "output.dense.weight"
"""BERT's names of a feed-forward network's two layers."""


@dataclass(frozen=True, slots=True)
class Start:
    """A checked model folder with full-precision weights, and the record of what the model was trained on."""

    artifact: Artifact
    trained_on: TrainedOn

    def described(self) -> dict[str, str | None]:
        """Folder name, hash and recipe, for the config.json of the model that continues from this one."""
        recipe = self.artifact.config.get("recipe")
        name = recipe.get("name") if isinstance(recipe, dict) else None
        return {"name": self.artifact.folder.resolve().name, "hash": self.artifact.hash, "recipe": name}


def load_start(path: str, what: str = "start", *, other_labels: bool = False) -> Start:
    """Load and check a trained model.

    Args:
        path: its folder, or a shipped model's name.
        what: what messages call it.
        other_labels: allow other labels and heads than OPP-115's, if only the encoder will be used.

    Raises:
        RecipeError: it is no complete model, or has other labels or heads than this version.
    """
    from clausetag.model.configuration import HEADS

    try:
        artifact = load_artifact(path)
        trained_on = artifact.trained_on()
    except ArtifactError as error:
        raise RecipeError(f"{what}: {error}") from None
    if not other_labels and (artifact.labels != LABELS or artifact.heads != HEADS):
        raise RecipeError(f"{what}: {path} has other labels or heads than this version; train it again")
    return Start(artifact, trained_on)


def start_network(start: Start, head_dropout: float, attention_dropout: float = 0.0) -> SentenceTagger:
    """The model's network, with its weights.

    Raises:
        RecipeError: the weights do not fit the network that config.json describes.
    """
    from safetensors.torch import load_file

    from clausetag.model.configuration import SentenceTaggerConfig
    from clausetag.model.network import SentenceTagger, with_attention_dropout

    artifact = start.artifact
    # A new configuration: the artifact's other keys (thresholds, metrics) belong to the old model alone.
    encoder_config = with_attention_dropout(artifact.config["encoder_config"], attention_dropout)
    network = SentenceTagger(SentenceTaggerConfig(encoder_config, artifact.labels, artifact.heads, head_dropout))
    try:
        if (artifact.folder / WEIGHTS).is_file():
            weights = load_file(artifact.folder / WEIGHTS)
        else:  # one that ships
            weights = float_weights(artifact.folder / "model.onnx", network.state_dict())
        network.load_state_dict(weights)
    except (RuntimeError, ArtifactError) as error:
        raise RecipeError(
            f"start: {artifact.folder}: weights and config.json do not belong together ({first_line(error)})"
        ) from None
    return network


def pruned(network: SentenceTagger, kept_layers: int = 0, kept_units: int = 0) -> SentenceTagger:
    """A copy of the network with fewer encoder layers and feed-forward units; 0 keeps all.

    Layers are evenly spaced from first to last, as in DistilBERT (Sanh et al. 2019). Units are kept by the product of
    the norms of their weights in and out, a bound of what a unit contributes to the layer's output.

    Raises:
        RecipeError: the encoder has fewer layers or units, or is not built like BERT.
    """
    from clausetag.model.configuration import SentenceTaggerConfig
    from clausetag.model.network import SentenceTagger

    config = network.config
    layers = int(config.encoder_config.get("num_hidden_layers", 0))
    units = int(config.encoder_config.get("intermediate_size", 0))
    for key, kept, available in (("kept_layers", kept_layers, layers), ("kept_units", kept_units, units)):
        if kept > available:
            raise RecipeError(f"recipe: {key} = {kept}, but the start model's encoder has {available}")
    kept_layers, kept_units = kept_layers or layers, kept_units or units
    smaller = {**config.encoder_config, "num_hidden_layers": kept_layers, "intermediate_size": kept_units}
    small = SentenceTagger(SentenceTaggerConfig(smaller, config.labels, config.heads, config.head_dropout))
    state = network.state_dict()
    kept_state = {name: value for name, value in state.items() if not name.startswith(_LAYER)}
    numbers = [round(place) for place in np.linspace(0, layers - 1, kept_layers)] if kept_layers > 1 else [0]
    try:
        for new, old in enumerate(numbers):
            prefix = f"{_LAYER}{old}."
            layer = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
            kept_state |= {f"{_LAYER}{new}.{name}": value for name, value in _pruned_layer(layer, kept_units).items()}
        small.load_state_dict(kept_state)
    except (KeyError, RuntimeError) as error:
        raise RecipeError(
            f"recipe: kept_layers and kept_units need an encoder built like BERT ({first_line(error)})"
        ) from None
    return small


def _pruned_layer(layer: dict[str, Tensor], kept: int) -> dict[str, Tensor]:
    """The tensors of a layer with `kept` of its feed-forward units."""
    up, down = layer[f"{_UP}.weight"], layer[_DOWN]
    units = (up.norm(dim=1) * down.norm(dim=0)).topk(kept).indices.sort().values
    return layer | {
        f"{_UP}.weight": up[units],
        f"{_UP}.bias": layer[f"{_UP}.bias"][units],
        _DOWN: down[:, units],
    }

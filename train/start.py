"""The trained model that a recipe continues from (`start`), instead of the bare backbone.

    clausetag train opp115 -o runs/opp115
    clausetag train lopo --set start=runs/opp115 -o runs/lopo

Encoder and heads go on where they were; a model of other labels lends its encoder alone. Thresholds and calibration do
not carry over, since the encoder changes. What the start model has seen, over every stage, the new one has seen too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clausetag.data.errors import ArtifactError, RecipeError
from clausetag.data.labels import LABELS
from clausetag.model.artifact import Artifact, TrainedOn, load_artifact

if TYPE_CHECKING:
    from torch import Tensor

    from clausetag.model.network import SentenceTagger

WEIGHTS = "model.safetensors"
_LAYER = "encoder.encoder.layer."
_INWARD = "intermediate.dense"
_OUTWARD = "output.dense.weight"


@dataclass(frozen=True, slots=True)
class Start:
    """A checked model folder with full-precision weights, and what its training saw."""

    artifact: Artifact
    trained_on: TrainedOn

    def described(self) -> dict[str, str | None]:
        """The line of the new model's config.json that says what it continues: folder name, hash, recipe."""
        recipe = self.artifact.config.get("recipe")
        name = recipe.get("name") if isinstance(recipe, dict) else None
        return {"name": self.artifact.folder.resolve().name, "hash": self.artifact.hash, "recipe": name}


def load_start(path: str, what: str = "start", *, other_labels: bool = False) -> Start:
    """Check the folder that a recipe's `start` names; `what` it is called in messages.

    With `other_labels` any model will do, since its encoder is what is wanted of it.

    Raises:
        RecipeError: it is no complete model, has int8 weights alone, or has other labels or heads than this version.
    """
    from clausetag.model.network import HEADS

    try:
        artifact = load_artifact(path)
        trained_on = artifact.trained_on()
    except ArtifactError as error:
        raise RecipeError(f"{what}: {error}") from None
    if not (artifact.folder / WEIGHTS).is_file():
        raise RecipeError(
            f"{what}: {path} has no {WEIGHTS}, and int8 weights cannot be trained on; "
            "give a folder that `clausetag train` wrote"
        )
    if not other_labels and (artifact.labels != LABELS or artifact.heads != HEADS):
        raise RecipeError(f"{what}: {path} has other labels or heads than this version; train it anew")
    return Start(artifact, trained_on)


def start_network(start: Start, head_dropout: float, attention_dropout: float = 0.0) -> SentenceTagger:
    """The start model's network, with its weights.

    Raises:
        RecipeError: the weights are not those of the network that its config.json describes.
    """
    from safetensors.torch import load_file

    from clausetag.model.network import SentenceTagger, SentenceTaggerConfig, with_attention_dropout

    artifact = start.artifact
    # Built anew from what describes the network: the artifact's other keys (thresholds, figures) are not the heirs'.
    encoder_config = with_attention_dropout(artifact.config["encoder_config"], attention_dropout)
    config = SentenceTaggerConfig(encoder_config, artifact.labels, artifact.heads, head_dropout)
    network = SentenceTagger(config)
    try:
        network.load_state_dict(load_file(artifact.folder / WEIGHTS))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise RecipeError(
            f"start: {artifact.folder}: weights and config.json do not belong together ({reason})"
        ) from None
    return network


def pruned(network: SentenceTagger, kept_layers: int = 0, kept_units: int = 0) -> SentenceTagger:
    """The network with fewer of its encoder's layers and of the units of their feed-forward networks; 0 keeps all.

    The layers are evenly spaced from the first to the last (Sanh et al. 2019 start a small student so). The units are
    those whose weights in and out are largest: a unit's share in the layer's output is at most the product of the two
    norms.

    Raises:
        RecipeError: the encoder has not so many layers or units, or does not name them as BERT does.
    """
    from clausetag.model.network import SentenceTagger, SentenceTaggerConfig

    config = network.config
    layers = int(config.encoder_config.get("num_hidden_layers", 0))
    units = int(config.encoder_config.get("intermediate_size", 0))
    for key, kept, there in (("kept_layers", kept_layers, layers), ("kept_units", kept_units, units)):
        if kept > there:
            raise RecipeError(f"recipe: {key} = {kept}, but the start model's encoder has {there}")
    kept_layers, kept_units = kept_layers or layers, kept_units or units
    smaller = {**config.encoder_config, "num_hidden_layers": kept_layers, "intermediate_size": kept_units}
    small = SentenceTagger(SentenceTaggerConfig(smaller, config.labels, config.heads, config.head_dropout))
    state = network.state_dict()
    own = {name: value for name, value in state.items() if not name.startswith(_LAYER)}
    numbers = [round(place) for place in np.linspace(0, layers - 1, kept_layers)] if kept_layers > 1 else [0]
    try:
        for new, old in enumerate(numbers):
            prefix = f"{_LAYER}{old}."
            layer = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
            own |= {f"{_LAYER}{new}.{name}": value for name, value in _pruned_layer(layer, kept_units).items()}
        small.load_state_dict(own)
    except (KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise RecipeError(f"recipe: kept_layers, kept_units: not an encoder of BERT's kind ({reason})") from None
    return small


def _pruned_layer(layer: dict[str, Tensor], kept: int) -> dict[str, Tensor]:
    inward, outward = layer[f"{_INWARD}.weight"], layer[_OUTWARD]
    share = inward.norm(dim=1) * outward.norm(dim=0)
    units = share.topk(kept).indices.sort().values
    return layer | {
        f"{_INWARD}.weight": inward[units],
        f"{_INWARD}.bias": layer[f"{_INWARD}.bias"][units],
        _OUTWARD: outward[:, units],
    }

"""The artifact: a saved model as a folder that describes itself.

config.json        labels in order, heads with thresholds and calibration, window, backbone, recipe, versions
tokenizer.json     the tokenizer
model.onnx         the network for prediction, with int8 weights, and/or
model.safetensors  its full-precision weights, from which training can continue
trained_on.json    ids of the policies and hashes of the texts that any stage of training saw
README.md          the model card
manifest.json      SHA-256 of each file; it is written last, so a folder that has one is complete
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clausetag.data.errors import ArtifactError
from clausetag.data.jsonl import write_text
from clausetag.data.labels import check_label_set
from clausetag.model.decision import ValueSettings, read_settings

FORMAT = 1
MANIFEST = "manifest.json"
TRAINED_ON = "trained_on.json"
DEFAULT = "standard"
_PARTS = frozenset(
    {
        *("config.json", "tokenizer.json", "tokenizer_config.json", "model.onnx", "model.safetensors"),
        *("trained_on.json", "README.md"),
    }
)
"""Files that the manifest covers; others in the folder (of a training run) are no part of the model."""


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How one head's logits become labels: Platt slope and intercept, thresholds; arrays are float [labels]."""

    thresholds: npt.NDArray[np.float64]
    slope: npt.NDArray[np.float64]
    intercept: npt.NDArray[np.float64]
    min_labels: int
    output: str = ""
    """Name of the network's head whose logits these settings apply to; filled in when an artifact is written."""


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """What training saw, over every stage: policy ids and text hashes (`clausetag.data.text.text_hash`)."""

    policies: frozenset[str]
    hashes: frozenset[str]
    """Texts that were trained on with their labels."""
    context: frozenset[str]
    """Texts that were read without labels: as context, for pretraining or for a teacher's scores."""
    validation_policies: frozenset[str] = frozenset()
    """Policies that were used to choose the epoch, thresholds or calibration, but not to train."""
    validation: frozenset[str] = frozenset()
    """The labelled texts of these policies."""


def read_trained_on(path: Path) -> TrainedOn:
    """Read a `trained_on.json`.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    values = _read_json(path)
    if not all(isinstance(names, list) and all(isinstance(n, str) for n in names) for names in values.values()):
        raise ArtifactError(f"{path}: must hold lists of strings")
    return TrainedOn(**{field.name: frozenset(values.get(field.name, ())) for field in fields(TrainedOn)})


def write_trained_on(folder: Path, stages: Iterable[TrainedOn]) -> None:
    """Write what all `stages` of a training saw, together, to `trained_on.json` in `folder`."""
    found = list(stages)
    seen = {
        field.name: sorted(set().union(*(getattr(stage, field.name) for stage in found))) for field in fields(TrainedOn)
    }
    write_text(folder / TRAINED_ON, json.dumps(seen, indent=0) + "\n")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A checked model folder."""

    folder: Path
    labels: tuple[str, ...]
    heads: tuple[str, ...]
    """The network's heads, in the order of its outputs."""
    settings: Mapping[str, HeadSettings]
    default_head: str
    window: int
    context: bool
    config: Mapping[str, Any]
    hash: str
    """First 12 hexadecimal digits of the manifest's SHA-256: an id of exactly these files."""
    values: Mapping[str, ValueSettings] = field(default_factory=dict)
    """Settings of each source's attributes, in the order of the network's output; empty if it has no such heads."""

    def values_of(self, head: str) -> tuple[int, ValueSettings] | None:
        """The position and settings of the attributes that belong to a head; None if there are none."""
        source = "guide" if head == "guide" else "opp115"
        return (list(self.values).index(source), self.values[source]) if source in self.values else None

    def trained_on(self) -> TrainedOn:
        """Read `trained_on.json`.

        Raises:
            ArtifactError: it is missing or damaged.
        """
        return read_trained_on(self.folder / TRAINED_ON)


def shipped(name: str = DEFAULT) -> Path:
    """The folder of a model that is part of the package."""
    return Path(str(files("clausetag.model").joinpath("artifacts", name)))


def find_artifact(model: str | os.PathLike[str] | None) -> Path:
    """The folder of `model`: a path, a shipped model's name, or None (what CLAUSETAG_MODEL names, or the default).

    Raises:
        ArtifactError: there is no such folder; the message lists the shipped models.
    """
    wanted = os.fspath(model) if model else os.environ.get("CLAUSETAG_MODEL") or DEFAULT
    path = Path(wanted)
    if not path.is_dir() and os.sep not in wanted and shipped(wanted).is_dir():
        path = shipped(wanted)
    if not path.is_dir():
        root = shipped().parent
        names = ", ".join(sorted(p.name for p in root.iterdir() if p.is_dir())) if root.is_dir() else "none"
        raise ArtifactError(f"model {wanted!r}: no such folder; give a model folder or a shipped name ({names})")
    return path


def model_folder(name: str) -> Path:
    """The folder of a model in transformers' sense: a folder, a shipped model by its name, or a downloaded hub id.

    Raises:
        OSError: there is no such folder, and the hub has no such id or cannot be reached.
    """
    if Path(name).is_dir():
        return Path(name)
    if os.sep not in name and shipped(name).is_dir():
        return shipped(name)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name))


def load_artifact(model: str | os.PathLike[str] | None = None) -> Artifact:
    """Find a model folder and check its manifest, checksums, format, labels and settings.

    Raises:
        ArtifactError: a part is missing, changed, of another format or not clausetag's; the message says what to do.
    """
    folder = find_artifact(model)
    manifest_path = folder / MANIFEST
    if not manifest_path.is_file():
        raise ArtifactError(
            f"{folder}: not a complete clausetag model ({MANIFEST} is missing); give one that `clausetag train` wrote"
        )
    manifest = _read_json(manifest_path)
    sums = manifest.get("files")
    if not isinstance(sums, dict) or "config.json" not in sums or "tokenizer.json" not in sums:
        raise ArtifactError(f"{folder}: {MANIFEST} is not a clausetag manifest")
    for name, expected in sums.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise ArtifactError(f"{folder}: {name} is missing; copy the whole folder again")
        if sha256_of(path) != expected:
            raise ArtifactError(f"{folder}: {name} was changed or damaged (its sha256 differs from {MANIFEST})")
    config = _read_json(folder / "config.json")
    if config.get("format") != FORMAT:
        raise ArtifactError(f"{folder}: format {config.get('format')!r}, this version reads format {FORMAT}")
    try:
        return _artifact(folder, config, sha256_of(manifest_path)[:12])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{folder}: config.json is not usable ({error!r})") from None


def _artifact(folder: Path, config: dict[str, Any], digest: str) -> Artifact:
    labels = tuple(config["labels"])
    heads = tuple(config["heads"])
    if not all(isinstance(label, str) for label in labels):
        raise ValueError("labels must be strings")
    check_label_set(labels)
    settings: dict[str, HeadSettings] = {}
    for name, values in config["settings"].items():
        thresholds, slope, intercept = (_by_label(values[key], labels) for key in ("thresholds", "slope", "intercept"))
        if values["output"] not in heads:
            raise ValueError(f"the head {name!r} reads the unknown output {values['output']!r}")
        settings[name] = HeadSettings(thresholds, slope, intercept, int(values["min_labels"]), values["output"])
    if config["default_head"] not in settings:
        raise ValueError("the default head has no settings")
    if not 16 <= int(config["window"]) <= 512:
        raise ValueError("window must be from 16 to 512")
    for row in config["figures"]:
        if not {"data", "unit", "recipe", "n", "macro_f1", "micro_f1"} <= set(row):
            raise ValueError("an entry of figures is incomplete")
    window, context = int(config["window"]), bool(config["context"])
    values = read_settings(config)
    return Artifact(folder, labels, heads, settings, config["default_head"], window, context, config, digest, values)


def _by_label(values: Mapping[str, float], labels: tuple[str, ...]) -> npt.NDArray[np.float64]:
    if set(values) != set(labels):
        raise ValueError("a setting must name every label once")
    array = np.array([float(values[label]) for label in labels])
    if not np.isfinite(array).all():
        raise ValueError("a setting is not a finite number")
    return array


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: cannot be read ({error.__class__.__name__})") from None
    if not isinstance(values, dict):
        raise ArtifactError(f"{path}: not a JSON object")
    return values


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def head_config(head: HeadSettings, labels: tuple[str, ...]) -> dict[str, Any]:
    """A head's settings as JSON values, keyed by label so that their order cannot be confused."""
    arrays = {"thresholds": head.thresholds, "slope": head.slope, "intercept": head.intercept}
    values: dict[str, Any] = {
        key: {label: round(float(number), 6) for label, number in zip(labels, array, strict=True)}
        for key, array in arrays.items()
    }
    return {**values, "min_labels": head.min_labels, "output": head.output}


def write_manifest(folder: Path) -> None:
    """Write the checksums of a finished folder's files to `manifest.json`."""
    (folder / MANIFEST).unlink(missing_ok=True)
    sums = {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.name in _PARTS}
    write_text(folder / MANIFEST, json.dumps({"format": FORMAT, "files": sums}, indent=1) + "\n")

"""A recipe: the whole configuration of a training run, read from a small TOML file."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, get_type_hints

from clausetag.data.errors import RecipeError
from clausetag.data.labels import LABELS, check_label_set

EACH = "each"
"""Value of `leave_out`: every one of `policies` in turn."""


_OF_THE_TWELVE = (
    *("opp115", "opp115_validation", "policies", "policies_validation", "leave_out", "privacyglue", "distilled"),
    "guide_from_opp115",
)
"""Keys that bring labels of the twelve."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every field has its value in the recipe file or here; nothing else configures a run."""

    name: str = "default"
    """Names what the model has seen; goes into the artifact and every figure."""
    backbone: str = "minilm-l6"
    """`minilm-l6` (packaged), a folder (starting with ., / or ~), or a hub id."""
    start: str = ""
    """Folder of a trained model (with model.safetensors) to continue from: its encoder, heads and tokenizer take the
    place of the backbone's. For labels of one's own, of a model with other labels the encoder and tokenizer alone."""
    kept_layers: int = 0
    """Of the start model's encoder, keep so many layers, evenly spaced from the first to the last; 0: all."""
    kept_units: int = 0
    """Of each layer's feed-forward network, keep so many units, those of the largest weights; 0: all."""
    labels: tuple[str, ...] = ()
    """Labels of one's own, in order, in place of the twelve; `extra` alone can have them. Empty: the twelve."""
    min_labels: int = 0
    """With labels of one's own: 1 gives every sentence at least one. (The guide of the twelve always does.)"""

    opp115: tuple[str, ...] = ()
    """Splits of the policy-disjoint OPP-115 split to train on (`train`, `validation`)."""
    opp115_validation: tuple[str, ...] = ()
    """Splits that choose epoch, thresholds and calibration of the heads `opp115` and `passage`."""
    policies: tuple[str, ...] = ()
    """Which of the five annotated policies to train on."""
    policies_validation: tuple[str, ...] = ()
    """Which of the five choose thresholds and calibration of the head `guide`."""
    leave_out: str = ""
    """One of the five whose text no training may hold; `each`: one training for each of `policies`, without it."""
    extra: tuple[str, ...] = ()
    """Further labelled JSONL files (head `guide`); rows whose `split` is `validation` validate, `test` stays out."""
    privacyglue: str = ""
    """Folder with PrivacyGLUE's train_dataset.csv and validation_dataset.csv (head `passage`)."""
    distilled: str = ""
    """Folder that `clausetag distil` wrote: what teachers say of the training sentences, and of an unlabelled pool."""
    teacher_share: float = 0.5
    """Of labelled sentences: the teachers' share in the targets, beside the labels."""
    taught_weight: float = 0.5
    """Weight of the loss where the teachers alone give the target, beside a labelled sentence's."""
    pool_parts: int = 3
    """The pool is read in so many parts, one an epoch."""
    unvalidated: bool = False
    """Go on where no data validate a head: its last epoch is kept, its scores stay uncalibrated, its threshold is 0.5.
    Data that do validate are used nevertheless."""

    context: bool = True
    """Windows of consecutive sentences; false: every sentence alone, without its heading."""
    targets: str = "votes"
    """`votes`: share of annotators (soft); `majority`: 0 or 1."""
    guide_from_opp115: bool = False
    """Also teach the head `guide` from OPP-115, where no labels by the guide are: a sentence that no annotator marked
    takes its passage's votes, as the guide leaves none unmarked."""
    passages: bool = True
    """Also learn OPP-115's passages, pooled over the passage, in the same windows."""
    passage_weight: float = 0.5
    """Weight of a passage's loss beside a sentence's."""
    guide_weight: float = 1.0
    """Weight of the loss of a sentence labelled by the guide beside that of a sentence of OPP-115."""
    window: int = 256
    """Most word pieces of a window."""
    shortest_window: int = 32
    """Training windows have a random length from here to `window`."""

    epochs: int = 10
    """Passes over the training policies; windows are cut anew in each."""
    batch_tokens: int = 1536
    """Padded word pieces a step."""
    encoder_lr: float = 2e-4
    """Peak learning rate of the encoder's last layer (AdamW)."""
    head_lr: float = 1e-3
    """Peak learning rate of the heads."""
    layer_decay: float = 0.9
    """Each layer below learns by this factor less."""
    warmup: float = 0.1
    """Share of the steps in which the rate rises; it then falls linearly to zero."""
    weight_decay: float = 0.01
    """AdamW's, on matrices only."""
    max_norm: float = 1.0
    """Gradient norm clip."""
    head_dropout: float = 0.1
    """Dropout on pooled vectors."""
    attention_dropout: float = 0.0
    """Dropout on attention weights. 0 saves a fifth of a step's time."""
    ema: float = 0.0
    """Decay of an exponential moving average of the weights, which is what is evaluated and saved; 0: none."""
    patience: int = 0
    """Stop after so many epochs without a better validation score; 0: run all epochs, keep the best."""
    seed: int = 1
    """Seeds weights, dropout, order and window lengths."""
    precision: str = "auto"
    """`bf16`, `fp32`, or `auto`: bf16 where the CPU multiplies it natively."""
    checkpoint_steps: int = 100
    """A checkpoint every so many steps and after each epoch."""

    def __post_init__(self) -> None:
        for field, low, high in (
            ("min_labels", 0, 1),
            ("window", 16, 512),
            ("shortest_window", 8, self.window),
            ("epochs", 1, 1000),
            ("batch_tokens", self.window, 1_000_000),
            ("encoder_lr", 0.0, 1.0),
            ("head_lr", 0.0, 1.0),
            ("layer_decay", 0.1, 1.0),
            ("warmup", 0.0, 0.9),
            ("weight_decay", 0.0, 1.0),
            ("max_norm", 1e-6, 1e6),
            ("head_dropout", 0.0, 0.9),
            ("attention_dropout", 0.0, 0.9),
            ("passage_weight", 0.0, 100.0),
            ("guide_weight", 0.0, 100.0),
            ("teacher_share", 0.0, 1.0),
            ("taught_weight", 0.0, 100.0),
            ("pool_parts", 1, 1000),
            ("ema", 0.0, 0.99999),
            ("kept_layers", 0, 1000),
            ("kept_units", 0, 100_000),
            ("patience", 0, 1000),
            ("seed", 0, 2**31),
            ("checkpoint_steps", 1, 1_000_000),
        ):
            value = getattr(self, field)
            if not low <= value <= high:
                raise RecipeError(f"recipe: {field} = {value} is out of range, use {low} to {high}")
        for field, allowed in (("targets", ("votes", "majority")), ("precision", ("auto", "bf16", "fp32"))):
            if getattr(self, field) not in allowed:
                raise RecipeError(f"recipe: {field} = {getattr(self, field)!r}, use one of {', '.join(allowed)}")
        for field in ("opp115", "opp115_validation"):
            wrong = set(getattr(self, field)) - {"train", "validation"}
            if wrong:
                raise RecipeError(f"recipe: {field} may hold 'train' and 'validation', not {sorted(wrong)[0]!r}")
        for field in ("opp115", "policies"):
            both = set(getattr(self, field)) & set(getattr(self, f"{field}_validation"))
            if both:
                raise RecipeError(f"recipe: {sorted(both)[0]!r} is in both {field} and {field}_validation")
        self._check_labels()
        if self.leave_out == EACH and len(self.policies) < 2:
            raise RecipeError("recipe: leave_out = 'each' leaves each of policies out in turn; name at least two there")
        if self.leave_out != EACH and self.leave_out in self.policies + self.policies_validation:
            raise RecipeError(
                f"recipe: {self.leave_out!r} is left out; take it out of policies and policies_validation"
            )
        if self.guide_from_opp115 and (self.policies or self.extra or not self.passages):
            raise RecipeError("recipe: guide_from_opp115 needs passages, and no labels by the guide (policies, extra)")
        if (self.kept_layers or self.kept_units) and not self.start:
            raise RecipeError("recipe: kept_layers and kept_units need start, the model of which they are kept")
        if not (self.opp115 or self.policies or self.extra or self.privacyglue):
            raise RecipeError("recipe: no training data; set opp115, policies, extra or privacyglue")

    def _check_labels(self) -> None:
        if not self.own_labels:
            if self.min_labels:
                raise RecipeError("recipe: min_labels goes with labels of your own; set labels")
            return
        try:
            check_label_set(self.labels)
        except ValueError as error:
            raise RecipeError(f"recipe: labels: {error}") from None
        for field in _OF_THE_TWELVE:
            if getattr(self, field):
                raise RecipeError(f"recipe: {field} has OPP-115's labels; with labels of your own, use extra alone")

    @property
    def own_labels(self) -> bool:
        """Whether the model's labels are others than the twelve."""
        return self.label_set != LABELS

    @property
    def label_set(self) -> tuple[str, ...]:
        """The model's labels, in order."""
        return self.labels or LABELS

    def least(self, head: str) -> int:
        """How many labels the head gives a sentence at least: 0 or 1."""
        return self.min_labels if self.own_labels else int(head == "guide")

    def folds(self) -> dict[str, Recipe]:
        """For each of `policies`, the recipe of the training without it."""
        return {
            policy: dataclasses.replace(
                self, policies=tuple(other for other in self.policies if other != policy), leave_out=policy
            )
            for policy in self.policies
        }

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in dataclasses.asdict(self).items()
        }


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    return tuple(
        sorted(p.name[:-5] for p in files("clausetag.train").joinpath("recipes").iterdir() if p.name.endswith(".toml"))
    )


def read_recipe(path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a TOML recipe (a path, or the name of a shipped one) and apply ``key=value`` overrides.

    Raises:
        RecipeError: the file is missing or not TOML, a key is unknown, a value has the wrong type or range.
    """
    text = _recipe_text(path)
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: not TOML ({error})") from None
    for override in overrides:
        key, equals, raw = override.partition("=")
        if not equals:
            raise RecipeError(f"--set {override}: write key=value")
        values[key.strip()] = _parse_override(key.strip(), raw.strip())
    return recipe_from(values)


def _recipe_text(path: str) -> str:
    if os.sep not in path and not path.endswith(".toml") and path in shipped_recipes():
        return files("clausetag.train").joinpath("recipes", f"{path}.toml").read_text(encoding="utf-8")
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise RecipeError(f"{path}: {reason}; give a .toml file or one of {', '.join(shipped_recipes())}") from None


def _parse_override(key: str, raw: str) -> Any:
    hint = get_type_hints(Recipe).get(key)
    if hint is str:
        return raw.strip("\"'")
    if hint == tuple[str, ...] and not raw.startswith("["):
        return [part for part in (piece.strip() for piece in raw.split(",")) if part]
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        return raw


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """A recipe from TOML values.

    Raises:
        RecipeError: a key is unknown, or a value has the wrong type or range.
    """
    hints = get_type_hints(Recipe)
    checked: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            raise RecipeError(f"recipe: unknown key {key!r}; the keys are {', '.join(hints)}")
        hint = hints[key]
        if hint is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if hint == tuple[str, ...]:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise RecipeError(f"recipe: {key} must be a list of strings, found {value!r}")
            value = tuple(value)
        elif not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
            raise RecipeError(f"recipe: {key} must be of type {hint.__name__}, found {value!r}")
        checked[key] = value
    return Recipe(**checked)

"""Training recipes: the whole configuration of a run, read from a small TOML file.

clausetag train quick --set epochs=2 -o runs/quick
"""

from __future__ import annotations

import difflib
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clausetag.data.errors import RecipeError
from clausetag.data.labels import LABELS, check_label_set

EACH = "each"
"""Value of `leave_out`: each of `policies` in turn."""

_RENAMED = {"taught_weight": "distill_weight"}
"""Former keys, which still work."""
_REMOVED = {"ema": 0.0}
"""Keys of removed options, with the value that switched them off. Saved models still list them."""

_TWELVE_LABEL_KEYS = (
    *("opp115", "opp115_validation", "policies", "policies_validation", "leave_out", "privacyglue", "distilled"),
    "guide_from_opp115",
)
"""Keys that bring in data labelled with OPP-115's twelve categories."""

Names = Annotated[tuple[str, ...], Field(strict=False)]
Splits = Annotated[tuple[Literal["train", "validation"], ...], Field(strict=False)]
Weight = Annotated[float, Field(ge=0, le=100)]
Rate = Annotated[float, Field(ge=0, le=1)]
Dropout = Annotated[float, Field(ge=0, le=0.9)]


class Recipe(BaseModel):
    """All settings of a training run. A recipe file overrides these defaults; nothing else configures a run."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    name: str = "default"
    """Names the training data; stored in the model and shown beside every metric."""
    backbone: str = "minilm-l6"
    """Pretrained encoder: `minilm-l6` or `mpnet-base` (packaged), a folder (starting with ., / or ~), or a hub id."""
    start: str = ""
    """A trained model to continue from, instead of a backbone: `standard`, `fast`, or a folder. Its encoder, heads and
    tokenizer are used; if its labels differ from the recipe's, only its encoder and tokenizer."""
    kept_layers: Annotated[int, Field(ge=0, le=1000)] = 0
    """Prune the start model's encoder to this many layers, evenly spaced from first to last; 0 keeps all."""
    kept_units: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Prune each feed-forward layer to this many units, those with the largest weights; 0 keeps all."""
    labels: Names = ()
    """Custom labels, in order; only `extra` can provide examples of them. Empty: OPP-115's twelve categories."""
    min_labels: Annotated[int, Field(ge=0, le=1)] = 0
    """For custom labels: 1 gives every sentence at least one label. (The head `guide` of the twelve always does.)"""

    opp115: Splits = ()
    """Splits of OPP-115 to train on; the splits are policy-disjoint."""
    opp115_validation: Splits = ()
    """Splits that choose the epoch, thresholds and calibration of the heads `opp115` and `passage`."""
    policies: Names = ()
    """Which of the five annotated policies to train on."""
    policies_validation: Names = ()
    """Which of the five choose the thresholds and calibration of the head `guide`."""
    leave_out: str = ""
    """One of the five policies, whose text must not be trained on; `each`: one training for each of `policies`."""
    extra: Names = ()
    """Further labelled JSONL files for the head `guide`. A row's `split` may be `validation`, or `test` (ignored)."""
    privacyglue: str = ""
    """Folder with PrivacyGLUE's train_dataset.csv and validation_dataset.csv, for the head `passage`."""
    distilled: str = ""
    """Folder written by `clausetag distil`: teacher scores of the training sentences and of unlabelled ones."""
    teacher_share: Rate = 0.5
    """Share of the teacher scores in the targets of labelled sentences; the labels have the rest."""
    distill_weight: Weight = 0.5
    """Loss weight of a sentence that has teacher scores but no label; a labelled sentence of OPP-115 has 1."""
    pool_parts: Annotated[int, Field(ge=1, le=1000)] = 3
    """Split the unlabelled pool into this many parts; each epoch reads one."""
    unvalidated: bool = False
    """Allow training without validation data. A head without any keeps its last epoch, uncalibrated scores and a
    threshold of 0.5. Validation data that do exist are still used."""

    context: bool = True
    """Read windows of consecutive sentences; false: each sentence alone, without its heading."""
    targets: Literal["votes", "majority"] = "votes"
    """`votes`: share of annotators (soft targets); `majority`: 0 or 1."""
    guide_from_opp115: bool = False
    """Train the head `guide` on OPP-115 when no labels by the guide exist. A sentence that no annotator marked gets
    its passage's votes, since the guide labels every sentence."""
    passages: bool = True
    """Also learn from OPP-115's passage labels, pooled over each passage in the same windows."""
    passage_weight: Weight = 0.5
    """Loss weight of a passage; a sentence of OPP-115 has 1."""
    guide_weight: Weight = 1.0
    """Loss weight of a sentence labelled by the guide; a sentence of OPP-115 has 1."""
    window: Annotated[int, Field(ge=16, le=512)] = 256
    """Maximum tokens in a window."""
    shortest_window: Annotated[int, Field(ge=8, le=512)] = 32
    """Training windows have a random maximum between this and `window`."""

    epochs: Annotated[int, Field(ge=1, le=1000)] = 10
    """Passes over the training policies; each cuts them into new windows."""
    patience: Annotated[int, Field(ge=0, le=1000)] = 0
    """Stop after this many epochs without a better validation score; 0: train all epochs."""
    batch_tokens: Annotated[int, Field(ge=16, le=1_000_000)] = 1536
    """Tokens of a step, padding included, over all processes; at least `window`."""
    accumulation: Annotated[int, Field(ge=1, le=1000)] = 1
    """Compute each step in this many parts, which needs less memory and gives the same model."""
    encoder_lr: Rate = 2e-4
    """Peak learning rate of the encoder's last layer (AdamW)."""
    head_lr: Rate = 1e-3
    """Peak learning rate of the heads."""
    layer_decay: Annotated[float, Field(ge=0.1, le=1)] = 0.9
    """Factor on the learning rate from each encoder layer to the one below."""
    warmup: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    """Share of the steps in which the learning rate rises linearly; it then falls linearly to zero."""
    weight_decay: Rate = 0.01
    """AdamW's weight decay, applied to matrices only (not to biases and norms)."""
    max_norm: Annotated[float, Field(ge=1e-6, le=1e6)] = 1.0
    """Gradients are clipped to this norm."""
    head_dropout: Dropout = 0.1
    """Dropout on the encoder's token vectors, in front of the heads."""
    attention_dropout: Dropout = 0.0
    """Dropout on attention weights. 0 saves a fifth of a step's time."""
    seed: Annotated[int, Field(ge=0, le=2**31)] = 1
    """Seeds the initial weights, dropout, and the order and lengths of windows."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`bf16`, `fp32`, or `auto`: bf16 on hardware with native bfloat16 products."""
    checkpoint_steps: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Save a checkpoint every so many steps, and after each epoch."""

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if self.shortest_window > self.window:
            raise ValueError(f"shortest_window = {self.shortest_window}; use at most window, {self.window}")
        if self.batch_tokens < self.window:
            raise ValueError(f"batch_tokens = {self.batch_tokens}; use at least window, {self.window}")
        for key in ("opp115", "policies"):
            both = set(getattr(self, key)) & set(getattr(self, f"{key}_validation"))
            if both:
                raise ValueError(f"{min(both)!r} is in both {key} and {key}_validation; take it out of one")
        if self.min_labels and not self.own_labels:
            raise ValueError("min_labels goes with custom labels; set labels")
        if self.own_labels:
            self._check_own_labels()
        if self.leave_out == EACH and len(self.policies) < 2:
            raise ValueError("leave_out = 'each' leaves out each of policies in turn; name at least two policies")
        if self.leave_out != EACH and self.leave_out in self.policies + self.policies_validation:
            raise ValueError(f"{self.leave_out!r} is left out; take it out of policies and policies_validation")
        if self.guide_from_opp115 and (self.policies or self.extra or not self.passages):
            raise ValueError("guide_from_opp115 needs passages, and no labels by the guide (policies, extra)")
        if (self.kept_layers or self.kept_units) and not self.start:
            raise ValueError("kept_layers and kept_units need start, the model to prune")
        if not (self.opp115 or self.policies or self.extra or self.privacyglue):
            raise ValueError("no training data; set opp115, policies, extra or privacyglue")
        return self

    def _check_own_labels(self) -> None:
        try:
            check_label_set(self.labels)
        except ValueError as error:
            raise ValueError(f"labels: {error}") from None
        for key in _TWELVE_LABEL_KEYS:
            if getattr(self, key):
                raise ValueError(f"{key} has OPP-115's labels; with custom labels use extra alone")

    @property
    def own_labels(self) -> bool:
        """Whether the labels are custom ones, not OPP-115's twelve categories."""
        return self.label_set != LABELS

    @property
    def label_set(self) -> tuple[str, ...]:
        """The model's labels, in order."""
        return self.labels or LABELS

    def min_labels_of(self, head: str) -> int:
        """Minimum number of labels that a head gives each sentence: 0 or 1."""
        return self.min_labels if self.own_labels else int(head == "guide")

    def replaced(self, **changes: Any) -> Recipe:
        """The recipe with other values, checked again as in `recipe_from`."""
        return recipe_from({**self.as_dict(), **changes})

    def folds(self) -> dict[str, Recipe]:
        """For each of `policies`, the recipe that leaves it out."""
        return {
            policy: self.replaced(policies=[other for other in self.policies if other != policy], leave_out=policy)
            for policy in self.policies
        }

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON values, which `recipe_from` reads."""
        return self.model_dump(mode="json")

    def saved(self) -> dict[str, Any]:
        """The settings as config.json and run.json store them: under the keys that all saved models have."""
        former = {new: old for old, new in _RENAMED.items()}
        values: dict[str, Any] = {}
        for key, value in self.as_dict().items():
            if key == "seed":
                values |= _REMOVED
            values[former.get(key, key)] = value
        return values


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes in the package."""
    folder = files("clausetag.train").joinpath("recipes")
    return tuple(sorted(path.name[:-5] for path in folder.iterdir() if path.name.endswith(".toml")))


def read_recipe(path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a TOML recipe (a path, or the name of a shipped one) and apply ``key=value`` overrides.

    Raises:
        RecipeError: the file is missing or not TOML; or see `recipe_from`.
    """
    try:
        values: dict[str, Any] = tomllib.loads(_recipe_text(path))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: not TOML ({error})") from None
    for override in overrides:
        key, equals, raw = override.partition("=")
        if not equals:
            raise RecipeError(f"--set {override}: write key=value")
        values[key.strip()] = _parse_override(key.strip(), raw.strip())
    return recipe_from(values, path)


def _recipe_text(path: str) -> str:
    if os.sep not in path and not path.endswith(".toml") and path in shipped_recipes():
        return files("clausetag.train").joinpath("recipes", f"{path}.toml").read_text(encoding="utf-8")
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise RecipeError(f"{path}: {reason}; give a .toml file or one of {', '.join(shipped_recipes())}") from None


def _parse_override(key: str, raw: str) -> Any:
    default = Recipe.model_fields[key].default if key in Recipe.model_fields else None
    if isinstance(default, str):
        return raw.strip("\"'")
    if isinstance(default, tuple) and not raw.startswith("["):
        return [name for name in (part.strip() for part in raw.split(",")) if name]
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        return raw


def recipe_from(values: Mapping[str, Any], source: str = "recipe") -> Recipe:
    """Check TOML or JSON values and make a recipe of them. A former name of a key works, with a warning on stderr.

    Args:
        values: keys and values; keys that are missing take their defaults.
        source: where the values come from, for messages.

    Raises:
        RecipeError: a key is unknown, a value has the wrong type or range, or values contradict each other.
    """
    current: dict[str, Any] = {}
    for key, value in values.items():
        if key in _REMOVED:
            if value != _REMOVED[key]:
                raise RecipeError(f"{source}: the option {key} was removed; delete the key")
            print(f"clausetag: {source}: the option {key} was removed; ignored", file=sys.stderr)
            continue
        if key in _RENAMED:
            print(f"clausetag: {source}: {key} is now called {_RENAMED[key]}", file=sys.stderr)
        current[_RENAMED.get(key, key)] = value
    try:
        return Recipe.model_validate(current)
    except ValidationError as error:
        raise RecipeError(f"{source}: {_problem(error)}") from None


def _problem(error: ValidationError) -> str:
    """The first problem, in one line that says what is allowed."""
    first = error.errors()[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, Recipe.model_fields, n=1)
        known = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(Recipe.model_fields)}"
        return f"unknown key {key!r}; {known}"
    return f"{key} = {first['input']!r}: {first['msg'].replace('Input should', 'must').replace('tuple', 'list')}"

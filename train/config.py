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
from typing import Any

from pydantic import ValidationError, model_validator

from clausetag.data.errors import RecipeError
from clausetag.data.labels import LABELS, check_label_set
from clausetag.train.sections import KEYS, SECTIONS, Data, Distillation, Evaluation, Model, Optimisation, section_of

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


class Recipe(Data, Model, Optimisation, Distillation, Evaluation):
    """All settings of a training run. A recipe file overrides these defaults; nothing else configures a run."""

    name: str = "default"
    """Names the training data; stored in the model and shown beside every metric."""

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
        if self.folds == 1 or (self.folds and (self.leave_out or not (self.extra or self.policies or self.dataset))):
            raise ValueError("folds needs at least 2, labelled policies (extra or policies), and no leave_out")
        if self.leave_out == EACH and len(self.policies) < 2:
            raise ValueError("leave_out = 'each' leaves out each of policies in turn; name at least two policies")
        if self.leave_out != EACH and self.leave_out in self.policies + self.policies_validation:
            raise ValueError(f"{self.leave_out!r} is left out; take it out of policies and policies_validation")
        if self.guide_from_opp115 and (self.policies or self.extra or not self.passages):
            raise ValueError("guide_from_opp115 needs passages, and no labels by the guide (policies, extra)")
        if (self.kept_layers or self.kept_units) and not self.start:
            raise ValueError("kept_layers and kept_units need start, the model to prune")
        if not (self.opp115 or self.policies or self.extra or self.privacyglue or self.dataset):
            raise ValueError("no training data; set opp115, policies, extra, dataset or privacyglue")
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

    def left_out(self) -> dict[str, Recipe]:
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
    values = _flat(values, path)
    for override in overrides:
        key, equals, raw = override.partition("=")
        if not equals:
            raise RecipeError(f"--set {override}: write key=value")
        key = key.strip()
        section, _, name = key.rpartition(".")
        key = name if section_of(name) == section else key  # "model.window" is "window"
        values[key] = _parse_override(key, raw.strip())
    return recipe_from(values, path)


def _flat(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The keys of a recipe file without their tables; keys outside of a table work, with one warning for all.

    Raises:
        RecipeError: a key stands in the wrong table.
    """
    flat: dict[str, Any] = {}
    outside: list[str] = []
    for name, value in values.items():
        if name not in SECTIONS or not isinstance(value, dict):
            flat[name] = value
            if section := section_of(_RENAMED.get(name, name)):
                outside.append(f"{name} in [{section}]")
            continue
        table: dict[str, Any] = value
        for key, one in table.items():
            right = section_of(_RENAMED.get(key, key))
            if right not in (None, name):
                raise RecipeError(f"{path}: {key} belongs in [{right}], not in [{name}]")
            flat[key] = one
    if outside:
        print(f"clausetag: {path}: keys now stand in tables; put {', '.join(outside)}", file=sys.stderr)
    return flat


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
        known = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(KEYS)}"
        return f"unknown key {key!r}; {known}"
    return f"{key} = {first['input']!r}: {first['msg'].replace('Input should', 'must').replace('tuple', 'list')}"

"""The model card, in the hub's form: written from the artifact's own config, so that it cannot contradict the files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from clausetag.data.jsonl import write_text
from clausetag.data.labels import LABELS

LICENCE = (
    'The code is under the MIT licence. The weights learnt from OPP-115, whose annotations are "made available for '
    "research, teaching, and scholarship purposes only, with further parameters in the spirit of a Creative Commons "
    'Attribution-NonCommercial License": the weights are for the same purposes. For commercial use, retrain on labels '
    "of your own (`clausetag train`); the backbone, all-MiniLM-L6-v2, is under Apache-2.0."
)
"""What every card says about the weights' licence."""
_WIDGET = "We keep your e-mail address for as long as your account exists, and never sell it."


def write_card(folder: Path, config: Mapping[str, Any]) -> None:
    """Write `README.md` of the artifact in `folder`."""
    write_text(folder / "README.md", render_card(config))


def render_card(config: Mapping[str, Any]) -> str:
    """The card as Markdown, after YAML for the hub: what it is, data, metrics with their commands, limits, licence."""
    recipe = {"dataset": "", "distilled": "", **config["recipe"]}  # older models lack these keys

    def measured(figure: Mapping[str, Any]) -> str:
        own = figure["recipe"] == recipe["name"]
        return "this model" if own else f"another model, of the recipe `{figure['recipe']}`"

    # Markdown, not HTML: nothing is escaped.
    environment = Environment(autoescape=False, undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters["number"] = lambda value: "–" if value is None else f"{value:.3f}"
    template = environment.from_string(files("clausetag.model").joinpath("card.md").read_text(encoding="utf-8"))
    return template.render(
        **{"name": recipe["name"], "untuned": (), "start": None, "attributes": None, **config, "recipe": recipe},
        **{"own": tuple(config["labels"]) != LABELS, "licence": LICENCE, "widget": _WIDGET, "measured": measured},
    ).replace("\n\n\n", "\n\n")

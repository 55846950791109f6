"""The model card. It is written from the artifact's own config, so that it cannot contradict the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clausetag.data.jsonl import write_text
from clausetag.data.labels import LABELS

LICENCE = (
    'The code is under the MIT licence. The weights learnt from OPP-115, whose annotations are "made available for '
    "research, teaching, and scholarship purposes only, with further parameters in the spirit of a Creative Commons "
    'Attribution-NonCommercial License": the weights are for the same purposes. For commercial use, retrain on labels '
    "of your own (`clausetag train`); the backbone, all-MiniLM-L6-v2, is under Apache-2.0."
)
"""What every card says about the weights' licence."""

_PURPOSE = (
    "Tags each sentence of an English privacy policy with the data practices that it states: OPP-115's twelve "
    "categories, of which a sentence may have several. The model reads a sentence together with its neighbours and the "
    "heading above it."
)
_LIMITS = (
    "A reading aid for researchers, compliance teams and programs: it shows where a policy says what. It is no legal "
    "advice and no proof of what a company does. It reads English privacy policies only. Do Not Track and Data "
    "Retention are rare in the data, so their metrics are uncertain. The head `guide` follows the project's annotation "
    "guide and gives each sentence at least one label. The head `opp115` follows OPP-115's annotators, who left many "
    "sentences without a label."
)
_OWN_PURPOSE = (
    "Tags each sentence of a privacy policy with its user's own labels, of which a sentence may have several: {labels}."
    " The model reads a sentence together with its neighbours and the heading above it."
)
_OWN_LIMITS = (
    "What the labels mean is defined by their author; the model gives them as its training data did. It is no legal "
    "advice and no proof of what a company does."
)
_OWN_LICENCE = "The code is under the MIT licence; whoever trained the weights decides on theirs."
_STARTED = "The encoder comes from another clausetag model, whose terms apply too. Those of the project's models: "
_EXTRA = (
    "{n} further labelled file(s): policies of about 2018 to 2026, each sentence labelled by one reading after the "
    "guide (a language model's, not a lawyer's); not part of the project."
)


def write_card(folder: Path, config: Mapping[str, Any]) -> None:
    """Write `README.md` of the artifact in `folder`."""
    write_text(folder / "README.md", render_card(config))


def render_card(config: Mapping[str, Any]) -> str:
    """The card as Markdown: what it is, data, metrics with their commands, limits, licence."""
    recipe = config["recipe"]
    own = tuple(config["labels"]) != LABELS
    licence = LICENCE
    if own:
        licence = f"{_OWN_LICENCE} {_STARTED}{LICENCE}" if config.get("start") else _OWN_LICENCE
    parts = [
        f"# clausetag model: {config.get('name', recipe['name'])}",
        _OWN_PURPOSE.format(labels=", ".join(config["labels"])) if own else _PURPOSE,
        "## Training data",
        f"Recipe `{recipe['name']}`, backbone `{config['backbone']}`, seed {recipe['seed']}. `trained_on.json` lists "
        "every policy id and text hash that training saw.",
        "\n".join(f"- {line}" for line in _sources(recipe, config.get("start"), own)),
        "## Metrics",
        *_measured(config["figures"], recipe["name"]),
        *_validated(config["validation"], config.get("untuned", ())),
        "## Intended use and limits",
        _OWN_LIMITS if own else _LIMITS,
        "## Licence",
        licence,
    ]
    return "\n\n".join(parts) + "\n"


def _sources(recipe: Mapping[str, Any], start: Mapping[str, Any] | None, own: bool) -> list[str]:
    lines: list[str] = []
    if start:
        lines.append(f"Continued from the model `{start['name']}` (recipe `{start['recipe']}`, hash {start['hash']}).")
    if recipe["opp115"]:
        parts = " and ".join(recipe["opp115"])
        lines.append(
            f"OPP-115 (Wilson et al., ACL 2016), {parts} policies of the policy-disjoint split, with the votes of "
            "three annotators."
        )
    if recipe["policies"]:
        lines.append(f"The project's annotated policies: {', '.join(recipe['policies'])}.")
    if recipe["extra"]:
        names = f"Labelled sentences of the user: {', '.join(recipe['extra'])}."
        lines.append(names if own else _EXTRA.format(n=len(recipe["extra"])))
    if recipe.get("distilled"):
        lines.append("Scores of teacher models on these sentences and on unlabelled privacy policies (distillation).")
    if recipe["privacyglue"]:
        lines.append("PrivacyGLUE's OPP-115 task (Shankar et al., 2023), its training file.")
    return lines


def _validated(figures: Sequence[Mapping[str, Any]], untuned: Sequence[str]) -> list[str]:
    parts = [
        f"The head `{head}` had no validation data: its scores are not calibrated, its threshold is 0.5 for every "
        "label, and the last epoch was kept."
        for head in untuned
    ]
    if figures:
        rows = [
            (f["data"], f"`{f['head']}`", f"{f['n']:,}", _number(f["macro_f1"]), _number(f["micro_f1"]))
            for f in figures
        ]
        parts += [
            "On the validation policies, which also chose the epoch and the hyperparameters (so these metrics are "
            "somewhat optimistic). The thresholds and calibration of each policy are fitted on the others:",
            _table(("data", "head", "n", "macro F1", "micro F1"), rows),
        ]
    return parts


def _measured(figures: list[dict[str, Any]], own_recipe: str) -> list[str]:
    if not figures:
        return []

    def model(figure: Mapping[str, Any]) -> str:
        recipe = figure["recipe"]
        return "this model" if recipe == own_recipe else f"another model, of the recipe `{recipe}`"

    header = ("data", "unit", "n", "macro F1", "micro F1", "model measured", "command")
    rows = [
        (
            f["data"],
            f["unit"],
            f"{f['n']:,}",
            _number(f["macro_f1"]),
            _number(f["micro_f1"]),
            model(f),
            f"`{f['command']}`",
        )
        for f in figures
    ]
    parts = [
        "On data that the measured model was not trained on. A row of another model stands for data that this one "
        "learnt from:",
        _table(header, rows),
    ]
    for figure in figures:
        parts.append(f"Per category: {figure['data']}, {figure['unit']}s, {model(figure)}")
        categories = [
            (label, _number(row["precision"]), _number(row["recall"]), _number(row["f1"]), str(row["support"]))
            for label, row in figure["per_category"].items()
        ]
        parts.append(_table(("category", "precision", "recall", "F1", "support"), categories))
    return parts


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

"""The model card, written from the artifact's own config, so that it never says what the files don't."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clausetag.data.schema import write_text

LICENCE = (
    "The code is under the MIT licence. The weights learnt from OPP-115, whose annotations are \"made available for "
    "research, teaching, and scholarship purposes only, with further parameters in the spirit of a Creative Commons "
    "Attribution-NonCommercial License\"; so are the weights. For commercial use, retrain on labels of your own "
    "(`clausetag train`); the backbone, all-MiniLM-L6-v2, is under Apache-2.0."
)
"""What every card, the README and the service say about the weights' licence."""


def write_card(folder: Path, config: Mapping[str, Any]) -> None:
    """Write `README.md` of the artifact in `folder`."""
    write_text(folder / "README.md", render_card(config))


def render_card(config: Mapping[str, Any]) -> str:
    """The card as Markdown: what it is, data, figures with their commands, limits, licence."""
    recipe = config["recipe"]
    lines = [
        f"# clausetag model: {config.get('name', recipe['name'])}",
        "",
        "Tags each sentence of an English privacy policy with the data practices it states: twelve labels, multi-label.",
        "",
        "## Training data",
        "",
        f"Recipe `{recipe['name']}`, backbone `{config['backbone']}`, seed {recipe['seed']}, best of {recipe['epochs']} epochs by the validation policies. `trained_on.json` lists every policy id and text hash that training saw.",
        "",
    ]
    if recipe["opp115"]:
        lines.append(f"- OPP-115 (Wilson et al., ACL 2016), policy-disjoint split, part(s) {', '.join(recipe['opp115'])}: votes of three annotators.")
    if recipe["policies"]:
        lines.append(f"- The project's annotated policies: {', '.join(recipe['policies'])}.")
    if recipe["extra"]:
        lines.append(f"- {len(recipe['extra'])} further labelled file(s), given with `extra`: policies of about 2018 to 2026, labelled by one reading after the guide (a language model's, not a lawyer's), not part of this project.")
    if recipe["privacyglue"]:
        lines.append("- PrivacyGLUE's OPP-115 task, its training file.")
    lines += ["", "## Figures", ""]
    if config["figures"]:
        lines += [
            "On data that training did not see:",
            "",
            "| data | unit | n | macro F1 | micro F1 | of the recipe | command |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {f['data']} | {f['unit']} | {f['n']:,} | {f['macro_f1']:.3f} | {f['micro_f1']:.3f} | `{f['recipe']}` | `{f['command']}` |"
            for f in config["figures"]
        ]
        for figure in config["figures"]:
            lines += ["", f"Per category: {figure['data']}, {figure['unit']}, recipe `{figure['recipe']}`", ""]
            lines += ["| category | precision | recall | F1 | support |", "|---|---|---|---|---|"]
            for label, row in figure["per_category"].items():
                cells = [("–" if row[key] is None else f"{row[key]:.3f}") for key in ("precision", "recall", "f1")]
                lines.append(f"| {label} | {' | '.join(cells)} | {row['support']} |")
    lines += ["", "On the validation policies, which chose the epoch (thresholds and calibration are fitted for each policy on the others):", ""]
    lines += ["| head | n | macro F1 | micro F1 |", "|---|---|---|---|"]
    lines += [f"| {f['data']} | {f['n']:,} | {f['macro_f1']:.3f} | {f['micro_f1']:.3f} |" for f in config["validation"]]
    lines += [
        "",
        "## Intended use and limits",
        "",
        "Reading aid for researchers, compliance teams and programs: where does a policy say what. It is no legal advice and no proof of what a company does. English only; sentences of policies only; trained on policies of 2010 to 2016 (OPP-115) and, where named above, newer ones. Do Not Track and Data Retention are rare in the data, and their figures uncertain. The annotation guide gives each sentence at least one label; OPP-115's annotators left many unmarked: choose the head `opp115` for their habit.",
        "",
        "## Licence",
        "",
        LICENCE,
        "",
    ]
    return "\n".join(lines)

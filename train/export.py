"""Writes trained models: the artifact of a run, and `clausetag export`, the form in which a model ships.

    clausetag export runs/default -o standard --metrics runs/eval/opp115/metrics.json

An exported model has its network as ONNX, no full-precision weights, and measured metrics in its card.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from clausetag.data.errors import ClausetagError
from clausetag.data.jsonl import write_text
from clausetag.data.segment import SEGMENTER_VERSION
from clausetag.model.artifact import (
    DEFAULT,
    FORMAT,
    MANIFEST,
    TRAINED_ON,
    HeadSettings,
    head_config,
    load_artifact,
    write_manifest,
    write_trained_on,
)
from clausetag.model.card import write_card
from clausetag.model.hub import push_to_hub, write_tokenizer
from clausetag.model.provenance import versions
from clausetag.model.runtime import Runtime
from clausetag.train.config import Recipe
from clausetag.train.examples.sources import TrainingData
from clausetag.train.trainer import Trained
from clausetag.train.validate import (
    HeldOut,
    any_vote_settings,
    cross_fitted,
    default_settings,
    f1_summary,
    fit_settings,
    score_held_out,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag export`."""
    parser.add_argument("model", help="folder of a trained model")
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="folder to write; an existing model there is replaced"
    )
    parser.add_argument("--name", help="name in the card (default: the folder's)")
    parser.add_argument(
        "--metrics",
        action="append",
        default=[],
        metavar="FILE",
        help="an out-of-sample metrics.json of `clausetag eval`, for the card (repeatable)",
    )
    parser.add_argument("--push-to-hub", metavar="USER/NAME", help="also upload the model to the Hugging Face hub")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag export`; returns the exit code."""
    target = Path(arguments.output)
    if target.exists() and not (target / MANIFEST).is_file():
        raise ClausetagError(f"{target}: exists and is not a clausetag model; give another -o")
    export(arguments.model, target, arguments.metrics, arguments.name or target.name)
    size = (target / "model.onnx").stat().st_size / 1e6
    print(f"wrote {target} (model.onnx {size:.1f} MB)")
    if arguments.push_to_hub:
        print(f"uploaded to {push_to_hub(load_artifact(target), arguments.push_to_hub)}")
    return 0


def export(source: str, target: Path, metrics: Sequence[str], name: str) -> None:
    """Copy a trained model without its full-precision weights, with metrics from `clausetag eval` in its card.

    Raises:
        ClausetagError: the source is no model, or a metrics file is unreadable or was measured in-sample.
    """
    artifact = load_artifact(source)
    config = {**artifact.config, "figures": [_card_row(path, artifact.hash, name) for path in metrics], "name": name}
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        for part in ("model.onnx", "tokenizer.json", "tokenizer_config.json", TRAINED_ON):
            if (artifact.folder / part).is_file():  # older models have no tokenizer_config.json
                shutil.copyfile(artifact.folder / part, temporary / part)
        _describe(temporary, config)
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _card_row(path: str, model_hash: str, name: str) -> dict[str, Any]:
    """One row of metrics for the card, from a metrics.json."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        if values["in_sample"]:
            raise ClausetagError(f"{path}: was measured in-sample; a card holds out-of-sample metrics only")
        command = values.get("command", "")
        if values["model"]["hash"] == model_hash and name != DEFAULT:  # the command is recorded without the model
            command += f" --model {name}"
        return {
            **{key: values[key] for key in ("data", "recipe", "unit", "n")},
            **{key: round(values[key], 6) for key in ("macro_f1", "micro_f1")},
            "command": command,
            "per_category": {
                label: {key: row[key] for key in ("precision", "recall", "f1", "support")}
                for label, row in values["per_category"].items()
            },
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClausetagError(f"{path}: not a metrics.json of `clausetag eval` ({error!r})") from None


def _describe(folder: Path, config: dict[str, Any]) -> None:
    """Write config.json, the card, and the manifest last."""
    write_text(folder / "config.json", json.dumps(config, indent=1) + "\n")
    write_card(folder, config)
    write_manifest(folder)


def write_artifact(
    recipe: Recipe, data: TrainingData, trained: Trained, folder: Path, out_of_fold: Mapping[str, HeldOut] | None = None
) -> None:
    """Write a trained model's artifact: weights, ONNX, thresholds and calibration, what it was trained on, card.

    `out_of_fold` are rows of heads that models of folds have scored, in place of validation data.
    """
    from clausetag.model.onnx.export import export_onnx

    export_onnx(trained.model, trained.windows, folder / "model.onnx")
    # Thresholds and calibration are fitted to the 8-bit network that ships, not to the full-precision one.
    predict = partial(Runtime(folder / "model.onnx").logits, max_tokens=recipe.window, tokenizer=trained.tokenizer)
    held_out = score_held_out(predict, trained.model.config.heads, data.validation, recipe, trained.tokenizer)
    held_out |= out_of_fold or {}
    settings: dict[str, HeadSettings] = {}
    validation: list[dict[str, Any]] = []
    for head, rows in held_out.items():
        fit: Callable[[HeldOut], HeadSettings] = any_vote_settings
        if head != "guide" or not recipe.guide_from_opp115:
            fit = partial(fit_settings, min_labels=recipe.min_labels_of(head))
        settings[head] = fit(rows)
        summary = f1_summary(rows.gold, cross_fitted(rows, fit))
        validation.append(
            {
                "head": head,
                "data": _validation_data(recipe, head),
                "n": len(rows.gold),
                **{key: round(value, 6) for key, value in summary.items()},
            }
        )
    untuned = sorted(data.trained_heads() - set(settings)) if recipe.unvalidated else []
    for head in untuned:
        settings[head] = default_settings(len(recipe.label_set), recipe.min_labels_of(head))
    config = {
        **trained.model.config.to_dict(),  # labels and heads in order, and the encoder's own configuration
        "format": FORMAT,
        "settings": {
            head: head_config(replace(found, output=head), recipe.label_set) for head, found in settings.items()
        },
        "default_head": next(head for head in ("guide", "opp115", "passage") if head in settings),
        "window": recipe.window,
        "context": recipe.context,
        "backbone": data.start.artifact.config["backbone"] if data.start else without_folders(recipe)["backbone"],
        "recipe": without_folders(recipe),
        "start": data.start.described() if data.start else None,
        "precision": "bf16" if trained.bf16 else "fp32",
        "segmenter_version": SEGMENTER_VERSION,
        "versions": versions("train"),
        "validation": validation,
        "untuned": untuned,
        "figures": [],
    }
    write_tokenizer(folder, trained.tokenizer, recipe.window)
    trained.model.save_pretrained(folder, safe_serialization=True)
    write_trained_on(folder, [data.trained_on()])
    _describe(folder, config)


def _validation_data(recipe: Recipe, head: str) -> str:
    """Names the validation data of a head."""
    if head == "guide" and recipe.folds:
        return f"{recipe.folds} folds by policy, each scored by a model trained without it"
    if recipe.privacyglue:
        return "PrivacyGLUE's validation file"
    if head in ("opp115", "passage") or recipe.guide_from_opp115:
        return "OPP-115's validation policies"
    return " and ".join([Path(path).name + " validation" for path in recipe.extra] + list(recipe.policies_validation))


def without_folders(recipe: Recipe) -> dict[str, Any]:
    """The recipe as an artifact stores it: of each path only the last name."""
    values = recipe.saved()
    values["start"] = Path(recipe.start).resolve().name if recipe.start else ""
    values["distilled"] = Path(recipe.distilled).resolve().name if recipe.distilled else ""
    values["extra"] = [Path(path).name for path in recipe.extra]
    for key in ("privacyglue", "backbone", "dataset"):
        values[key] = Path(values[key]).name if os.sep in values[key] and Path(values[key]).exists() else values[key]
    return values

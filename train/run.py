"""`clausetag train`: from a recipe to an artifact: data, training, thresholds and calibration, export, card."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from clausetag.data.errors import ClausetagError, RecipeError
from clausetag.data.jsonl import write_text
from clausetag.data.segment import SEGMENTER_VERSION
from clausetag.model.artifact import DEFAULT, FORMAT, MANIFEST, HeadSettings, head_config, load_artifact, write_manifest
from clausetag.model.card import write_card
from clausetag.model.provenance import versions
from clausetag.model.runtime import Runtime
from clausetag.train.config import EACH, Recipe, read_recipe, shipped_recipes
from clausetag.train.curves import draw_curves
from clausetag.train.start import load_start
from clausetag.train.trainer import Trained, train, uses_bf16, write_run
from clausetag.train.training_data import TrainingData, assemble
from clausetag.train.validate import (
    Held,
    cross_fitted,
    f1_summary,
    fit_settings,
    held_scores,
    liberal_settings,
    untuned_settings,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag train`."""
    parser.add_argument("recipe", help=f"a .toml file, or one of {', '.join(shipped_recipes())}")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="override a key of the recipe"
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="folder of the run; an unfinished run in it is continued"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag train`; returns the exit code."""
    recipe = read_recipe(arguments.recipe, arguments.overrides)
    folder = Path(arguments.output)
    if folder.exists() and not folder.is_dir():
        raise RecipeError(f"{folder}: is a file; give a folder to -o")
    if (folder / MANIFEST).is_file() and not (folder / "checkpoint.pt").is_file():
        raise RecipeError(f"{folder}: holds a finished model; give another -o")
    if recipe.leave_out == EACH:
        train_folds(recipe, folder, quiet=arguments.quiet)
    else:
        run_training(recipe, folder, quiet=arguments.quiet)
    print(f"wrote {folder}")
    return 0


def run_training(recipe: Recipe, folder: Path, *, quiet: bool = False) -> None:
    """Train `recipe` and write the artifact to `folder`.

    Raises:
        ClausetagError: data, recipe or backbone are wrong; nothing but the run's checkpoint is left behind.
    """
    data = assemble(recipe)
    if not quiet:
        for source in data.train:
            size = f"{len(source.sentences):,} sentences, {len(source.passages):,} passages"
            print(f"training on {size} for the head {source.head}")
    trained = train(recipe, data, folder, quiet=quiet)
    draw_curves(trained.progress.history, folder / "curves.png")
    write_artifact(recipe, data, trained, folder)
    write_run(folder, recipe, data, trained.progress)
    for name in ("checkpoint.pt", "best.pt"):
        (folder / name).unlink(missing_ok=True)


def train_folds(recipe: Recipe, folder: Path, *, quiet: bool = False) -> None:
    """Train `recipe` once for each of its policies, without that policy, in ``folder/<policy>``.

    The policy left out chooses nothing: without validation rows in `extra`, a fold keeps its last epoch and goes
    untuned (`Recipe.unvalidated`), rather than give up one of its four policies to tune on. A finished fold is kept,
    so that the same command continues where it was stopped.

    Raises:
        ClausetagError: see `run_training`; or a finished fold is of another recipe or start model.
    """
    for policy, fold in recipe.folds().items():
        target = folder / policy
        if (target / MANIFEST).is_file() and not (target / "checkpoint.pt").is_file():
            found = load_artifact(target).config
            start = load_start(fold.start).described() if fold.start else None
            if found["recipe"] != _without_folders(fold) or found.get("start") != start:
                raise RecipeError(f"{target}: holds a model of another recipe or start model; give another -o")
            print(f"{policy}: finished before, kept")
            continue
        print(f"{policy}: left out of this training")
        run_training(fold, target, quiet=quiet)


def write_artifact(recipe: Recipe, data: TrainingData, trained: Trained, folder: Path) -> None:
    """Write the files of an artifact beside the run's: settings from validation, weights, ONNX, provenance, card."""
    from clausetag.model.onnx.export import export_onnx

    export_onnx(trained.model, trained.windows, folder / "model.onnx")
    # What ships decides, not the full-precision network that it was made of.
    predict = partial(Runtime(folder / "model.onnx").logits, max_tokens=recipe.window, tokenizer=trained.pieces)
    held_rows = held_scores(predict, trained.model.config.heads, data.validation, recipe, trained.pieces)
    settings: dict[str, Any] = {}
    figures: list[dict[str, Any]] = []
    for head, held in held_rows.items():
        fit: Callable[[Held], HeadSettings] = liberal_settings
        if head != "guide" or not recipe.guide_from_opp115:
            fit = partial(fit_settings, min_labels=recipe.least(head))
        found = fit(held)
        settings[head] = head_config(replace(found, output=head), recipe.label_set)
        summary = f1_summary(held.gold, cross_fitted(held, fit))
        figures.append(
            {
                "head": head,
                "data": _validation_data(recipe, head),
                "n": len(held.gold),
                **{key: round(value, 6) for key, value in summary.items()},
            }
        )
    untuned = sorted(data.taught_heads() - set(settings)) if recipe.unvalidated else []
    for head in untuned:
        settings[head] = head_config(
            replace(untuned_settings(len(recipe.label_set), recipe.least(head)), output=head), recipe.label_set
        )
    config = {
        **trained.model.config.to_dict(),  # labels and heads in order, and the encoder's own configuration
        "format": FORMAT,
        "settings": settings,
        "default_head": next(head for head in ("guide", "opp115", "passage") if head in settings),
        "window": recipe.window,
        "context": recipe.context,
        "backbone": data.start.artifact.config["backbone"] if data.start else _without_folders(recipe)["backbone"],
        "recipe": _without_folders(recipe),
        "start": data.start.described() if data.start else None,
        "precision": "bf16" if uses_bf16(recipe) else "fp32",
        "segmenter_version": SEGMENTER_VERSION,
        "versions": versions("train"),
        "validation": figures,
        "untuned": untuned,
        "figures": [],
    }
    trained.pieces.tokenizer.save(str(folder / "tokenizer.json"))
    trained.model.save_pretrained(folder, safe_serialization=True)
    learnt, read = data.trained_hashes()
    policies, validation = data.validated()
    seen = {
        "policies": sorted(data.trained_policies()),
        "hashes": sorted(learnt),
        "context": sorted(read),
        "validation_policies": sorted(policies),
        "validation": sorted(validation),
    }
    write_text(folder / "trained_on.json", json.dumps(seen, indent=0) + "\n")
    write_text(folder / "config.json", json.dumps(config, indent=1) + "\n")
    write_card(folder, config)
    write_manifest(folder)


def _validation_data(recipe: Recipe, head: str) -> str:
    """What validated a head, in words."""
    if recipe.privacyglue:
        return "PrivacyGLUE's validation file"
    if head in ("opp115", "passage") or recipe.guide_from_opp115:
        return "OPP-115's validation policies"
    return " and ".join([Path(path).name + " validation" for path in recipe.extra] + list(recipe.policies_validation))


def _without_folders(recipe: Recipe) -> dict[str, Any]:
    """The recipe as others may see it: of files given by path, their names alone."""
    values = recipe.as_dict()
    values["start"] = Path(recipe.start).resolve().name if recipe.start else ""
    values["distilled"] = Path(recipe.distilled).resolve().name if recipe.distilled else ""
    values["extra"] = [Path(path).name for path in recipe.extra]
    for key in ("privacyglue", "backbone"):
        values[key] = Path(values[key]).name if os.sep in values[key] and Path(values[key]).exists() else values[key]
    return values


def ship(source: str, target: Path, metrics: list[str], name: str) -> None:
    """Copy a trained model without its full-precision weights, with out-of-sample figures from metrics files.

    Raises:
        ClausetagError: the source is no model, or a metrics file is unreadable or was measured in-sample.
    """
    artifact = load_artifact(source)
    config = dict(artifact.config)
    figures = []
    for path in metrics:
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
            if values["in_sample"]:
                raise ClausetagError(f"{path}: was measured in-sample; a card holds out-of-sample figures only")
            figure = figure_of(values)
            if values["model"]["hash"] == artifact.hash and name != DEFAULT:  # `command` is without the model
                figure["command"] += f" --model {name}"
            figures.append(figure)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ClausetagError(f"{path}: not a metrics.json of `clausetag eval` ({error!r})") from None
    config["figures"] = figures
    config["name"] = name
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        for part in ("model.onnx", "tokenizer.json", "trained_on.json"):
            shutil.copyfile(artifact.folder / part, temporary / part)
        write_text(temporary / "config.json", json.dumps(config, indent=1) + "\n")
        write_card(temporary, config)
        write_manifest(temporary)
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def figure_of(values: dict[str, Any]) -> dict[str, Any]:
    """One line of figures for the card, from a metrics.json."""
    return {
        "data": values["data"],
        "recipe": values["recipe"],
        "unit": values["unit"],
        "n": values["n"],
        "macro_f1": round(values["macro_f1"], 6),
        "micro_f1": round(values["micro_f1"], 6),
        "command": values.get("command", ""),
        "per_category": {
            label: {key: row[key] for key in ("precision", "recall", "f1", "support")}
            for label, row in values["per_category"].items()
        },
    }

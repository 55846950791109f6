"""`clausetag train`: trains a model from a recipe and writes it as an artifact.

clausetag train default -o runs/default
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clausetag.data.errors import RecipeError
from clausetag.model.artifact import MANIFEST, load_artifact
from clausetag.train.config import EACH, Recipe, read_recipe, shipped_recipes
from clausetag.train.examples.training_data import assemble
from clausetag.train.export import without_folders, write_artifact
from clausetag.train.folds import FOLDS, out_of_fold
from clausetag.train.start import load_start
from clausetag.train.steps import CHECKPOINTS, add_report_to, is_main_process
from clausetag.train.trainer import train, write_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag train`."""
    add_recipe_arguments(parser, "recipe")
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="folder of the run; an unfinished run in it is resumed"
    )
    parser.add_argument(
        "--folds",
        type=int,
        metavar="N",
        help="validate by N folds of the labelled policies: for few policies, of which none can be spared",
    )
    add_report_to(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def add_recipe_arguments(parser: argparse.ArgumentParser, what: str) -> None:
    """The arguments that name a recipe and override its keys."""
    parser.add_argument(
        "recipe", metavar="RECIPE", help=f"{what}: a .toml file, or one of {', '.join(shipped_recipes())}"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="override a key of the recipe"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag train`; returns the exit code."""
    folds = [] if arguments.folds is None else [f"folds={arguments.folds}"]
    recipe = read_recipe(arguments.recipe, [*arguments.overrides, *folds])
    quiet = arguments.quiet or not is_main_process()
    folder = Path(arguments.output)
    if folder.exists() and not folder.is_dir():
        raise RecipeError(f"{folder}: is a file; give a folder to -o")
    if _finished(folder):
        raise RecipeError(f"{folder}: holds a finished model; give another -o")
    if recipe.leave_out == EACH:
        train_folds(recipe, folder, quiet=quiet, report_to=arguments.report_to)
    else:
        run_training(recipe, folder, quiet=quiet, report_to=arguments.report_to)
    if is_main_process():
        print(f"wrote {folder}")
    return 0


def _finished(folder: Path) -> bool:
    """Whether a folder holds a finished model: the manifest is written last, the checkpoints deleted after it."""
    return (folder / MANIFEST).is_file() and not (folder / CHECKPOINTS).is_dir()


def run_training(recipe: Recipe, folder: Path, *, quiet: bool = False, report_to: str = "none") -> None:
    """Train `recipe` and write the artifact to `folder`.

    Raises:
        ClausetagError: data, recipe or backbone are wrong; only the run's checkpoint is left behind.
    """
    data = assemble(recipe)
    if not quiet:
        for source in data.train:
            size = f"{len(source.sentences):,} sentences, {len(source.passages):,} passages"
            print(f"training on {size} for the head {source.head}")
    scored = {}
    if recipe.folds:
        scored = {"guide": out_of_fold(recipe, data, folder, quiet=quiet, report_to=report_to)}
    trained = train(recipe, data, folder, quiet=quiet, report_to=report_to)
    if not trained.main:
        return
    draw_curves(trained.progress.history, folder / "curves.png")
    write_artifact(recipe, data, trained, folder, scored)
    write_run(folder, recipe, data, trained.progress)
    shutil.rmtree(folder / FOLDS, ignore_errors=True)
    shutil.rmtree(folder / CHECKPOINTS)


def train_folds(recipe: Recipe, folder: Path, *, quiet: bool = False, report_to: str = "none") -> None:
    """Train `recipe` once for each of its policies, without that policy, in ``folder/<policy>``.

    The policy left out chooses nothing. Without validation rows in `extra` a fold keeps its last epoch and the default
    settings (`Recipe.unvalidated`), rather than give up one of its four policies for validation. Finished folds are
    kept, so that the same command resumes an interrupted series.

    Raises:
        ClausetagError: see `run_training`; or a finished fold has another recipe or start model.
    """
    for policy, fold in recipe.left_out().items():
        target = folder / policy
        if _finished(target):
            found = load_artifact(target).config
            start = load_start(fold.start).described() if fold.start else None
            if found["recipe"] != without_folders(fold) or found.get("start") != start:
                raise RecipeError(f"{target}: holds a model of another recipe or start model; give another -o")
            print(f"{policy}: finished before, kept")
            continue
        print(f"{policy}: left out of this training")
        run_training(fold, target, quiet=quiet, report_to=report_to)


def draw_curves(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Plot training loss, and each head's validation loss and F1, over the epochs, to a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    epochs = [row["epoch"] for row in history]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(epochs, [row["train_loss"] for row in history], color="black", label="training")
    heads = list(history[-1]["validation"]) if history else []
    for head, colour in zip(heads, ("tab:blue", "tab:orange", "tab:green"), strict=False):
        metrics = [row["validation"][head] for row in history]
        left.plot(epochs, [values["loss"] for values in metrics], color=colour, label=f"validation, {head}")
        for average, line in (("macro", "-"), ("micro", "--")):
            f1 = [values[f"{average}_f1"] for values in metrics]
            right.plot(epochs, f1, color=colour, linestyle=line, label=f"{head}, {average}")
    left.set(xlabel="epoch", ylabel="loss (nats per unit)")
    right.set(xlabel="epoch", ylabel="F1 on validation policies", ylim=(0, 1))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)

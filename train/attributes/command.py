"""`clausetag attributes`: adds heads for attributes to a trained model, without changing its labels.

    clausetag attributes default --set 'extra=["modern.jsonl"]' --model standard -o runs/attributes

The heads are trained on the hidden states of the exported 8-bit network, which stays as it is: a few minutes on one
core, and the model's labels and scores remain the same to the last bit. Targets are the shares of OPP-115's annotators
who gave a value, out of those who gave the sentence one of the attribute's categories, and the values of sentences
annotated by the guide.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from clausetag.data.attributes import ATTRIBUTES, VALUES
from clausetag.data.corpora.attribute_labels import with_attributes
from clausetag.data.corpora.opp115 import ANNOTATORS
from clausetag.data.errors import ClausetagError, DataError, RecipeError
from clausetag.data.jsonl import write_text
from clausetag.data.labels import LABELS
from clausetag.eval.metrics.thresholds import expected_f1_thresholds, fit_calibration
from clausetag.eval.metrics.values import guide_values, majority_values, value_f1, value_votes
from clausetag.model.artifact import Artifact, load_artifact, write_manifest, write_trained_on
from clausetag.model.card import write_card
from clausetag.model.decision import SOURCES, ValueSettings, calibrate, default_values, value_scores
from clausetag.model.onnx.attributes import HiddenStates, add_heads, default_layers, layer_count
from clausetag.model.runtime import Runtime
from clausetag.model.tokenise import EncodedPolicies, SubwordTokenizer
from clausetag.train.attributes.heads import Array, Examples, Settings, train_heads
from clausetag.train.config import read_recipe
from clausetag.train.examples.sources import Source, TrainingData
from clausetag.train.examples.training_data import assemble
from clausetag.train.run import add_recipe_arguments

BoolArray = npt.NDArray[np.bool_]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag attributes`."""
    add_recipe_arguments(parser, "names the data")
    parser.add_argument(
        "--model", metavar="DIR", help="the trained model: a folder or a shipped name (default: the shipped one)"
    )
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the new model")
    parser.add_argument(
        "--rank",
        type=int,
        default=Settings().rank,
        help="dimensions of the heads; fewer are faster (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=Settings().seed, help="random seed (default: %(default)s)")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag attributes`; returns the exit code."""
    target = Path(arguments.output)
    if target.exists():
        raise ClausetagError(f"{target}: exists; give another -o")
    if not 1 <= arguments.rank <= 1024:
        raise RecipeError(f"--rank {arguments.rank}: must be from 1 to 1024")
    recipe = read_recipe(arguments.recipe, arguments.overrides)
    if recipe.own_labels:
        raise RecipeError("recipe: attributes belong to the twelve categories, not to labels of your own")
    data = assemble(recipe.model_copy(update={"start": "", "distilled": "", "passages": False}))
    add_attributes(load_artifact(arguments.model), data, target, Settings(rank=arguments.rank, seed=arguments.seed))
    print(f"wrote {target}")
    return 0


def add_attributes(artifact: Artifact, data: TrainingData, target: Path, settings: Settings) -> None:
    """Train attribute heads on `data` and write `artifact` with them to `target`.

    Raises:
        ArtifactError: the network has no layers that can be read.
        DataError: no sentence has attributes, or the model's labels are not the twelve categories.
        LeakageError: the model was trained on a policy that `data` validates with.
    """
    import onnx

    if artifact.labels != LABELS:
        raise DataError(f"{artifact.folder}: attributes belong to the twelve categories, and it has labels of its own")
    source = artifact.folder / "model.onnx"
    layers = default_layers(layer_count(onnx.load(str(source))))
    states = HiddenStates(source, layers)
    tokenizer = SubwordTokenizer.of(Tokenizer.from_file(str(artifact.folder / "tokenizer.json")))
    examples = [_examples(source_of, states, artifact, tokenizer) for source_of in data.train if _usable(source_of)]
    heads = train_heads(examples, settings)
    sample = np.concatenate([one for part in examples for one in part.hidden[::97]]).astype(np.float32)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        add_heads(source, temporary / "model.onnx", layers, heads.weights(), sample)
        # Thresholds are fitted to the 8-bit heads that ship.
        runtime = Runtime(temporary / "model.onnx")
        found, validation = _validated(runtime, data, artifact, tokenizer)
        attributes = {
            "layers": list(layers),
            "sources": list(SOURCES),
            "settings": {name: values.config() for name, values in found.items()},
            "validation": validation,
            "training": asdict(settings) | {"sentences": {part.source: len(part.hidden) for part in examples}},
        }
        for part in ("tokenizer.json", "tokenizer_config.json"):
            if (artifact.folder / part).is_file():  # older models have no tokenizer_config.json
                shutil.copyfile(artifact.folder / part, temporary / part)
        config = {**artifact.config, "attributes": attributes}
        write_text(temporary / "config.json", json.dumps(config, indent=1) + "\n")
        write_trained_on(temporary, [artifact.trained_on(), data.trained_on()])
        write_card(temporary, config)
        write_manifest(temporary)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _usable(source: Source) -> bool:
    return source.head in SOURCES and not source.whole


def _encoded(source: Source, artifact: Artifact, tokenizer: SubwordTokenizer) -> EncodedPolicies:
    return source.encode(tokenizer, context=artifact.context)


def _examples(source: Source, states: HiddenStates, artifact: Artifact, tokenizer: SubwordTokenizer) -> Examples:
    """The examples of a source; sentences without a value to learn are read as context only."""
    targets, weights = _targets(source)
    hidden = states.of_sentences(_encoded(source, artifact, tokenizer), artifact.window, tokenizer)
    used = np.flatnonzero(weights.any(1))
    return Examples(source.head, [hidden[row] for row in used], targets[used], weights[used])


def _targets(source: Source) -> tuple[Array, Array]:
    if source.head == "opp115":
        shares, voters = value_votes(source.sentences)
        return shares, voters / np.float32(ANNOTATORS)
    gold, possible = guide_values(with_attributes(source.sentences))
    return gold.astype(np.float32), possible.astype(np.float32)


def _validated(
    runtime: Runtime, data: TrainingData, artifact: Artifact, tokenizer: SubwordTokenizer
) -> tuple[dict[str, ValueSettings], list[dict[str, Any]]]:
    """Settings of each source, and micro and macro F1 of each, by settings fitted to the other validation policies."""
    found = dict.fromkeys(SOURCES, default_values())
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(SOURCES):
        parts: list[tuple[Array, BoolArray, BoolArray, list[str]]] = []
        for source in data.validation:
            if source.head != name or source.whole:
                continue
            outputs, _ = runtime.outputs(_encoded(source, artifact, tokenizer), artifact.window, tokenizer)
            values = runtime.split(outputs)[1][:, place]
            if name == "opp115":
                gold, possible = majority_values(source.sentences)
            else:
                gold, possible = guide_values(with_attributes(source.sentences))
            kept = np.flatnonzero(possible.any(1))
            names = [source.sentences[row].policy for row in kept]
            parts.append((values[kept], gold[kept], possible[kept], names))
        if not any(len(part[0]) for part in parts):
            continue
        logits, gold, possible = (np.concatenate([part[which] for part in parts]) for which in range(3))
        policies = np.array([policy for part in parts for policy in part[3]])
        found[name] = fit_values(logits, gold, possible)
        decided = np.zeros_like(gold)
        for policy in dict.fromkeys(policies.tolist()):
            inside = policies == policy
            fit = ~inside if not inside.all() else inside
            settings = fit_values(logits[fit], gold[fit], possible[fit])
            scores = value_scores(logits[inside], settings)
            decided[inside] = (scores >= settings.thresholds) & possible[inside]
        rows.append({"source": name, "n": len(gold), **value_f1(gold, decided)})
    return found, rows


def fit_values(logits: Array, gold: BoolArray, possible: BoolArray) -> ValueSettings:
    """Calibration and thresholds of one source's values, from validation rows.

    Calibration is Platt's, by attribute: its values share what they have too few examples for. A threshold is halfway
    between the one that is best for the value's own expected F1 and the one that is best for the whole attribute.

    Args:
        logits: float [n, values] of sentences that were not trained on.
        gold: bool [n, values].
        possible: bool [n, values]: which values a sentence's labels can have.
    """
    settings = default_values()
    thresholds, slope, intercept = settings.thresholds, settings.slope, settings.intercept
    for attribute in ATTRIBUTES:
        columns = np.flatnonzero([name == attribute.name for name, _ in VALUES])
        rows = np.flatnonzero(possible[:, columns[0]])
        found = gold[np.ix_(rows, columns)]
        if not found.any():
            continue
        raw = logits[np.ix_(rows, columns)].astype(np.float64)
        slope[columns], intercept[columns] = fit_calibration(raw, found)
        scores = calibrate(raw, slope[columns], intercept[columns])
        thresholds[columns] = (expected_f1_thresholds(scores) + expected_f1_thresholds(scores.reshape(-1, 1))) / 2
    return settings

"""Grouped folds: thresholds and calibration from policies that the scoring model was not trained on.

    clausetag train mine.toml --folds 5 -o runs/mine

With few labelled policies, none can be spared for validation. The policies are divided into folds; for each, a model is
trained without it and scores it. The model that is kept is trained on all policies, with thresholds and calibration
fitted to these out-of-fold scores. All of them are trained for the same number of epochs.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy
from clausetag.model.network import predict_logits
from clausetag.train.config import Recipe
from clausetag.train.examples.sources import TrainingData
from clausetag.train.trainer import train
from clausetag.train.validate import HeldOut, score_held_out

FOLDS = "folds"
"""The folder in a run's folder that holds finished folds until the run is finished."""


def divided(data: TrainingData, folds: int) -> list[frozenset[str]]:
    """The labelled policies of the head `guide` in `folds` groups with about as many labelled sentences each.

    Policies that an earlier stage has learnt from (the start model) are in no group: no score of them is out of fold.

    Raises:
        DataError: there are fewer policies than folds.
    """
    known = {policy for stage in data.stages for policy in stage.policies}
    sizes: dict[str, int] = {}
    for source in data.train:
        if source.head == "guide":
            for policy, rows in by_policy(source.sentences).items():
                sizes[policy] = sizes.get(policy, 0) + sum(row.labelled for row in rows)
    new = (policy for policy, size in sizes.items() if size and policy not in known)
    labelled = sorted(new, key=lambda policy: (-sizes[policy], policy))
    if len(labelled) < folds:
        raise DataError(f"recipe: folds = {folds}, but {len(labelled)} labelled policies are new to the model")
    groups: list[list[str]] = [[] for _ in range(folds)]
    for policy in labelled:
        min(groups, key=lambda group: sum(sizes[name] for name in group)).append(policy)
    return [frozenset(group) for group in groups]


def out_of_fold(
    recipe: Recipe, data: TrainingData, folder: Path, *, quiet: bool = False, report_to: str = "none"
) -> HeldOut:
    """Train a model without each fold and score the fold with it; finished folds in `folder` are kept.

    Raises:
        ClausetagError: see `train`.
    """
    parts: list[HeldOut] = []
    groups = divided(data, recipe.folds)
    for number, group in enumerate(groups):
        path = folder / FOLDS / f"{number}.npz"
        inside, outside = _split(data, group)
        digest = json.dumps([recipe.as_dict(), inside.digest()])
        if not path.is_file() or _digest_of(path) != digest:
            if not quiet:
                print(f"fold {number + 1} of {len(groups)}: {', '.join(sorted(group))} left out")
            trained = train(recipe, inside, folder / FOLDS / str(number), quiet=quiet, report_to=report_to)
            predict = partial(
                predict_logits, trained.model, window=recipe.window, tokenizer=trained.tokenizer, bf16=False
            )
            heads = trained.model.config.heads
            rows = score_held_out(predict, heads, outside.validation, recipe, trained.tokenizer)["guide"]
            if trained.main:
                _save(path, rows, digest)
            parts.append(rows)
        else:
            parts.append(_load(path))
    return HeldOut(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.gold for part in parts]),
        tuple(name for part in parts for name in part.policies),
        np.concatenate([part.any_vote for part in parts]),
    )


def _split(data: TrainingData, group: frozenset[str]) -> tuple[TrainingData, TrainingData]:
    """The data without the policies of `group`, and these policies as validation data."""
    guide = [source for source in data.train if source.head == "guide"]
    others = [source for source in data.train if source.head != "guide"]
    inside = [replace(s, sentences=tuple(row for row in s.sentences if row.policy not in group)) for s in guide]
    outside = [replace(s, sentences=tuple(row for row in s.sentences if row.policy in group)) for s in guide]
    return (
        replace(data, train=(*others, *(source for source in inside if source.sentences))),
        replace(data, validation=tuple(source for source in outside if source.sentences)),
    )


def _save(path: Path, rows: HeldOut, digest: str) -> None:
    temporary = path.with_suffix(".tmp.npz")
    policies = np.array(rows.policies, dtype=np.str_)
    np.savez(temporary, logits=rows.logits, gold=rows.gold, policies=policies, any_vote=rows.any_vote, digest=digest)
    temporary.replace(path)


def _digest_of(path: Path) -> str:
    with np.load(path, allow_pickle=False) as arrays:
        return str(arrays["digest"])


def _load(path: Path) -> HeldOut:
    with np.load(path, allow_pickle=False) as arrays:
        return HeldOut(arrays["logits"], arrays["gold"], tuple(arrays["policies"].tolist()), arrays["any_vote"])

"""A model trained once for each policy left out: every policy is scored by the one fold that has not seen it.

clausetag train lopo --set start=runs/opp115 -o runs/lopo      # writes runs/lopo/<policy>/, one model each
clausetag eval policies --model runs/lopo
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from clausetag.data.corpora.five import FIVE, read_five
from clausetag.data.errors import ArtifactError, DataError, LeakageError
from clausetag.data.jsonl import by_policy
from clausetag.data.records import Sentence
from clausetag.data.text import text_hash
from clausetag.eval.scorer import Scorer
from clausetag.model.artifact import MANIFEST, TrainedOn
from clausetag.model.decision import FloatArray


@dataclass(frozen=True)
class FoldTagger:
    """Several taggers as one `Scorer`; `folds` maps each policy to the tagger whose training left it out."""

    name: str
    folds: Mapping[str, Scorer]

    @property
    def labels(self) -> Sequence[str]:
        """Labels in the order of all arrays."""
        return self._any.labels

    @property
    def hash(self) -> str:
        """Names exactly these folds."""
        named = "".join(f"{policy} {fold.hash}\n" for policy, fold in sorted(self.folds.items()))
        return hashlib.sha256(named.encode()).hexdigest()[:12]

    @property
    def config(self) -> Mapping[str, Any]:
        """Name, the recipe that the folds have in common, and each fold's hash."""
        shared = _shared_recipe(self._any.config)
        return {"name": self.name, "recipe": shared, "folds": {policy: f.hash for policy, f in self.folds.items()}}

    @cached_property
    def trained_on(self) -> TrainedOn:
        """What the folds have seen of the very policy that each is to score; if all is well, next to nothing."""
        policies: set[str] = set()
        hashes: set[str] = set()
        context: set[str] = set()
        texts = by_policy(read_five())
        for policy, fold in self.folds.items():
            own = {text_hash(sentence.text) for sentence in texts.get(policy, ())}
            policies |= {policy} & fold.trained_on.policies
            hashes |= own & fold.trained_on.hashes
            context |= own & fold.trained_on.context
        return TrainedOn(frozenset(policies), frozenset(hashes), frozenset(context))

    def fold(self, policy: str) -> Scorer:
        """The tagger whose training left `policy` out.

        Raises:
            DataError: there is none.
        """
        if policy not in self.folds:
            raise DataError(
                f"model {self.name}: none of its folds leaves out {policy!r}, they leave out {', '.join(self.folds)}; "
                "measure it with `clausetag eval policies`"
            )
        return self.folds[policy]

    def score(self, sentences: Sequence[Sentence], *, head: str | None = None) -> FloatArray:
        """Calibrated probabilities float[n, k], each policy's by its own fold."""
        scores = np.zeros((len(sentences), len(self.labels)))
        for policy, rows in _rows_of(sentences).items():
            scores[rows] = self.fold(policy).score([sentences[row] for row in rows], head=head)
        return scores

    def score_passages(self, sentences: Sequence[Sentence]) -> tuple[list[tuple[str, int]], FloatArray]:
        """(policy, passage) pairs and their probabilities float[m, k], each policy's by its own fold."""
        keys: list[tuple[str, int]] = []
        scores = [np.zeros((0, len(self.labels)))]
        for policy, rows in _rows_of(sentences).items():
            found, values = self.fold(policy).score_passages([sentences[row] for row in rows])
            keys += found
            scores.append(np.asarray(values))
        return keys, np.concatenate(scores)

    def score_texts(self, texts: Sequence[str], head: str = "passage") -> FloatArray:
        """Isolated texts are of no policy, and so have no fold.

        Raises:
            DataError: always.
        """
        raise DataError(f"model {self.name}: is one model a policy left out, and cannot score texts without a policy")

    def thresholds(self, head: str) -> FloatArray:
        """The mean of the folds' thresholds, float[k], to be shown; labels are decided by `unit_thresholds`."""
        mean: FloatArray = np.mean([fold.thresholds(head) for fold in self.folds.values()], axis=0)
        return mean

    def min_labels(self, head: str) -> int:
        """1 where every sentence gets a label, else 0; the folds' recipe is one, and so is this."""
        return self._any.min_labels(head)

    @property
    def _any(self) -> Scorer:
        return next(iter(self.folds.values()))


def unit_thresholds(tagger: Scorer | FoldTagger, units: Sequence[Sentence], head: str) -> FloatArray:
    """The thresholds that apply to each unit, float[n, k]: those of the model that scores its policy."""
    rows = [_model_of(tagger, unit).thresholds(head) for unit in units]
    return np.array(rows).reshape(len(units), len(tagger.labels))


def unit_calibration(
    tagger: Scorer | FoldTagger, units: Sequence[Sentence], head: str
) -> tuple[FloatArray, FloatArray]:
    """Slope and intercept that apply to each unit, float[n, k] each: those of the model that scores its policy."""
    heads = [_model_of(tagger, unit).head(head) for unit in units]
    shape = len(units), len(tagger.labels)
    slope = np.array([own.slope for own in heads]).reshape(shape)
    return slope, np.array([own.intercept for own in heads]).reshape(shape)


def _model_of(tagger: Scorer | FoldTagger, unit: Sentence) -> Scorer:
    return tagger.fold(unit.policy) if isinstance(tagger, FoldTagger) else tagger


def is_folds(model: str | os.PathLike[str] | None) -> bool:
    """Whether `model` is a folder of folds: no model itself, but with a model in a folder named after one of the five.

    None and names of shipped models are not.
    """
    folder = Path(model) if model is not None else None
    return folder is not None and not (folder / MANIFEST).is_file() and bool(_fold_names(folder))


def load_folds(folder: str | os.PathLike[str]) -> FoldTagger:
    """Load the folds that `clausetag train` with ``leave_out = "each"`` wrote below `folder`.

    Raises:
        ArtifactError: a fold is missing, is not complete, or does not belong to the others.
        LeakageError: a fold was trained on the policy that it is to score.
    """
    from clausetag.model.tagger import Tagger

    path = Path(folder)
    folds: dict[str, Tagger] = {name: Tagger.load(path / name) for name in _fold_names(path)}
    expected: set[str] = set()
    recipes: list[dict[str, Any]] = []
    for policy, fold in folds.items():
        recipe = fold.config.get("recipe")
        if not isinstance(recipe, Mapping) or recipe.get("leave_out") != policy:
            raise ArtifactError(f"{path / policy}: no fold; its recipe does not leave {policy!r} out")
        if policy in fold.trained_on.policies:
            raise LeakageError(f"{path / policy}: has been trained on {policy!r}, which it should have left out")
        expected |= {policy, *recipe["policies"]}
        recipes.append({**_shared_recipe(fold.config), "start": fold.config.get("start")})
    if any(recipe != recipes[0] for recipe in recipes):
        raise ArtifactError(f"{path}: its folds are of different recipes or start models; train them anew")
    missing = sorted(expected - set(folds))
    if missing or not folds:
        raise ArtifactError(
            f"{path}: the fold without {missing[0] if missing else FIVE[0]} is missing or unfinished; "
            "the `clausetag train` command that wrote the others continues with it"
        )
    return FoldTagger(path.resolve().name, folds)


def _fold_names(folder: Path) -> list[str]:
    return [policy for policy in FIVE if (folder / policy / MANIFEST).is_file()]


def _shared_recipe(config: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe without what differs from fold to fold."""
    recipe = config.get("recipe")
    values = dict(recipe) if isinstance(recipe, Mapping) else {"name": recipe}
    return {key: value for key, value in values.items() if key not in ("leave_out", "policies")}


def _rows_of(sentences: Sequence[Sentence]) -> dict[str, list[int]]:
    """Positions of each policy's sentences, policies in order of appearance."""
    rows: dict[str, list[int]] = {}
    for row, sentence in enumerate(sentences):
        rows.setdefault(sentence.policy, []).append(row)
    return rows

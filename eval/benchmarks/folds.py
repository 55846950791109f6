"""Leave-one-out models: each policy is scored by the fold that was trained without it.

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
    """Several models as one `Scorer`; `folds` maps each policy to the model that was trained without it."""

    name: str
    folds: Mapping[str, Scorer]

    @property
    def labels(self) -> Sequence[str]:
        """The columns of all arrays."""
        return self._any.labels

    @property
    def hash(self) -> str:
        """Identifies exactly these folds."""
        named = "".join(f"{policy} {fold.hash}\n" for policy, fold in sorted(self.folds.items()))
        return hashlib.sha256(named.encode()).hexdigest()[:12]

    @property
    def config(self) -> Mapping[str, Any]:
        """Name, the recipe that the folds share, and each fold's hash."""
        shared = _shared_recipe(self._any.config)
        return {"name": self.name, "recipe": shared, "folds": {policy: f.hash for policy, f in self.folds.items()}}

    @cached_property
    def trained_on(self) -> TrainedOn:
        """What each fold has seen of the policy that it scores: normally next to nothing."""
        policies, hashes, context = set[str](), set[str](), set[str]()
        texts = by_policy(read_five())
        for policy, fold in self.folds.items():
            own = {text_hash(sentence.text) for sentence in texts.get(policy, ())}
            policies |= {policy} & fold.trained_on.policies
            hashes |= own & fold.trained_on.hashes
            context |= own & fold.trained_on.context
        return TrainedOn(frozenset(policies), frozenset(hashes), frozenset(context))

    def fold(self, policy: str) -> Scorer:
        """The model that was trained without `policy`.

        Raises:
            DataError: there is none.
        """
        if policy not in self.folds:
            raise DataError(
                f"model {self.name}: no fold leaves out {policy!r}, they leave out {', '.join(self.folds)}; "
                "measure it with `clausetag eval policies`"
            )
        return self.folds[policy]

    def score(self, sentences: Sequence[Sentence], *, head: str | None = None) -> FloatArray:
        """Calibrated probabilities float[n, k], each policy's from its own fold."""
        scores = np.zeros((len(sentences), len(self.labels)))
        for policy, rows in _rows_of(sentences).items():
            scores[rows] = self.fold(policy).score([sentences[row] for row in rows], head=head)
        return scores

    def score_passages(self, sentences: Sequence[Sentence]) -> tuple[list[tuple[str, int]], FloatArray]:
        """(policy, passage) pairs and their probabilities float[m, k], each policy's from its own fold."""
        keys: list[tuple[str, int]] = []
        scores = [np.zeros((0, len(self.labels)))]
        for policy, rows in _rows_of(sentences).items():
            found, values = self.fold(policy).score_passages([sentences[row] for row in rows])
            keys += found
            scores.append(np.asarray(values))
        return keys, np.concatenate(scores)

    def score_texts(self, texts: Sequence[str], head: str = "passage") -> FloatArray:
        """Not possible: isolated texts have no policy, so no fold.

        Raises:
            DataError: always.
        """
        raise DataError(f"model {self.name} is one model per policy and cannot score texts without a policy")

    def thresholds(self, head: str) -> FloatArray:
        """The mean of the folds' thresholds, float[k], for reports; `unit_thresholds` decide."""
        mean: FloatArray = np.mean([fold.thresholds(head) for fold in self.folds.values()], axis=0)
        return mean

    def min_labels(self, head: str) -> int:
        """1 if every sentence gets at least one label, else 0; the same for all folds."""
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
    """Whether `model` is a folder that is no model itself but has models in folders named after the five policies."""
    folder = Path(model) if model is not None else None
    return folder is not None and not (folder / MANIFEST).is_file() and bool(_fold_names(folder))


def load_folds(folder: str | os.PathLike[str]) -> FoldTagger:
    """Load the folds that `clausetag train` with ``leave_out = "each"`` wrote into `folder`.

    Raises:
        ArtifactError: a fold is missing, incomplete, or of another recipe than the others.
        LeakageError: a fold was trained on the policy that it should score.
    """
    from clausetag.model.tagger import Tagger

    path = Path(folder)
    folds: dict[str, Tagger] = {name: Tagger.load(path / name) for name in _fold_names(path)}
    expected: set[str] = set()
    recipes: list[dict[str, Any]] = []
    for policy, fold in folds.items():
        recipe = fold.config.get("recipe")
        if not isinstance(recipe, Mapping) or recipe.get("leave_out") != policy:
            raise ArtifactError(f"{path / policy}: its recipe does not leave {policy!r} out; train it with leave_out")
        if policy in fold.trained_on.policies:
            raise LeakageError(
                f"{path / policy}: was trained on {policy!r}, which it should have left out; train it again"
            )
        expected |= {policy, *recipe["policies"]}
        recipes.append({**_shared_recipe(fold.config), "start": fold.config.get("start")})
    if any(recipe != recipes[0] for recipe in recipes):
        raise ArtifactError(f"{path}: its folds have different recipes or start models; train them again")
    missing = sorted(expected - set(folds))
    if missing or not folds:
        raise ArtifactError(
            f"{path}: the fold without {missing[0] if missing else FIVE[0]} is missing or unfinished; "
            "run the `clausetag train` command that wrote the others again"
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
    """Positions of each policy's sentences, with policies in order of appearance."""
    rows: dict[str, list[int]] = {}
    for row, sentence in enumerate(sentences):
        rows.setdefault(sentence.policy, []).append(row)
    return rows

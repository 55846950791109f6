"""What teachers say: the scores that `clausetag distil` left in a folder, found again by sentence and by passage.

scores.npz        sentences [n] and passages [m] as keys, their scores float16 [n or m, heads, labels]
pool.jsonl        the unlabelled sentences among them, in order
distilled.json    heads, teachers (name, hash, recipe), versions
trained_on.json   what the teachers saw, over every stage
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from clausetag.data.errors import ClausetagError, RecipeError
from clausetag.data.jsonl import read_jsonl
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.text import text_hash
from clausetag.model.artifact import TRAINED_ON, TrainedOn, read_trained_on

FloatArray = npt.NDArray[np.float32]

SCORES = "scores.npz"
POOL_FILE = "pool.jsonl"
ABOUT = "distilled.json"


@dataclass(frozen=True, slots=True)
class Teaching:
    """Mean scores of the teachers, for the heads that each of them has learnt."""

    heads: tuple[str, ...]
    sentences: dict[str, int]
    sentence_scores: npt.NDArray[np.float16]
    passages: dict[str, int]
    passage_scores: npt.NDArray[np.float16]
    pool: tuple[Sentence, ...]
    trained_on: tuple[TrainedOn, ...]
    hash: str

    def of_sentences(self, sentences: Sequence[Sentence]) -> tuple[FloatArray, FloatArray]:
        """Scores float [n, heads, labels], and 1 where the teachers have read the sentence, else 0, float [n]."""
        return _rows([sentence_key(one) for one in sentences], self.sentences, self.sentence_scores)

    def of_passages(self, keys: Sequence[tuple[str, int]]) -> tuple[FloatArray, FloatArray]:
        """The same of passages (policy, number)."""
        return _rows([passage_key(key) for key in keys], self.passages, self.passage_scores)


def sentence_key(sentence: Sentence) -> str:
    """What names a sentence: its policy, its place and its text."""
    return f"{sentence.policy}\t{sentence.index}\t{text_hash(sentence.text)}"


def passage_key(key: tuple[str, int]) -> str:
    """What names a passage: its policy and number."""
    return f"{key[0]}\t{key[1]}"


def _rows(
    keys: Sequence[str], places: dict[str, int], scores: npt.NDArray[np.float16]
) -> tuple[FloatArray, FloatArray]:
    found = np.array([places.get(key, -1) for key in keys], dtype=np.int64)
    known = (found >= 0).astype(np.float32)
    if not len(scores):
        return np.zeros((len(keys), *scores.shape[1:]), dtype=np.float32), known
    return scores[np.maximum(found, 0)].astype(np.float32), known


def load_teaching(path: str) -> Teaching:
    """Read the folder that a recipe's `distilled` names.

    Raises:
        RecipeError: `clausetag distil` has not finished it, or it is damaged.
    """
    folder = Path(path).expanduser()
    if not (folder / ABOUT).is_file():
        raise RecipeError(f"distilled: {path} holds no finished scores; run clausetag distil first")
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        heads, digest = tuple(about["heads"]), str(about["hash"])
        with np.load(folder / SCORES, allow_pickle=False) as arrays:
            sentences, passages = arrays["sentences"].tolist(), arrays["passages"].tolist()
            sentence_scores, passage_scores = arrays["sentence_scores"], arrays["passage_scores"]
        if sentence_scores.shape != (len(sentences), len(heads), len(LABELS)):
            raise ValueError("scores and sentences do not belong together")
        if passage_scores.shape != (len(passages), len(heads), len(LABELS)):
            raise ValueError("scores and passages do not belong together")
        pool = tuple(read_jsonl(folder / POOL_FILE)) if (folder / POOL_FILE).is_file() else ()
        seen = read_trained_on(folder / TRAINED_ON)
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile, zlib.error, ClausetagError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RecipeError(f"distilled: {path} is damaged ({reason}); run clausetag distil again") from None
    return Teaching(
        heads,
        {key: row for row, key in enumerate(sentences)},
        sentence_scores,
        {key: row for row, key in enumerate(passages)},
        passage_scores,
        pool,
        (seen,),
        digest,
    )

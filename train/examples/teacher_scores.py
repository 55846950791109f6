"""Teacher scores: the folder that `clausetag distil` writes, looked up by sentence and by passage.

scores.npz        keys of sentences [n] and passages [m], and their scores float16 [n or m, heads, labels]
pool.jsonl        the unlabelled sentences among them, in order
distilled.json    heads, teachers (name, hash, recipe), versions
trained_on.json   what the teachers saw in training, over all stages
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from clausetag.data.errors import ClausetagError, RecipeError, first_line
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
class TeacherScores:
    """Mean scores of the teachers, for the heads that all of them have trained."""

    heads: tuple[str, ...]
    sentences: dict[str, int]
    """Row of each sentence key."""
    sentence_scores: npt.NDArray[np.float16]
    passages: dict[str, int]
    passage_scores: npt.NDArray[np.float16]
    pool: tuple[Sentence, ...]
    """The unlabelled sentences."""
    trained_on: tuple[TrainedOn, ...]
    hash: str

    def of_sentences(self, sentences: Sequence[Sentence]) -> tuple[FloatArray, FloatArray]:
        """Scores float [n, heads, labels], and float [n]: 1 for sentences that have scores, else 0."""
        return _look_up([sentence_key(one) for one in sentences], self.sentences, self.sentence_scores)

    def of_passages(self, keys: Sequence[tuple[str, int]]) -> tuple[FloatArray, FloatArray]:
        """The same for passages, given as (policy, passage)."""
        return _look_up([passage_key(key) for key in keys], self.passages, self.passage_scores)


def sentence_key(sentence: Sentence) -> str:
    """Identifies a sentence: its policy, index and text."""
    return f"{sentence.policy}\t{sentence.index}\t{text_hash(sentence.text)}"


def sentences_digest(sentences: Iterable[Sentence], *more: str) -> str:
    """A hash of the sentences, in order, and of further strings: names the data of a run."""
    digest = hashlib.sha256()
    for text in (*more, *map(sentence_key, sentences)):
        digest.update(text.encode("utf-8", "replace"))
    return digest.hexdigest()[:12]


def passage_key(key: tuple[str, int]) -> str:
    """Identifies a passage: its policy and number."""
    return f"{key[0]}\t{key[1]}"


def _look_up(
    keys: Sequence[str], rows: dict[str, int], scores: npt.NDArray[np.float16]
) -> tuple[FloatArray, FloatArray]:
    found = np.array([rows.get(key, -1) for key in keys], dtype=np.int64)
    scored = (found >= 0).astype(np.float32)
    if not len(scores):
        return np.zeros((len(keys), *scores.shape[1:]), dtype=np.float32), scored
    return scores[np.maximum(found, 0)].astype(np.float32), scored


def load_teacher_scores(path: str) -> TeacherScores:
    """Read the folder that a recipe's `distilled` names.

    Raises:
        RecipeError: the folder is unfinished or damaged.
    """
    folder = Path(path).expanduser()
    if not (folder / ABOUT).is_file():
        raise RecipeError(f"distilled: {path} holds no finished scores; run clausetag distil first")
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        heads, digest = tuple(about["heads"]), str(about["hash"])
        # numpy leaves a damaged file open if it has opened it itself
        with (folder / SCORES).open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            sentences, passages = arrays["sentences"].tolist(), arrays["passages"].tolist()
            sentence_scores, passage_scores = arrays["sentence_scores"], arrays["passage_scores"]
        for keys, scores in ((sentences, sentence_scores), (passages, passage_scores)):
            if scores.shape != (len(keys), len(heads), len(LABELS)):
                raise ValueError("scores and keys do not belong together")
        pool = tuple(read_jsonl(folder / POOL_FILE)) if (folder / POOL_FILE).is_file() else ()
        trained_on = read_trained_on(folder / TRAINED_ON)
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile, zlib.error, ClausetagError) as error:
        raise RecipeError(f"distilled: {path} is damaged ({first_line(error)}); run clausetag distil again") from None
    return TeacherScores(
        heads,
        {key: row for row, key in enumerate(sentences)},
        sentence_scores,
        {key: row for row, key in enumerate(passages)},
        passage_scores,
        pool,
        (trained_on,),
        digest,
    )

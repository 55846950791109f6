"""`clausetag distil`: scores a recipe's training sentences, and a pool of unlabelled ones, with teacher models.

    clausetag train teacher -o runs/teacher
    clausetag distil default --teacher runs/teacher --pool runs/pool.jsonl -o runs/distilled
    clausetag train default --set distilled=runs/distilled -o runs/default

Knowledge distillation: a small student learns the probabilities of larger teachers (Hinton et al. 2015), on unlabelled
text of the domain too (Turc et al. 2019). The scores of several teachers are averaged; a policy that some of them were
trained on is scored by the others. Scores are saved, so that any number of students can be trained on them.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from clausetag.data.corpora.dataset import read_sentences
from clausetag.data.errors import DataError, RecipeError
from clausetag.data.jsonl import by_policy, write_jsonl, write_text
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.model.artifact import write_trained_on
from clausetag.model.configuration import HEADS
from clausetag.model.network import SentenceTagger, native_bf16, predict_logits
from clausetag.model.provenance import versions
from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer
from clausetag.train.config import Recipe, read_recipe
from clausetag.train.examples.sources import POOL, Source, TrainingData
from clausetag.train.examples.teacher_scores import (
    ABOUT,
    POOL_FILE,
    SCORES,
    passage_key,
    sentence_key,
    sentences_digest,
)
from clausetag.train.examples.training_data import assemble
from clausetag.train.run import add_recipe_arguments
from clausetag.train.start import Start, load_start, start_network

PART_SENTENCES = 2000
"""Sentences that are scored between two saves."""
_MIN_PASSAGE_WORDS = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag distil`."""
    add_recipe_arguments(parser, "the student's recipe")
    parser.add_argument(
        "--teacher", action="append", required=True, metavar="DIR", help="a trained model; repeat it to average several"
    )
    parser.add_argument("--pool", metavar="FILE", help="JSONL of unlabelled sentences (`clausetag data pool`)")
    parser.add_argument(
        "--sentences", type=int, default=60_000, metavar="N", help="maximum number from the pool (default: %(default)s)"
    )
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder; an unfinished one is resumed")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag distil`; returns the exit code."""
    recipe = read_recipe(arguments.recipe, arguments.overrides).replaced(distilled="")
    folder = Path(arguments.output)
    if (folder / ABOUT).is_file():
        raise RecipeError(f"{folder}: holds finished scores; give another -o")
    teachers = [load_start(path, "teacher") for path in arguments.teacher]
    data = assemble(recipe)
    pool: tuple[Sentence, ...] = ()
    if arguments.pool:
        pool = select_pool(read_sentences(arguments.pool), data, arguments.sentences, whole=bool(recipe.privacyglue))
    distil(recipe, data, pool, teachers, folder, quiet=arguments.quiet)
    print(f"wrote {folder}")
    return 0


def select_pool(sentences: Sequence[Sentence], data: TrainingData, limit: int, *, whole: bool) -> tuple[Sentence, ...]:
    """Whole policies of the pool, in order, until there are `limit` sentences, without labelled or validation policies.

    With `whole`, each block becomes one row, like PrivacyGLUE's passages.

    Raises:
        DataError: no policy is left.
    """
    known = data.trained_policies() | data.trained_on().validation_policies
    selected: list[Sentence] = []
    for policy, group in by_policy(sentences).items():
        if len(selected) >= limit:
            break
        if policy not in known:
            selected += _passages(group) if whole else [replace(one, labels=None, votes=None) for one in group]
    if not selected:
        raise DataError("the pool has no policy that is not labelled already")
    return tuple(selected)


def _passages(group: Sequence[Sentence]) -> list[Sentence]:
    blocks: dict[int | None, list[str]] = {}
    for sentence in group:
        blocks.setdefault(sentence.passage, []).append(sentence.text)
    texts = [" ".join(parts) for parts in blocks.values()]
    kept = [text for text in texts if len(text.split()) >= _MIN_PASSAGE_WORDS]
    return [Sentence(policy=f"{group[0].policy}-{number}", index=0, text=text) for number, text in enumerate(kept)]


@dataclass(frozen=True, slots=True)
class Teacher:
    """A teacher with its network loaded."""

    start: Start
    network: SentenceTagger
    tokenizer: SubwordTokenizer

    @staticmethod
    def load(start: Start) -> Teacher:
        """Load the network of a checked model folder."""
        network = start_network(start, head_dropout=0.0)
        network.train(False)
        return Teacher(start, network, SubwordTokenizer.of(load_tokenizer(str(start.artifact.folder))))

    def score(self, source: Source, heads: Sequence[str]) -> dict[str, npt.NDArray[np.generic]]:
        """Keys [n], and scores float16 [n, heads, labels], of a source's sentences and of its passages."""
        artifact = self.start.artifact
        encoded = source.encode(self.tokenizer, context=artifact.context)
        sentence_logits, passage_logits = predict_logits(
            self.network, encoded, artifact.window, self.tokenizer, bf16=native_bf16()
        )
        outputs = [HEADS.index(artifact.settings[head].output) for head in heads]
        return {
            "sentences": np.array([sentence_key(sentence) for sentence in source.sentences], dtype=np.str_),
            "sentence_scores": _probabilities(sentence_logits[:, outputs]),
            "passages": np.array([passage_key(key) for key in encoded.passages], dtype=np.str_),
            "passage_scores": _probabilities(passage_logits[:, outputs]),
        }


def _probabilities(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    return (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float16)


def distil(
    recipe: Recipe,
    data: TrainingData,
    pool: Sequence[Sentence],
    teachers: Sequence[Start],
    folder: Path,
    *,
    part_sentences: int = PART_SENTENCES,
    quiet: bool = False,
) -> None:
    """Score the recipe's training sentences and the pool with every teacher, and write the mean scores to `folder`.

    Raises:
        RecipeError: the teachers have no trained head in common, or `folder` holds other scores.
    """
    settings = [set(teacher.artifact.settings) for teacher in teachers]
    heads = tuple(head for head in HEADS if all(head in found for found in settings))
    if not heads:
        raise RecipeError("the teachers have no trained head in common")
    sources = [*data.train, Source(POOL, tuple(pool), whole=bool(recipe.privacyglue))]
    sentences = [sentence for source in sources for sentence in source.sentences]
    identity = sentences_digest(sentences, *(teacher.artifact.hash for teacher in teachers))
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    mark = parts / "identity"
    if mark.is_file() and mark.read_text(encoding="utf-8") != identity:
        raise RecipeError(f"{folder}: holds unfinished scores of other data or teachers; give another -o or delete it")
    write_text(mark, identity)
    work = [part for source in sources for part in _split(source, part_sentences)]
    bar = tqdm(total=len(work) * len(teachers), unit="part", disable=quiet)
    for number, start in enumerate(teachers):
        teacher: Teacher | None = None
        for place, part in enumerate(work):
            target = parts / f"{number}-{place}.npz"
            if not target.is_file():
                teacher = teacher or Teacher.load(start)
                temporary = target.with_suffix(".tmp.npz")
                np.savez(temporary, **teacher.score(part, heads))  # type: ignore[arg-type]
                temporary.replace(target)
            bar.update()
    bar.close()
    _write_means(parts, [teacher.trained_on.policies for teacher in teachers], len(work), folder)
    if pool:
        write_jsonl(folder / POOL_FILE, [sentence.row() for sentence in pool])
    write_trained_on(folder, [teacher.trained_on for teacher in teachers])
    about = {
        "heads": list(heads),
        "hash": identity,
        "teachers": [teacher.described() for teacher in teachers],
        "versions": versions("train"),
    }
    write_text(folder / ABOUT, json.dumps(about, indent=1) + "\n")
    shutil.rmtree(parts)


def _split(source: Source, size: int) -> list[Source]:
    """Parts of whole policies, with about `size` sentences each."""
    parts: list[list[Sentence]] = [[]]
    for group in by_policy(source.sentences).values():
        if len(parts[-1]) >= size:
            parts.append([])
        parts[-1] += group
    return [replace(source, sentences=tuple(part)) for part in parts if part]


def _write_means(parts: Path, learnt: Sequence[frozenset[str]], places: int, folder: Path) -> None:
    """Join the parts, averaged over the teachers (for passages, over those that read policies in context).

    What teachers have learnt by heart teaches little. So a policy that a teacher was trained on (`learnt`, for each
    teacher) gets the scores of the other teachers, if there are any.
    """
    joined: dict[str, list[npt.NDArray[np.generic]]] = {}
    for place in range(places):
        read = []
        for number in range(len(learnt)):
            with np.load(parts / f"{number}-{place}.npz", allow_pickle=False) as arrays:
                read.append({name: arrays[name] for name in arrays.files})
        for name in ("sentences", "passages"):
            scored = [(one, known) for one, known in zip(read, learnt, strict=True) if len(one[name])]
            if scored:
                scores = f"{name[:-1]}_scores"
                keys = scored[0][0][name]
                values = np.stack([one[scores].astype(np.float32) for one, _ in scored])
                policies = [str(key).partition("\t")[0] for key in keys]
                new = np.array([[policy not in known for policy in policies] for _, known in scored], dtype=np.float32)
                new[:, new.sum(0) == 0] = 1  # all teachers know it
                mean = np.einsum("tn,tn...->n...", new / new.sum(0), values)
                joined.setdefault(name, []).append(keys)
                joined.setdefault(scores, []).append(mean.astype(np.float16))
    heads = joined["sentence_scores"][0].shape[1]
    empty: dict[str, npt.NDArray[np.generic]] = {
        "passages": np.empty(0, dtype=np.str_),
        "passage_scores": np.empty((0, heads, len(LABELS)), dtype=np.float16),
    }
    arrays = {name: np.concatenate(found) for name, found in joined.items()}
    temporary = folder / "scores.tmp.npz"
    np.savez_compressed(temporary, **(empty | arrays))
    temporary.replace(folder / SCORES)

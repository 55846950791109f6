"""`clausetag data build`: writes a corpus, or the data of a recipe, as a dataset.

    clausetag data build opp115 -o corpora/opp115            # splits train, validation, test
    clausetag data build default --set extra=mine.jsonl -o corpora/default
    clausetag data build runs/pool.jsonl -o corpora/pool
    clausetag train default --set dataset=corpora/default -o runs/default

`datasets.load_dataset(DIR)` gives it back. What a recipe trains on is written after the checks for leaked policies and
texts, so that it can be inspected, shared inside a company, and trained on elsewhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from clausetag.data.corpora.dataset import UNLABELLED, Row, to_row, write_dataset
from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.opp115 import Corpus, find_opp115, read_opp115
from clausetag.data.corpora.splits import policy_split
from clausetag.data.errors import DataError
from clausetag.data.jsonl import iter_json_rows
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence, sentence_from_row
from clausetag.train.config import read_recipe, shipped_recipes
from clausetag.train.examples.sources import POOL, Source
from clausetag.train.examples.training_data import assemble

_OPP115_LICENCE = (
    "OPP-115 (Wilson et al., ACL 2016): made available for research, teaching, and scholarship purposes only, with "
    "further parameters in the spirit of a Creative Commons Attribution-NonCommercial License."
)
_COLUMNS = (
    "One row a sentence (`unit` 0) or a passage (1). `labels` are class numbers; null: unlabelled, to be read as "
    "context. `votes`: the share of annotators for each label, in the labels' order. `source`: who labelled (a head of "
    "the model). `start` and `end`: character offsets in the policy's extracted text. `extra`: further keys as JSON."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag data build`."""
    corpora = f"opp115, policies (the five), a JSONL file, or a recipe: a .toml file, or {', '.join(shipped_recipes())}"
    parser.add_argument("what", help=corpora)
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder to write, which must be new")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="override a key of the recipe"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag data build`; returns the exit code."""
    what, folder = arguments.what, Path(arguments.output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: exists; give another -o")
    labels, notes, licence = LABELS, [_COLUMNS], "other"
    splits: Mapping[str, Iterable[Row]]
    if what == "opp115":
        corpus = read_opp115(find_opp115(download=True))
        splits = {name: _opp115_rows(corpus, ids) for name, ids in policy_split().items()}
        notes += [_OPP115_LICENCE, *corpus.notes]
    elif what == "policies":
        splits, licence = {"train": (to_row(row, "guide") for row in read_five())}, "mit"
        notes.append(
            "Five privacy policies; the labels are under the MIT licence, the texts belong to their companies."
        )
    elif what.endswith((".jsonl", ".json")):
        splits = {name: _jsonl_rows(what, name) for name in _jsonl_splits(what)}
    else:
        recipe = read_recipe(what, arguments.overrides)
        data, labels = assemble(recipe), recipe.label_set
        splits = {
            name: _source_rows(sources, labels)
            for name, sources in (("train", data.train), ("validation", data.validation))
            if sources
        }
        notes += [f"The data of the recipe `{recipe.name}`.", *data.notes]
        if recipe.opp115:
            notes.append(_OPP115_LICENCE)
    title = Path(what).stem
    counts = write_dataset(folder, splits, "\n\n".join([f"# {title}", *notes]) + "\n", labels, licence)
    print(f"wrote {folder}: {', '.join(f'{count:,} rows {name}' for name, count in counts.items())}")
    return 0


def _opp115_rows(corpus: Corpus, policies: Sequence[str]) -> Iterator[Row]:
    inside = set(policies)
    yield from (to_row(row, "opp115") for row in corpus.sentences if row.policy in inside)
    for one in corpus.passages:
        if one.policy in inside:
            extra = {} if one.annotators is None else {"annotators": {k: list(v) for k, v in one.annotators.items()}}
            passage = Sentence(
                one.policy,
                one.segment,
                one.text or "-",
                passage=one.segment,
                labels=one.labels,
                votes=one.votes,
                extra=extra,
            )
            yield to_row(passage, "opp115", "passage")


def _source_rows(sources: Iterable[Source], labels: tuple[str, ...]) -> Iterator[Row]:
    for source in sources:
        if source.head == POOL:
            continue
        texts: dict[tuple[str, int], list[str]] = {}
        for row in source.sentences:
            yield to_row(row, source.head, "passage" if source.whole else "sentence", labels)
            if row.passage is not None:
                texts.setdefault((row.policy, row.passage), []).append(row.text)
        for (policy, number), votes in source.passages.items():
            text = "\n".join(texts.get((policy, number), ["-"]))
            passage = Sentence(policy, number, text, passage=number, votes=votes)
            yield to_row(passage, source.head, "passage", labels)


def _jsonl_splits(path: str) -> list[str]:
    """The splits that the rows of a JSONL file name, in a fixed order; rows without one are training data."""
    found = {_split_of(row) for _, row in iter_json_rows(path)}
    if not found:
        raise DataError(f"{path}: holds no row")
    return [name for name in ("train", "validation", "test") if name in found]


def _split_of(row: object) -> str:
    split = row.get("split") if isinstance(row, dict) else None
    return split if split in ("validation", "test") else "train"


def _jsonl_rows(path: str, split: str) -> Iterator[Row]:
    """The rows of one split of a JSONL file, as a stream."""
    for number, row in iter_json_rows(path):
        if _split_of(row) != split:
            continue
        try:
            sentence = sentence_from_row(row)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}") from None
        yield to_row(sentence, "guide" if sentence.labelled else UNLABELLED)

"""Corpora as `datasets`: sentences and passages as Parquet with a dataset card, which `load_dataset` reads.

    clausetag data build opp115 -o corpora/opp115
    datasets.load_dataset("corpora/opp115")         # a DatasetDict: train, validation, test

Rows are written and read as a stream, and read from memory-mapped files, so a corpus may be larger than memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clausetag.data.corpora.opp115_files import cache_dir
from clausetag.data.errors import DataError, MissingExtraError, first_line
from clausetag.data.jsonl import iter_json_rows, write_text
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence, sentence_from_row

if TYPE_CHECKING:
    from datasets import Dataset, Features

UNLABELLED = "unlabelled"
"""The source of sentences without labels; every other source is a head of the network."""
_ROWS_AT_ONCE = 10_000
_NUMBERS = ("index", "passage", "start", "end")
_TEXTS = ("policy", "text", "heading")


def features(labels: tuple[str, ...] = LABELS) -> Features:
    """The columns of a corpus: those of a labelled JSONL, its source and unit, and all other keys as JSON."""
    from datasets import ClassLabel, Features, List, Value

    return Features(
        {
            **{name: Value("string") for name in _TEXTS},
            **{name: Value("int32") for name in _NUMBERS},
            "labels": List(ClassLabel(names=list(labels))),
            "votes": List(Value("float32")),  # by label; null if nobody voted
            "attributes": List({"attribute": Value("string"), "value": Value("string")}),
            "flags": List(Value("string")),
            "source": Value("string"),
            "unit": ClassLabel(names=["sentence", "passage"]),
            "extra": Value("string"),
        }
    )


def to_row(sentence: Sentence, source: str, unit: str = "sentence", labels: tuple[str, ...] = LABELS) -> dict[str, Any]:
    """A sentence, or a passage, as a row of a corpus."""
    extra = dict(sentence.extra)
    attributes = extra.pop("attributes", None)
    pairs = [{"attribute": name, "value": value} for name, values in (attributes or {}).items() for value in values]
    return {
        **{name: getattr(sentence, name) for name in (*_TEXTS, *_NUMBERS)},
        "labels": None if sentence.labels is None else [labels.index(name) for name in sentence.labels],
        "votes": None if sentence.votes is None else [float(sentence.votes.get(name, 0.0)) for name in labels],
        "attributes": None if attributes is None else pairs,
        "flags": list(sentence.flags),
        "source": source,
        "unit": int(unit == "passage"),
        "extra": json.dumps(extra, ensure_ascii=False) if extra else None,
    }


def from_row(row: Mapping[str, Any], labels: tuple[str, ...] = LABELS) -> Sentence:
    """The sentence or passage of a row; its source, unit and all that is not a field of `Sentence` are in `extra`."""
    extra: dict[str, Any] = json.loads(row["extra"]) if row["extra"] else {}
    if row["attributes"] is not None:
        extra["attributes"] = attributes = dict[str, list[str]]()
        for pair in row["attributes"]:
            attributes.setdefault(pair["attribute"], []).append(pair["value"])
    votes = row["votes"]
    return Sentence(
        **{name: row[name] for name in (*_TEXTS, *_NUMBERS)},
        labels=None if row["labels"] is None else tuple(labels[number] for number in row["labels"]),
        # Shares come back as they were: thirds lose digits in 32 bits.
        votes=None if votes is None else {n: round(v * 6) / 6 for n, v in zip(labels, votes, strict=True) if v},
        flags=tuple(row["flags"] or ()),
        extra=extra,
    )


def write_dataset(
    folder: Path, splits: Mapping[str, Iterable[dict[str, Any]]], card: str, labels: tuple[str, ...] = LABELS
) -> dict[str, int]:
    """Write rows as one Parquet file for each split, with the dataset card `card`; the number of rows of each split.

    Raises:
        MissingExtraError: the library datasets is not installed.
        DataError: the folder exists and holds something else, or cannot be written.
    """
    try:
        from datasets import DatasetInfo
        from datasets.info import DatasetInfosDict
        from datasets.utils.metadata import MetadataConfigs
        from huggingface_hub import DatasetCardData
        from pyarrow import Table, parquet
    except ImportError as error:
        raise MissingExtraError("building a dataset", error.name) from None
    columns = features(labels)
    counts: dict[str, int] = {}
    try:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        for name, rows in splits.items():
            path = folder / "data" / f"{name}-00000-of-00001.parquet"
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            counts[name] = 0
            stream = iter(rows)
            with parquet.ParquetWriter(temporary, columns.arrow_schema, compression="zstd") as writer:
                while part := list(islice(stream, _ROWS_AT_ONCE)):
                    writer.write_table(Table.from_pylist(part, schema=columns.arrow_schema))
                    counts[name] += len(part)
            temporary.replace(path)
        about = DatasetCardData(language="en", license="other", task_categories=["text-classification"])
        files = [{"split": name, "path": f"data/{name}-*"} for name in splits]
        DatasetInfosDict({"default": DatasetInfo(features=columns)}).to_dataset_card_data(about)
        MetadataConfigs({"default": {"data_files": files}}).to_dataset_card_data(about)
        write_text(folder / "README.md", f"---\n{about}\n---\n\n{card}")
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from None
    return counts


def open_dataset(path: str | os.PathLike[str], labels: tuple[str, ...] = LABELS) -> dict[str, Dataset]:
    """The splits of a folder that `write_dataset` wrote, memory-mapped; or the rows of a JSONL file, as `train`.

    Raises:
        MissingExtraError: the library datasets is not installed.
        DataError: the path is no dataset, or one with other features or labels; or a row of the JSONL is bad.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(f"{path}: reading it", error.name) from None
    name, cache = os.fspath(path), str(cache_dir() / "datasets")
    try:
        if Path(path).is_dir():
            found = dict(datasets.load_dataset(name, cache_dir=cache))
        else:
            status = Path(path).stat()
            found = {
                "train": datasets.Dataset.from_generator(
                    _jsonl_rows,
                    features=features(labels),
                    cache_dir=cache,
                    gen_kwargs={"path": name, "labels": labels, "version": (status.st_size, status.st_mtime_ns)},
                )
            }
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}") from None
    except (datasets.exceptions.DatasetsError, ValueError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, DataError) else None
        raise cause or DataError(f"{name}: no dataset that can be loaded ({first_line(error)})") from None
    expected = features(labels)
    for split, rows in found.items():
        missing = sorted(set(expected) - set(rows.features))
        if missing:
            raise DataError(f"{name}, split {split}: has no column {missing[0]!r}; `clausetag data build` writes such")
        names = rows.features["labels"].feature.names if hasattr(rows.features["labels"], "feature") else None
        if names != list(labels):
            raise DataError(f"{name}: its labels are not the model's ({', '.join(names or ['none'])})")
    return found


def read_rows(path: str | os.PathLike[str], labels: tuple[str, ...] = LABELS) -> Iterator[Sentence]:
    """The sentences of a dataset folder, one after the other, with the name of their split in `extra`.

    Raises:
        DataError: see `open_dataset`.
    """
    for split, rows in open_dataset(path, labels).items():
        for row in rows:
            sentence = from_row(row, labels)
            if row["unit"] == 0:
                yield Sentence(
                    **{name: getattr(sentence, name) for name in Sentence.__slots__ if name != "extra"},
                    extra={**sentence.extra, "split": split},
                )


def _jsonl_rows(path: str, labels: tuple[str, ...], version: object) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file; `version` tells the cache whether the file has changed."""
    for number, row in iter_json_rows(path):
        try:
            yield to_row(sentence_from_row(row, labels), UNLABELLED, labels=labels)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}") from None

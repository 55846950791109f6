"""Corpora as `datasets`: sentences and passages as Parquet with a dataset card, which `load_dataset` reads.

    clausetag data build opp115 -o corpora/opp115
    datasets.load_dataset("corpora/opp115")         # a DatasetDict: train, validation, test

Rows are written and read as a stream, and read from memory-mapped files, so a corpus may be larger than memory.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clausetag.data.cache import cache_dir
from clausetag.data.errors import DataError, MissingExtraError, first_line
from clausetag.data.jsonl import iter_json_rows, read_jsonl, write_text
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence, sentence_from_row

if TYPE_CHECKING:
    from datasets import Dataset, Features

UNLABELLED = "unlabelled"
"""The source of sentences without labels; every other source is a head of the network."""
UNITS = ("sentence", "passage")
_ROWS_AT_ONCE = 10_000
_NUMBERS = ("index", "passage", "start", "end")
_TEXTS = ("policy", "text", "heading", "lead_in")
_OWN = (*_TEXTS, *_NUMBERS, "labels", "votes", "attributes", "flags")

Row = dict[str, Any]


def features(labels: tuple[str, ...] = LABELS) -> Features:
    """The columns of a corpus: keys of a labelled JSONL, source and unit, and in `extra` all other keys as JSON."""
    from datasets import ClassLabel, Features, List, Value

    return Features(
        {
            **{name: Value("string") for name in _TEXTS},
            **{name: Value("int32") for name in _NUMBERS},
            "labels": List(ClassLabel(names=list(labels))),
            "votes": List(Value("float64")),  # by label; null if nobody voted
            "attributes": List({"attribute": Value("string"), "value": Value("string")}),
            "flags": List(Value("string")),
            "source": Value("string"),
            "unit": ClassLabel(names=list(UNITS)),
            "extra": Value("string"),
        }
    )


def to_row(sentence: Sentence, source: str, unit: str = "sentence", labels: tuple[str, ...] = LABELS) -> Row:
    """A sentence, or a passage, as a row of a corpus."""
    values = sentence.row()
    extra = {key: value for key, value in values.items() if key not in _OWN}
    given, votes, attributes = values.get("labels"), values.get("votes"), values.get("attributes")
    return {
        **{name: values.get(name) for name in (*_TEXTS, *_NUMBERS)},
        "labels": None if given is None else [labels.index(name) for name in given],
        "votes": None if votes is None else [float(votes.get(name, 0.0)) for name in labels],
        "attributes": None
        if attributes is None
        else [{"attribute": name, "value": one} for name, found in attributes.items() for one in found],
        "flags": values.get("flags", []),
        "source": source,
        "unit": UNITS.index(unit),
        "extra": json.dumps(extra, ensure_ascii=False) if extra else None,
    }


def from_row(row: Mapping[str, Any], labels: tuple[str, ...] = LABELS) -> Sentence:
    """The sentence or passage of a row.

    Raises:
        ValueError: a value is not allowed; see `sentence_from_row`.
    """
    values = {name: row[name] for name in (*_TEXTS, *_NUMBERS, "flags") if row[name] is not None}
    if row["labels"] is not None:
        values["labels"] = [labels[number] for number in row["labels"]]
    if row["votes"] is not None:
        values["votes"] = {name: share for name, share in zip(labels, row["votes"], strict=True) if share}
    if row["attributes"] is not None:
        values["attributes"] = attributes = dict[str, list[str]]()
        for pair in row["attributes"]:
            attributes.setdefault(pair["attribute"], []).append(pair["value"])
    return sentence_from_row({**values, **json.loads(row["extra"] or "{}")}, labels)


def write_dataset(
    folder: Path,
    splits: Mapping[str, Iterable[Row]],
    card: str,
    labels: tuple[str, ...] = LABELS,
    licence: str = "other",
) -> dict[str, int]:
    """Write rows as one Parquet file for each split, with the dataset card `card`; the number of rows of each split.

    Raises:
        MissingExtraError: the library datasets is not installed.
        DataError: the folder cannot be written.
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
        version = content_version(*sorted((folder / "data").glob("*.parquet")))
        about = DatasetCardData(language="en", license=licence, task_categories=["text-classification"])
        files = [{"split": name, "path": f"data/{name}-*"} for name in splits]
        DatasetInfosDict({"default": DatasetInfo(features=columns)}).to_dataset_card_data(about)
        about["dataset_info"]["version"] = version
        MetadataConfigs({"default": {"data_files": files}}).to_dataset_card_data(about)
        write_text(folder / "README.md", f"---\n{about}\n---\n\n{card}")
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from None
    return counts


def content_version(*paths: Path) -> str:
    """A version for a dataset's card that changes with its files.

    `load_dataset` caches a folder by its name and card alone, and would give old rows for new files.
    """
    checksum = 0
    for path in paths:
        with path.open("rb") as stream:
            while part := stream.read(1 << 16):
                checksum = zlib.crc32(part, checksum)
    return f"0.0.{checksum}"


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
    datasets.disable_progress_bars()
    try:
        if Path(path).is_dir():
            found = dict(datasets.load_dataset(name, cache_dir=cache))
        else:
            status = Path(path).stat()
            version = (status.st_size, status.st_mtime_ns)
            arguments = {"path": name, "labels": labels, "version": version}
            rows = datasets.Dataset.from_generator(
                _jsonl_rows, features=features(labels), cache_dir=cache, gen_kwargs=arguments
            )
            found = {"train": rows}
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or first_line(error)}") from None
    except (datasets.exceptions.DatasetsError, ValueError, KeyError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, DataError) else None
        raise cause or DataError(f"{name}: no dataset that can be read ({first_line(error)})") from None
    expected = features(labels)
    for split, rows in found.items():
        for column, feature in expected.items():
            if rows.features.get(column) == feature:
                continue
            problem = f"has no column {column!r} as `clausetag data build` writes it"
            if column == "labels" and column in rows.features:
                problem = f"its labels are not {', '.join(labels)}"
            raise DataError(f"{name}, split {split}: {problem}")
    return found


def read_dataset(path: str | os.PathLike[str], labels: tuple[str, ...] = LABELS) -> Iterator[tuple[str, Row, Sentence]]:
    """The rows of a dataset folder, one after the other: split, row, and the sentence or passage in it.

    Raises:
        DataError: see `open_dataset`; or a value is not allowed.
    """
    for split, rows in open_dataset(path, labels).items():
        for number, row in enumerate(rows, 1):
            try:
                yield split, row, from_row(row, labels)
            except ValueError as error:
                raise DataError(f"{os.fspath(path)}, split {split}, row {number}: {error}") from None


def read_sentences(path: str | os.PathLike[str], labels: tuple[str, ...] = LABELS) -> list[Sentence]:
    """The sentences of a labelled JSONL, or of a dataset folder with the names of their splits in `extra`.

    Raises:
        DataError: the file or folder cannot be read, or a row is bad.
    """
    if not Path(path).is_dir():
        return read_jsonl(path, labels)
    found = (one for one in read_dataset(path, labels) if one[1]["unit"] == 0)
    return [replace(sentence, extra={**sentence.extra, "split": split}) for split, _, sentence in found]


def _jsonl_rows(path: str, labels: tuple[str, ...], version: object) -> Iterator[Row]:
    """The rows of a JSONL file; `version` tells the cache whether the file has changed."""
    for number, row in iter_json_rows(path):
        try:
            yield to_row(sentence_from_row(row, labels), UNLABELLED, labels=labels)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}") from None

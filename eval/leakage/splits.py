"""The splits that `clausetag eval leakage` compares: of OPP-115, the five policies, PrivacyGLUE's files and JSONL.

Labels do not matter here: a split is its texts. OPP-115's held-back segments are a split of their own, whether or not
the corpus has their labels; the other three splits are without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.opp115 import find_opp115, read_opp115
from clausetag.data.corpora.privacyglue import read_privacyglue
from clausetag.data.corpora.splits import held_back, policy_split
from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy, read_jsonl
from clausetag.data.records import Sentence
from clausetag.eval.leakage.near_duplicates import Split, Text

UNITS = ("sentence", "passage")
HELD_BACK = "held-back"
_ORDER = {"train": 0, "validation": 1, "": 2, "test": 3, HELD_BACK: 4}
"""Training data to the left of what is measured on, sources without splits in between."""

_Parts = dict[tuple[str, str], list[Text]]
"""Texts by unit and split name; "" for a source without splits."""


def load_splits(data: Sequence[str], units: Sequence[str] = UNITS) -> tuple[dict[str, list[Split]], tuple[str, ...]]:
    """The splits of every source in `data`, by unit, and notes on what was left out.

    Splits are ordered: training, validation, sources without splits, test, held-back; then as given. No `data` means
    `opp115`, and `opp115` is always compared with the five policies. A unit with fewer than two splits is left out.

    Raises:
        DataError: a source is missing, damaged, empty or given twice, has no texts of the unit, or there are fewer
            than two splits to compare.
    """
    given = list(data) or ["opp115"]
    if "opp115" in given and "policies" not in given:
        given.append("policies")
    splits: dict[str, list[tuple[int, Split]]] = {unit: [] for unit in units}
    notes: list[str] = []
    names = _names(given)
    for source in given:
        parts, source_notes = _load(source, units)
        notes += source_notes
        for (unit, part), texts in parts.items():
            if not texts:
                raise DataError(f"{source}: no {unit}s in the split {part!r}" if part else f"{source}: no texts")
            split = Split(f"{names[source]} {part}".rstrip(), tuple(texts))
            splits[unit].append((_ORDER.get(part, _ORDER[""]), split))
    ordered = {unit: [split for _, split in sorted(found, key=lambda item: item[0])] for unit, found in splits.items()}
    enough = {unit: found for unit, found in ordered.items() if len(found) >= 2}
    if not enough:
        only = ", ".join(dict.fromkeys(split.name for found in ordered.values() for split in found))
        raise DataError(f"nothing to compare {only} with: give two sources or more, or one that has splits")
    return enough, tuple(notes)


def _names(given: Sequence[str]) -> dict[str, str]:
    """A short name for each source: its file or folder name, or the whole path if two have the same name."""
    known: set[str] = set()
    for source in given:
        identity = source if source in ("opp115", "policies") else str(Path(source).resolve())
        if identity in known:
            raise DataError(f"{source} is given twice; give each source once")
        known.add(identity)
    short = {
        source: (Path(source).name.removesuffix(".jsonl").removesuffix(".csv") or source).removesuffix("_dataset")
        for source in given
    }
    names = list(short.values())
    return {source: source if names.count(name) > 1 else name for source, name in short.items()}


def _load(source: str, units: Sequence[str]) -> tuple[_Parts, list[str]]:
    if source == "opp115":
        return _opp115(units), []
    if source == "policies":
        return _rows(source, {"": read_five()}, units)
    path = Path(source)
    if path.is_dir() or path.suffix.lower() == ".csv":
        return _privacyglue(path, units)
    if not path.is_file():
        raise DataError(
            f"{source}: no such file; give opp115, policies, PrivacyGLUE's folder or a .csv of it, or JSONL"
        )
    return _rows(source, _by_split(source, read_jsonl(path)), units)


def _by_split(source: str, sentences: Sequence[Sentence]) -> dict[str, list[Sentence]]:
    """Rows by their `split`, in order of first appearance; all under "" if no row has one."""
    if not any("split" in row.extra for row in sentences):
        return {"": list(sentences)}
    groups: dict[str, list[Sentence]] = {}
    for row in sentences:
        split = row.extra.get("split")
        if not isinstance(split, str) or not split.strip():
            where = f"index {row.index} of policy {row.policy!r}"
            raise DataError(f"{source}: {where} has the split {split!r}; name a 'split' in every row, or in none")
        groups.setdefault(split.strip(), []).append(row)
    return groups


def _opp115(units: Sequence[str]) -> _Parts:
    corpus = read_opp115(find_opp115())
    held = held_back()
    part_of = {policy: name for name, policies in policy_split().items() for policy in policies}
    parts: _Parts = {(unit, part): [] for unit in units for part in _ORDER if part}

    def add(unit: str, policy: str, passage: int | None, index: int, text: str) -> None:
        part = HELD_BACK if (policy, passage) in held else part_of.get(policy)
        if unit in units and part is not None:
            parts[unit, part].append(Text(policy, index, text))

    for row in corpus.sentences:
        add("sentence", row.policy, row.passage, row.index, row.text)
    for passage in corpus.passages:
        add("passage", passage.policy, passage.segment, passage.segment, passage.text)
    return parts


def _privacyglue(path: Path, units: Sequence[str]) -> tuple[_Parts, list[str]]:
    if "passage" not in units:
        raise DataError(f"{path}: PrivacyGLUE's texts are passages; leave out --unit sentence")
    files = {"": path}
    if path.is_dir():
        files = {part: path / f"{part}_dataset.csv" for part in ("train", "validation", "test")}
        files = {part: file for part, file in files.items() if file.is_file()}
        if not files:
            raise DataError(f"{path}: has no train_dataset.csv, validation_dataset.csv or test_dataset.csv")
    parts: _Parts = {}
    notes: list[str] = []
    for part, file in files.items():
        rows, file_notes = read_privacyglue(file)
        parts["passage", part] = [Text(None, row.index, row.text) for row in rows]
        notes += [f"in {file.name}, {note}" for note in file_notes]
    return parts, notes


def _rows(source: str, groups: Mapping[str, Sequence[Sentence]], units: Sequence[str]) -> tuple[_Parts, list[str]]:
    """Rows of each split as sentences, and joined to passages; a passage's `index` is its number."""
    bare = next((row for rows in groups.values() for row in rows if row.passage is None), None)
    where = "" if bare is None else f"index {bare.index} of policy {bare.policy!r} has no passage"
    if where and "sentence" not in units:
        raise DataError(f"{source}: {where}; use --unit sentence")
    parts: _Parts = {}
    for split, rows in groups.items():
        ordered = [row for group in by_policy(rows).values() for row in group]
        if "sentence" in units:
            parts["sentence", split] = [Text(row.policy, row.index, row.text) for row in ordered]
        if "passage" in units and not where:
            parts["passage", split] = _joined(ordered)
    if where and "passage" in units:
        return parts, [f"in {Path(source).name}, {where}: its rows are compared as sentences only"]
    return parts, []


def _joined(rows: Iterable[Sentence]) -> list[Text]:
    passages: dict[tuple[str, int], list[str]] = {}
    for row in rows:
        if row.passage is not None:
            passages.setdefault((row.policy, row.passage), []).append(row.text)
    return [Text(policy, number, "\n".join(texts)) for (policy, number), texts in passages.items()]

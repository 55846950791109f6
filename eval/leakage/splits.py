"""The splits that `clausetag eval leakage` compares: of OPP-115, the five policies, PrivacyGLUE's files and JSONL.

Labels play no part: a split is its texts. Of OPP-115, the held-back segments are a split of their own, whether or not
the corpus has their labels, and the other three hold what can be trained and measured on without them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy, read_jsonl
from clausetag.data.records import Sentence
from clausetag.eval.leakage.near_duplicates import Split, Text

UNITS = ("sentence", "passage")
HELD_BACK = "held-back"
_ORDER = {"train": 0, "validation": 1, "test": 3, HELD_BACK: 4}
"""What is learnt from stands on the left of what is measured on; a source without splits stands in between."""
_WHOLE = 2
_PRIVACYGLUE = ("train", "validation", "test")

_Parts = dict[tuple[str, str], list[Text]]
"""Texts by unit and name of the split; a source that is one split has the name ""."""


def load_splits(data: Sequence[str], units: Sequence[str] = UNITS) -> tuple[dict[str, list[Split]], tuple[str, ...]]:
    """The splits of every source in `data`, by unit, and notes on what was left out.

    Splits are ordered for comparison: training, validation, sources without splits, test, held-back; then as given.
    `opp115` brings the five policies along, and is what no `data` means. A unit with fewer than two splits is left out.

    Raises:
        DataError: a source is missing, wrong, empty or given twice, has texts of no asked unit, or there are not two
            splits to compare.
    """
    given = list(data) or ["opp115"]
    if "opp115" in given and "policies" not in given:
        given.append("policies")
    splits: dict[str, list[tuple[int, Split]]] = {unit: [] for unit in units}
    notes: list[str] = []
    names = _names(given)
    for source in given:
        parts, said = _load(source, units)
        notes += said
        for (unit, part), texts in parts.items():
            name = f"{names[source]} {part}".rstrip()
            if not texts:
                raise DataError(f"{source}: no {unit}s in the split {part!r}" if part else f"{source}: no texts")
            splits[unit].append((_ORDER.get(part, _WHOLE), Split(name, tuple(texts))))
    ordered = {unit: [split for _, split in sorted(found, key=lambda item: item[0])] for unit, found in splits.items()}
    enough = {unit: found for unit, found in ordered.items() if len(found) >= 2}
    if not enough:
        only = ", ".join(dict.fromkeys(split.name for found in ordered.values() for split in found))
        raise DataError(f"nothing to compare {only} with: give two sources or more, or one that has splits")
    return enough, tuple(notes)


def _names(given: Sequence[str]) -> dict[str, str]:
    """A short name for each source: the name of its file or folder, with its folder's where two have the same."""
    if len({_identity(source) for source in given}) < len(given):
        twice = next(s for n, s in enumerate(given) if _identity(s) in {_identity(other) for other in given[:n]})
        raise DataError(f"{twice} is given twice: its texts are those of itself")
    short = {source: Path(source).name.removesuffix(".jsonl").removesuffix(".csv") or source for source in given}
    short = {source: name.removesuffix("_dataset") for source, name in short.items()}
    if len(set(short.values())) < len(short):
        short = {source: source if list(short.values()).count(name) > 1 else name for source, name in short.items()}
    return short


def _identity(source: str) -> str:
    return source if source in ("opp115", "policies") else str(Path(source).resolve())


def _load(source: str, units: Sequence[str]) -> tuple[_Parts, list[str]]:
    if source == "opp115":
        return _opp115(units), []
    if source == "policies":
        from clausetag.data.corpora.five import read_five

        return _rows(source, {"": read_five()}, units)
    path = Path(source)
    if path.is_dir() or path.suffix.lower() == ".csv":
        return _privacyglue(path, units)
    if not path.is_file():
        raise DataError(f"{source}: no such file; give opp115, policies, a folder or .csv as PrivacyGLUE's, or JSONL")
    return _rows(source, _by_split(source, read_jsonl(path)), units)


def _by_split(source: str, sentences: Sequence[Sentence]) -> dict[str, list[Sentence]]:
    """Rows by their `split`, in order of first appearance, or all under "" where no row has one."""
    if not any("split" in row.extra for row in sentences):
        return {"": list(sentences)}
    groups: dict[str, list[Sentence]] = {}
    for row in sentences:
        split = row.extra.get("split")
        if not isinstance(split, str) or not split.strip():
            where = f"index {row.index} of policy {row.policy!r}"
            raise DataError(f"{source}: {where} has the split {split!r}: every row needs a name, or none a 'split'")
        groups.setdefault(split.strip(), []).append(row)
    return groups


def _opp115(units: Sequence[str]) -> _Parts:
    from clausetag.data.corpora.opp115 import find_opp115, read_opp115
    from clausetag.data.corpora.splits import held_back, policy_split

    corpus = read_opp115(find_opp115())
    held = held_back()
    part_of = {policy: name for name, policies in policy_split().items() for policy in policies}
    parts: _Parts = {(unit, part): [] for unit in units for part in _ORDER}
    # Passages of policies that are in no split can be in no comparison: the corpus as published has none.
    if "sentence" in units:
        for row in corpus.sentences:
            part = HELD_BACK if (row.policy, row.passage) in held else part_of.get(row.policy)
            if part is not None:
                parts["sentence", part].append(Text(row.policy, row.index, row.text))
    if "passage" in units:
        for passage in corpus.passages:
            part = HELD_BACK if (passage.policy, passage.segment) in held else part_of.get(passage.policy)
            if part is not None:
                parts["passage", part].append(Text(passage.policy, passage.segment, passage.text))
    return parts


def _privacyglue(path: Path, units: Sequence[str]) -> tuple[_Parts, list[str]]:
    from clausetag.data.corpora.privacyglue import read_privacyglue

    if "passage" not in units:
        raise DataError(f"{path}: PrivacyGLUE's texts are passages: leave out --unit sentence")
    files = {"": path}
    if path.is_dir():
        files = {part: path / f"{part}_dataset.csv" for part in _PRIVACYGLUE}
        files = {part: file for part, file in files.items() if file.is_file()}
        if not files:
            raise DataError(f"{path}: holds no train_dataset.csv, validation_dataset.csv or test_dataset.csv")
    parts: _Parts = {}
    notes: list[str] = []
    for part, file in files.items():
        rows, said = read_privacyglue(file)
        parts["passage", part] = [Text(None, row.index, row.text) for row in rows]
        notes += [f"in {file.name}, {note}" for note in said]
    return parts, notes


def _rows(source: str, groups: Mapping[str, Sequence[Sentence]], units: Sequence[str]) -> tuple[_Parts, list[str]]:
    """Rows of each split as sentences, and joined to passages, each with the number of its passage as `index`."""
    parts: _Parts = {}
    bare = next((row for rows in groups.values() for row in rows if row.passage is None), None)
    where = "" if bare is None else f"index {bare.index} of policy {bare.policy!r} has no passage"
    if where and "sentence" not in units:
        raise DataError(f"{source}: {where}: use --unit sentence")
    for split, rows in groups.items():
        ordered = [row for group in by_policy(rows).values() for row in group]
        if "sentence" in units:
            parts["sentence", split] = [Text(row.policy, row.index, row.text) for row in ordered]
        if "passage" in units and not where:
            joined: dict[tuple[str, int], list[str]] = {}
            for row in ordered:
                if row.passage is not None:
                    joined.setdefault((row.policy, row.passage), []).append(row.text)
            texts = [Text(policy, number, "\n".join(lines)) for (policy, number), lines in joined.items()]
            parts["passage", split] = texts
    if where and "passage" in units:
        return parts, [f"in {Path(source).name}, {where}: its rows are compared as sentences alone"]
    return parts, []

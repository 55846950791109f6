"""Labelled rows (the five policies, or a user's JSONL file) as a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clausetag.data.corpora.dataset import read_sentences
from clausetag.data.corpora.five import read_five
from clausetag.data.errors import DataError
from clausetag.data.records import Sentence
from clausetag.eval.benchmarks.benchmark import Benchmark
from clausetag.eval.benchmarks.opp115 import borrowed_baseline
from clausetag.eval.metrics.gold import gold_labels


def policies_benchmark(unit: str, head: str, labels: tuple[str, ...]) -> Benchmark:
    """The five annotated policies."""
    return _benchmark("policies", "policies", read_five(), unit, None, head, labels)


def labelled_benchmark(data: str, unit: str, split: str | None, head: str, labels: tuple[str, ...]) -> Benchmark:
    """The labelled rows of `data`, a JSONL file or a dataset folder; with `split`, only rows with that `split`.

    If the extracted texts are beside the file (texts/<policy>.txt), each row's text is checked against them.

    Raises:
        DataError: the file is missing or damaged, has no such split, or a row is not what its offsets select.
    """
    if not Path(data).exists():
        raise DataError(f"{data}: no such file; give a labelled JSONL file or dataset, opp115, privacyglue or policies")
    rows = tuple(read_sentences(data, labels))
    _check_offsets(data, rows)
    return _benchmark(data, Path(data).name, rows, unit, split, head, labels)


def _benchmark(
    data: str,
    name: str,
    sentences: tuple[Sentence, ...],
    unit: str,
    split: str | None,
    head: str,
    labels: tuple[str, ...],
) -> Benchmark:
    measured = [row for row in sentences if row.labelled]
    if split is not None:
        known = sorted({str(row.extra["split"]) for row in sentences if "split" in row.extra})
        if split not in known:
            raise DataError(f"{data}: no row has the split {split!r}; its splits: {', '.join(known) or 'none'}")
        measured = [row for row in measured if str(row.extra.get("split")) == split]
    policies = {row.policy for row in measured}
    baseline, notes = borrowed_baseline(unit, labels)
    return Benchmark(
        data=name + (f" {split}" if split else ""),
        unit=unit,
        head="passage" if unit == "passage" else head,
        sentences=tuple(row for row in sentences if row.policy in policies),
        units=tuple(measured) if unit == "sentence" else _passages(data, measured, labels),
        baseline=baseline,
        notes=notes,
        labels=labels,
    )


def _check_offsets(data: str, sentences: Sequence[Sentence]) -> None:
    texts: dict[str, str | None] = {}
    for row in sentences:
        if row.start is None:
            continue
        if row.policy not in texts:
            path = Path(data).parent / "texts" / f"{row.policy}.txt"
            texts[row.policy] = path.read_bytes().decode("utf-8", "replace") if path.is_file() else None
        text = texts[row.policy]
        if text is not None and text[row.start : row.end] != row.text:
            raise DataError(
                f"{data}: sentence {row.index} of {row.policy} is not what its offsets {row.start} to {row.end} select "
                f"in texts/{row.policy}.txt"
            )


def _passages(data: str, measured: Sequence[Sentence], labels: tuple[str, ...]) -> tuple[Sentence, ...]:
    """Labelled sentences joined to passages; a passage has every label that one of its sentences has."""
    groups: dict[tuple[str, int], list[Sentence]] = {}
    for row in measured:
        if row.passage is None:
            raise DataError(f"{data}: sentence {row.index} of {row.policy} has no passage; use --unit sentence")
        groups.setdefault((row.policy, row.passage), []).append(row)
    passages = []
    for (policy, passage), group in groups.items():
        given = {label for row in group for label in gold_labels(row, labels) or ()}
        text = "\n".join(row.text for row in group)
        ordered = tuple(label for label in labels if label in given)
        passages.append(Sentence(policy=policy, index=passage, text=text, passage=passage, labels=ordered))
    return tuple(passages)

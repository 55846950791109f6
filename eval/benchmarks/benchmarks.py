"""The data that `clausetag eval` measures on: what is scored, which rows count, and what a baseline may learn from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from clausetag.data.errors import DataError
from clausetag.data.jsonl import read_jsonl
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.leakage.contamination import MAX_SHARE
from clausetag.eval.metrics.gold import gold_labels
from clausetag.eval.results import Published

if TYPE_CHECKING:
    from clausetag.data.corpora.opp115 import Passage

SPLITS = ("train", "validation", "test")
PRIVACYGLUE_OVERLAP = 0.03
"""Share of seen texts allowed on PrivacyGLUE: its published test file itself repeats 17 of its 697 texts (2.4 %) from
its training file, and leaving them out would make the figures no longer comparable with published ones."""
_TABLE = "PrivacyGLUE (Shankar et al., 2023), mean of 10 seeds"
PRIVACYGLUE_PUBLISHED = (
    Published("BERT", 0.784, 0.840, _TABLE),
    Published("RoBERTa", 0.795, 0.854, _TABLE),
    Published("Legal-BERT", 0.796, 0.843, _TABLE),
    Published("Legal-RoBERTa", 0.791, 0.847, _TABLE),
    Published("PrivBERT", 0.821, 0.872, _TABLE),
)
PRIVACYGLUE_PROTOCOL = (
    "PrivacyGLUE splits OPP-115 by segment at random: each of its 110 test policies is in its training file too, and "
    "17 texts stand in both. A policy repeats itself, so such figures can flatter a model beside what it would reach "
    "on policies that it has never seen. The recipe privacyglue, trained on its files alone, is the like-for-like row."
)


@dataclass(frozen=True, slots=True)
class BaselineData:
    """Labelled rows of the benchmark's unit that baselines are fitted and tuned on; `source` says whose."""

    source: str
    train: tuple[Sentence, ...]
    validation: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One measurement to make, of models with these `labels`.

    `sentences` is all that the model reads, policies in order, context included; `units` are the labelled rows that
    figures are made of: sentences, or passages as one row each (`index` is then the passage). With `isolated`, units
    are texts without a policy around them. `threshold` overrides the model's own thresholds. Above `max_overlap`, the
    share of units seen in training, nothing is measured.
    """

    data: str
    unit: str
    head: str
    sentences: tuple[Sentence, ...]
    units: tuple[Sentence, ...]
    baseline: BaselineData | None
    notes: tuple[str, ...] = ()
    isolated: bool = False
    threshold: float | None = None
    max_overlap: float = MAX_SHARE
    published: tuple[Published, ...] = ()
    remarks: tuple[str, ...] = ()
    labels: tuple[str, ...] = LABELS


def load_benchmark(
    data: str,
    *,
    unit: str | None = None,
    split: str | None = None,
    head: str | None = None,
    test: str | None = None,
    unmask: bool = False,
    labels: tuple[str, ...] = LABELS,
) -> Benchmark:
    """Read `data`: `opp115`, `policies`, `privacyglue`, or the path of a labelled JSONL file.

    Args:
        unit: `sentence` or `passage`; None: passages of PrivacyGLUE, else sentences.
        split: of OPP-115 (`test` if None), or the `split` of JSONL rows (None: all rows).
        head: label source whose thresholds and calibration apply; None: the benchmark's own.
        test: PrivacyGLUE's file to measure on, or the folder that holds its `test_dataset.csv`.
        unmask: use the labels of OPP-115's held-back segments where the corpus has them.
        labels: of the model that is to be measured; others than the twelve go with a labelled JSONL file alone.

    Raises:
        DataError: the data are missing, wrong, or hold nothing labelled.
    """
    if data != "privacyglue" and test is not None:
        raise DataError("--test goes with privacyglue alone")
    if data != "opp115" and unmask:
        raise DataError("--unmask goes with opp115 alone")
    if head is not None and (unit == "passage" or data == "privacyglue"):
        raise DataError("passages have a head of their own: leave out --head")
    if labels != LABELS and data in ("opp115", "policies", "privacyglue"):
        raise DataError(
            f"{data}: has OPP-115's labels, and the model others ({', '.join(labels)}); "
            "measure it on a labelled JSONL file of its own"
        )
    if data == "privacyglue":
        if split is not None or unit == "sentence":
            raise DataError("privacyglue has passages, and one file a split: leave out --split and --unit")
        benchmark = _privacyglue(test)
    elif data == "opp115":
        benchmark = _opp115(unit or "sentence", split or "test", head or "opp115", unmask)
    elif data == "policies":
        from clausetag.data.corpora.five import read_five

        if split is not None:
            raise DataError("the five policies have no splits: leave out --split")
        benchmark = _rows(data, read_five(), unit or "sentence", None, head or "guide", labels)
    else:
        if not Path(data).is_file():
            raise DataError(f"{data}: no such file; give a labelled JSONL file, opp115, privacyglue or policies")
        rows = tuple(read_jsonl(data, labels))
        _check_offsets(data, rows)
        benchmark = _rows(data, rows, unit or "sentence", split, head or "guide", labels)
    if not benchmark.units:
        raise DataError(f"{data}: nothing labelled to measure on" + (f" in split {split!r}" if split else ""))
    return benchmark


def _opp115(unit: str, split: str, head: str, unmask: bool) -> Benchmark:
    from clausetag.data.corpora.opp115 import find_opp115, read_opp115
    from clausetag.data.corpora.splits import policy_split

    if split not in SPLITS:
        raise DataError(f"--split {split}: OPP-115's splits are {', '.join(SPLITS)}")
    corpus = read_opp115(find_opp115(), unmask=unmask)
    policies = policy_split()
    wanted = frozenset(policies[split])
    units = _opp115_units(corpus.sentences, corpus.passages, unit)
    notes = list(corpus.notes)
    baseline = None
    if split == "test":
        baseline = BaselineData(
            "OPP-115's training and validation policies",
            tuple(row for row in units if row.policy in policies["train"]),
            tuple(row for row in units if row.policy in policies["validation"]),
        )
    else:
        notes.append(f"no baseline: it learns from the training and validation policies, and this is the {split} split")
    return Benchmark(
        data=f"opp115 {split}",
        unit=unit,
        head="passage" if unit == "passage" else head,
        sentences=tuple(sentence for sentence in corpus.sentences if sentence.policy in wanted),
        units=tuple(row for row in units if row.policy in wanted),
        baseline=baseline,
        notes=tuple(notes),
    )


def _opp115_units(sentences: Sequence[Sentence], passages: Sequence[Passage], unit: str) -> tuple[Sentence, ...]:
    """Labelled sentences, or labelled passages in the form of sentences: all-negative ones are kept."""
    if unit == "sentence":
        return tuple(sentence for sentence in sentences if sentence.labelled)
    rows = []
    for passage in passages:
        if passage.labels is None:
            continue
        extra = {} if passage.annotators is None else {"annotators": passage.annotators}
        rows.append(
            Sentence(
                policy=passage.policy,
                index=passage.segment,
                text=passage.text,
                passage=passage.segment,
                labels=passage.labels,
                votes=passage.votes,
                extra=extra,
            )
        )
    return tuple(rows)


def _privacyglue(test: str | None) -> Benchmark:
    """PrivacyGLUE's OPP-115 task: isolated passages with at least one majority label, threshold 0.5."""
    if test is None:
        raise DataError("privacyglue needs --test: its test_dataset.csv, or the folder that holds it")
    path = Path(test)
    path = path / "test_dataset.csv" if path.is_dir() else path
    units, notes = _privacyglue_rows(path)
    baseline = None
    train, validation = path.with_name("train_dataset.csv"), path.with_name("validation_dataset.csv")
    if train.is_file() and validation.is_file() and path.name not in (train.name, validation.name):
        learnt, held = _privacyglue_rows(train)[0], _privacyglue_rows(validation)[0]
        baseline = BaselineData("PrivacyGLUE's training file", learnt, held)
    else:
        baseline, more = _rebuilt_baseline()
        notes = (*notes, *more)
    return Benchmark(
        data=f"privacyglue {path.name}",
        unit="passage",
        head="passage",
        sentences=(),
        units=units,
        baseline=baseline,
        notes=notes,
        isolated=True,
        threshold=0.5,
        max_overlap=PRIVACYGLUE_OVERLAP,
        published=PRIVACYGLUE_PUBLISHED,
        remarks=(PRIVACYGLUE_PROTOCOL, *split_effect_remarks()),
    )


def _rebuilt_baseline() -> tuple[BaselineData | None, tuple[str, ...]]:
    """PrivacyGLUE's training and validation texts as the corpus has them, where its files are not at hand.

    They are the labelled segments outside its test set; all but 2 of 2,735 come out with the published labels. Which
    of them validate does not matter: the protocol's threshold is fixed.
    """
    from clausetag.data.corpora.opp115 import find_opp115, read_opp115

    missing = "train_dataset.csv and validation_dataset.csv are not beside the test file"
    try:
        corpus = read_opp115(find_opp115())
    except DataError:
        return None, (f"no baseline: {missing}, and the OPP-115 corpus is not here (set OPP115_DIR)",)
    rows = [row for row in _opp115_units(corpus.sentences, corpus.passages, "passage") if row.labels]
    source = f"OPP-115's segments outside the test set ({missing})"
    learnt = tuple(row for place, row in enumerate(rows) if place % 5)
    return BaselineData(source, learnt, tuple(rows[::5])), ()


def split_effect_remarks() -> tuple[str, ...]:
    """By how much random segment splits flatter our own model, as `make split-effect` measured it."""
    path = files("clausetag.eval.benchmarks").joinpath("split_effect.json")
    if not path.is_file():
        return ()
    found = json.loads(path.read_text(encoding="utf-8"))
    return (found["sentence"],)


def _privacyglue_rows(path: Path) -> tuple[tuple[Sentence, ...], tuple[str, ...]]:
    from clausetag.data.corpora.privacyglue import read_privacyglue

    rows, notes = read_privacyglue(path)
    return tuple(row for row in rows if row.labels), notes


def _rows(
    data: str, sentences: tuple[Sentence, ...], unit: str, split: str | None, head: str, labels: tuple[str, ...]
) -> Benchmark:
    """Labelled rows of a file; with `split`, policies that have such rows, the labels of their other rows unused."""
    if split is None:
        measured = [sentence for sentence in sentences if sentence.labelled]
    else:
        known = sorted({str(sentence.extra["split"]) for sentence in sentences if "split" in sentence.extra})
        if split not in known:
            raise DataError(f"{data}: no row has the split {split!r}; its splits: {', '.join(known) or 'none'}")
        measured = [row for row in sentences if row.labelled and str(row.extra.get("split")) == split]
    policies = {sentence.policy for sentence in measured}
    name = Path(data).name if data != "policies" else data
    units = tuple(measured) if unit == "sentence" else _joined(data, measured, labels)
    baseline, notes = _borrowed_baseline(unit, labels)
    return Benchmark(
        data=name + (f" {split}" if split else ""),
        unit=unit,
        head="passage" if unit == "passage" else head,
        sentences=tuple(sentence for sentence in sentences if sentence.policy in policies),
        units=units,
        baseline=baseline,
        notes=notes,
        labels=labels,
    )


def _check_offsets(data: str, sentences: Sequence[Sentence]) -> None:
    """Where the extracted texts lie beside the file (texts/<policy>.txt), each text must be what its offsets select.

    Raises:
        DataError: one is not; the message names it.
    """
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


def _joined(data: str, measured: Sequence[Sentence], labels: tuple[str, ...]) -> tuple[Sentence, ...]:
    """Passages of labelled sentences: a passage has every label that one of its labelled sentences has."""
    groups: dict[tuple[str, int], list[Sentence]] = {}
    for sentence in measured:
        if sentence.passage is None:
            where = f"sentence {sentence.index} of {sentence.policy}"
            raise DataError(f"{data}: {where} has no passage; use --unit sentence")
        groups.setdefault((sentence.policy, sentence.passage), []).append(sentence)
    rows = []
    for (policy, passage), group in groups.items():
        given = {label for sentence in group for label in gold_labels(sentence, labels) or ()}
        text = "\n".join(sentence.text for sentence in group)
        own = tuple(label for label in labels if label in given)
        rows.append(Sentence(policy=policy, index=passage, text=text, passage=passage, labels=own))
    return tuple(rows)


def _borrowed_baseline(unit: str, labels: tuple[str, ...]) -> tuple[BaselineData | None, tuple[str, ...]]:
    """OPP-115's training policies for a baseline on other data, or a note where the corpus is not at hand."""
    if labels != LABELS:
        return None, ("no baseline: it learns from OPP-115, whose labels are others",)
    try:
        return _opp115(unit, "test", "opp115", False).baseline, ()
    except DataError as error:
        return None, (f"no baseline: {error}",)

"""OPP-115 as a benchmark: the sentences or passages of one split of its policies."""

from __future__ import annotations

from clausetag.data.corpora.opp115 import Corpus, find_opp115, read_opp115
from clausetag.data.corpora.splits import policy_split
from clausetag.data.errors import DataError
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.benchmarks.benchmark import BaselineData, Benchmark

SPLITS = ("train", "validation", "test")


def opp115_benchmark(unit: str, split: str, head: str, unmask: bool) -> Benchmark:
    """One split of OPP-115's policies; only `test` has baselines, which learn from the other two.

    Raises:
        DataError: there is no such split, or the corpus is missing or damaged.
    """
    if split not in SPLITS:
        raise DataError(f"--split {split}: OPP-115's splits are {', '.join(SPLITS)}")
    corpus = read_opp115(find_opp115(), unmask=unmask)
    policies = policy_split()
    wanted = frozenset(policies[split])
    units = opp115_units(corpus, unit)
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


def opp115_units(corpus: Corpus, unit: str) -> tuple[Sentence, ...]:
    """Labelled sentences, or labelled passages as one `Sentence` each; those without any label are kept."""
    if unit == "sentence":
        return tuple(sentence for sentence in corpus.sentences if sentence.labelled)
    return tuple(
        Sentence(
            policy=passage.policy,
            index=passage.segment,
            text=passage.text,
            passage=passage.segment,
            labels=passage.labels,
            votes=passage.votes,
            extra={}
            if passage.annotators is None
            else {"annotators": passage.annotators, "annotator_attributes": passage.annotator_attributes},
        )
        for passage in corpus.passages
        if passage.labels is not None
    )


def borrowed_baseline(unit: str, labels: tuple[str, ...]) -> tuple[BaselineData | None, tuple[str, ...]]:
    """OPP-115's training data for baselines on other data, or None and a note why there is none."""
    if labels != LABELS:
        return None, ("no baseline: it learns from OPP-115, whose labels are others",)
    try:
        return opp115_benchmark(unit, "test", "opp115", False).baseline, ()
    except DataError as error:
        return None, (f"no baseline: {error}",)

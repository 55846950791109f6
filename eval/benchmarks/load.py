"""`load_benchmark`: the benchmark that the arguments of `clausetag eval` name."""

from __future__ import annotations

from clausetag.data.errors import DataError
from clausetag.data.labels import LABELS
from clausetag.eval.benchmarks.benchmark import Benchmark
from clausetag.eval.benchmarks.labelled import labelled_benchmark, policies_benchmark
from clausetag.eval.benchmarks.opp115 import opp115_benchmark
from clausetag.eval.benchmarks.privacyglue import privacyglue_benchmark


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
        split: of OPP-115 (None: `test`), or the `split` of JSONL rows (None: all rows).
        head: label source whose thresholds and calibration apply; None: the benchmark's own.
        test: PrivacyGLUE's file to measure on, or the folder that holds its `test_dataset.csv`.
        unmask: use the labels of OPP-115's held-back segments if the corpus has them.
        labels: of the model; labels other than the twelve need a labelled JSONL file.

    Raises:
        DataError: the data are missing or damaged, hold nothing labelled, or an argument does not apply to them.
    """
    if data != "privacyglue" and test is not None:
        raise DataError("--test applies to privacyglue only; leave it out")
    if data != "opp115" and unmask:
        raise DataError("--unmask applies to opp115 only; leave it out")
    if head is not None and (unit == "passage" or data == "privacyglue"):
        raise DataError("passages have a head of their own; leave out --head")
    if labels != LABELS and data in ("opp115", "policies", "privacyglue"):
        raise DataError(
            f"{data} has OPP-115's labels, but the model has others ({', '.join(labels)}); "
            "measure it on a labelled JSONL file with the model's labels"
        )
    if data == "privacyglue":
        if split is not None or unit == "sentence":
            raise DataError("privacyglue has passages, in one file per split; leave out --split and --unit")
        benchmark = privacyglue_benchmark(test)
    elif data == "opp115":
        benchmark = opp115_benchmark(unit or "sentence", split or "test", head or "opp115", unmask)
    elif data == "policies":
        if split is not None:
            raise DataError("the five policies have no splits; leave out --split")
        benchmark = policies_benchmark(unit or "sentence", head or "guide", labels)
    else:
        benchmark = labelled_benchmark(data, unit or "sentence", split, head or "guide", labels)
    if not benchmark.units:
        raise DataError(f"{data}: nothing labelled to measure on" + (f" in split {split!r}" if split else ""))
    return benchmark

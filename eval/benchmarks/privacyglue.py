"""PrivacyGLUE's OPP-115 task (Shankar et al. 2023) as a benchmark, by its own protocol."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from clausetag.data.corpora.opp115 import find_opp115, read_opp115
from clausetag.data.corpora.privacyglue import read_privacyglue
from clausetag.data.errors import DataError
from clausetag.data.records import Sentence
from clausetag.eval.benchmarks.benchmark import BaselineData, Benchmark, Published
from clausetag.eval.benchmarks.opp115 import opp115_units

MAX_CONTAMINATION = 0.03
"""Share of seen texts that is accepted: PrivacyGLUE's published test file repeats 17 of its 697 texts (2.4 %) from its
training file, and results without them could not be compared with published ones."""
_TABLE = "PrivacyGLUE (Shankar et al., 2023), mean of 10 seeds"
PUBLISHED = (
    Published("BERT", 0.784, 0.840, _TABLE),
    Published("RoBERTa", 0.795, 0.854, _TABLE),
    Published("Legal-BERT", 0.796, 0.843, _TABLE),
    Published("Legal-RoBERTa", 0.791, 0.847, _TABLE),
    Published("PrivBERT", 0.821, 0.872, _TABLE),
)
PROTOCOL = (
    "PrivacyGLUE splits OPP-115 by segment at random: each of its 110 test policies is in its training file too, and "
    "17 texts are in both. A policy repeats itself, so such results can be higher than on policies that the model "
    "has never seen. The recipe privacyglue, trained on its files only, is the like-for-like row. Its file names no "
    "policies: intervals are bootstrapped over texts, so they are too narrow."
)


def privacyglue_benchmark(test: str | None) -> Benchmark:
    """Isolated passages with at least one majority label, with the threshold 0.5.

    Raises:
        DataError: `test`, its test_dataset.csv or the folder that holds it, is missing or damaged.
    """
    if test is None:
        raise DataError("privacyglue needs --test: its test_dataset.csv, or the folder that holds it")
    path = Path(test)
    path = path / "test_dataset.csv" if path.is_dir() else path
    units, notes = _labelled(path)
    train, validation = path.with_name("train_dataset.csv"), path.with_name("validation_dataset.csv")
    baseline: BaselineData | None
    if train.is_file() and validation.is_file() and path.name not in (train.name, validation.name):
        baseline = BaselineData("PrivacyGLUE's training file", _labelled(train)[0], _labelled(validation)[0])
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
        max_contamination=MAX_CONTAMINATION,
        published=PUBLISHED,
        remarks=(PROTOCOL, *split_effect_remarks()),
    )


def _labelled(path: Path) -> tuple[tuple[Sentence, ...], tuple[str, ...]]:
    rows, notes = read_privacyglue(path)
    return tuple(row for row in rows if row.labels), notes


def _rebuilt_baseline() -> tuple[BaselineData | None, tuple[str, ...]]:
    """PrivacyGLUE's training and validation texts, rebuilt from the corpus if its files are missing.

    They are the labelled segments outside its test set; all but 2 of 2,735 get the published labels. It does not
    matter which of them are used for validation, since the protocol's threshold is fixed.
    """
    missing = "train_dataset.csv and validation_dataset.csv are not beside the test file"
    try:
        corpus = read_opp115(find_opp115())
    except DataError:
        return None, (f"no baseline: {missing}, and the OPP-115 corpus is not here (set OPP115_DIR)",)
    rows = [row for row in opp115_units(corpus, "passage") if row.labels]
    train = tuple(row for number, row in enumerate(rows) if number % 5)
    return BaselineData(f"OPP-115's segments outside the test set ({missing})", train, tuple(rows[::5])), ()


def split_effect_remarks() -> tuple[str, ...]:
    """How much a random split of segments raises the results of our own model, as `make split-effect` measured it."""
    path = files("clausetag.eval.benchmarks").joinpath("split_effect.json")
    return (json.loads(path.read_text(encoding="utf-8"))["sentence"],) if path.is_file() else ()

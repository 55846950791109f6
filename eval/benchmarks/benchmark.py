"""What `clausetag eval` measures on: the texts that a model reads, the rows that count, the data for baselines."""

from __future__ import annotations

from dataclasses import dataclass

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.eval.leakage.contamination import MAX_SHARE


@dataclass(frozen=True, slots=True)
class Published:
    """A published result, F1 from 0 to 1; `source` says where it was published."""

    model: str
    macro_f1: float
    micro_f1: float
    source: str


@dataclass(frozen=True, slots=True)
class BaselineData:
    """Labelled rows for fitting baselines and choosing their thresholds; `source` names them in reports."""

    source: str
    train: tuple[Sentence, ...]
    validation: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark for models with the given `labels`."""

    data: str
    unit: str
    """`sentence` or `passage`."""
    head: str
    sentences: tuple[Sentence, ...]
    """Everything the model reads: policies in order, unlabelled sentences (context) included."""
    units: tuple[Sentence, ...]
    """The labelled rows that are measured: sentences, or passages as one row each (`index` is the passage)."""
    baseline: BaselineData | None
    notes: tuple[str, ...] = ()
    isolated: bool = False
    """The units are single texts with no policy around them."""
    threshold: float | None = None
    """Used in place of the model's own thresholds."""
    max_contamination: float = MAX_SHARE
    """Evaluation is refused if training has seen a larger share of the units."""
    published: tuple[Published, ...] = ()
    remarks: tuple[str, ...] = ()
    labels: tuple[str, ...] = LABELS

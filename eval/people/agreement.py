"""How far two passes over the same rows agree: Cohen's kappa of each label, Krippendorff's alpha over label sets."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from clausetag.data.errors import MissingExtraError
from clausetag.data.labels import LABELS
from clausetag.eval.metrics.gold import label_matrix
from clausetag.model.decision import FloatArray


@dataclass(frozen=True, slots=True)
class PassAgreement:
    """Two passes over the same rows: Cohen's kappa per label (None where undefined), Krippendorff's alpha (MASI)."""

    kappa: Mapping[str, float | None]
    alpha: float | None
    n: int


def cohen_kappa(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Cohen's kappa of each label between two 0/1 matrices [n, k]; NaN where both passes are constant and equal.

    Raises:
        ValueError: shapes differ or there is no row.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape or a.ndim != 2 or not len(a):
        raise ValueError(f"need two matrices of the same shape [n, k], found {a.shape} and {b.shape}")
    observed = (a == b).mean(axis=0)
    rate_a, rate_b = a.mean(axis=0), b.mean(axis=0)
    chance = rate_a * rate_b + (1 - rate_a) * (1 - rate_b)
    defined = chance < 1
    kappa: FloatArray = np.where(defined, (observed - chance) / np.where(defined, 1 - chance, 1.0), np.nan)
    return kappa


def masi_alpha(passes: Sequence[Sequence[Collection[str]]]) -> float | None:
    """Krippendorff's alpha over label sets with MASI distance (Passonneau 2006), passes as ``[pass][row] = labels``.

    Two empty sets agree fully, an empty set and any other not at all. None where no two different sets occur, which
    leaves nothing to disagree about.

    Raises:
        ValueError: passes of different lengths.
        MissingExtraError: nltk is not installed.
    """
    if len({len(rows) for rows in passes}) > 1:
        raise ValueError("passes must cover the same rows")
    try:
        from nltk.metrics.agreement import AnnotationTask
    except ImportError:
        raise MissingExtraError("Krippendorff's alpha", "nltk") from None
    data = [(coder, item, frozenset(names)) for coder, rows in enumerate(passes) for item, names in enumerate(rows)]
    if len({names for _, _, names in data}) < 2 or len(passes) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(AnnotationTask(data, distance=masi_distance).alpha())


def masi_distance(first: frozenset[str], second: frozenset[str]) -> float:
    """1 minus Jaccard similarity times 1 (equal), 2/3 (one within the other), 1/3 (overlap) or 0 (disjoint).

    nltk's own function divides by zero at two empty sets and rounds the thirds.
    """
    if first == second:
        return 0.0
    common = len(first & second)
    if not common:
        return 1.0
    monotonicity = 2 / 3 if first <= second or second <= first else 1 / 3
    return 1.0 - common / len(first | second) * monotonicity


def pass_agreement(
    first: Sequence[Iterable[str]], second: Sequence[Iterable[str]], labels: Sequence[str] = LABELS
) -> PassAgreement:
    """Kappa per label and alpha between two passes, given as label sets of the same rows in the same order.

    Raises:
        ValueError: the passes have different lengths or no row, or a label is unknown.
    """
    sets = [[frozenset(names) for names in rows] for rows in (first, second)]
    kappa = cohen_kappa(label_matrix(sets[0], labels), label_matrix(sets[1], labels))
    by_label = {label: None if np.isnan(value) else float(value) for label, value in zip(labels, kappa, strict=True)}
    return PassAgreement(by_label, masi_alpha(sets), len(sets[0]))


def five_policies_table() -> str:
    """Agreement of the two annotation passes of the five policies, as a Markdown table and a line."""
    from clausetag.data.corpora.five import read_five

    rows = read_five()
    passes = [[row.extra["passes"][name] for row in rows] for name in ("a", "b")]
    found = pass_agreement(passes[0], passes[1])
    lines = ["| label | pass a | pass b | Cohen's kappa |", "|---|---|---|---|"]
    for label, kappa in found.kappa.items():
        counts = [sum(label in names for names in rows_of_pass) for rows_of_pass in passes]
        lines.append(f"| {label} | {counts[0]} | {counts[1]} | {'–' if kappa is None else f'{kappa:.3f}'} |")
    lines += ["", f"Krippendorff's alpha over all, MASI distance: {found.alpha:.3f} ({found.n} sentences)."]
    return "\n".join(lines)


if __name__ == "__main__":
    print(five_policies_table())

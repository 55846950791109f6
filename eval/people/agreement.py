"""Agreement of two annotation passes over the same rows: Cohen's kappa per label, Krippendorff's alpha on label sets.

python -m clausetag.eval.people.agreement      # the two passes of the five policies
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clausetag.data.corpora.five import read_five
from clausetag.data.errors import MissingExtraError
from clausetag.data.labels import LABELS
from clausetag.eval.metrics.gold import label_matrix


@dataclass(frozen=True, slots=True)
class PassAgreement:
    """Two passes over the same `n` rows: Cohen's kappa per label (None if undefined), Krippendorff's alpha (MASI)."""

    kappa: Mapping[str, float | None]
    alpha: float | None
    n: int


def pass_agreement(
    first: Sequence[Iterable[str]], second: Sequence[Iterable[str]], labels: Sequence[str] = LABELS
) -> PassAgreement:
    """Kappa per label and alpha between two passes, given as label sets of the same rows in the same order.

    Kappa is None if both passes give the label to all rows, or both to none.

    Raises:
        ValueError: the passes have different lengths or no row, or a label is unknown.
        MissingExtraError: scikit-learn or nltk is not installed.
    """
    try:
        from sklearn.metrics import cohen_kappa_score
    except ImportError as error:
        raise MissingExtraError("Cohen's kappa", error.name) from None
    sets = [[frozenset(names) for names in rows] for rows in (first, second)]
    if len(sets[0]) != len(sets[1]) or not sets[0]:
        raise ValueError(f"need two passes over the same rows, found {len(sets[0])} and {len(sets[1])} rows")
    kappa: dict[str, float | None] = {}
    for label, a, b in zip(labels, *(label_matrix(rows, labels).T for rows in sets), strict=True):
        constant = np.array_equal(a, b) and (a.all() or not a.any())
        kappa[label] = None if constant else float(cohen_kappa_score(a, b))
    return PassAgreement(kappa, masi_alpha(sets), len(sets[0]))


def masi_alpha(passes: Sequence[Sequence[Collection[str]]]) -> float | None:
    """Krippendorff's alpha over label sets with MASI distance (Passonneau 2006), passes as ``[pass][row] = labels``.

    Two empty sets agree fully; an empty set and any other do not agree at all. None if all sets are equal, since then
    there is nothing to disagree about. Computed by nltk's `AnnotationTask`.

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
    """1 minus Jaccard similarity times 1 (equal), 2/3 (one within the other), 1/3 (some in common) or 0 (none).

    nltk's `masi_distance` is not used: it divides by zero on two empty sets, which are common here, and its releases
    before 3.10 round 2/3 and 1/3 to two digits.
    """
    if first == second:
        return 0.0
    common = len(first & second)
    if not common:
        return 1.0
    monotonicity = 2 / 3 if first <= second or second <= first else 1 / 3
    return 1.0 - common / len(first | second) * monotonicity


def five_policies_table() -> str:
    """Agreement of the two annotation passes of the five policies, as a Markdown table and a line."""
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

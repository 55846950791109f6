"""What F1 could a perfect model of OPP-115's annotators reach? A range, since their votes do not determine it.

    python -m clausetag.eval.research.ceiling test

Assume that each annotator gives a label to a sentence with a probability p that depends on the sentence only, and that
annotators decide independently. Take somebody who knows p of every sentence, but not how the annotators will decide.
The best this person can do for F1 is to give the label wherever p exceeds a threshold. The F1 reached depends on how p
is distributed over the sentences, and three votes per sentence leave many distributions possible: the numbers of
sentences with 0, 1, 2 and 3 votes fix only its first three moments.

So the smallest and the largest F1 over all distributions of p with the observed vote counts are computed, by linear
programming over distributions on a grid. F1 is at least f exactly if the mean of ``max(0, 2 g(p) - f) - f g(p)`` is not
negative, where g(p) is the probability that the reference has the label; this mean is linear in the distribution, and
a bisection finds f. Two references:

- *majority*: at least two of three votes, ``g(p) = 3 p^2 - 2 p^3``;
- *annotator*: one annotator's label, ``g(p) = p``. Beside it is the F1 of annotators against each other,
  E[p^2] / E[p], which the counts do determine: the difference is the lead over a person that exact knowledge of p, and
  nothing else, is worth.

If no distribution has exactly the observed counts, the nearest ones (by total deviation) are used. A model can exceed
the range by chance on a finite split.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from clausetag.data.corpora.opp115 import find_opp115, read_opp115
from clausetag.data.corpora.splits import policy_split
from clausetag.data.labels import LABELS, NOT_COVERED
from clausetag.data.records import Sentence

ANNOTATORS = 3
GRID = np.linspace(0.0, 1.0, 201)
REFERENCES = {"majority": 3 * GRID**2 - 2 * GRID**3, "annotator": GRID}
"""Probability that the reference has the label, at each p of the grid."""
_LIKELIHOOD = np.stack([(1 - GRID) ** 3, 3 * GRID * (1 - GRID) ** 2, 3 * GRID**2 * (1 - GRID), GRID**3])
"""float[4, grid]: probability of 0, 1, 2 and 3 votes."""
_STEPS = 20
FloatArray = npt.NDArray[np.float64]


def vote_counts(sentences: Iterable[Sentence]) -> npt.NDArray[np.int64]:
    """How many labelled sentences have 0, 1, 2 and 3 votes for each label, int64[labels, 4]."""
    counts = np.zeros((len(LABELS), ANNOTATORS + 1), dtype=np.int64)
    for sentence in sentences:
        if sentence.labelled and sentence.votes is not None:
            for row, label in enumerate(LABELS):
                counts[row, round(ANNOTATORS * sentence.votes.get(label, 0.0))] += 1
    return counts


def f1_range(counts: npt.ArrayLike, reference: str = "majority") -> tuple[float, float]:
    """Smallest and largest F1 that somebody who knows every p can reach.

    Args:
        counts: int[labels, 4], sentences with 0, 1, 2 and 3 votes. Several labels: their micro F1.
        reference: a key of `REFERENCES`.

    Raises:
        ValueError: no sentence has a vote.
    """
    seen = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    if not seen[:, 1:].any():
        raise ValueError("no sentence has a vote, so there is no F1")
    shares = [(row.sum(), row / row.sum()) for row in seen]
    slack = [_extreme(np.zeros(len(GRID)), share, None) for _, share in shares]
    chance = REFERENCES[reference]
    bounds = []
    for sign in (1.0, -1.0):  # the distribution that is worst, then the one that is best
        low, high = 0.0, 1.0
        for _ in range(_STEPS):
            f1 = (low + high) / 2
            gain = np.maximum(2 * chance - f1, 0.0) - f1 * chance
            total = sum(
                size * sign * _extreme(sign * gain, share, least)
                for (size, share), least in zip(shares, slack, strict=True)
            )
            low, high = (f1, high) if total >= 0 else (low, f1)
        bounds.append((low + high) / 2)
    return bounds[0], bounds[1]


def _extreme(cost: FloatArray, share: FloatArray, slack: float | None) -> float:
    """The least mean of `cost` over distributions whose vote shares deviate by `slack` in all from `share`.

    With `slack` None, the least possible deviation.
    """
    from scipy.optimize import linprog

    votes = len(share)
    # Variables: the distribution on the grid, then what its vote shares are above and below the observed ones.
    equal = np.vstack([np.hstack([_LIKELIHOOD, -np.eye(votes), np.eye(votes)]), np.zeros(len(GRID) + 2 * votes)])
    equal[-1, : len(GRID)] = 1.0
    deviation = np.concatenate([np.zeros(len(GRID)), np.ones(2 * votes)])
    found = linprog(
        deviation if slack is None else np.concatenate([cost, np.zeros(2 * votes)]),
        A_ub=None if slack is None else deviation[None],
        b_ub=None if slack is None else [slack + 1e-7],
        A_eq=equal,
        b_eq=[*share, 1.0],
    )
    return float(found.fun)


def annotators_f1(counts: npt.ArrayLike) -> float:
    """Expected F1 of an annotator against another one, pooled over labels: E[p^2] / E[p], from int[labels, 4]."""
    total = np.atleast_2d(np.asarray(counts, dtype=np.float64)).sum(axis=0)
    pairs = np.array([0.0, 0.0, 1.0, 3.0]) / 3  # the share of an annotator pair that agrees on giving the label
    votes = np.arange(ANNOTATORS + 1) / ANNOTATORS
    return float((total * pairs).sum() / (total * votes).sum())


def main(argv: Sequence[str] | None = None) -> int:
    """Print the ranges for a split of OPP-115."""
    parser = argparse.ArgumentParser(prog="python -m clausetag.eval.research.ceiling", description=main.__doc__)
    parser.add_argument("split", choices=[*policy_split(), "all"])
    wanted = parser.parse_args(argv).split
    policies = set(policy_split().get(wanted, ()))
    sentences = read_opp115(find_opp115()).sentences
    counts = vote_counts(s for s in sentences if wanted == "all" or s.policy in policies)
    known = [row for row in range(len(LABELS)) if counts[row, 2:].any()]
    print(f"{'F1':42} majority       one annotator  annotators  sentences with 0 to 3 votes")
    table = []
    for name, rows in [*((LABELS[row], [row]) for row in known), ("Micro", known)]:
        ranges = [*f1_range(counts[rows]), *f1_range(counts[rows], "annotator"), annotators_f1(counts[rows])]
        table.append(ranges)
        print(_line(name, ranges), *("" if len(rows) > 1 else f"{n:,}" for n in counts[rows[0]]))
    print(_line("Macro", np.mean(table[:-1], axis=0)))
    others = [values for row, values in zip(known, table, strict=False) if LABELS[row] != NOT_COVERED]
    print(_line(f"Macro without {NOT_COVERED}", np.mean(others, axis=0)))
    return 0


def _line(name: str, values: Sequence[float] | FloatArray) -> str:
    low, high, single_low, single_high, people = values
    return f"{name:42} {low:.3f} to {high:.3f} {single_low:.3f} to {single_high:.3f} {people:.3f}     "


if __name__ == "__main__":
    sys.exit(main())

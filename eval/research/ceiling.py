"""The ceiling that the annotators' disagreement puts on any model of OPP-115's sentences.

    python -m clausetag.eval.research.ceiling test

Suppose that somebody knew of every sentence and label the probability p that an annotator gives it, but not which
annotators will read it. Three do; the gold label is their majority, which is a matter of chance where p is neither 0
nor 1. The best that this somebody can do is to give the label wherever p exceeds some threshold. How p is distributed
over sentences is estimated from the counts of 0, 1, 2 and 3 votes, as a share of sentences at 0 and a beta
distribution over the rest (a zero-inflated beta-binomial, by maximum likelihood). The counts do not determine the
distribution fully, so the ceiling is an estimate, not a bound; a model may also exceed it by chance on a finite split.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence

ANNOTATORS = 3
_GRID = 4001
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Expected counts, per sentence, of the best decisions on one label, and their F1."""

    true_positives: float
    predicted: float
    positives: float

    @property
    def f1(self) -> float:
        """F1 of the expected counts."""
        return 2 * self.true_positives / max(self.predicted + self.positives, 1e-12)


def vote_counts(sentences: Iterable[Sentence]) -> npt.NDArray[np.int64]:
    """How many labelled sentences have 0, 1, 2 and 3 votes for each label, int64 [labels, 4]."""
    counts = np.zeros((len(LABELS), ANNOTATORS + 1), dtype=np.int64)
    for sentence in sentences:
        if sentence.labelled and sentence.votes is not None:
            for place, label in enumerate(LABELS):
                counts[place, round(ANNOTATORS * sentence.votes.get(label, 0.0))] += 1
    return counts


def fit(counts: Sequence[int]) -> tuple[float, float, float]:
    """Share of sentences that are not at 0, and the beta's two parameters, from the numbers of 0 to 3 votes."""
    from scipy.optimize import minimize
    from scipy.special import betaln, comb

    seen = np.asarray(counts, dtype=np.float64)
    votes = np.arange(ANNOTATORS + 1)

    def loss(x: FloatArray) -> float:
        share, a, b = 1 / (1 + np.exp(-x[0])), np.exp(x[1]), np.exp(x[2])
        chance = share * comb(ANNOTATORS, votes) * np.exp(betaln(votes + a, ANNOTATORS - votes + b) - betaln(a, b))
        chance[0] += 1 - share
        # A weak prior keeps the parameters of labels with a handful of votes from running away.
        return float(-(seen * np.log(chance + 1e-12)).sum() + 0.01 * (x**2).sum())

    starts = [(share, a, b) for share in (-3.0, 1.0) for a in (-2.0, 0.0) for b in (-1.0, 1.0)]
    found = min((minimize(loss, start, method="Nelder-Mead") for start in starts), key=lambda result: result.fun)
    share, a, b = found.x
    return float(1 / (1 + np.exp(-share))), float(np.exp(a)), float(np.exp(b))


def curve(counts: Sequence[int]) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Thresholds float [t], expected true positives and predictions per sentence at each, and expected positives."""
    from scipy.stats import beta

    share, a, b = fit(counts)
    edges = np.linspace(0, 1, _GRID)
    mass = share * np.diff(beta.cdf(edges, a, b))
    p = (edges[1:] + edges[:-1]) / 2
    majority = 3 * p**2 * (1 - p) + p**3
    hits = np.cumsum((mass * majority)[::-1])[::-1]
    return p, hits, np.cumsum(mass[::-1])[::-1], float((mass * majority).sum())


def ceilings(counts: npt.NDArray[np.int64]) -> tuple[list[Ceiling], Ceiling]:
    """The ceiling of every label at the threshold that is best for its F1, and of all together at those best for
    micro F1."""
    curves = [curve(row) for row in counts]
    single = [_at(found, int(np.argmax(2 * found[1] / (found[2] + found[3])))) for found in curves]
    # Micro F1 is highest where every label is given whenever P(majority) exceeds half the F1 reached.
    together, target = Ceiling(0.0, 1.0, 1.0), 0.5
    for _ in range(30):
        chosen = [
            _at(found, min(int(np.searchsorted(3 * found[0] ** 2 - 2 * found[0] ** 3, target / 2)), _GRID - 2))
            for found in curves
        ]
        together = Ceiling(
            sum(one.true_positives for one in chosen),
            sum(one.predicted for one in chosen),
            sum(one.positives for one in chosen),
        )
        target = together.f1
    return single, together


def _at(found: tuple[FloatArray, FloatArray, FloatArray, float], place: int) -> Ceiling:
    return Ceiling(float(found[1][place]), float(found[2][place]), found[3])


def main(argv: Sequence[str] | None = None) -> int:
    """Print the ceilings of a split of OPP-115."""
    from clausetag.data.corpora.opp115 import find_opp115, read_opp115
    from clausetag.data.corpora.splits import policy_split

    parser = argparse.ArgumentParser(prog="python -m clausetag.eval.research.ceiling", description=main.__doc__)
    parser.add_argument("split", choices=[*policy_split(), "all"])
    wanted = parser.parse_args(argv).split
    policies = set(policy_split().get(wanted, ()))
    sentences = read_opp115(find_opp115()).sentences
    counts = vote_counts(s for s in sentences if wanted == "all" or s.policy in policies)
    single, together = ceilings(counts)
    for label, row, one in zip(LABELS, counts, single, strict=True):
        print(f"{label:40} {one.f1:.3f}   sentences with 0 to 3 votes: {', '.join(f'{n:,}' for n in row)}")
    print(f"macro F1 {np.mean([one.f1 for one in single]):.3f}, micro F1 {together.f1:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

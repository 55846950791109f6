"""Do 95 % intervals hold the truth 95 times in a hundred? On simulated policies, where the truth is known.

Policies differ in length, in how often they state a practice, and in how well they are labelled. The share of all
simulated corpora whose interval holds the figure of an endless one is the coverage.
"""

from __future__ import annotations

import numpy as np
import pytest

from clausetag.eval.bootstrap import bootstrap_intervals
from clausetag.eval.metrics import multilabel_scores

LABELS = ("frequent", "middling", "rare")
RATES = np.array([0.25, 0.10, 0.03])
RECALLS = np.array([0.8, 0.7, 0.75])


def simulate(rng: np.random.Generator, policies: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    sizes = np.maximum(10, rng.lognormal(4.2, 0.5, policies)).astype(int)
    names = [f"p{policy}" for policy, size in enumerate(sizes) for _ in range(size)]

    def vary(rates: np.ndarray) -> np.ndarray:
        shift = rng.normal(0, 0.6, (policies, 3))
        return np.repeat(1 / (1 + np.exp(-(np.log(rates / (1 - rates)) + shift))), sizes, axis=0)

    gold = rng.random((len(names), 3)) < vary(RATES)
    hit = rng.random(gold.shape) < vary(RECALLS)
    alarm = rng.random(gold.shape) < vary(RATES * 0.3)
    return np.where(gold, hit, alarm), gold, names


def coverage(policies: int, corpora: int, draws: int) -> dict[str, float]:
    rng = np.random.default_rng(policies)
    endless = multilabel_scores(*simulate(rng, 20_000)[:2], LABELS)
    truth = {"macro_f1": endless.macro_f1, "micro_f1": endless.micro_f1}
    truth |= {label: endless.per_category[label].f1 for label in LABELS}
    held = dict.fromkeys(truth, 0)
    for corpus in range(corpora):
        predicted, gold, names = simulate(rng, policies)
        found = bootstrap_intervals(predicted, gold, names, labels=LABELS, draws=draws, seed=corpus)
        for name, value in truth.items():
            interval = found.per_category[name]["f1"] if name in LABELS else found.summary[name]
            assert value is not None and interval is not None
            held[name] += interval[0] <= value <= interval[1]
    return {name: count / corpora for name, count in held.items()}


def test_coverage_quick() -> None:
    """Few corpora, so a wide margin; percentiles of the draws would fail it at eight policies (0.85 to 0.89)."""
    found = coverage(8, 250, 300)
    assert all(0.91 <= share <= 0.985 for share in found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize("policies", [5, 8, 20, 50])
def test_coverage(policies: int) -> None:
    """95 % ± 2 for everything but a rare category of very few policies, where ± 3."""
    found = coverage(policies, 1500, 1000)
    for name, share in found.items():
        margin = 0.03 if name == "rare" and policies < 10 else 0.02
        assert abs(share - 0.95) <= margin, (name, found)

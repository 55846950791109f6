"""The ceiling of the annotators' disagreement, on votes whose probabilities are known because they were drawn."""

from __future__ import annotations

import numpy as np
import pytest

from clausetag.data.labels import FIRST_PARTY, LABELS
from clausetag.data.records import Sentence
from clausetag.eval.research.ceiling import ceilings, fit, vote_counts


def drawn(probabilities: np.ndarray, seed: int = 0) -> tuple[list[int], np.ndarray]:
    """Numbers of 0 to 3 votes, and the votes, of sentences whose probability is known."""
    votes = np.random.default_rng(seed).binomial(3, probabilities)
    return np.bincount(votes, minlength=4).tolist(), votes


def best_f1(probabilities: np.ndarray, votes: np.ndarray) -> float:
    """F1 of whoever knows the probabilities, at the best threshold."""
    gold = votes >= 2
    found = []
    for threshold in np.linspace(0.02, 0.98, 49):
        given = probabilities >= threshold
        found.append(2 * (given & gold).sum() / max(1, given.sum() + gold.sum()))
    return float(max(found))


def one_label(counts: list[int]) -> np.ndarray:
    """A matrix of counts in which every label has these."""
    return np.array([counts] * len(LABELS))


def test_the_estimate_finds_what_somebody_who_knows_the_probabilities_reaches() -> None:
    rng = np.random.default_rng(3)
    for share, a, b in ((0.3, 2.0, 1.0), (0.5, 0.6, 0.6), (0.2, 1.0, 3.0)):
        n = 40_000
        probabilities = np.where(rng.random(n) < share, rng.beta(a, b, n), 0.0)
        counts, votes = drawn(probabilities)
        single, _ = ceilings(one_label(counts))
        assert single[0].f1 == pytest.approx(best_f1(probabilities, votes), abs=0.03)


def test_annotators_who_always_agree_leave_no_ceiling() -> None:
    single, together = ceilings(one_label([900, 0, 0, 100]))
    assert single[0].f1 > 0.97
    assert together.f1 == pytest.approx(single[0].f1, abs=0.02)


def test_more_disagreement_is_a_lower_ceiling() -> None:
    calm, torn = (ceilings(one_label(counts))[0][0].f1 for counts in ([900, 5, 10, 85], [900, 60, 30, 10]))
    assert calm > torn + 0.1


def test_the_fit_gives_back_the_counts() -> None:
    counts = [8404, 853, 602, 768]
    share, a, b = fit(counts)
    rng = np.random.default_rng(1)
    p = np.where(rng.random(400_000) < share, rng.beta(a, b, 400_000), 0.0)
    again, _ = drawn(p)
    assert np.array(again) / 400_000 == pytest.approx(np.array(counts) / sum(counts), abs=0.003)


def test_micro_takes_the_thresholds_that_are_best_for_micro() -> None:
    counts = one_label([900, 5, 10, 85])
    counts[3] = [990, 9, 1, 0]  # a label that is a matter of chance: best not given at all
    single, together = ceilings(counts)
    # Giving it at its own best threshold would cost more than it brings.
    hits = sum(one.true_positives for one in single)
    sizes = sum(one.predicted + one.positives for one in single)
    assert together.f1 > 2 * hits / sizes


def test_votes_are_counted_out_of_three_and_unlabelled_rows_not() -> None:
    rows = [
        Sentence("p", 0, "One.", labels=(FIRST_PARTY,), votes={FIRST_PARTY: 2 / 3}),
        Sentence("p", 1, "Two.", labels=(), votes={}),
        Sentence("p", 2, "Three."),
    ]
    counts = vote_counts(rows)
    assert counts[LABELS.index(FIRST_PARTY)].tolist() == [1, 0, 1, 0]
    assert counts.sum() == 2 * len(LABELS)

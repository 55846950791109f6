"""The range of F1 that vote counts leave, on votes whose probabilities are known because they were drawn."""

from __future__ import annotations

import numpy as np
import pytest

from clausetag.data.labels import FIRST_PARTY, LABELS
from clausetag.data.records import Sentence
from clausetag.eval.research.ceiling import annotators_f1, f1_range, vote_counts


def expected_counts(p: np.ndarray, weights: np.ndarray, n: int = 1_000_000) -> np.ndarray:
    """Expected numbers of sentences with 0 to 3 votes, where shares `weights` of them have the probabilities `p`."""
    votes = np.stack([(1 - p) ** 3, 3 * p * (1 - p) ** 2, 3 * p**2 * (1 - p), p**3])
    return np.round(n * votes @ weights)


def best_f1(p: np.ndarray, weights: np.ndarray, chance: np.ndarray) -> float:
    """Expected F1 at the best threshold on p."""
    found = []
    for threshold in p:
        given = p >= threshold
        found.append(2 * weights[given] @ chance[given] / (weights[given].sum() + weights @ chance))
    return float(max(found))


@pytest.mark.parametrize("seed", range(3))
def test_the_range_holds_what_somebody_who_knows_the_probabilities_reaches(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = np.concatenate([[0.0], rng.random(4)])
    weights = rng.dirichlet([8.0, 1.0, 1.0, 1.0, 1.0])
    counts = expected_counts(p, weights)
    for reference, chance in (("majority", 3 * p**2 - 2 * p**3), ("annotator", p)):
        low, high = f1_range(counts, reference)
        assert low - 0.005 <= best_f1(p, weights, chance) <= high + 0.005
        assert low < high


def test_both_ends_are_reached_by_distributions_with_the_same_counts() -> None:
    """Two distributions with equal moments up to the third, so equal counts, and far from equal F1."""
    sharp_p, sharp = np.array([0.0, 0.5, 1.0]), np.array([0.7, 0.2, 0.1])
    counts = expected_counts(sharp_p, sharp)
    low, high = f1_range(counts)
    chance = 3 * sharp_p**2 - 2 * sharp_p**3
    assert low < best_f1(sharp_p, sharp, chance) - 0.03 or best_f1(sharp_p, sharp, chance) < high - 0.03
    assert high - low > 0.05


def test_annotators_who_always_agree_leave_nothing_open() -> None:
    assert f1_range([900, 0, 0, 100]) == pytest.approx((1.0, 1.0), abs=0.001)
    assert annotators_f1([900, 0, 0, 100]) == 1.0


def test_more_disagreement_is_a_lower_range() -> None:
    calm, torn = f1_range([900, 5, 10, 85]), f1_range([900, 60, 30, 10])
    assert torn[0] < calm[0] - 0.1 and torn[1] < calm[1]


def test_counts_that_no_distribution_has_are_replaced_by_the_nearest() -> None:
    low, high = f1_range([1510, 163, 13, 0])
    assert 0 < low <= high + 1e-6 < 0.2


def test_micro_is_that_of_all_labels_together() -> None:
    one = f1_range([900, 30, 30, 40])
    assert f1_range([[900, 30, 30, 40]] * 3) == pytest.approx(one, abs=1e-4)
    low, high = f1_range([[900, 0, 0, 100], [900, 60, 30, 10]])
    torn = f1_range([900, 60, 30, 10])
    assert torn[0] < low < 1.0 and torn[1] < high < 1.0


def test_annotators_against_each_other_is_what_votes_say() -> None:
    rng = np.random.default_rng(0)
    p = np.where(rng.random(50_000) < 0.3, rng.beta(1.0, 2.0, 50_000), 0.0)
    votes = rng.random((50_000, 3)) < p[:, None]
    pairs = [(0, 1), (0, 2), (1, 2)]
    hits = sum(int((votes[:, a] & votes[:, b]).sum()) for a, b in pairs)
    sizes = sum(int(votes[:, a].sum() + votes[:, b].sum()) for a, b in pairs)
    counts = np.bincount(votes.sum(axis=1), minlength=4)
    assert annotators_f1(counts) == pytest.approx(2 * hits / sizes)


def test_exact_knowledge_leads_over_a_person_by_construction() -> None:
    """Somebody who knows only the probabilities agrees with annotators more than they do with each other."""
    counts = [8404, 853, 602, 768]
    assert f1_range(counts, "annotator")[0] > annotators_f1(counts)


def test_without_a_vote_there_is_no_f1() -> None:
    with pytest.raises(ValueError, match="no sentence has a vote"):
        f1_range([100, 0, 0, 0])


def test_votes_are_counted_out_of_three_and_unlabelled_rows_not() -> None:
    rows = [
        Sentence("p", 0, "One.", labels=(FIRST_PARTY,), votes={FIRST_PARTY: 2 / 3}),
        Sentence("p", 1, "Two.", labels=(), votes={}),
        Sentence("p", 2, "Three."),
    ]
    counts = vote_counts(rows)
    assert counts[LABELS.index(FIRST_PARTY)].tolist() == [1, 0, 1, 0]
    assert counts.sum() == 2 * len(LABELS)

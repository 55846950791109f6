"""Agreement of two passes, on examples small enough to count by hand."""

from __future__ import annotations

import pytest

from clausetag.data.labels import CHOICE, DO_NOT_TRACK, FIRST_PARTY, SECURITY
from clausetag.eval.people.agreement import (
    masi_alpha,
    masi_distance,
    pass_agreement,
)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("", "", 0.0),
        ("a", "a", 0.0),
        ("", "a", 1.0),
        ("a", "b", 1.0),
        ("a", "ab", 1 - 1 / 2 * 2 / 3),
        ("abc", "a", 1 - 1 / 3 * 2 / 3),
        ("ab", "bc", 1 - 1 / 3 * 1 / 3),
    ],
)
def test_masi_distance(first: str, second: str, distance: float) -> None:
    assert masi_distance(frozenset(first), frozenset(second)) == pytest.approx(distance)
    assert masi_distance(frozenset(second), frozenset(first)) == pytest.approx(distance)


def test_alpha_by_hand() -> None:
    # Two rows, sets a/a and a/b. Observed: mean distance of the pairs (0 + 1) / 2. Expected: among the four values
    # a, a, a, b two drawn without replacement differ with probability 1/2.
    assert masi_alpha([["a", "a"], ["a", "b"]]) == pytest.approx(1 - 0.5 / 0.5)
    assert masi_alpha([["a", "b"], ["a", "b"]]) == 1.0
    assert masi_alpha([["a", ""], ["a", ""]]) == 1.0
    assert masi_alpha([["a", "a"], ["a", "a"]]) is None
    with pytest.raises(ValueError):
        masi_alpha([["a"], ["a", "b"]])


def test_pass_agreement_by_label() -> None:
    first = [(FIRST_PARTY,), (CHOICE,), (CHOICE, SECURITY), ()]
    second = [(FIRST_PARTY,), (CHOICE,), (SECURITY,), ()]
    found = pass_agreement(first, second)
    assert found.n == 4
    assert found.kappa[FIRST_PARTY] == 1.0
    assert found.kappa[CHOICE] == pytest.approx(0.5)
    assert found.kappa[DO_NOT_TRACK] is None
    assert found.alpha is not None and 0.5 < found.alpha < 1.0


def test_kappa_is_undefined_only_where_both_passes_are_constant_and_equal() -> None:
    found = pass_agreement([(CHOICE,), (CHOICE, SECURITY)], [(CHOICE,), (CHOICE,)])
    assert (found.kappa[CHOICE], found.kappa[DO_NOT_TRACK]) == (None, None)
    assert found.kappa[SECURITY] == 0.0
    with pytest.raises(ValueError, match="same rows"):
        pass_agreement([(CHOICE,)], [])
    with pytest.raises(ValueError, match="same rows"):
        pass_agreement([], [])

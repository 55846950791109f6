"""Mean and standard deviation over runs."""

from __future__ import annotations

import pytest

from clausetag.eval.seeds import spread


def test_spread_is_of_a_sample() -> None:
    found = spread([0.70, 0.74, 0.78])
    assert found["mean"] == pytest.approx(0.74)
    assert found["sd"] == pytest.approx(0.04)
    assert (found["lowest"], found["highest"]) == (0.70, 0.78)
    assert spread([0.5])["sd"] is None


def test_a_figure_undefined_in_one_run_has_no_mean() -> None:
    assert spread([0.5, None])["mean"] is None
    assert spread([])["mean"] is None

from __future__ import annotations

import numpy as np
import pytest

from clausetag.model.onnx.quantise import PAIR_LIMIT, activation, quantise_columns, quantise_rows, smoothing


def test_rows_are_within_half_a_step() -> None:
    values = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    values[3] = 0
    quantised, scale = quantise_rows(values)
    assert (np.abs(quantised * scale[:, None] - values).max(axis=1) <= scale / 2 + 1e-6).all()
    assert np.abs(quantised).max(axis=1).tolist() == [127] * 3 + [0] + [127] * 36


@pytest.mark.parametrize("rows", [2, 31, 64])
def test_columns_are_within_half_a_step_and_no_pair_can_saturate(rows: int) -> None:
    values = np.random.default_rng(1).normal(size=(rows, 200)).astype(np.float32)
    values[:2, :50] = np.random.default_rng(2).uniform(0.99, 1, size=(2, 50)) * np.abs(values).max()
    values[:, 7] = 0
    quantised, scale = quantise_columns(values)
    assert quantised.dtype == np.int8
    sizes = np.abs(quantised.astype(int))
    assert (sizes[0 : rows - 1 : 2] + sizes[1:rows:2]).max() <= PAIR_LIMIT
    assert np.iinfo(np.int16).max >= 255 * PAIR_LIMIT
    # Half a step, and one more where two roundings went up together.
    assert (np.abs(quantised * scale - values) <= scale * 1.01).all()
    assert (np.abs(quantised * scale - values) <= scale * 0.51).mean() > 0.99


def test_an_activation_keeps_zero_and_its_ends() -> None:
    sample = np.random.default_rng(3).uniform(-1, 3, size=(1000, 8)).astype(np.float32)
    found = activation(sample)
    assert 0 <= found.zero <= 255
    low, high = (0 - found.zero) * found.scale, (255 - found.zero) * found.scale
    assert low == pytest.approx(-1, abs=0.02) and high == pytest.approx(3, abs=0.02)
    assert activation(sample + 2).zero == 0
    assert activation(-np.abs(sample)).zero == 255
    assert activation(np.zeros((5, 5), dtype=np.float32)).scale > 0


def test_one_huge_value_does_not_cost_the_others_their_precision() -> None:
    sample = np.random.default_rng(4).normal(size=(4000, 100)).astype(np.float32)
    usual = activation(sample).scale
    sample[0, 0] = 1e6
    assert activation(sample).scale == pytest.approx(usual, rel=0.1)


def test_smoothing_changes_no_product_and_evens_columns_out() -> None:
    rng = np.random.default_rng(5)
    sample = rng.normal(size=(500, 16)).astype(np.float32)
    sample[:, 3] *= 50
    weights = rng.normal(size=(16, 4)).astype(np.float32)
    factors = smoothing(sample, weights)
    np.testing.assert_allclose(
        (sample * factors) @ (weights / factors[:, None]), sample @ weights, rtol=1e-3, atol=1e-3
    )
    assert np.exp(np.log(factors).mean()) == pytest.approx(1, rel=1e-4)
    before, after = (np.abs(values).max(axis=0) for values in (sample, sample * factors))
    assert after.max() / after.min() < before.max() / before.min() / 3


def test_two_halves_that_are_rounded_up_do_not_exceed_the_limit() -> None:
    sizes = np.random.default_rng(0).uniform(0.001, 1, 100_000).astype(np.float32)
    quantised, _ = quantise_columns(np.stack([63.5 * sizes, 64.5 * sizes]).astype(np.float32))
    assert np.abs(quantised.astype(int)).sum(axis=0).max() <= PAIR_LIMIT

"""Floats to 8 bits, so that a product of 8-bit numbers is exact on every CPU.

Weights: symmetric int8 with one scale a column (a row, for embeddings). Activations: unsigned 8 bits with one scale and
zero point a tensor, fixed beforehand from a sample, so that no text changes another's result. Source of the scheme:
Jacob et al. (CVPR 2018). Where columns of an activation differ much in size, part of that is moved into the weights
(SmoothQuant, Xiao et al., ICML 2023).

CPUs without VNNI add two products of an unsigned and a signed byte in 16 bits, which saturate at 32,767. No pair of
neighbouring weights may therefore exceed 128 in absolute sum: 255 * 128 = 32,640. Scales are chosen so that this holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]

PAIR_LIMIT = 128
"""Largest absolute sum of two neighbouring weights of a column."""
_TAIL = 1e-5
"""Share of an activation's values that may be cut at either end: a few huge ones would cost all others precision."""


@dataclass(frozen=True, slots=True)
class Activation:
    """How a tensor becomes unsigned 8-bit numbers: round(x / scale) + zero, cut to 0 and 255."""

    scale: float
    zero: int


def quantise_rows(values: Float32) -> tuple[Int8, Float32]:
    """Symmetric int8 of a table [n, d] with one scale a row: int8 [n, d], float32 [n]."""
    scale = _scale(np.abs(values).max(axis=1, initial=0) / 127)
    return np.clip(np.rint(values / scale[:, None]), -127, 127).astype(np.int8), scale


def quantise_columns(values: Float32) -> tuple[Int8, Float32]:
    """Symmetric int8 of a product's weights [in, out] with one scale a column: int8 [in, out], float32 [out].

    Neighbours (rows 0 and 1, 2 and 3, …) stay within `PAIR_LIMIT` together.
    """
    size = np.abs(values)
    pairs = size[: len(size) // 2 * 2]
    scale = _scale(
        np.maximum(size.max(axis=0, initial=0) / 127, (pairs[0::2] + pairs[1::2]).max(axis=0, initial=0) / PAIR_LIMIT)
    )
    quantised = np.clip(np.rint(values / scale), -127, 127)
    first, second = quantised[: len(pairs) : 2], quantised[1 : len(pairs) : 2]
    # Two halves rounded up may pass the limit by one.
    excess = np.maximum(np.abs(first) + np.abs(second) - PAIR_LIMIT, 0)
    first -= np.sign(first) * excess
    return quantised.astype(np.int8), scale


def activation(sample: Float32) -> Activation:
    """Scale and zero point of values like those of `sample` [n, d]; zero itself is always exact."""
    low, high = np.quantile(sample, (_TAIL, 1 - _TAIL))
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    scale = (high - low) / 255 or 1.0
    return Activation(scale, round(-low / scale))


def smoothing(sample: Float32, weights: Float32) -> Float32:
    """Factors float32 [d] for the columns of an activation, sampled as [n, d], whose weights are [d, out].

    Multiply the activation by them and divide the rows of the weights: columns that are large then lend some of their
    size to weights that are small. Their geometric mean is 1.
    """
    largest = np.quantile(np.abs(sample), 0.9999, axis=0) + 1e-5
    factors = np.sqrt((np.abs(weights).max(axis=1) + 1e-6) / largest)
    return np.asarray(factors / np.exp(np.log(factors).mean()), dtype=np.float32)


def _scale(steps: npt.NDArray[np.floating]) -> Float32:
    return np.where(steps > 0, steps, 1.0).astype(np.float32)

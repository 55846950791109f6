"""Quantise floats to 8 bits such that products of 8-bit numbers are exact on every CPU.

Weights: symmetric int8 with one scale per column (per row for embeddings). Activations: unsigned 8 bits with one scale
and zero point per tensor, fixed beforehand on a sample, so that no text changes another's result. The scheme is that of
Jacob et al. (CVPR 2018). If the columns of an activation differ much in size, part of the difference is moved into the
weights (SmoothQuant, Xiao et al., ICML 2023).

CPUs without VNNI add two products of an unsigned and a signed byte in 16 bits, which saturate at 32,767. Scales are
therefore chosen such that two neighbouring weights never exceed 128 in absolute sum: 255 * 128 = 32,640.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]

PAIR_LIMIT = 128
"""Largest sum of the absolute values of two neighbouring weights in a column."""
_TAIL = 1e-5
"""Share of an activation's values that is clipped at either end; a few huge values would cost precision."""


@dataclass(frozen=True, slots=True)
class Activation:
    """How a tensor is converted to unsigned 8 bits: round(x / scale) + zero, clipped to 0 and 255."""

    scale: float
    zero: int


def quantise_rows(values: Float32) -> tuple[Int8, Float32]:
    """Symmetric int8 of a table [n, d] with one scale per row: int8 [n, d], float32 [n]."""
    scale = _scale(np.abs(values).max(axis=1, initial=0) / 127)
    return np.clip(np.rint(values / scale[:, None]), -127, 127).astype(np.int8), scale


def quantise_columns(values: Float32) -> tuple[Int8, Float32]:
    """Symmetric int8 of a product's weights [in, out] with one scale per column: int8 [in, out], float32 [out].

    The absolute values of neighbours (rows 0 and 1, 2 and 3, …) add up to at most `PAIR_LIMIT`.
    """
    size = np.abs(values)
    pairs = size[: len(size) // 2 * 2]
    scale = _scale(
        np.maximum(size.max(axis=0, initial=0) / 127, (pairs[0::2] + pairs[1::2]).max(axis=0, initial=0) / PAIR_LIMIT)
    )
    quantised = np.clip(np.rint(values / scale), -127, 127)
    first, second = quantised[: len(pairs) : 2], quantised[1 : len(pairs) : 2]
    # If both are rounded up, they may exceed the limit by one.
    excess = np.maximum(np.abs(first) + np.abs(second) - PAIR_LIMIT, 0)
    first -= np.sign(first) * excess
    return quantised.astype(np.int8), scale


def activation(sample: Float32) -> Activation:
    """Scale and zero point for values like those of `sample` [n, d]; 0.0 is represented exactly."""
    low, high = np.quantile(sample, (_TAIL, 1 - _TAIL))
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    scale = (high - low) / 255 or 1.0
    return Activation(scale, round(-low / scale))


def smoothing(sample: Float32, weights: Float32) -> Float32:
    """SmoothQuant factors float32 [d] of an activation, sampled as [n, d], that is multiplied by weights [d, out].

    Multiply the columns of the activation by the factors, and divide the rows of the weights by them: large columns
    become smaller and their weights larger. The geometric mean of the factors is 1.
    """
    largest = np.quantile(np.abs(sample), 0.9999, axis=0) + 1e-5
    factors = np.sqrt((np.abs(weights).max(axis=1) + 1e-6) / largest)
    return np.asarray(factors / np.exp(np.log(factors).mean()), dtype=np.float32)


def _scale(steps: npt.NDArray[np.floating]) -> Float32:
    return np.where(steps > 0, steps, 1.0).astype(np.float32)

"""Sets of word runs, by which two texts are compared: nearly the same where they share most of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

SHINGLE = 3
"""Words of a shingle."""
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> tuple[str, ...]:
    """The case-folded runs of letters and digits."""
    return tuple(_WORD.findall(text.casefold()))


def shingles(sequence: Sequence[str]) -> frozenset[str]:
    """All runs of `SHINGLE` words; a shorter sequence is one shingle of its own."""
    count = max(len(sequence) - SHINGLE + 1, 1)
    return frozenset(" ".join(sequence[start : start + SHINGLE]) for start in range(count))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Size of the intersection over size of the union."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if a or b else 1.0

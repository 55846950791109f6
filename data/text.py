"""Compare texts: normalisation, hashes, and word shingles with their Jaccard similarity."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

MIN_WORDS = 5
"""Texts of fewer words ("Contact us", "Cookies") recur in every policy: boilerplate, which no overlap counts."""

SHINGLE = 3
"""Words of a shingle."""
_WORD = re.compile(r"[^\W_]+")
SURROGATE = re.compile("[\ud800-\udfff]")
"""Code points that are no characters; JSON can bring them, and no file can hold them."""


def normalise(text: str) -> str:
    """`text` case-folded, letters and digits of any script only: spacing, punctuation and markup don't matter."""
    return "".join(character for character in text.casefold() if character.isalnum())


def text_hash(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the normalised text.

    64 bits: among a million texts, two different ones collide with a chance of about 3 in 10^8.
    """
    return hashlib.sha256(normalise(text).encode("utf-8")).hexdigest()[:16]


def short_hash(key: str) -> str:
    """The shorter form, 8 digits, of a `text_hash` in which texts of the unlabelled pool are recorded.

    There may be hundreds of thousands: of another text one in ten thousand is taken for one of 400,000.
    """
    return key[:8]


def is_boilerplate(text: str) -> bool:
    """Whether `text` has fewer than `MIN_WORDS` words (runs of non-space that hold a letter or digit)."""
    words = sum(any(character.isalnum() for character in word) for word in text.split())
    return words < MIN_WORDS


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

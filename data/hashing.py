"""The one normalisation and hash by which two texts count as the same, for `trained_on` and the overlap guard."""

from __future__ import annotations

import hashlib

MIN_WORDS = 5
"""Texts of fewer words ("Contact us", "Cookies") recur in every policy: boilerplate, which no overlap counts."""


def normalise(text: str) -> str:
    """`text` case-folded, letters and digits of any script only: spacing, punctuation and markup don't matter."""
    return "".join(character for character in text.casefold() if character.isalnum())


def text_hash(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the normalised text.

    64 bits: among a million texts, two different ones collide with a chance of about 3 in 10^8.
    """
    return hashlib.sha256(normalise(text).encode("utf-8")).hexdigest()[:16]


def pool_key(key: str) -> str:
    """The shorter form, 8 digits, of a `text_hash` in which texts of the unlabelled pool are recorded.

    There may be hundreds of thousands: of another text one in ten thousand is taken for one of 400,000.
    """
    return key[:8]


def is_boilerplate(text: str) -> bool:
    """Whether `text` has fewer than `MIN_WORDS` words (runs of non-space that hold a letter or digit)."""
    words = sum(any(character.isalnum() for character in word) for word in text.split())
    return words < MIN_WORDS

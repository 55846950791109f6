"""Compare texts: normalisation, hashes, and word shingles with their Jaccard similarity."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

MIN_WORDS = 5
"""Texts of fewer words ("Contact us", "Cookies") occur in every policy; they are not counted as overlap."""

SHINGLE = 3
"""Number of words in a shingle."""
_WORD = re.compile(r"[^\W_]+")
SURROGATE = re.compile("[\ud800-\udfff]")
"""Surrogates, which are not characters: JSON may contain them, but a UTF-8 file cannot."""


def normalise(text: str) -> str:
    """The case-folded letters and digits (of any script) of `text`, without spacing and punctuation."""
    return "".join(character for character in text.casefold() if character.isalnum())


def text_hash(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the normalised text.

    With 64 bits, the probability that any two of a million different texts collide is about 3 in 10^8.
    """
    return hashlib.sha256(normalise(text).encode("utf-8")).hexdigest()[:16]


def short_hash(key: str) -> str:
    """The first 8 digits of a `text_hash`; texts of the unlabelled pool are recorded in this form, to save space.

    With 400,000 recorded texts, about one in ten thousand other texts is mistaken for one of them.
    """
    return key[:8]


def is_boilerplate(text: str) -> bool:
    """Whether `text` has fewer than `MIN_WORDS` words (with a letter or digit, separated by white space)."""
    words = sum(any(character.isalnum() for character in word) for word in text.split())
    return words < MIN_WORDS


def words(text: str) -> tuple[str, ...]:
    """The case-folded runs of letters and digits."""
    return tuple(_WORD.findall(text.casefold()))


def shingles(sequence: Sequence[str]) -> frozenset[str]:
    """All sequences of `SHINGLE` consecutive words; a shorter text is one shingle."""
    count = max(len(sequence) - SHINGLE + 1, 1)
    return frozenset(" ".join(sequence[start : start + SHINGLE]) for start in range(count))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Size of the intersection over size of the union."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if a or b else 1.0

"""A colour and a short code for each label, the same on all pages; the code helps readers who see no colours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from clausetag.data import labels as names
from clausetag.data.labels import LABELS

CODES: dict[str, str] = {
    names.FIRST_PARTY: "1st",
    names.THIRD_PARTY: "3rd",
    names.CHOICE: "Opt",
    names.ACCESS: "Acc",
    names.RETENTION: "Ret",
    names.SECURITY: "Sec",
    names.CHANGE: "Chg",
    names.DO_NOT_TRACK: "DNT",
    names.AUDIENCES: "Aud",
    names.GENERIC: "Gen",
    names.CONTACT: "Con",
    names.NOT_COVERED: "N/C",
}
"""Codes of the twelve labels."""
HUES: dict[str, tuple[int, int]] = {
    names.FIRST_PARTY: (212, 85),
    names.THIRD_PARTY: (24, 90),
    names.CHOICE: (282, 65),
    names.ACCESS: (190, 80),
    names.RETENTION: (46, 85),
    names.SECURITY: (140, 55),
    names.CHANGE: (328, 75),
    names.DO_NOT_TRACK: (0, 80),
    names.AUDIENCES: (168, 70),
    names.GENERIC: (215, 10),
    names.CONTACT: (248, 75),
    names.NOT_COVERED: (82, 60),
}
"""Hue in degrees and saturation in per cent; the lightness depends on the colour scheme (light or dark)."""
_GOLDEN_ANGLE = 137.508
"""In degrees; multiples of it are hues that are never close to each other."""
_SATURATION = 70
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Palette:
    """The codes and colours of a label set."""

    labels: tuple[str, ...]
    codes: Mapping[str, str]
    hues: Mapping[str, tuple[int, int]]
    """Hue in degrees and saturation in per cent."""

    def key(self, label: str) -> str:
        """The label's position, which names it in the markup of a page."""
        return str(self.labels.index(label))

    def hue_rules(self, label: str) -> str:
        """The CSS rules for the colours of a label, light and dark."""
        hue, saturation = self.hues[label]
        tints = " ".join(
            f"--{name}-colour: hsl({hue} calc({saturation}% * var(--calm)) var(--{name}));"
            for name in ("tint", "tint-2")
        )
        lines = " ".join(f"--{name}-colour: hsl({hue} {saturation}% var(--{name}));" for name in ("edge", "badge"))
        return f".l{self.key(label)} {{ {tints} {lines} }}"


@cache
def palette(labels: tuple[str, ...] = LABELS) -> Palette:
    """The palette of a label set: fixed for the twelve labels; others get codes and hues in order."""
    if labels == LABELS:
        return Palette(LABELS, CODES, HUES)
    hues = {label: (round(212 + _GOLDEN_ANGLE * place) % 360, _SATURATION) for place, label in enumerate(labels)}
    return Palette(labels, _codes(labels), hues)


def _codes(labels: Sequence[str]) -> dict[str, str]:
    """A unique code of two characters for each label: letters of it if they are free, else a number."""
    codes: dict[str, str] = {}
    taken: set[str] = set()
    for place, label in enumerate(labels):
        codes[label] = next(code for code in _candidates(label, place) if code.casefold() not in taken)
        taken.add(codes[label].casefold())
    return codes


def _candidates(label: str, place: int) -> Iterator[str]:
    """The initials of the first two words, the first letter with each later one, and numbers from the position on."""
    words = _WORD.findall(label)
    letters = "".join(words)
    if len(words) > 1:
        yield words[0][0].upper() + words[1][0].upper()
    for letter in letters[1:]:
        yield letters[0].upper() + letter.lower()
    for number in (*range(place + 1, 100), *range(place + 1)):
        yield f"{number:02}"

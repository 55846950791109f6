"""A code and a colour for each category, the same on every page; the code is there for who sees no colours."""

from __future__ import annotations

from html import escape

from clausetag.data import labels as names
from clausetag.data.labels import LABEL_INDEX

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
"""Badges, so that categories can be told apart without seeing colours."""
_HUES: dict[str, tuple[int, int]] = {
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
"""Hue in degrees and saturation in per cent; the lightness depends on the colour scheme."""


def hue_rules(label: str) -> str:
    """The rules that colour a category, light and dark."""
    hue, saturation = _HUES[label]
    tints = " ".join(
        f"--{name}-colour: hsl({hue} calc({saturation}% * var(--calm)) var(--{name}));" for name in ("tint", "tint-2")
    )
    lines = " ".join(f"--{name}-colour: hsl({hue} {saturation}% var(--{name}));" for name in ("edge", "badge"))
    return f".l{LABEL_INDEX[label]} {{ {tints} {lines} }}"


def badge(label: str) -> str:
    """A category's code in its colour."""
    return f'<span class="b l{LABEL_INDEX[label]}" title="{escape(label)}">{escape(CODES[label])}</span>'


def chip(key: str, code: str, name: str, number: int, style: str = "") -> str:
    """A button of the legend, which a script makes a filter; `key` is what it filters by, `number` what it counts."""
    return (
        f'<button type="button" class="chip{style}{"" if number else " empty"}" data-l="{key}" aria-pressed="false" '
        f'disabled title="{escape(name)}">{code}<span class="name">{escape(name)}</span>'
        f'<span class="n">{number:,}</span></button>'
    )

"""The ground of the report's pictures: an SVG drawing with its legend, the colours, several drawings as one.

Drawn by hand rather than by a plotting library, since the report needs what those don't give: colours that follow the
page's light or dark scheme, one small picture per category that a narrow screen can stack, text that stays text, and
the same bytes for the same figures. `Drawing.inline` is for a page that brings `picture_css` and `palette_css`;
`Drawing.file` stands alone, in literal colours on a light ground. The colours can be told apart by the colour-blind
(after Okabe and Ito), and no meaning hangs on colour alone: each kind of mark has its own shape.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_LIGHT = {
    "ink": "#1c2024",
    "soft": "#59636d",
    "line": "#dde1e6",
    "paper": "#ffffff",
    "model": "#0072b2",
    "bar": "#86bfe4",
    "human": "#c04f00",
    "other": "#6b4a86",
}
_DARK = {
    "ink": "#e4e8ec",
    "soft": "#a3aeb8",
    "line": "#343c44",
    "paper": "#191d21",
    "model": "#4aa3dc",
    "bar": "#2c6b99",
    "human": "#f0a030",
    "other": "#cba6e8",
}
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
_RULES = f"""\
.pic {{ overflow: visible; font: 12px {_FONT}; fill: var(--ink); font-variant-numeric: tabular-nums; }}
.pic .strong {{ font-weight: 600; }}
.pic .h {{ font-weight: 600; font-size: 11.5px; }}
.pic .s {{ fill: var(--soft); font-size: 11px; }}
.pic .e {{ text-anchor: end; }}
.pic .m {{ text-anchor: middle; }}
.pic .grid {{ stroke: var(--line); fill: none; }}
.pic .model {{ fill: var(--model); }}
.pic .bar {{ fill: var(--bar); }}
.pic .curve {{ stroke: var(--model); stroke-width: 2; fill: none; stroke-linejoin: round; }}
.pic .area {{ fill: var(--model); opacity: .12; }}
.pic .dot {{ fill: var(--model); stroke: var(--paper); stroke-width: 1.5; }}
.pic .whisker {{ stroke: var(--ink); stroke-width: 1.5; fill: none; }}
.pic .human {{ stroke: var(--human); stroke-width: 1.5; fill: var(--human); }}
.pic .same {{ stroke: var(--human); stroke-width: 1.8; fill: var(--paper); }}
.pic .floor {{ stroke: var(--soft); stroke-dasharray: 2 3; fill: none; }}
.pic .other {{ stroke: var(--other); stroke-width: 1.5; stroke-dasharray: 4 3; fill: none; }}
.pic .hollow {{ stroke: var(--other); stroke-width: 1.5; fill: var(--paper); }}
.pic .tick {{ stroke: var(--ink); stroke-width: 1.2; fill: var(--paper); }}
"""
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def picture_css() -> str:
    """The rules of inline drawings; their colours are variables."""
    return _RULES


def palette_css() -> str:
    """The variables of `picture_css`, for light and for dark."""
    light, dark = (" ".join(f"--{name}: {colour};" for name, colour in palette.items()) for palette in (_LIGHT, _DARK))
    return f":root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: SVG in a box of 26 by 14, and its meaning."""

    symbol: str
    text: str

    def inline(self) -> str:
        """The symbol as an SVG element that a screen reader passes over; the text is the page's."""
        return f'<svg class="pic" width="26" height="14" viewBox="0 0 26 14" aria-hidden="true">{self.symbol}</svg>'


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture: its size in pixels, what it shows in words, its SVG elements, its legend."""

    width: int
    height: int
    title: str
    body: str
    legend: tuple[Key, ...] = ()

    def inline(self, css_class: str = "") -> str:
        """The `svg` element for a page; legend and visible heading are left to the page."""
        name = f"pic {css_class}".strip()
        return (
            f'<svg class="{name}" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{plain(self.title)}">{self.body}</svg>'
        )

    def file(self) -> str:
        """A whole SVG file: heading, legend and picture on a light ground, colours written out."""
        parts, left, top = [], 12, 42
        for key in self.legend:
            length = 34 + round(6.3 * len(key.text))
            if left > 12 and left + length > self.width:
                left, top = 12, top + 20
            parts.append(f'<g transform="translate({left} {top - 11})">{key.symbol}</g>')
            parts.append(f'<text x="{left + 30}" y="{top}">{plain(key.text)}</text>')
            left += length + 16
        top += 16 if self.legend else -12
        width, height = self.width + 24, top + self.height + 10
        rules = re.sub(r"var\(--(\w+)\)", lambda name: _LIGHT[name[1]], _RULES)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="pic" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">\n<title>{plain(self.title)}</title>\n'
            f'<style>\n{rules}</style>\n<rect width="{width}" height="{height}" fill="{_LIGHT["paper"]}"/>\n'
            f'<text x="12" y="20" class="strong" font-size="14">{plain(self.title)}</text>\n'
            f'{"".join(parts)}\n<g transform="translate(12 {top})">\n{self.body}\n</g>\n</svg>\n'
        )


def grid(panels: Sequence[Drawing], title: str, columns: int = 4) -> Drawing:
    """Panels of one size side by side, row by row, as one picture with the first panel's legend."""
    if not panels:
        return Drawing(300, 30, title, '<text x="0" y="18" class="s">nothing to show</text>')
    wide, high = panels[0].width + 12, panels[0].height + 16
    body = "\n".join(
        f'<g transform="translate({wide * (place % columns)} {high * (place // columns)})">{panel.body}</g>'
        for place, panel in enumerate(panels)
    )
    rows = math.ceil(len(panels) / columns)
    return Drawing(wide * min(columns, len(panels)), high * rows, title, body, panels[0].legend)


def px(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{round(value, 1):g}"


def plain(text: str) -> str:
    """Text for an element or attribute: escaped, without the characters that XML cannot hold."""
    return escape(_NOT_XML.sub("", text))

"""Drawing in SVG: elements, a drawing with its legend, and several drawings as one.

The report's pictures are drawn here and not with matplotlib, which draws the speed plot. They need colours that follow
the page's light or dark scheme, a second form of the bars for phones, one panel for each category that a narrow page
can stack, and tooltips; matplotlib's SVG has one fixed scheme and size. It is also heavier: 24 small panels took 2.2
seconds and 555 kB, where the 38 drawings of a report take 77 kB.

`Drawing.inline` is for a page that includes `STYLE`; `Drawing.file` is a file of its own, in light colours. Every kind
of mark has a shape of its own, so that nothing depends on telling colours apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

STYLE = Path(__file__).with_name("pictures.css").read_text(encoding="utf-8")
"""The style of inline drawings; its colours are CSS variables with a value for the light and for the dark scheme."""
_COLOUR = re.compile(r"--(\w+): (#\w+);")
_VARIABLE = re.compile(r"var\(--(\w+)\)")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def element(tag: str, *content: str, css: str = "", **attributes: str | float) -> Markup:
    """An SVG element with the class `css`; numbers are rounded to a tenth of a pixel.

    Content that isn't markup, and all attributes, are escaped, without the characters that XML cannot hold.
    """
    given = {"class": css, **attributes} if css else attributes
    start = f"<{tag}" + "".join(f' {name}="{_plain(value)}"' for name, value in given.items())
    return Markup(f"{start}>{''.join(map(_plain, content))}</{tag}>" if content else f"{start}/>")


def text(x: float, y: float, words: str, css: str = "") -> Markup:
    """A text at a place. Classes: `s` small, `e` ends at x, `m` has its middle at x, `h` heading, `strong`."""
    return element("text", words, css=css, x=x, y=y)


def path(css: str, *commands: str) -> Markup:
    """A path of these commands."""
    return element("path", css=css, d="".join(commands))


def px(value: float) -> str:
    """A coordinate in a path, rounded to a tenth of a pixel."""
    return f"{round(value, 1):g}"


def _plain(value: str | float) -> str:
    if isinstance(value, str):
        return value if isinstance(value, Markup) else escape(_NOT_XML.sub("", value))
    return px(value)


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: a symbol in a box of 26 by 14 pixels, and its meaning."""

    symbol: Markup
    text: str

    def inline(self) -> Markup:
        """The symbol as an SVG element that screen readers skip; the page writes the text."""
        sizes: dict[str, str] = {"width": "26", "height": "14", "viewBox": "0 0 26 14", "aria-hidden": "true"}
        return element("svg", self.symbol, css="pic", **sizes)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture: its size in pixels, a description in words, its SVG elements, and its legend."""

    width: float
    height: float
    title: str
    body: Markup
    legend: tuple[Key, ...] = ()

    def inline(self, css: str = "") -> Markup:
        """The `svg` element for a page, which itself writes the legend and any visible heading."""
        box = f"0 0 {px(self.width)} {px(self.height)}"
        names: dict[str, str] = {"viewBox": box, "role": "img", "aria-label": self.title}
        return element("svg", self.body, css=f"pic {css}".strip(), **names)

    def file(self) -> str:
        """An SVG file with heading, legend and picture, in light colours that are written out."""
        parts: list[Markup] = []
        left, top = 12, 42
        for key in self.legend:
            length = 34 + round(6.3 * len(key.text))
            if left > 12 and left + length > self.width:
                left, top = 12, top + 20
            parts.append(element("g", key.symbol, transform=f"translate({left} {top - 11})"))
            parts.append(text(left + 30, top, key.text))
            left += length + 16
        top += 16 if self.legend else -12
        width, height = px(self.width + 24), px(top + self.height + 10)
        # Not all programs that show SVG files know CSS variables. The first value of each is the light one.
        light = dict(reversed(_COLOUR.findall(STYLE)))
        rules = "\n".join(line for line in STYLE.splitlines() if line.startswith(".pic"))
        rules = _VARIABLE.sub(lambda name: light[name[1]], rules)
        sizes = {"width": width, "height": height}
        return element(
            "svg",
            element("title", self.title),
            element("style", Markup(rules)),
            element("rect", fill=light["paper"], **sizes),
            text(12, 20, self.title, "strong"),
            *parts,
            element("g", self.body, transform=f"translate(12 {top})"),
            css="pic",
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {width} {height}",
            role="img",
            **sizes,
        )


def grid(panels: Sequence[Drawing], title: str, columns: int = 4) -> Drawing:
    """Panels of one size in rows of `columns`, as one picture with the first panel's legend."""
    if not panels:
        return Drawing(300, 30, title, text(0, 18, "nothing to show", "s"))
    width, height = panels[0].width + 12, panels[0].height + 16
    cells = [
        element("g", panel.body, transform=f"translate({px(width * (at % columns))} {px(height * (at // columns))})")
        for at, panel in enumerate(panels)
    ]
    rows = math.ceil(len(panels) / columns)
    return Drawing(width * min(columns, len(panels)), height * rows, title, Markup("").join(cells), panels[0].legend)

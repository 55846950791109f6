"""The styles of a Word file: which paragraphs are headings or items, and what is bold, hidden or struck out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


@dataclass(frozen=True, slots=True)
class Look:
    """What matters of how text looks."""

    bold: bool = False
    hidden: bool = False
    struck: bool = False

    def with_own(self, properties: Any) -> Look:
        """This look with what run properties (w:rPr, or None) set themselves."""
        if properties is None:
            return self
        bold, hidden = _switch(properties, "b"), _switch(properties, "vanish")
        strikes = [found for name in ("strike", "dstrike") if (found := _switch(properties, name)) is not None]
        return Look(
            self.bold if bold is None else bold,
            self.hidden if hidden is None else hidden,
            any(strikes) if strikes else self.struck,
        )

    def toggled(self, other: Look) -> Look:
        """The look of text with a paragraph style and a character style; what both set is off again (17.7.3)."""
        return Look(self.bold ^ other.bold, self.hidden ^ other.hidden, self.struck ^ other.struck)


@dataclass(frozen=True, slots=True)
class Style:
    """A style with what it inherits."""

    name: str
    heading: bool
    numbered: bool
    look: Look


class Styles:
    """The paragraph and character styles by id."""

    def __init__(self, root: Any = None) -> None:
        """`root` is the root element of the part with the styles."""
        found = [] if root is None else list(root.iter(W + "style"))
        self._elements = {style.get(W + "styleId"): style for style in found}
        self._default = next(
            (
                style.get(W + "styleId")
                for style in found
                if style.get(W + "type") == "paragraph" and style.get(W + "default") in ("1", "true", "on")
            ),
            None,
        )
        self._cache: dict[str | None, Style] = {}

    def paragraph(self, style_id: str | None) -> Style:
        """The style of a paragraph; without an id it is the usual one."""
        return self[style_id if style_id in self._elements else self._default]

    def __getitem__(self, style_id: str | None) -> Style:
        if style_id not in self._cache:
            self._cache[style_id] = self._read(style_id)
        return self._cache[style_id]

    def _read(self, style_id: str | None) -> Style:
        chain: list[Any] = []
        element = self._elements.get(style_id)
        while element is not None and element not in chain:  # in broken files, styles inherit in circles
            chain.append(element)
            element = self._elements.get(value(element.find(W + "basedOn")) or None)
        # In the file, the names of Word's own styles are English in every language.
        names = [value(style.find(W + "name")).lower() for style in chain]
        properties = [found for style in chain if (found := style.find(W + "pPr")) is not None]
        look = Look()
        for style in reversed(chain):
            look = look.with_own(style.find(W + "rPr"))
        named = any(name.startswith("heading ") or name in ("title", "subtitle") for name in names)
        return Style(
            name=names[0] if names else "",
            heading=named or any(map(is_outlined, properties)),
            numbered=any(found.find(W + "numPr") is not None for found in properties)
            or any(name.startswith(("list bullet", "list number")) for name in names),
            look=look,
        )


def value(element: Any) -> str:
    """The attribute w:val of an element or None."""
    return "" if element is None else element.get(W + "val") or ""


def is_on(element: Any) -> bool:
    """Whether a switch such as <w:b/> is present and on."""
    return element is not None and value(element) not in ("0", "false", "off")


def is_outlined(properties: Any) -> bool:
    """Whether paragraph properties have a level of the outline; level 9 is body text."""
    level = value(properties.find(W + "outlineLvl"))
    return level.isdigit() and int(level) < 9


def _switch(properties: Any, name: str) -> bool | None:
    element = properties.find(W + name)
    return None if element is None else is_on(element)

"""Convert simple policy HTML (OPP-115's segments) to plain text, and map offsets in the HTML to offsets in the text.

Annotators' spans are offsets in the HTML, sentences offsets in the text; `HtmlText.text_range` converts them. A tag is
whatever a browser would read as one, including the one damaged tag of the corpus ("<strExample.org <br>").
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

_INLINE = frozenset(("a", "abbr", "b", "em", "font", "i", "small", "span", "strong", "sub", "sup", "u"))
"""Tags that may occur within a sentence; any other tag ends the block."""
_BOLD = frozenset(("b", "strong", "h1", "h2", "h3", "h4", "h5", "h6"))
_MARKUP = re.compile(
    r"(?P<tag></?[A-Za-z!][^>]*+(?:>|\Z))"
    r"|(?P<entity>&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);)"
    r"|(?P<space>[\s\u00a0\u200b\u200c\u200d\u2060\ufeff\u00ad]+)"
)
_TAG_NAME = re.compile(r"</?([^\s/>]*)")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Text between two block tags: offsets in `HtmlText.text` and properties given by the tags."""

    start: int
    end: int
    bold: bool
    """Whether all of it is inside <strong>, <b> or a heading tag."""
    in_list: bool


@dataclass(frozen=True, slots=True)
class HtmlText:
    """Text without tags, with white space collapsed and one block per line; `sources[i]` is the offset in the HTML of
    the character ``text[i]`` (for an entity or white space, of its first character)."""

    text: str
    sources: tuple[int, ...]
    blocks: tuple[TextBlock, ...]

    def text_range(self, start: int, end: int) -> tuple[int, int]:
        """The characters of `text` that come from ``html[start:end]``, as a half-open range, which may be empty."""
        return bisect_left(self.sources, start), bisect_left(self.sources, end)


def match_key(text: str) -> str:
    """Letters and digits only, case-folded: equal for texts that differ in white space or punctuation."""
    return _NOT_ALPHANUMERIC.sub("", text).casefold()


def html_text(markup: str) -> HtmlText:
    """Convert the HTML of one segment. Blocks are separated by one newline; empty blocks are dropped."""
    characters: list[str] = []
    sources: list[int] = []
    blocks: list[TextBlock] = []
    start = 0
    bold_depth = list_depth = plain = 0
    in_list = False
    space: int | None = None
    """Source of pending white space, which is written only between two characters of one block."""

    def close() -> None:
        nonlocal start, plain, space
        if len(characters) > start:
            blocks.append(TextBlock(start, len(characters), plain == 0, in_list))
        start, plain, space = len(characters), 0, None

    for kind, position, value in _tokens(markup):
        if kind == "tag":
            name_match = _TAG_NAME.match(value)
            name = name_match[1].lower() if name_match else ""
            step = -1 if value[1] == "/" else 1
            if name not in _INLINE:
                close()
            if name == "li":
                list_depth = max(0, list_depth + step)
            elif name in _BOLD:
                bold_depth = max(0, bold_depth + step)
        elif kind == "space":
            space = position if space is None else space
        else:
            if len(characters) == start:
                if blocks:
                    characters.append("\n")
                    sources.append(position)
                    start += 1
                in_list = list_depth > 0
            elif space is not None:
                characters.append(" ")
                sources.append(space)
            space = None
            characters.extend(value)
            # All characters of an entity have the same source.
            sources.extend(range(position, position + len(value)) if kind == "text" else [position] * len(value))
            plain += bold_depth == 0
    close()
    return HtmlText("".join(characters), tuple(sources), tuple(blocks))


def _tokens(markup: str) -> Iterator[tuple[str, int, str]]:
    """Yield (kind, offset, value): tags, white space, text between them, and decoded entities."""
    position = 0
    for match in _MARKUP.finditer(markup):
        if position < match.start():
            yield "text", position, markup[position : match.start()]
        if match["tag"]:
            yield "tag", match.start(), match[0]
        elif match["space"] is not None:
            yield "space", match.start(), " "
        else:
            decoded = html.unescape(match[0])
            yield ("entity" if decoded.strip() else "space"), match.start(), decoded
        position = match.end()
    if position < len(markup):
        yield "text", position, markup[position:]


def find_text(page: HtmlText, wanted: str) -> tuple[int, int] | None:
    """Find `wanted` (which may have tags) in the page's text, comparing only letters and digits.

    Returns the half-open range of its first occurrence, or None if it has no letter or digit or is not found.
    """
    key = match_key(html_text(wanted).text)
    if not key:
        return None
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(page.text):
        folded = match_key(character)
        letters.append(folded)
        places.extend([place] * len(folded))
    found = "".join(letters).find(key)
    return None if found < 0 else (places[found], places[found + len(key) - 1] + 1)

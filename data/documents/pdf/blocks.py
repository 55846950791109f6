"""The lines of a PDF, in reading order, to headings, paragraphs, list items and table cells.

The end of a paragraph is recognised by the distance between lines, their indents, fonts and markers, and by whether the
next word would have fitted in the line. A paragraph can continue in the next column or on the next page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from clausetag.data.documents.blocks import RawBlock, Run, demote_last, linked, looks_like_heading
from clausetag.data.documents.pdf.layout import SAME_PLACE
from clausetag.data.documents.pdf.lines import Line
from clausetag.data.documents.structure.markers import strip_markers
from clausetag.data.records import BlockKind

_INDENT = 0.8
"""Font sizes from which a shift to the right is an indent."""
_LARGE_FONT = 1.12
"""Sizes of the body's font from which a short paragraph is a heading."""
_NEAR_LINES = 8
"""Lines before and after a line that show where its column ends."""
_MAX_CELLS = 8
"""Cells of a table's row in which text can continue in the next line."""
_MAX_CELL_LINES = 4
_BULLET = re.compile(r"[^\w\s\"'“‘«(\[<$£€#@&/\-–—]")
_LETTER_BULLET = re.compile(r"^o\s+(?=\w)")
"""Word writes the bullets of nested lists as the letter o."""
_ENDS = re.compile(r"(?:[.!?:;][\"'”’)\s]*|[;,] (?:and|or))$")
"""The end of a sentence or of a list item."""
_PREFIXES = "e non self third opt co pre cross multi real long short anti ex well so log sign"
_KEEPS_HYPHEN = frozenset(_PREFIXES.split())
"""First parts of words that are written with a hyphen."""
_WORD = re.compile(r"[^\W\d_]++(?:-[^\W\d_]++)*+")
_FIRST_WORD = re.compile(r"\A[\w-]*+")
_LAST_WORD = re.compile(r"(?<![\w-])[\w-]*+\Z")
_LONGEST_WORD = 200
"""Characters at the end of a line in which its last word is looked for."""


@dataclass(slots=True)
class _Paragraph:
    lines: list[Line] = field(default_factory=list)
    full: list[bool] = field(default_factory=list)
    """For each line, whether it reaches the right edge of its column, so that the next word did not fit."""

    @property
    def is_cell(self) -> bool:
        return any(line.parts > 1 for line in self.lines)


def line_blocks(lines: Sequence[Line]) -> list[RawBlock]:
    """The blocks of all lines of a document, which are in reading order and without headers and footers."""
    lines = [replace(line, text=_LETTER_BULLET.sub("◦ ", line.text)) for line in lines]
    body_size = _most_common(((line.size, len(line.text)) for line in lines), step=0.5)
    join = _hyphen_joiner(lines)
    blocks: list[RawBlock] = []
    guesses: list[bool] = []  # whether only the text of a block suggests a heading
    left, item_left = 0.0, None
    for paragraph in _paragraphs(lines):
        text, links = linked(_joined(paragraph.lines, join))
        body, marked = strip_markers(text)
        if not any(map(str.isalnum, body)):
            continue
        kind = _kind(paragraph, text, body, marked, body_size)
        above, left = left, paragraph.lines[0].left
        # Bullets that are drawn, not written, are no characters: their items are recognised by the lead-in above them.
        if kind == "paragraph" and blocks and blocks[-1].text.endswith(":") and left > above + _INDENT * body_size:
            item_left = left
        elif kind != "paragraph" or (item_left is not None and abs(left - item_left) > SAME_PLACE):
            item_left = None
        looks_so = kind == "paragraph" and len(paragraph.lines) == 1 and looks_like_heading(body)
        if item_left is None and kind == "list_item":
            kind = "paragraph"  # `assemble` judges the marker, which only the whole document shows to be one
        blocks.append(RawBlock(text, kind if item_left is None else "list_item", links))
        guesses.append(looks_so and item_left is None)
    for number, block in enumerate(blocks):
        # Several such lines in a row are an address or the like.
        if guesses[number] and not any(guesses[max(0, number - 1) : number] + guesses[number + 1 : number + 2]):
            blocks[number] = replace(block, kind="heading")
    return demote_last(blocks)


def _paragraphs(lines: Sequence[Line]) -> list[_Paragraph]:
    leading = _leading(lines)
    paragraphs: list[_Paragraph] = []
    for index, line in enumerate(lines):
        # In a table that is written row by row, the line above can be several cells back.
        in_table = bool(paragraphs) and paragraphs[-1].is_cell
        recent = paragraphs[: -1 - _MAX_CELLS : -1] if in_table else paragraphs[-1:]
        paragraph = next((p for p in recent if _continues(p, line, leading)), None)
        if paragraph is None:
            paragraph = _Paragraph()
            paragraphs.append(paragraph)
        following = lines[index + 1] if index + 1 < len(lines) else None
        paragraph.lines.append(line)
        paragraph.full.append(_is_full(line, following, lines[max(0, index - _NEAR_LINES) : index + _NEAR_LINES + 1]))
    return paragraphs


def _kind(paragraph: _Paragraph, text: str, body: str, marked: bool, body_size: float) -> BlockKind:
    lines = paragraph.lines
    if paragraph.is_cell:
        return "table_cell"
    bold = all(line.bold for line in lines)
    large = lines[0].size >= _LARGE_FONT * body_size
    if large and len(lines) <= 4 and len(body.split()) <= 25 and body[-1] not in ".;,":
        return "heading"
    bullet = bool(_BULLET.match(text))
    # In bold type, a heading can end with a full stop.
    if not bullet and (bold or body.isupper()) and looks_like_heading(body.rstrip(".") if bold else body):
        return "heading"
    return "list_item" if marked else "paragraph"


def _continues(paragraph: _Paragraph, line: Line, leading: float) -> bool:
    """Whether a line belongs to the paragraph whose last line is above it; `leading` is usual between lines."""
    above, full = paragraph.lines[-1], paragraph.full[-1]
    if abs(above.size - line.size) > 0.06 * max(above.size, line.size) + 0.1:
        return False
    down = above.y - line.y
    same_column = above.page == line.page and down > 0.3 * line.size
    lower = line.text[:1].islower()
    if above.hyphen and line.text[:1].isalnum():
        return True
    if not same_column:
        return _flows_on(paragraph, line)
    if line.left > above.right or line.right < above.left:
        return False
    if above.text.endswith("-") and line.text[:1].isalnum() and down < 2 * line.size:
        return True
    if above.parts > 1 and not (lower and not _ENDS.search(above.text)):
        return False  # it is unknown where the column of a cell ends
    if _starts_item(above, line, full) or (above.bold != line.bold and not (full and lower)):
        return False
    if len(paragraph.lines) > 1 and paragraph.lines[-2].page == above.page:
        pitch = (paragraph.lines[-2].y - above.y) / line.size
        leading = pitch if 0.8 < pitch < 3 else leading
    if down > 1.2 * leading * line.size:
        return full and lower and down <= 2.5 * line.size
    if abs((above.left + above.right) - (line.left + line.right)) < SAME_PLACE and (above.bold or not full):
        return above.bold or lower  # centred
    shift = (line.left - above.left) / line.size
    if (above.text.endswith(":") and shift > _INDENT) or (above.text.endswith(";") and not lower):
        return False  # an item with a drawn bullet
    if shift > _INDENT:
        # Only the second line can be indented, below a hanging first line.
        return len(paragraph.lines) == 1 and (full or strip_markers(above.text)[1])
    if shift < -_INDENT and (len(paragraph.lines) > 1 or strip_markers(above.text)[1]):
        return False
    return full


def _flows_on(paragraph: _Paragraph, line: Line) -> bool:
    """Whether a line at the top of a column or page continues a sentence from the one before."""
    first, above = paragraph.lines[0], paragraph.lines[-1]
    if above.parts > 1 or line.parts > 1 or above.bold != line.bold or strip_markers(line.text)[1]:
        return False
    # The next cell of a table's row looks like the next column, but begins at the height of this paragraph.
    beside = abs(first.y - line.y) < line.size and len(paragraph.lines) < _MAX_CELL_LINES
    if above.page == line.page and (beside or line.y <= above.y):
        return False
    open_end = not _ENDS.search(above.text)
    return open_end and (line.text[:1].islower() or (paragraph.full[-1] and len(paragraph.lines) > 1))


def _starts_item(above: Line, line: Line, full: bool) -> bool:
    """Whether a line begins with the marker of a list item; `full`: the line above is full."""
    if not strip_markers(line.text)[1]:
        return False
    # A number or dash within a sentence can be at the beginning of a line too.
    aligned = abs(above.left - line.left) < SAME_PLACE
    return bool(_BULLET.match(line.text)) or not full or not aligned or bool(_ENDS.search(above.text))


def _is_full(line: Line, following: Line | None, near: Iterable[Line]) -> bool:
    """Whether a line was broken because the next word did not fit, and not because its paragraph ended."""
    if following is None:
        return False
    edge = max(
        (
            other.right
            for other in near
            if other.page == line.page
            and abs(other.size - line.size) < 0.1 * line.size
            and other.left < line.right
            and other.right > line.left
        ),
        default=line.right,
    )
    word = following.text.split(" ", 1)[0]
    width = (following.right - following.left) / max(1, len(following.text)) * (len(word) + 1)
    if line.right + width > edge - 0.1 * line.size:
        return True
    # The edge can be another column's; a long line that ends within a sentence continues anyway.
    share = (line.right - line.left) / max(edge - line.left, 1)
    return share > (0.6 if line.bold and following.bold else 0.8) and not _ENDS.search(line.text)


def _leading(lines: Sequence[Line]) -> float:
    """The most common distance, in font sizes, between two lines of a sentence."""
    steps = (
        ((above.y - line.y) / line.size, 1)
        for above, line in pairwise(lines)
        if above.page == line.page and above.size == line.size and line.text[:1].islower()
    )
    return _most_common((step for step in steps if 0.8 < step[0] < 2.5), step=0.05, default=1.2)


def _most_common(weighted: Iterable[tuple[float, int]], step: float, default: float = 0.0) -> float:
    """The most common of the (value, weight), rounded to a multiple of `step`."""
    counts: Counter[int] = Counter()
    for value, weight in weighted:
        counts[round(value / step)] += weight
    return counts.most_common(1)[0][0] * step if counts else default


def _joined(lines: Sequence[Line], join: Callable[[str, str], str]) -> list[Run]:
    """The text of lines that follow each other, cut where its links begin and end."""
    text = ""
    links: list[tuple[int, int, str]] = []
    for number, line in enumerate(lines):
        if number and lines[number - 1].hyphen:
            text = join(text, line.text)
        elif number:
            # pdfium does not mark a hyphen before a digit: "716-" "859".
            apart = not (text.endswith("-") and text[-2:-1].isalnum() and line.text[:1].isalnum())
            text += " " * apart + line.text
        else:
            text = line.text
        offset = len(text) - len(line.text)
        for start, end, href in line.links:
            if links and links[-1][2] == href and text[links[-1][1] : offset + start].strip(" -") == "":
                start = links.pop()[0] - offset  # a link goes on in the next line
            links.append((offset + start, offset + end, href))
    runs: list[Run] = []
    place = 0
    for start, end, href in links:
        runs += [(text[place:start], None), (text[start:end], href)]
        place = end
    return [*runs, (text[place:] + "-" * lines[-1].hyphen, None)]


def _hyphen_joiner(lines: Sequence[Line]) -> Callable[[str, str], str]:
    """A function that joins a line that ended in a hyphen with the next one: "infor" + "mation", "opt" + "-out"."""
    known: Counter[str] = Counter()
    broken = False
    for line in lines:
        words = _WORD.findall(line.text.lower())
        known.update(words[int(broken) : len(words) - line.hyphen])  # without the halves of broken words
        broken = line.hyphen

    def join(text: str, following: str) -> str:
        start, rest = _LAST_WORD.findall(text[-_LONGEST_WORD:])[0], _FIRST_WORD.findall(following)[0]
        before, after = start.lower(), rest.lower()
        if known[before + after] or known[f"{before}-{after}"]:
            keeps = known[f"{before}-{after}"] > known[before + after]
        else:
            parts = before.split("-")
            both_words = known[parts[-1]] > 0 and known[after.split("-")[0]] > 0
            keeps = not after[:1].isalpha() or rest[:1].isupper() or parts[-1] in _KEEPS_HYPHEN or both_words
        return text + "-" * keeps + following

    return join

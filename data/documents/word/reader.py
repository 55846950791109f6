"""Word files (.docx, .docm) to documents: headings, paragraphs, list items and table cells in the order of the file.

The body is read, with its tables, text boxes, tracked insertions and embedded documents, and after it
the footnotes and endnotes. Deletions, hidden and struck-out text, comments, running headers and footers, and tables of
contents are left out. Macros are never run.

mammoth was measured and is not used: it is 18 times slower, does not know titles and outline levels as headings, and
reads hidden text and tables of contents.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from clausetag.data.documents.blocks import (
    MAX_ITEM_WORDS,
    Line,
    RawBlock,
    Run,
    assemble,
    demote_last,
    join_broken_lines,
    linked,
    looks_like_heading,
)
from clausetag.data.documents.grids import table_blocks
from clausetag.data.documents.structure.links import moved
from clausetag.data.documents.structure.markers import strip_markers
from clausetag.data.documents.word.package import WORD_LIMITS, Package, WordLimits
from clausetag.data.documents.word.styles import Look, Styles, W, is_outlined, value
from clausetag.data.documents.word.tables import has_header, table_rows
from clausetag.data.errors import DocumentError, is_machine_error
from clausetag.data.records import BlockKind, Document

EMBEDDED_UNREAD = "embedded_unread"
"""Flag of a Word file with an embedded document that cannot be read, such as RTF; its text is missing."""

ReadEmbedded = Callable[[bytes, str], Document]
"""A function from the bytes of an embedded document and its suffix to the document."""

_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_UNREAD = ("del", "moveFrom", "delText", "pPr", "rPr", "sdtPr", "tblPr", "trPr", "tcPr")
_NOT_TEXT = frozenset({_FALLBACK, *(W + name for name in _UNREAD)})
"""Elements that are not read. A text box is in the file twice: the second is a fallback for older programs."""
_HYPERLINK = re.compile(r'\s*+HYPERLINK\s++"([^"]{1,4096})"')
_BROKEN = (
    *(etree.XMLSyntaxError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, OSError),
    *(KeyError, ValueError, StopIteration, NotImplementedError, RecursionError),
)


def word_document(
    policy: str, content: bytes, read_embedded: ReadEmbedded | None = None, limits: WordLimits = WORD_LIMITS
) -> Document:
    """Read a Word file; `read_embedded` reads the HTML and the like that is embedded in it (w:altChunk).

    Raises:
        DocumentError: code "unreadable", "encrypted", "unsupported" (the older .doc, RTF), "too_large" or "empty".
    """
    package = Package(content, limits)
    try:
        walker = _Walker(package, read_embedded)
        blocks = walker.document()
    except _BROKEN as error:
        if is_machine_error(error):
            raise
        raise DocumentError("unreadable", "not a Word file, or a broken one") from None
    document = assemble(policy, blocks, (EMBEDDED_UNREAD,) if walker.unread else ())
    if not any(map(str.isalpha, document.text)):
        raise DocumentError("empty", "there is no text in the Word file")
    return document


@dataclass(slots=True)
class _Paragraph:
    """What has been read of a paragraph."""

    lines: list[tuple[list[Run], bool]] = field(default_factory=lambda: [([], True)])
    """The runs of each line, and whether all of them are bold."""
    boxes: list[Any] = field(default_factory=list)
    """The text boxes that are anchored in it."""

    def add(self, text: str, bold: bool, href: str | None) -> None:
        runs, all_bold = self.lines[-1]
        runs.append((text, href))
        self.lines[-1] = runs, all_bold and (bold or not any(map(str.isalnum, text)))


class _Walker:
    """Walks through the elements of a file and makes blocks of them."""

    def __init__(self, package: Package, read_embedded: ReadEmbedded | None) -> None:
        self._package = package
        self._main = package.main
        self._styles = Styles(next(map(package.xml, package.related(self._main, "styles")), None))
        self._read_embedded = read_embedded
        self._relations = package.relations(self._main)
        self._fields: list[str] = []
        """The instructions of the fields that the current place is in, as far as they are read."""
        self.unread = 0
        """Number of embedded documents that could not be read."""

    def document(self) -> list[RawBlock]:
        """The blocks of the body and of the notes."""
        body = self._package.xml(self._main).find(W + "body")
        blocks = demote_last(list(self.blocks(() if body is None else body)))
        for kind in ("footnote", "endnote"):
            for name in self._package.related(self._main, f"{kind}s"):
                self._relations = self._package.relations(name)
                for note in self._package.xml(name).iter(W + kind):
                    if note.get(W + "type") in (None, "normal"):  # the others are separators drawn above them
                        # A note has no headings, however short it is.
                        blocks += (replace(block, kind="paragraph") for block in self.blocks(note))
        return blocks

    def blocks(self, container: Any, in_cell: bool = False) -> Iterator[RawBlock]:
        """The blocks of all paragraphs below an element, in order, tables row by row and cell by cell."""
        merged: list[Any] = []  # paragraphs whose ends were deleted: they go on in the next one
        for child in container:
            if child.tag == W + "p":
                merged.append(child)
                if not _end_is_deleted(child):
                    yield from self._paragraph(merged, in_cell)
                    merged = []
                continue
            if merged and child.tag in (W + "tbl", W + "altChunk"):
                yield from self._paragraph(merged, in_cell)
                merged = []
            if child.tag == W + "tbl":
                rows = [
                    {column: blocks for column, cell in row if (blocks := list(self._cell(cell)))}
                    for row in table_rows(child)
                ]
                yield from table_blocks(list(filter(None, rows)), bool(rows and rows[0]) and has_header(child))
            elif child.tag == W + "altChunk":
                yield from self._embedded(child)
            elif child.tag not in _NOT_TEXT:
                # Content controls, tracked insertions and other elements with paragraphs in them.
                yield from self.blocks(child, in_cell)
        if merged:
            yield from self._paragraph(merged, in_cell)

    def _cell(self, cell: Any) -> Iterator[RawBlock]:
        """The blocks of a cell of a table; one that holds a whole text is layout."""
        words = sum(len((text.text or "").split()) for text in cell.iter(W + "t"))
        return self.blocks(cell, in_cell=words <= MAX_ITEM_WORDS)

    def _embedded(self, chunk: Any) -> Iterator[RawBlock]:
        """The blocks of a document that is embedded as it is."""
        relation = self._relations.get(chunk.get(_ID) or "")
        if relation is None or relation.external or self._read_embedded is None:
            self.unread += 1
            return
        try:
            content = self._package.content(relation.target)
            document = self._read_embedded(content, f".{relation.target.rpartition('.')[2]}")
        except DocumentError as error:
            self.unread += error.code != "empty"
            return
        self.unread += EMBEDDED_UNREAD in document.flags
        for block in document.blocks:
            links = moved(block.links, -block.start)
            text = document.text[block.start : block.end]
            yield RawBlock(text, block.kind, links, block.lead_in, block.level)

    def _paragraph(self, elements: Sequence[Any], in_cell: bool) -> Iterator[RawBlock]:
        """The blocks of a paragraph; it is in several elements if the ends between them were deleted."""
        found = _Paragraph()
        for element in elements:
            properties = element.find(W + "pPr")
            style_id = None if properties is None else value(properties.find(W + "pStyle")) or None
            style = self._styles.paragraph(style_id)
            if not style.name.startswith("toc "):
                self._fields.clear()
                self._add_runs(element, found, style.look, style.look, None)
        texts: list[Line] = []
        for runs, bold in found.lines:
            text, links = linked(runs)
            if any(map(str.isalnum, text)):
                texts.append(Line(text, bold, links))
        texts = join_broken_lines(texts)
        numbered = style.numbered if properties is None else _numbered(properties, style.numbered)
        if (style.heading or (properties is not None and is_outlined(properties))) and texts:
            text, links = linked((part, href) for runs, _ in found.lines for part, href in [*runs, (" ", None)])
            yield RawBlock(text, "heading", links)
        else:
            for line in texts:
                yield RawBlock(line.text, _kind(line, len(texts) == 1, numbered, in_cell), line.links)
        for box in found.boxes:
            yield from self.blocks(box)

    def _add_runs(self, element: Any, found: _Paragraph, style: Look, look: Look, href: str | None) -> None:
        """Add the text below an element: `style` is the look of its paragraph, `look` that of the text around it."""
        for child in element:
            tag = child.tag
            if tag in _NOT_TEXT:
                continue
            if tag == W + "txbxContent":
                found.boxes.append(child)
            elif tag == W + "r":
                self._add_runs(child, found, style, self._look(child, style), href)
            elif tag == W + "fldChar":
                self._field(child.get(W + "fldCharType") or "")
            elif tag == W + "instrText":
                if self._fields:
                    self._fields[-1] += child.text or ""
            elif tag == W + "hyperlink":
                relation = self._relations.get(child.get(_ID) or "")
                self._add_runs(child, found, style, look, relation.target if relation else href)
            elif tag == W + "fldSimple":
                self._add_runs(child, found, style, look, _address(child.get(W + "instr") or "") or href)
            elif tag in _SIGNS or tag == W + "t":
                if not (look.hidden or look.struck):
                    text = (child.text or "") if tag == W + "t" else _SIGNS[tag]
                    found.add(text, look.bold, href or next(filter(None, map(_address, self._fields)), None))
            elif tag in (W + "br", W + "cr"):
                found.lines.append(([], True))
            else:
                # Content controls, insertions, drawings.
                self._add_runs(child, found, style, look, href)

    def _look(self, run: Any, style: Look) -> Look:
        properties = run.find(W + "rPr")
        if properties is None:
            return style
        named = value(properties.find(W + "rStyle"))
        return (style.toggled(self._styles[named].look) if named else style).with_own(properties)

    def _field(self, mark: str) -> None:
        if mark == "begin":
            self._fields.append("")
        elif mark == "end" and self._fields:
            self._fields.pop()


_SIGNS = {W + "tab": " ", W + "ptab": " ", W + "noBreakHyphen": "-"}
"""Elements that stand for a character."""


def _address(instruction: str) -> str | None:
    """The address of a field that is a link."""
    match = _HYPERLINK.match(instruction)
    return match[1] if match else None


def _end_is_deleted(paragraph: Any) -> bool:
    """Whether the mark at the end of a paragraph was deleted or moved away, and the change is tracked."""
    mark = paragraph.find(f"{W}pPr/{W}rPr")
    return mark is not None and any(mark.find(W + name) is not None for name in ("del", "moveFrom"))


def _kind(line: Line, whole: bool, numbered: bool, in_cell: bool) -> BlockKind:
    """The kind of a line without a heading's style, by its numbering, place and looks."""
    body, _ = strip_markers(line.text)
    if in_cell and not numbered:
        return "table_cell"
    # In many policies, numbered lines in bold are headings; bullets count as numbered, but are rarely all bold.
    if looks_like_heading(body) and (line.bold or (whole and not numbered)):
        return "heading"
    return "list_item" if numbered and len(body.split()) <= MAX_ITEM_WORDS else "paragraph"


def _numbered(properties: Any, inherited: bool) -> bool:
    """Whether a paragraph is an item of a list; the number 0 removes the numbering of its style."""
    number = properties.find(f"{W}numPr/{W}numId")
    return inherited if number is None else value(number) != "0"

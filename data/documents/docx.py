"""Word files (.docx) to documents: headings, paragraphs, list items and table cells in the order of the file.

The body is read, with its tables cell by cell, its text boxes and tracked insertions, and after it the footnotes and
endnotes. Deletions, hidden text, comments, running headers and footers, and tables of contents are left out.

python-docx opens the file. mammoth was measured and is not used: it is 18 times slower, does not know titles and
outline levels as headings, and reads hidden text and tables of contents.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from clausetag.data.documents.blocks import (
    MAX_ITEM_WORDS,
    Line,
    RawBlock,
    assemble,
    demote_last,
    join_broken_lines,
    looks_like_heading,
    normalise,
)
from clausetag.data.documents.structure.markers import strip_markers
from clausetag.data.errors import DocumentError, is_machine_error
from clausetag.data.records import BlockKind, Document

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_NOT_TEXT = frozenset(
    {_FALLBACK, *(_W + name for name in ("del", "moveFrom", "instrText", "delText", "pPr", "rPr", "sdtPr", "tblPr"))}
)
"""Elements that are not read. A text box is in the file twice: the second is a fallback for older programs."""


@dataclass(frozen=True, slots=True)
class DocxLimits:
    """What a Word file may contain; beyond that it gives an error with the code "too_large"."""

    unpacked: int = 200_000_000
    """Bytes of all parts, pictures included."""
    xml: int = 30_000_000
    """Unpacked bytes of the parts that are parsed; their trees need ten times as much memory."""
    parts: int = 10_000


DOCX_LIMITS = DocxLimits()


def docx_document(policy: str, content: bytes, limits: DocxLimits = DOCX_LIMITS) -> Document:
    """Read a Word file.

    Raises:
        DocumentError: code "unreadable", "encrypted", "unsupported" (the older .doc, RTF), "too_large" or "empty".
    """
    _check(content, limits)
    document = assemble(policy, _blocks(content))
    if not any(map(str.isalpha, document.text)):
        raise DocumentError("empty", "there is no text in the Word file")
    return document


def _check(content: bytes, limits: DocxLimits) -> None:
    """Refuse other files, and decompression bombs, by the sizes in the zip's directory."""
    if content.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise DocumentError("encrypted", "the Word file is encrypted; save it without a password")
        raise DocumentError("unsupported", "the .doc of Word 97 to 2003 is not supported; save it as .docx or PDF")
    if content.startswith(b"{\\rtf"):
        raise DocumentError("unsupported", "RTF is not supported; save it as .docx or PDF")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise DocumentError("unreadable", "not a Word file, or a broken one") from None
    if any(part.flag_bits & 1 for part in parts):
        raise DocumentError("encrypted", "the Word file is encrypted; save it without a password")
    # Python's reader stops at the declared size, so a false one does no harm.
    unpacked = sum(part.file_size for part in parts)
    xml = sum(part.file_size for part in parts if part.filename.lower().endswith((".xml", ".rels")))
    if len(parts) > limits.parts or xml > limits.xml or unpacked > limits.unpacked:
        raise DocumentError("too_large", "the Word file is too large when unpacked")


def _blocks(content: bytes) -> list[RawBlock]:
    # Imported here so that --help does not wait for it.
    import docx

    try:
        document = docx.Document(io.BytesIO(content))
        walker = _Walker(_Styles(document.styles.element))
        body = demote_last(list(walker.blocks(document.element.body)))
        # A note has no headings, however short it is.
        notes: list[RawBlock] = [
            replace(block, kind="paragraph") for note in _notes(document.part) for block in walker.blocks(note)
        ]
        return [*body, *notes]
    except Exception as error:  # python-docx raises many kinds of errors on broken files
        if isinstance(error, MemoryError) or is_machine_error(error):
            raise
        raise DocumentError("unreadable", "not a Word file, or a broken one") from None


def _notes(part: Any) -> Iterator[Any]:
    """The footnotes and then the endnotes, without the separators drawn above them, which are stored as notes too."""
    from docx.oxml import parse_xml

    for kind in ("footnote", "endnote"):
        for relation in part.rels.values():
            if not relation.is_external and relation.reltype.endswith(f"/{kind}s"):
                for note in parse_xml(relation.target_part.blob).iter(_W + kind):
                    if note.get(_W + "type") in (None, "normal"):
                        yield note


@dataclass(slots=True)
class _Style:
    name: str
    heading: bool
    numbered: bool
    bold: bool


class _Styles:
    """The paragraph styles by id, each with what it inherits."""

    def __init__(self, root: Any) -> None:
        self._elements = {style.get(_W + "styleId"): style for style in root.iter(_W + "style")}
        self._cache: dict[str | None, _Style] = {}

    def __getitem__(self, style_id: str | None) -> _Style:
        if style_id not in self._cache:
            self._cache[style_id] = self._read(style_id)
        return self._cache[style_id]

    def _read(self, style_id: str | None) -> _Style:
        chain: list[Any] = []
        element = self._elements.get(style_id)
        while element is not None and element not in chain:  # in broken files, styles inherit in circles
            chain.append(element)
            based_on = element.find(_W + "basedOn")
            element = None if based_on is None else self._elements.get(based_on.get(_W + "val"))
        # In the file, the names of Word's own styles are English in every language.
        names = [_value(style.find(_W + "name")).lower() for style in chain]
        properties = [found for style in chain if (found := style.find(_W + "pPr")) is not None]
        bold = next((b for style in chain if (b := style.find(f"{_W}rPr/{_W}b")) is not None), None)
        named = any(name.startswith("heading ") or name in ("title", "subtitle") for name in names)
        return _Style(
            name=names[0] if names else "",
            heading=named or any(_outlined(found) for found in properties),
            numbered=any(found.find(_W + "numPr") is not None for found in properties)
            or any(name.startswith(("list bullet", "list number")) for name in names),
            bold=_is_on(bold),
        )


@dataclass(slots=True)
class _Line:
    text: str = ""
    bold: bool = True


class _Walker:
    """Walks through the elements of a file and makes blocks of them."""

    def __init__(self, styles: _Styles) -> None:
        self._styles = styles

    def blocks(self, container: Any, in_cell: bool = False) -> Iterator[RawBlock]:
        """The blocks of all paragraphs below an element, in order, tables row by row and cell by cell."""
        for child in container:
            if child.tag == _W + "p":
                yield from self._paragraph(child, in_cell)
            elif child.tag == _W + "tc":
                yield from self.blocks(child, in_cell=len(_all_text(child).split()) <= MAX_ITEM_WORDS)
            elif child.tag not in _NOT_TEXT:
                # Tables, rows, content controls, tracked insertions and other elements with paragraphs in them.
                yield from self.blocks(child, in_cell)

    def _paragraph(self, paragraph: Any, in_cell: bool) -> Iterator[RawBlock]:
        properties = paragraph.find(_W + "pPr")
        style_id = None if properties is None else _value(properties.find(_W + "pStyle")) or None
        style = self._styles[style_id]
        if style.name.startswith("toc "):
            return
        boxes: list[Any] = []
        lines = [_Line()]
        self._add_runs(paragraph, lines, boxes, style.bold)
        texts = join_broken_lines(
            Line(normalise(line.text), line.bold) for line in lines if any(map(str.isalnum, line.text))
        )
        numbered = style.numbered if properties is None else _numbered(properties, style.numbered)
        heading = style.heading or (properties is not None and _outlined(properties))
        if heading and texts:
            yield RawBlock(" ".join(line.text for line in texts), "heading")
        else:
            for line in texts:
                yield RawBlock(line.text, _kind(line, len(texts) == 1, numbered, in_cell))
        for box in boxes:
            yield from self.blocks(box)

    def _add_runs(self, element: Any, lines: list[_Line], boxes: list[Any], bold: bool) -> None:
        """Add the text of a paragraph's runs to its lines, and the text boxes that are anchored in it to `boxes`."""
        for child in element:
            tag = child.tag
            if tag in _NOT_TEXT:
                continue
            if tag == _W + "txbxContent":
                boxes.append(child)
            elif tag == _W + "r":
                properties = child.find(_W + "rPr")
                mark = None if properties is None else properties.find(_W + "b")
                hidden = None if properties is None else properties.find(_W + "vanish")
                if not _is_on(hidden):
                    self._add_runs(child, lines, boxes, bold if mark is None else _is_on(mark))
            elif tag == _W + "t":
                text = child.text or ""
                lines[-1].text += text
                lines[-1].bold &= bold or not any(map(str.isalnum, text))
            elif tag in (_W + "br", _W + "cr"):
                lines.append(_Line())
            elif tag == _W + "tab":
                lines[-1].text += " "
            elif tag == _W + "noBreakHyphen":
                lines[-1].text += "-"
            else:
                # Links, fields, content controls, insertions, drawings.
                self._add_runs(child, lines, boxes, bold)


def _kind(line: Line, whole: bool, numbered: bool, in_cell: bool) -> BlockKind:
    """The kind of a line without a heading's style, by its numbering, place and looks."""
    body, _ = strip_markers(line.text)
    if in_cell and not numbered:
        return "table_cell"
    # In many policies, numbered lines in bold are headings; bullets count as numbered, but are rarely all bold.
    if looks_like_heading(body) and (line.bold or (whole and not numbered)):
        return "heading"
    return "list_item" if numbered and len(body.split()) <= MAX_ITEM_WORDS else "paragraph"


def _value(element: Any) -> str:
    return "" if element is None else element.get(_W + "val") or ""


def _is_on(element: Any) -> bool:
    """Whether a switch such as <w:b/> is present and on."""
    return element is not None and _value(element) not in ("0", "false", "off")


def _outlined(properties: Any) -> bool:
    """Whether paragraph properties have a level of the outline; level 9 is body text."""
    level = _value(properties.find(_W + "outlineLvl"))
    return level.isdigit() and int(level) < 9


def _numbered(properties: Any, inherited: bool) -> bool:
    """Whether a paragraph is an item of a list; the number 0 removes the numbering of its style."""
    number = properties.find(f"{_W}numPr/{_W}numId")
    return inherited if number is None else _value(number) != "0"


def _all_text(element: Any) -> str:
    return " ".join(text.text or "" for text in element.iter(_W + "t"))

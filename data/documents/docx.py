"""Word files (.docx) to documents: headings, paragraphs, list items and table cells in the order of the file.

Read are the body, its tables cell by cell and its text boxes, with tracked insertions, and at the end the footnotes and
endnotes; left out are deletions, hidden text, comments, running headers and footers, and a table of contents.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from clausetag.data.documents.blocks import (
    RawBlock,
    assemble,
    demote_last,
    looks_like_heading,
    normalise,
    without_marker,
)
from clausetag.data.errors import DocumentError, is_machine_error
from clausetag.data.records import BlockKind, Document

_MAX_BYTES = 200_000_000
"""Unpacked bytes of all parts, pictures included."""
_MAX_XML = 30_000_000
"""Unpacked bytes of the parts that are parsed; their trees take ten times as much memory."""
_MAX_PARTS = 10_000
_ITEM_WORDS = 150
"""A list item or table cell of more words is layout: its parts are paragraphs (the same as in HTML)."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_NOT_TEXT = frozenset(
    {_FALLBACK, *(_W + name for name in ("del", "moveFrom", "instrText", "delText", "pPr", "rPr", "sdtPr", "tblPr"))}
)
"""A text box stands in the file twice: once as a fallback for older programs."""


def docx_document(policy: str, content: bytes) -> Document:
    """Read a Word file.

    Raises:
        DocumentError: code "unreadable", "encrypted", "unsupported" (the older .doc, RTF), "too_large" or "empty".
    """
    _check(content)
    document = assemble(policy, _blocks(content))
    if not any(map(str.isalpha, document.text)):
        raise DocumentError("empty", "there is no text in the Word file")
    return document


def _check(content: bytes) -> None:
    """Refuse what is no .docx, and what would fill the memory: sizes are read from the zip's directory, unopened."""
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
    # Python's reader stops at the declared size, so that a false one does no harm.
    parsed = sum(part.file_size for part in parts if part.filename.lower().endswith((".xml", ".rels")))
    if len(parts) > _MAX_PARTS or parsed > _MAX_XML or sum(part.file_size for part in parts) > _MAX_BYTES:
        raise DocumentError("too_large", "the Word file is too large when unpacked")


def _blocks(content: bytes) -> list[RawBlock]:
    # Imported late, as --help should not wait for it.
    import docx

    try:
        document = docx.Document(io.BytesIO(content))
        walker = _Walker(_Styles(document.styles.element))
        body = demote_last(list(walker.blocks(document.element.body)))
        # In a note nothing is a heading, however short it is.
        notes: list[RawBlock] = [
            (text, "paragraph") for note in _notes(document.part) for text, _ in walker.blocks(note)
        ]
        return [*body, *notes]
    except Exception as error:  # python-docx raises what the broken part of the file happens to cause
        if isinstance(error, MemoryError) or is_machine_error(error):
            raise
        raise DocumentError("unreadable", "not a Word file, or a broken one") from None


def _notes(part: Any) -> Iterator[Any]:
    """The footnotes, then the endnotes, in their order; the lines that are drawn above them are no notes."""
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
    """What the paragraph styles say, each with what it inherits."""

    def __init__(self, root: Any) -> None:
        self._elements = {style.get(_W + "styleId"): style for style in root.iter(_W + "style")}
        self._known: dict[str | None, _Style] = {}

    def __getitem__(self, style_id: str | None) -> _Style:
        if style_id not in self._known:
            self._known[style_id] = self._read(style_id)
        return self._known[style_id]

    def _read(self, style_id: str | None) -> _Style:
        chain: list[Any] = []
        element = self._elements.get(style_id)
        while element is not None and element not in chain:  # styles of broken files inherit in circles
            chain.append(element)
            based_on = element.find(_W + "basedOn")
            element = None if based_on is None else self._elements.get(based_on.get(_W + "val"))
        # The names of Word's own styles are English in the file, whatever the language.
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
    texts: list[str] = field(default_factory=list)
    bold: bool = True


class _Walker:
    def __init__(self, styles: _Styles) -> None:
        self._styles = styles

    def blocks(self, container: Any, in_cell: bool = False) -> Iterator[RawBlock]:
        """The blocks of all paragraphs below an element, in order, tables row by row and cell by cell."""
        for child in container:
            if child.tag == _W + "p":
                yield from self._paragraph(child, in_cell)
            elif child.tag == _W + "tc":
                yield from self.blocks(child, in_cell=len(_all_text(child).split()) <= _ITEM_WORDS)
            elif child.tag not in _NOT_TEXT:
                # Tables, rows, content controls, tracked insertions and whatever else holds paragraphs.
                yield from self.blocks(child, in_cell)

    def _paragraph(self, paragraph: Any, in_cell: bool) -> Iterator[RawBlock]:
        properties = paragraph.find(_W + "pPr")
        style_id = None if properties is None else _value(properties.find(_W + "pStyle")) or None
        style = self._styles[style_id]
        if style.name.startswith("toc "):
            return
        boxes: list[Any] = []
        lines = [_Line()]
        self._runs(paragraph, lines, boxes, style.bold)
        texts = _texts(lines)
        numbered = style.numbered if properties is None else _numbered(properties, style.numbered)
        heading = style.heading or (properties is not None and _outlined(properties))
        if heading and texts:
            yield without_marker(" ".join(text for text, _ in texts))[0], "heading"
        else:
            for text, bold in texts:
                yield _block(text, bold, len(texts) == 1, numbered, in_cell)
        for box in boxes:
            yield from self.blocks(box)

    def _runs(self, element: Any, lines: list[_Line], boxes: list[Any], bold: bool) -> None:
        """Add the text of a paragraph's runs to its lines; text boxes that are anchored in it are set aside."""
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
                    self._runs(child, lines, boxes, bold if mark is None else _is_on(mark))
            elif tag == _W + "t":
                text = child.text or ""
                lines[-1].texts.append(text)
                lines[-1].bold &= bold or not any(map(str.isalnum, text))
            elif tag in (_W + "br", _W + "cr"):
                lines.append(_Line())
            elif tag == _W + "tab":
                lines[-1].texts.append(" ")
            elif tag == _W + "noBreakHyphen":
                lines[-1].texts.append("-")
            else:
                # Links, fields, content controls, insertions, drawings.
                self._runs(child, lines, boxes, bold)


def _texts(lines: list[_Line]) -> list[tuple[str, bool]]:
    """(text, all bold) of each line; a break within a sentence (the next line goes on in lower case) is a space."""
    texts: list[tuple[str, bool]] = []
    for line in lines:
        text = normalise("".join(line.texts))
        if texts and text[:1].islower() and texts[-1][0][-1] not in ".:;!?":
            texts[-1] = (f"{texts[-1][0]} {text}", texts[-1][1] and line.bold)
        elif any(map(str.isalnum, text)):
            texts.append((text, line.bold))
    return texts


def _block(text: str, bold: bool, whole: bool, numbered: bool, in_cell: bool) -> RawBlock:
    """One line that has no heading's style, its kind from its numbering, its place or its looks."""
    body, marked = without_marker(text)
    short = len(body.split()) <= _ITEM_WORDS
    if in_cell and not numbered:
        return body, "table_cell"
    # Numbered lines in bold are headings in many policies; a bullet has no number, but is rarely all bold.
    if looks_like_heading(body) and (bold or (whole and not numbered)):
        return body, "heading"
    kind: BlockKind = "list_item" if (numbered and short) or marked else "paragraph"
    return body, kind


def _value(element: Any) -> str:
    return "" if element is None else element.get(_W + "val") or ""


def _is_on(element: Any) -> bool:
    """Whether a switch such as <w:b/> is there and on."""
    return element is not None and _value(element) not in ("0", "false", "off")


def _outlined(properties: Any) -> bool:
    """Whether paragraph properties give a level of the outline; 9 is body text."""
    level = _value(properties.find(_W + "outlineLvl"))
    return level.isdigit() and int(level) < 9


def _numbered(properties: Any, inherited: bool) -> bool:
    """Whether a paragraph is an item of a list; number 0 takes a style's numbering away."""
    number = properties.find(f"{_W}numPr/{_W}numId")
    return inherited if number is None else _value(number) != "0"


def _all_text(element: Any) -> str:
    return " ".join(text.text or "" for text in element.iter(_W + "t"))

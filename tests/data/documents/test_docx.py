"""Word files, made by the tests themselves, to documents."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clausetag.data.corpora.five import FIVE, document_of
from clausetag.data.documents.docx import DOCX_LIMITS, DocxLimits, docx_document
from clausetag.data.errors import DocumentError
from clausetag.data.records import Document
from clausetag.data.segment import segment

docx = pytest.importorskip("docx")

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_PROSE = "We collect the name and the address that you give us when you open an account."


def _bytes(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _made(make: Callable[[Any], object]) -> bytes:
    document = docx.Document()
    make(document)
    return _bytes(document)


def _blocks(content: bytes) -> list[tuple[str, str]]:
    document = docx_document("p", content)
    return [(document.text[block.start : block.end], block.kind) for block in document.blocks]


def _of_xml(*body: str) -> list[tuple[str, str]]:
    """The blocks of a file whose body is this XML, with the prefix w."""
    from docx.oxml import parse_xml

    def make(document: Any) -> None:
        for element in parse_xml(f"<w:body {_W}>{''.join(body)}</w:body>"):
            document.element.body.insert_element_before(element, "w:sectPr")

    return _blocks(_made(make))


def _code(content: bytes, limits: DocxLimits = DOCX_LIMITS) -> str:
    with pytest.raises(DocumentError) as caught:
        docx_document("p", content, limits)
    assert "\n" not in str(caught.value)
    return caught.value.code


_STYLES = {"heading": "Heading 2", "list_item": "List Bullet", "paragraph": "Normal"}


@pytest.mark.parametrize("policy", FIVE)
def test_a_policy_written_to_word_comes_back_block_by_block(policy: str) -> None:
    source = document_of(policy)

    def make(document: Any) -> None:
        document.sections[0].header.paragraphs[0].text = "Example Ltd"
        document.sections[0].footer.paragraphs[0].text = "Page 1"
        for block in source.blocks:
            document.add_paragraph(source.text[block.start : block.end], _STYLES[block.kind])

    document = docx_document(policy, _made(make))
    assert [s.text for s in segment(document)] == [s.text for s in segment(source)]
    headings = [source.text[b.start : b.end] for b in source.blocks if b.kind == "heading"]
    found = [document.text[b.start : b.end] for b in document.blocks if b.kind == "heading"]
    assert set(headings) <= set(found)


def test_headings_by_style_outline_or_bold_type() -> None:
    def make(document: Any) -> None:
        document.add_heading("we, and you.", 0)  # a title, whatever it looks like
        document.add_paragraph(_PROSE)
        document.add_heading("what we collect.", 3)
        document.add_paragraph(_PROSE)
        document.add_paragraph().add_run("Your choices and how you make them").bold = True
        document.add_paragraph(_PROSE)

    assert [text for text, kind in _blocks(_made(make)) if kind == "heading"] == [
        "we, and you.", "what we collect.", "Your choices and how you make them"
    ]  # fmt: skip
    outlined = '<w:p><w:pPr><w:outlineLvl w:val="1"/></w:pPr><w:r><w:t>what we do.</w:t></w:r></w:p>'
    body_text = outlined.replace('"1"', '"9"')
    after = f"<w:p><w:r><w:t>{_PROSE}</w:t></w:r></w:p>"
    assert [kind for _, kind in _of_xml(outlined, after)] == ["heading", "paragraph"]
    assert [kind for _, kind in _of_xml(body_text, after)] == ["paragraph", "paragraph"]


def test_lists_by_style_numbering_or_marker() -> None:
    def make(document: Any) -> None:
        document.add_paragraph("We collect:")
        document.add_paragraph("your name;", "List Bullet")
        document.add_paragraph("your address;", "List Number 2")
        document.add_paragraph("• your age;")

    numbered = '<w:p><w:pPr><w:numPr><w:numId w:val="{}"/></w:numPr></w:pPr><w:r><w:t>your name,</w:t></w:r></w:p>'
    assert [kind for _, kind in _blocks(_made(make))] == ["paragraph", "list_item", "list_item", "list_item"]
    assert _blocks(_made(make))[3] == ("your age;", "list_item")
    assert _of_xml(numbered.format(3), numbered.format(0)) == [("your name,", "list_item"), ("your name,", "paragraph")]


def test_tables_are_read_row_by_row_and_cell_by_cell_nested_ones_too() -> None:
    def make(document: Any) -> None:
        document.add_paragraph(_PROSE)
        table = document.add_table(2, 2)
        for number, text in enumerate(("Data", "Purpose", "Name", "")):
            table.cell(number // 2, number % 2).text = text
        inner = table.cell(1, 1).add_table(1, 2)
        inner.cell(0, 0).text, inner.cell(0, 1).text = "Service", "Security"
        document.add_paragraph("We share them with nobody.")

    cells = [(text, "table_cell") for text in ("Data", "Purpose", "Name", "Service", "Security")]
    expected = [(_PROSE, "paragraph"), *cells, ("We share them with nobody.", "paragraph")]
    assert _blocks(_made(make)) == expected


def test_a_cell_that_holds_a_whole_text_is_layout() -> None:
    def make(document: Any) -> None:
        cell = document.add_table(1, 1).cell(0, 0)
        cell.text = "Your data"
        for _ in range(12):
            cell.add_paragraph(_PROSE)

    assert [kind for _, kind in _blocks(_made(make))] == ["heading", *["paragraph"] * 12]


def test_links_insertions_content_controls_and_breaks_are_read_deletions_fields_and_hidden_text_are_not() -> None:
    assert _of_xml(
        "<w:p><w:r><w:t>We </w:t></w:r><w:hyperlink><w:r><w:t>ask</w:t></w:r></w:hyperlink>"
        "<w:ins><w:r><w:t> you</w:t></w:r></w:ins><w:del><w:r><w:delText> them</w:delText></w:r></w:del>"
        "<w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t> secretly</w:t></w:r>"
        "<w:r><w:tab/><w:t>by e</w:t><w:noBreakHyphen/><w:t>mail</w:t><w:br/><w:t>first.</w:t><w:br/>"
        "<w:t>We wait.</w:t></w:r></w:p>",
        "<w:sdt><w:sdtPr/><w:sdtContent><w:p><w:r><w:t>It is safe, we think, with us.</w:t></w:r></w:p>"
        "</w:sdtContent></w:sdt>",
    ) == [
        ("We ask you by e-mail first.", "paragraph"),
        ("We wait.", "paragraph"),
        ("It is safe, we think, with us.", "paragraph"),
    ]


def test_a_text_box_is_read_once_and_a_table_of_contents_not_at_all() -> None:
    box = f"<w:txbxContent><w:p><w:r><w:t>{_PROSE}</w:t></w:r></w:p></w:txbxContent>"
    mc = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    alternatives = (
        f'<mc:AlternateContent xmlns:mc="{mc}"><mc:Choice Requires="wps"><w:drawing>{box}</w:drawing></mc:Choice>'
        f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent>"
    )
    blocks = _of_xml(f"<w:p><w:r><w:t>We ask you first.</w:t></w:r><w:r>{alternatives}</w:r></w:p>")
    assert blocks == [("We ask you first.", "paragraph"), (_PROSE, "paragraph")]

    def make(document: Any) -> None:
        document.styles.add_style("toc 1", 1)
        document.add_paragraph("Your data\t3", "toc 1")
        document.add_paragraph(_PROSE)

    assert _blocks(_made(make)) == [(_PROSE, "paragraph")]


def test_footnotes_and_endnotes_stand_at_the_end() -> None:
    text = "<w:p><w:r><w:{0}Ref/><w:t>{2}</w:t></w:r></w:p>"
    note = f'<w:{{0}}s {_W}>{{1}}<w:{{0}} w:id="2">{text}</w:{{0}}></w:{{0}}s>'
    line = '<w:footnote w:type="separator" w:id="0"><w:p><w:r><w:t>---x---</w:t></w:r></w:p></w:footnote>'

    def make(document: Any) -> None:
        document.add_heading("Your data")
        document.add_paragraph(_PROSE)
        for kind, content in (
            ("endnote", note.format("endnote", "", "See the register.")),
            ("footnote", note.format("footnote", line, "Except on Sundays")),
        ):
            name = docx.opc.packuri.PackURI(f"/word/{kind}s.xml")
            part = docx.opc.part.Part(name, "application/xml", content.encode(), document.part.package)
            document.part.relate_to(part, f"http://example.org/relationships/{kind}s")

    assert _blocks(_made(make)) == [
        ("Your data", "heading"), (_PROSE, "paragraph"),
        ("Except on Sundays", "paragraph"), ("See the register.", "paragraph"),
    ]  # fmt: skip
    broken = zipfile.ZipFile(io.BytesIO(_made(make)))
    parts = {name: broken.read(name) for name in broken.namelist()}
    assert _code(_zip({**parts, "word/footnotes.xml": b"<w:footnotes"})) == "unreadable"


def test_moved_text_is_read_where_it_is_now() -> None:
    moved = "<w:p><w:{0}><w:r><w:t>We ask you first.</w:t></w:r></w:{0}></w:p>"
    other = "<w:p><w:r><w:t>It is safe, we think, with us.</w:t></w:r></w:p>"
    assert [text for text, _ in _of_xml(moved.format("moveFrom"), other, moved.format("moveTo"))] == [
        "It is safe, we think, with us.", "We ask you first."
    ]  # fmt: skip


def test_files_that_cannot_be_read_are_named() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    assert _code(ole) == "unsupported"
    assert _code(ole + "EncryptedPackage".encode("utf-16-le")) == "encrypted"
    assert _code(b"{\\rtf1 We sell nothing.}") == "unsupported"
    assert _code(b"") == _code(b"We sell nothing.") == "unreadable"
    assert _code(_zip({"word/document.xml": b"<a/>"})) == "unreadable"
    sound = _made(lambda document: document.add_paragraph(_PROSE))
    assert _code(sound[: len(sound) // 2]) == "unreadable"
    assert _code(_made(lambda document: None)) == "empty"


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = _made(lambda document: document.add_paragraph(_PROSE))
    parts = {
        name: zipfile.ZipFile(io.BytesIO(sound)).read(name) for name in zipfile.ZipFile(io.BytesIO(sound)).namelist()
    }
    bomb = _zip({**parts, "word/document.xml": b" " * (DOCX_LIMITS.xml + 1)})
    assert len(bomb) < 100_000
    monkeypatch.setattr(docx, "Document", None)  # it would be called
    assert _code(bomb) == "too_large"
    assert _code(_zip(parts), DocxLimits(parts=3)) == "too_large"
    assert _code(_zip({**parts, "a.png": b" " * 1_000_000}), DocxLimits(unpacked=1_000_000)) == "too_large"


def test_entities_are_not_expanded_and_deep_nesting_is_no_crash() -> None:
    sound = _made(lambda document: document.add_paragraph(_PROSE))
    with zipfile.ZipFile(io.BytesIO(sound)) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    text = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    body = f"{text}<w:document {_W}><w:body><w:p><w:r><w:t>We sell &b; nothing.</w:t></w:r></w:p></w:body></w:document>"
    read = _blocks(_zip({**parts, "word/document.xml": body.encode()}))
    assert "aaaa" not in read[0][0]
    deep = f"<w:document {_W}><w:body>" + "<w:sdt>" * 5000 + "</w:sdt>" * 5000 + "</w:body></w:document>"
    assert _code(_zip({**parts, "word/document.xml": deep.encode()})) == "unreadable"


def _zip(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return out.getvalue()


_SOUND = _made(lambda document: document.add_paragraph(_PROSE))
_SOUND_XML = zipfile.ZipFile(io.BytesIO(_SOUND)).read("word/document.xml")
_PARTS = {
    name: zipfile.ZipFile(io.BytesIO(_SOUND)).read(name) for name in zipfile.ZipFile(io.BytesIO(_SOUND)).namelist()
}


def _changed(sound: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    content = bytearray(sound)
    for place, new in changes:
        content[place % len(sound) : place % len(sound) + len(new)] = new
    return bytes(content)


_CHANGES = st.lists(st.tuples(st.integers(0, 100_000), st.binary(min_size=1, max_size=6)), max_size=20)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=200),
        _CHANGES.map(lambda changes: _changed(_SOUND, changes)),
        _CHANGES.map(lambda changes: _zip({**_PARTS, "word/document.xml": _changed(_SOUND_XML, changes)})),
        st.integers(0, len(_SOUND)).map(lambda end: _SOUND[:end]),
    )
)
def test_any_bytes_give_a_document_or_a_document_error(content: bytes) -> None:
    try:
        document = docx_document("p", content)
    except DocumentError:
        return
    assert isinstance(document, Document)
    assert all(document.text[s.start : s.end] == s.text for s in segment(document))

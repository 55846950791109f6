"""Word files, made by the tests themselves, to documents."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clausetag.data.corpora.five import FIVE, document_of
from clausetag.data.documents.sniff import document_from_bytes
from clausetag.data.documents.word.package import WORD_LIMITS, WordLimits
from clausetag.data.documents.word.reader import EMBEDDED_UNREAD, word_document
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
    document = word_document("p", content)
    return [(document.text[block.start : block.end], block.kind) for block in document.blocks]


def _of_xml(*body: str) -> list[tuple[str, str]]:
    """The blocks of a file whose body is this XML, with the prefix w."""
    from docx.oxml import parse_xml

    def make(document: Any) -> None:
        for element in parse_xml(f"<w:body {_W}>{''.join(body)}</w:body>"):
            document.element.body.insert_element_before(element, "w:sectPr")

    return _blocks(_made(make))


def _code(content: bytes, limits: WordLimits = WORD_LIMITS) -> str:
    with pytest.raises(DocumentError) as caught:
        word_document("p", content, limits=limits)
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

    document = word_document(policy, _made(make))
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
        for number, text in enumerate(("Yours", "Ours", "Theirs", "")):
            table.cell(number // 2, number % 2).text = text
        inner = table.cell(1, 1).add_table(1, 2)
        inner.cell(0, 0).text, inner.cell(0, 1).text = "Service", "Security"
        document.add_paragraph("We share them with nobody.")

    cells = [(text, "table_cell") for text in ("Yours", "Ours", "Theirs", "Service", "Security")]
    expected = [(_PROSE, "paragraph"), *cells, ("We share them with nobody.", "paragraph")]
    assert _blocks(_made(make)) == expected


def _table(*rows: list[str], header: str = "") -> str:
    cells = ("".join(f"<w:tc>{_paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{header * (not n)}{row}</w:tr>" for n, row in enumerate(cells)) + "</w:tbl>"


def _rows(table: str) -> list[tuple[str, str | None]]:
    from docx.oxml import parse_xml

    content = _made(lambda file: file.element.body.insert_element_before(parse_xml(table), "w:sectPr"))
    return [(sentence.text, sentence.lead_in) for sentence in segment(word_document("p", content))]


def test_rows_of_a_table_have_the_headings_of_their_columns() -> None:
    cookies = [
        ["Cookie", "Purpose", "Expiry"],
        ["_ga", "Counts visitors. It has no name.", "2 years"],
        ["sid", "", "1 day"],
    ]
    head = "Cookie | Purpose | Expiry"
    expected = [(head, None), ("_ga | Counts visitors. It has no name. | 2 years", head), ("sid | 1 day", head)]
    assert _rows(_table(*cookies).replace("<w:tbl>", f"<w:tbl {_W}>")) == expected


@pytest.mark.parametrize("header", ["<w:trPr><w:tblHeader/></w:trPr>", "<w:trPr><w:tblHeader w:val='0'/></w:trPr>", ""])
def test_a_row_that_is_repeated_on_each_page_names_the_columns(header: str) -> None:
    table = _table(["What", "Why"], [_PROSE * 3, "To send it."], header=header).replace("<w:tbl>", f"<w:tbl {_W}>")
    marked = header.endswith("<w:tblHeader/></w:trPr>")
    lead_ins = [lead_in for _, lead_in in _rows(table)]
    assert lead_ins == [None, None, *["What" if marked else None] * 3, "Why" if marked else None]


def test_cells_that_span_columns_keep_the_others_in_place() -> None:
    spanned = _table(["Data", "Purpose", "Recipients"], [_PROSE, "The bank."], ["Name.", _PROSE * 5, "Nobody."])
    spanned = spanned.replace(
        "<w:tc>" + _paragraph(_PROSE), '<w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr>' + _paragraph(_PROSE), 1
    )
    found = dict(_rows(spanned.replace("<w:tbl>", f"<w:tbl {_W}>")))
    assert (found["The bank."], found["Nobody."], found["Name."]) == ("Recipients", "Recipients", "Data")


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
    bomb = _zip({**parts, "word/document.xml": b" " * (WORD_LIMITS.xml + 1)})
    assert len(bomb) < 100_000
    monkeypatch.setattr(docx, "Document", None)  # it would be called
    assert _code(bomb) == "too_large"
    assert _code(_zip(parts), WordLimits(parts=3)) == "too_large"
    assert _code(_zip({**parts, "a.png": b" " * 1_000_000}), WordLimits(unpacked=1_000_000)) == "too_large"


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
        document = word_document("p", content)
    except DocumentError:
        return
    assert isinstance(document, Document)
    assert all(document.text[s.start : s.end] == s.text for s in segment(document))


Change = Callable[[str, bytes], bytes | None]


def _repacked(content: bytes, change: Change, more: dict[str, bytes] | None = None) -> bytes:
    """The same file with other parts: what `change` returns for each, None for none, and `more` parts."""
    old = zipfile.ZipFile(io.BytesIO(content))
    parts = {name: new for name in old.namelist() if (new := change(name, old.read(name))) is not None}
    return _zip({**parts, **(more or {})})


_STRICT = {
    b"http://schemas.openxmlformats.org/wordprocessingml/2006/main": b"http://purl.oclc.org/ooxml/wordprocessingml/main",
    b"http://schemas.openxmlformats.org/officeDocument/2006/relationships": (
        b"http://purl.oclc.org/ooxml/officeDocument/relationships"
    ),
}


def test_strict_files_files_with_macros_and_templates_are_read() -> None:
    def make(document: Any) -> None:
        document.add_heading("Your data", 1)
        document.add_paragraph(_PROSE, "List Bullet")

    usual = _made(make)
    expected = [("Your data", "heading"), (_PROSE, "list_item")]
    assert _blocks(usual) == expected

    def strict(_: str, content: bytes) -> bytes:
        for old, new in _STRICT.items():
            content = content.replace(old, new)
        return content

    assert _blocks(_repacked(usual, strict)) == expected
    name = b"openxmlformats-officedocument.wordprocessingml.document.main"
    for kind in (b"ms-word.document.macroEnabled.main", name.replace(b"document.main", b"template.main")):
        other = _repacked(usual, partial(_replaced, name, kind), {"word/vbaProject.bin": b"\0macro"})
        assert _blocks(other) == expected
        for suffix in (".docm", ".dotx", ".html", ""):
            assert document_from_bytes("p", other, suffix).text == f"Your data\n\n{_PROSE}"


def _replaced(old: bytes, new: bytes, _: str, part: bytes) -> bytes:
    return part.replace(old, new)


def test_parts_are_found_by_their_relations_whatever_their_names() -> None:
    def moved(name: str, part: bytes) -> bytes | None:
        return part.replace(b"word/document.xml", b"/Word/text.xml") if name == "_rels/.rels" else part

    usual = _made(lambda document: document.add_heading("we, and you.", 1) and document.add_paragraph(_PROSE))
    old = zipfile.ZipFile(io.BytesIO(usual))
    more = {
        "word/Text.xml": old.read("word/document.xml"),
        "word/_rels/text.xml.rels": old.read("word/_rels/document.xml.rels"),
    }
    assert _blocks(_repacked(usual, moved, more))[0] == ("we, and you.", "heading")
    assert _code(_repacked(usual, lambda name, part: None if name == "word/document.xml" else part)) == "unreadable"
    assert _code(_repacked(usual, lambda name, part: None if name == "_rels/.rels" else part)) == "unreadable"
    bare = _repacked(usual, lambda name, part: None if name.startswith(("word/styles", "word/_rels")) else part)
    assert [text for text, _ in _blocks(bare)] == ["we, and you.", _PROSE]


def _paragraph(text: str, mark: str = "", style: str = "") -> str:
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f'<w:p><w:pPr>{named}<w:rPr>{mark}</w:rPr></w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


@pytest.mark.parametrize("mark", ['<w:del w:id="1"/>', '<w:moveFrom w:id="1"/>'])
def test_a_paragraph_whose_end_was_deleted_goes_on_in_the_next(mark: str) -> None:
    assert _of_xml(
        _paragraph("We share your data ", mark),
        _paragraph("with our payment provider ", mark),
        _paragraph("only."),
        _paragraph("We ask you first.", "<w:ins/>"),
        _paragraph("We keep your data,", mark),
        "<w:tbl><w:tr><w:tc>" + _paragraph("for a year.", mark) + "</w:tc></w:tr></w:tbl>",
        _paragraph("Nothing else, and nobody else,", mark),
    ) == [
        ("We share your data with our payment provider only.", "paragraph"),
        ("We ask you first.", "paragraph"),
        ("We keep your data,", "paragraph"),
        ("for a year.", "table_cell"),
        ("Nothing else, and nobody else,", "paragraph"),
    ]


def test_rows_and_cells_that_were_deleted_or_are_hidden_are_left_out() -> None:
    cell = "<w:tc>{}" + _paragraph("We keep it, always.") + "</w:tc>"
    rows = ["<w:del/>", "<w:hidden/>", '<w:hidden w:val="0"/>', "<w:ins/>"]
    table = "".join(f"<w:tr><w:trPr>{row}</w:trPr>{cell.format('')}</w:tr>" for row in rows)
    table += f"<w:tr>{cell.format('<w:tcPr><w:cellDel/></w:tcPr>')}{cell.format('')}</w:tr>"
    assert len(_of_xml(f"<w:tbl>{table}</w:tbl>")) == 3


_HIDING = """
<w:style w:type="character" w:styleId="Note"><w:name w:val="Note"/><w:rPr>{0}</w:rPr></w:style>
<w:style w:type="character" w:styleId="Inner"><w:name w:val="Inner"/><w:basedOn w:val="Note"/></w:style>
<w:style w:type="character" w:styleId="Shown"><w:name w:val="Shown"/><w:basedOn w:val="Note"/>
<w:rPr><w:{1} w:val="0"/></w:rPr></w:style>
<w:style w:type="paragraph" w:styleId="Draft"><w:name w:val="Draft"/><w:rPr>{0}</w:rPr></w:style>
"""


@pytest.mark.parametrize("switch", ["vanish", "strike", "dstrike"])
def test_text_that_is_hidden_or_struck_out_by_a_style_or_by_itself_is_left_out(switch: str) -> None:
    def run(text: str, properties: str = "") -> str:
        return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'

    def named(style: str) -> str:
        return f'<w:rStyle w:val="{style}"/>'

    from docx.oxml import parse_xml

    def make(document: Any) -> None:
        for style in parse_xml(f"<w:x {_W}>{_HIDING.format(f'<w:{switch}/>', switch)}</w:x>"):
            document.styles.element.append(style)
        body = (
            "<w:p>" + run("We keep ") + run("one ", f"<w:{switch}/>") + run("two ", named("Note"))
            + run("three ", named("Inner")) + run("it ", named("Shown")) + run("here ", f'<w:{switch} w:val="false"/>')
            + run("for ", named("Note") + f'<w:{switch} w:val="0"/>') + run("ever.") + "</w:p>"
            '<w:p><w:pPr><w:pStyle w:val="Draft"/></w:pPr>' + run("Four, ") + run("We ask ", f'<w:{switch} w:val="0"/>')
            + run("you first.", named("Note")) + "</w:p>"
        )  # fmt: skip
        for element in parse_xml(f"<w:body {_W}>{body}</w:body>"):
            document.element.body.insert_element_before(element, "w:sectPr")

    assert [text for text, _ in _blocks(_made(make))] == ["We keep it here for ever.", "We ask you first."]


def _with_chunk(name: str, content: bytes, external: bool = False) -> bytes:
    """A file with an embedded document between two paragraphs."""

    def change(part: str, old: bytes) -> bytes:
        if part == "word/document.xml":
            return old.replace(b"<w:p><w:r><w:t>HERE</w:t></w:r></w:p>", b'<w:altChunk r:id="chunk"/>')
        if part == "word/_rels/document.xml.rels":
            mode = b' TargetMode="External"' if external else b""
            kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/aFChunk"
            entry = b'<Relationship Id="chunk" Type="%s" Target="%s"%s/></Relationships>' % (kind, name.encode(), mode)
            return old.replace(b"</Relationships>", entry)
        return old

    def make(document: Any) -> None:
        for text in ("We ask you first.", "HERE", "It is safe with us."):
            document.add_paragraph(text)

    return _repacked(_made(make), change, {f"word/{name}": content})


def test_an_embedded_document_is_read_in_its_place() -> None:
    page = f'<html><body><h2>Your data</h2><p>{_PROSE} <a href="https://a.example/">More</a></p></body></html>'
    message = b'MIME-Version: 1.0\nContent-Type: text/html; charset="utf-8"\n\n' + page.encode()
    inner = _made(lambda document: document.add_heading("Your data") and document.add_paragraph(f"{_PROSE} More"))
    for name, content in {
        "a.html": page.encode(), "a.xht": page.encode("utf-16"), "a.mht": message, "a.docx": inner,
        "a.txt": f"Your data\n\n{_PROSE} More".encode(), "a.dat": page.encode(),
    }.items():  # fmt: skip
        document = document_from_bytes("p", _with_chunk(name, content), ".docx")
        texts = [document.text[block.start : block.end] for block in document.blocks]
        assert texts == ["We ask you first.", "Your data", f"{_PROSE} More", "It is safe with us."]
        assert (document.blocks[1].kind, document.flags) == ("heading", ())
        if name == "a.html":
            (link,) = document.blocks[2].links
            assert document.text[link.start : link.end] == "More" and link.href == "https://a.example/"


def test_an_embedded_document_that_cannot_be_read_is_flagged() -> None:
    nested = _with_chunk("a.txt", b"We are the innermost.")
    for _ in range(5):
        nested = _with_chunk("a.docx", nested)
    rtf = _with_chunk("a.rtf", b"{\\rtf1 We sell.}")
    gone, old = _with_chunk("gone.html", b"", external=True), _with_chunk("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    for content in (rtf, nested, gone, old):
        document = document_from_bytes("p", content, ".docx")
        assert document.flags == (EMBEDDED_UNREAD,) and "It is safe with us." in document.text
    assert document_from_bytes("p", _with_chunk("a.html", b"<p></p>"), ".docx").flags == ()


def test_links_are_kept_from_hyperlinks_and_fields() -> None:
    def change(part: str, old: bytes) -> bytes:
        if part != "word/_rels/document.xml.rels":
            return old
        kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"
        entry = b'<Relationship Id="out" Type="%s" Target="https://a.example/opt-out" TargetMode="External"/>' % kind
        return old.replace(b"</Relationships>", entry + b"</Relationships>")

    def text(word: str) -> str:
        return f'<w:r><w:t xml:space="preserve">{word}</w:t></w:r>'

    def field(instruction: str, *shown: str) -> str:
        mark = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
        code = f"<w:r><w:instrText>{instruction}</w:instrText></w:r>"
        return mark.format("begin") + code + mark.format("separate") + "".join(shown) + mark.format("end")

    r = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    body = (
        "<w:p>" + text("You may ") + f'<w:hyperlink {r} r:id="out">{text("opt ")}{text("out")}</w:hyperlink>'
        + text(", ") + field(' HYPERLINK "https://b.example/" \\o "tip" ', text("read "), field("PAGE", text("more")))
        + text(", ") + f'<w:fldSimple w:instr=\' HYPERLINK "mailto:c@c.example"\'>{text("write")}</w:fldSimple>'
        + text(", ") + field(' HYPERLINK \\l "part" ', text("go on"))
        + text(", or ") + f'<w:hyperlink w:anchor="part">{text("see below")}</w:hyperlink>' + text(".") + "</w:p>"
        "<w:p>" + '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>HYPERLINK "https://d.example/"'
        "</w:instrText></w:r>" + text("Never closed here, in a broken file.") + "</w:p>"
        "<w:p>" + text("We ask you first.") + "</w:p>"
    )  # fmt: skip
    from docx.oxml import parse_xml

    def make(document: Any) -> None:
        for element in parse_xml(f"<w:body {_W}>{body}</w:body>"):
            document.element.body.insert_element_before(element, "w:sectPr")

    document = word_document("p", _repacked(_made(make), change))
    links = [(document.text[link.start : link.end], link.href) for block in document.blocks for link in block.links]
    assert links == [
        ("opt out", "https://a.example/opt-out"),
        ("read more", "https://b.example/"),
        ("write", "mailto:c@c.example"),
        ("Never closed here, in a broken file.", "https://d.example/"),
    ]

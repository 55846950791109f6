"""PDFs, made by the tests themselves, to documents: what was typeset is what comes out."""

from __future__ import annotations

import io
import json
import math
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clausetag.data.corpora.five import FIVE, document_of
from clausetag.data.documents.pdf import pdfium
from clausetag.data.documents.pdf.blocks import line_blocks
from clausetag.data.documents.pdf.lines import PDF_LIMITS, Line, PdfLimits, pages_of
from clausetag.data.documents.pdf.reader import PARTLY_SCANNED, pdf_document
from clausetag.data.errors import DocumentError
from clausetag.data.records import Document
from clausetag.data.segment import segment
from tests.data.documents.pdf_fixture import HEIGHT, MARGIN, PageOfText, form, typeset, wrap, write_pdf

_PROSE = (
    "We collect the name and the address that you give us when you open an account.",
    "We share them with nobody, except where a court orders us to do so.",
    "We keep them for two years after the account was closed.",
)


def _blocks(pages: list[PageOfText]) -> list[tuple[str, str]]:
    document = pdf_document("p", write_pdf(pages))
    return [(document.text[block.start : block.end], block.kind) for block in document.blocks]


def _page(*lines: tuple[float, float, str]) -> PageOfText:
    page = PageOfText()
    for x, y, text in lines:
        page.text(x, y, text)
    return page


def _code(content: bytes, limits: PdfLimits = PDF_LIMITS) -> str:
    with pytest.raises(DocumentError) as caught:
        pdf_document("p", content, limits)
    assert "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("policy", FIVE)
def test_a_typeset_policy_comes_back_sentence_by_sentence(policy: str) -> None:
    source = document_of(policy)
    blocks = [(source.text[block.start : block.end].replace("−", "–"), block.kind) for block in source.blocks]
    pages = typeset(blocks, header="Example Ltd: how we treat your data")
    assert len(pages) > 1
    document = pdf_document(policy, write_pdf(pages))
    expected = [sentence.text.replace("−", "–") for sentence in segment(source)]
    assert [sentence.text for sentence in segment(document)] == expected
    kinds = [block.kind for block in document.blocks]
    assert sum(a == b for a, (_, b) in zip(kinds, blocks, strict=True)) >= len(kinds) - 1


def test_headers_footers_and_page_numbers_go_and_headings_and_items_are_known() -> None:
    blocks = [("Your data", "heading"), (_PROSE[0], "paragraph"), ("We collect:", "paragraph")]
    blocks += [("your name;", "list_item"), ("your address.", "list_item")]
    pages = typeset(blocks * 9, header="Example Ltd")
    assert len(pages) == 2
    assert _blocks(pages) == blocks * 9


@pytest.mark.parametrize("number", ["7", "- 7 -", "Page 7", "7 of 9", "7/9", "vii"])
def test_a_page_number_goes_on_a_single_page_too(number: str) -> None:
    assert _blocks([_page((72, 700, _PROSE[0]), (300, 40, number))]) == [(_PROSE[0], "paragraph")]


def test_what_looks_like_a_page_number_or_header_within_the_text_stays() -> None:
    pages = [_page((72, 600, "Retention"), (72, 570, _PROSE[number]), (72, 300, "24")) for number in range(3)]
    texts = [text for text, _ in _blocks(pages)]
    assert texts == [text for prose in _PROSE for text in ("Retention", prose, "24")]


def test_a_numbered_heading_on_top_of_a_page_is_no_page_number() -> None:
    page = _page((72, 740, "2"), (110, 740, "Your rights"), (72, 700, _PROSE[0]))
    assert "Your rights" in _blocks([page])[0][0]


def test_hyphens_of_the_typesetter_go_and_those_of_words_stay() -> None:
    page = _page(
        (72, 700, "A third-party company may read the informa-"),
        (72, 688, "tion that self-employed people give to a third-"),
        (72, 676, "party company, and so may a small self-"),
        (72, 664, "employed trader, but not non-"),
        (72, 652, "European ones; you can call 716-"),
        (72, 640, "855 to opt-"),
        (72, 628, "out."),
    )
    assert _blocks([page]) == [
        (
            "A third-party company may read the information that self-employed people give to a third-party company, "
            "and so may a small self-employed trader, but not non-European ones; you can call 716-855 to opt-out.",
            "paragraph",
        )
    ]


def test_a_soft_hyphen_that_is_written_for_a_hyphen_stays_before_a_number() -> None:
    page = _page((72, 700, "Call us: 716\x03"), (72, 688, "855 is ours. We keep no infor\x03"))
    page.text(72, 676, "mation about your co\x03okies.")
    text = " ".join(body for body, _ in _blocks([page]))
    assert text == "Call us: 716-855 is ours. We keep no information about your cookies."


def test_a_sentence_goes_on_over_a_page_break_past_footer_and_header() -> None:
    first = [
        (72.0, 96 - 12.0 * number, f"We keep your data safe, line {number}, and we share it with") for number in (0, 1)
    ]
    one, two = _page(*first), _page((72, 700, "nobody at all."))
    for number, page in enumerate((one, two), 1):
        page.text(72, 760, "Example Ltd")
        page.text(72, 40, f"Page {number}")
    assert len(_blocks([one, two])) == 1


def test_columns_are_read_one_after_the_other_even_where_the_file_goes_across_them() -> None:
    left = [
        "We collect the name that you",
        "give us, and we collect the",
        "address that you give us on",
        "the day you open an account",
    ]
    right = [
        "with one of our companies in",
        "any of the countries in which",
        "we work, and we share it all",
        "with nobody but our printer.",
    ]
    across, down = PageOfText(), PageOfText()
    rows = [700 - 12 * number for number in range(4)]
    for a, b, y in zip(left, right, rows, strict=True):
        across.text(72, y, a)
        across.text(320, y, b)
    for x, column in ((72, left), (320, right)):
        for text, y in zip(column, rows, strict=True):
            down.text(x, y, text)
    expected = [(" ".join(left + right), "paragraph")]
    assert _blocks([across]) == expected
    assert _blocks([down]) == expected


def test_cells_of_a_table_stay_apart() -> None:
    rows = [("Data", "Purpose"), ("Name", "To know you"), ("Address", "To send"), ("", "parcels")]
    page = PageOfText()
    for number, row in enumerate(rows):
        for x, cell in zip((72, 300), row, strict=True):
            page.text(x, 700 - 14 * number, cell)
    cells = ["Data", "Purpose", "Name", "To know you", "Address", "To send parcels"]
    assert _blocks([page]) == [(cell, "table_cell") for cell in cells]


def test_a_stamp_across_the_page_goes_and_a_table_of_contents_too() -> None:
    page = _page((72, 700, "1. Your rights ........ 3"), (72, 650, _PROSE[0]))
    page.text(40, 200, "Confidential", turned=True)
    assert _blocks([page]) == [(_PROSE[0], "paragraph")]


def test_a_page_that_is_turned_as_a_whole_is_read() -> None:
    page = PageOfText()
    page.text(300, 100, _PROSE[0], turned=True)
    page.text(340, 100, _PROSE[1], turned=True)
    assert [text for text, _ in _blocks([page])] in ([_PROSE[0], _PROSE[1]], [_PROSE[1], _PROSE[0]])


def test_pictures_without_text_need_ocr() -> None:
    page = PageOfText()
    page.picture()
    with pytest.raises(DocumentError, match="OCR") as caught:
        pdf_document("p", write_pdf([page]))
    assert caught.value.code == "no_text"
    numbered = [PageOfText(), PageOfText()]
    for number, scanned in enumerate(numbered, 1):
        scanned.picture()
        scanned.text(300, 30, f"Page {number} of 2")
        scanned.text(72, HEIGHT - MARGIN / 2, "Made with a scanner")
    assert _code(write_pdf(numbered)) == "no_text"


def test_a_file_of_which_only_some_pages_were_scanned_is_read_and_flagged() -> None:
    scanned, decorated = PageOfText(), _page((72, 700, _PROSE[1]))
    scanned.picture(600)
    scanned.text(300, 30, "Page 2 of 3")
    decorated.picture(600)
    text = _page((72, 700, _PROSE[0]))
    document = pdf_document("p", write_pdf([text, scanned, decorated]))
    assert document.text == f"{_PROSE[0]}\n\n{_PROSE[1]}"
    assert document.flags == (PARTLY_SCANNED,)
    logo = PageOfText()
    logo.picture(100)
    for pages in ([text, decorated], [text, logo], [text, PageOfText()]):
        assert pdf_document("p", write_pdf(pages)).flags == ()


def test_ligatures_are_letters() -> None:
    assert _blocks([_page((72, 700, "We \x01le what we \x02ag."))]) == [("We file what we flag.", "paragraph")]


def test_letters_as_bullets() -> None:
    page = _page(
        (72, 700, "We collect:"), (80, 686, "\u2022 your name;"), (100, 672, "o your first name,"), (100, 658, "o Only")
    )
    assert _blocks([page])[2:] == [("your first name,", "list_item"), ("Only", "list_item")]


def test_words_set_one_by_one_are_lines() -> None:
    page = PageOfText()
    for number, line in enumerate(wrap(" ".join(_PROSE), 60)):
        x = 72.0
        for word in line.split():
            page.text(x, 700 - 12 * number, word)
            x += 6 * (len(word) + 1)
    assert _blocks([page]) == [(" ".join(_PROSE), "paragraph")]


def test_a_page_written_from_the_bottom_is_read_from_the_top() -> None:
    lines = list(enumerate(wrap(" ".join(_PROSE), 40)))
    page = _page(*((72, 700 - 12 * number, line) for number, line in reversed(lines)))
    assert _blocks([page]) == [(" ".join(_PROSE), "paragraph")]


def test_headers_that_change_sides_go() -> None:
    pages = []
    for number in range(4):
        page = _page((72, 600, _PROSE[number % 3]))
        page.text(
            72 if number % 2 else 400, 760, f"{number} | Example Ltd" if number % 2 else f"Example Ltd | {number}"
        )
        pages.append(page)
    assert [text for text, _ in _blocks(pages)] == [_PROSE[number % 3] for number in range(4)]


def test_broken_files_are_named() -> None:
    assert _code(write_pdf([PageOfText()])) == "empty"
    assert _code(b"") == "unreadable"
    assert _code(b"%PDF-1.7\n") == "unreadable"
    assert _code(b"We sell nothing.") == "unreadable"
    locked = (
        b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O (%s) /U (%s) >> /ID [(0123456789abcdef) (0123456789abcdef)]"
    )
    assert _code(write_pdf([_page((72, 700, _PROSE[0]))], trailer=locked % (b"a" * 32, b"b" * 32))) == "encrypted"


@pytest.mark.parametrize("font", ["0", "-9", "99999999", "0.0001"])
@pytest.mark.parametrize("matrix", ["1 0 0 1 72 700", "0 0 0 0 0 0", "-1 0 0 1 2000000 700", "9999 1 1 9999 72 -9"])
def test_absurd_sizes_and_places_are_no_crash(font: str, matrix: str) -> None:
    page = _page((72, 700, _PROSE[0]))
    page.content += [f"BT /F1 {font} Tf {matrix} Tm (We sell nothing at all.) Tj T* (a) Tj ET".encode()] * 2
    (read,) = pages_of(pdfium.read(write_pdf([page]), 10, 1_000_000))
    lines = read.lines
    assert all(abs(value) < 1e6 for line in lines for value in (line.left, line.right, line.y, line.size))
    assert all(block.text for block in line_blocks(lines))


def test_time_and_size_are_limited() -> None:
    # Twelve forms, each of which draws the next ten times: a file of 4 kB that would take pdfium a day.
    forms = [form(b"/X Do " * 10, draws=7 + number) for number in range(12)]
    page = PageOfText()
    page.content.append(b"/X Do")
    slow = write_pdf([page], extra=[*forms, form(b"BT /F1 9 Tf (a) Tj ET", draws=6)])
    assert _code(slow, PdfLimits(seconds=2)) == "too_large"
    assert _code(write_pdf([PageOfText()]), PdfLimits(size=100)) == "too_large"


def test_memory_is_limited() -> None:
    pytest.importorskip("resource", reason="Windows has no such limit")
    page = _page((72, 700, _PROSE[0]))
    page.content.append(b" " * 80_000_000)
    small = write_pdf([page], compress=True)
    assert len(small) < 500_000
    assert pdf_document("p", small).text == _PROSE[0]
    assert _code(small, PdfLimits(memory=100_000_000)) in ("too_large", "unreadable")


def test_too_many_pages_or_characters_are_refused() -> None:
    content = write_pdf([_page((72, 700, _PROSE[0]))] * 3)
    assert _code(content, PdfLimits(pages=2)) == "too_large"
    assert _code(content, PdfLimits(pages=3, characters=100)) == "too_large"
    assert len(pdfium.read(content, 3, 1000)["pages"]) == 3


_SOUND = write_pdf(typeset([(prose, "paragraph") for prose in _PROSE] * 4, header="Example Ltd"))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda rest: b"%PDF-1.7\n" + rest),
        st.lists(st.tuples(st.integers(0, len(_SOUND) - 1), st.binary(min_size=1, max_size=6)), max_size=30).map(
            lambda changes: _changed(changes)
        ),
        st.integers(0, len(_SOUND)).map(lambda end: _SOUND[:end]),
    )
)
def test_any_bytes_give_a_document_or_a_document_error(content: bytes) -> None:
    try:
        document = pdf_document("p", content)
    except DocumentError:
        return
    assert isinstance(document, Document)
    assert all(document.text[s.start : s.end] == s.text for s in segment(document))


def _changed(changes: list[tuple[int, bytes]]) -> bytes:
    content = bytearray(_SOUND)
    for place, new in changes:
        content[place : place + len(new)] = new
    return bytes(content)


def test_a_line_without_width_is_no_crash() -> None:
    lines = [Line(0, text, 72, 72, y, 10, False, False, 1) for text, y in (("We sell", 700), ("nothing.", 688))]
    assert "".join(block.text for block in line_blocks(lines)).replace(" ", "") == "Wesellnothing."


def test_pdfs_are_read_on_a_system_without_memory_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    monkeypatch.setattr(sys, "argv", ["pdfium.py", "10", "1000", "1000"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(write_pdf([_page((72, 700, _PROSE[0]))]))))
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    pdfium.main()
    assert [line.text for page in pages_of(json.loads(out.getvalue())) for line in page.lines] == [_PROSE[0]]


def test_white_space_of_two_font_sizes_separates_cells() -> None:
    def row(gap: float) -> list[tuple[str, str]]:
        end = 72 + 6 * len("We keep your name")
        return _blocks([_page((72, 700, "We keep your name"), (end + gap, 700, "for two years."))])

    assert row(17) == [("We keep your name for two years.", "paragraph")]
    assert row(24) == [("We keep your name", "table_cell"), ("for two years.", "table_cell")]


def test_characters_that_only_control_a_terminal_go() -> None:
    assert _blocks([_page((72, 700, "We keep\x07 your\x1b name for two years."))]) == [
        ("We keep your name for two years.", "paragraph")
    ]


def _set_apart(words: str, letters: float, between: float, size: float = 10, uneven: bool = False) -> PageOfText:
    """A line whose glyphs are set one by one, with `letters` and `between` font sizes of white space between them."""
    page, x = PageOfText(), float(MARGIN)
    for number, word in enumerate(words.split()):
        x += between * size if number else 0
        for place, letter in enumerate(word):
            x += letters * size if place else 0
            page.text(x, 700, letter, size)
            x += (0.6 + uneven * (0.1, -0.2, 0.05, -0.12, 0.0)[place % 5]) * size
    return page


@pytest.mark.parametrize(
    ("letters", "between"),
    [(0, 0.1), (0, 0.15), (0, 0.3), (0, 1.5), (0.15, 0.5), (0.3, 0.9), (-0.05, 0.08), (-0.1, 0.2), (0.04, 0.12)],
)
def test_words_are_told_apart_by_their_distance_where_no_space_is_in_the_file(letters: float, between: float) -> None:
    line = "Persons under the age of sixteen"
    assert _blocks([_set_apart(line, letters, between)])[0][0] == line


@pytest.mark.parametrize("along", [(1, 0), (0, 1), (-1, 0), (0, -1)])
def test_words_set_close_are_told_apart_in_any_direction(along: tuple[int, int]) -> None:
    page = PageOfText()
    dx, dy = along
    words = " -90 ".join(f"({word})" for word in _PROSE[0].split())
    matrix = f"{dx} {dy} {-dy} {dx} {300 - dx * 200} {400 - dy * 200}"
    page.content.append(f"BT /F1 8 Tf {matrix} Tm [{words}] TJ ET".encode())
    assert _blocks([page])[0][0] == _PROSE[0]


def test_a_space_in_the_file_counts_however_narrow_and_kerning_never() -> None:
    page = PageOfText()
    page.content.append(b"BT /F1 10 Tf 1 0 0 1 72 700 Tm -5.5 Tw [(W) -45 (e s) 40 (e) -30 (ll no) -45 (thing.)] TJ ET")
    assert _blocks([page]) == [("We sell nothing.", "paragraph")]


def test_where_the_file_has_wrong_widths_its_spaces_count() -> None:
    page = _set_apart("sixteen", 0, 0, uneven=True)
    assert _blocks([page])[0][0] == "sixteen"


def test_digits_far_from_each_other_are_no_word() -> None:
    assert _blocks([_set_apart("a 1 2 3 4 5", 0, 0.9)])[0][0] == "a 1 2 3 4 5"


def test_links_are_those_on_the_text_under_their_rectangles() -> None:
    page = PageOfText()
    lines = ["You may opt out of this on our choices page at any time, or write to", "us, as we say in the terms."]
    for number, line in enumerate(lines):
        page.text(72, 700 - 12 * number, line)

    def over(line: int, words: str, action: str) -> None:
        left = 72 + 6 * lines[line].index(words)
        y = 700 - 12 * line
        page.link(left, y - 3, left + 6 * len(words), y + 8, action)

    over(0, "opt out", "/S /URI /URI (https://a.example/opt-out?a=1)")
    over(0, "write to", "/S /URI /URI (mailto:us@a.example)")
    over(1, "us", "/S /URI /URI (mailto:us@a.example)")
    over(1, "terms", "/S /GoTo /D [0 /Fit]")
    page.link(300, 100, 400, 120, "/S /URI /URI (https://nowhere.example/)")
    document = pdf_document("p", write_pdf([page]))
    assert document.text == " ".join(lines)
    links = [(document.text[link.start : link.end], link.href) for link in document.blocks[0].links]
    assert links == [("opt out", "https://a.example/opt-out?a=1"), ("write to us", "mailto:us@a.example")]


def test_a_link_on_a_word_that_is_broken_at_the_end_of_its_line() -> None:
    page = PageOfText()
    page.text(72, 700, "We collect the name that you give us, and further infor-")
    page.text(72, 688, "mation that is needed, and we keep all of it.")
    page.link(72 + 6 * 50, 697, 72 + 6 * 56, 708, "/S /URI /URI (https://a.example/)")
    page.link(72, 685, 72 + 6 * 6, 696, "/S /URI /URI (https://a.example/)")
    (block,) = pdf_document("p", write_pdf([page])).blocks
    document = pdf_document("p", write_pdf([page]))
    assert [document.text[link.start : link.end] for link in block.links] == ["information"]


@pytest.mark.parametrize(("degrees", "is_read"), [(5, True), (15, False), (45, False)])
def test_text_across_the_lines_goes_and_text_that_was_put_in_askew_stays(degrees: int, is_read: bool) -> None:
    page = _page((72, 700, _PROSE[0]), (72, 650, _PROSE[1]))
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    page.content.append(f"BT /F1 10 Tf {cosine} {sine} {-sine} {cosine} 72 400 Tm (Only a draft.) Tj ET".encode())
    assert any("Only a draft." in text for text, _ in _blocks([page])) is is_read


@pytest.mark.parametrize(("size", "flags"), [(480, ()), (500, (PARTLY_SCANNED,))])
def test_a_picture_is_a_scan_from_half_the_page_on(size: int, flags: tuple[str, ...]) -> None:
    picture = PageOfText()
    picture.picture(size)
    assert pdf_document("p", write_pdf([_page((72, 700, _PROSE[0])), picture])).flags == flags

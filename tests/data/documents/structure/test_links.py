"""Links: which are kept, from HTML, Markdown and plain text, and where they stand."""

from __future__ import annotations

import pytest

from clausetag.data.documents.blocks import RawBlock, assemble, linked
from clausetag.data.documents.sniff import extract_html, extract_text
from clausetag.data.records import Document, Link
from clausetag.data.segment import segment


def _links(document: Document) -> list[tuple[str, str]]:
    """(the text of a link, its address), as the rows of the document's sentences have them."""
    links = [link for sentence in segment(document) for link in sentence.links]
    assert links == [link for block in document.blocks for link in block.links]
    return [(document.text[link.start : link.end], link.href) for link in links]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('See <a href="https://a.example/out">our page</a>.', [("our page", "https://a.example/out")]),
        ('• See <a href="/out"> our\n <b>page</b> </a>.', [("our page", "/out")]),
        ('One, <br>see <a href="/out">this</a>,<br> and <a href="/b">that</a>.', [("this", "/out"), ("that", "/b")]),
        ('<a href="/a">One</a><a href="/b">two</a>', [("One", "/a"), ("two", "/b")]),
        ('<a role="button" href="/out">Opt out</a> today.', [("Opt out", "/out")]),
        ('Mail <a href="mailto:us@a.example">us</a>', [("us", "mailto:us@a.example")]),
        ('Call <a href="tel:+49301234">us</a>', [("us", "tel:+49301234")]),
        ('<a href=" https://a.example/a b\n">us</a>', [("us", "https://a.example/a%20b")]),
        ('<a href="#top">top</a> <a href="">x</a> <a>y</a> <a href="ftp://a.example">z</a>', []),
        ('<a href="JavaScript:alert(1)">a</a> <a href="java\nscript:x">b</a> <a href="data:text/html,x">c</a>', []),
        ("<a href='/x'><script>1</script></a>Nothing.", []),
    ],
)
def test_links_of_a_page(html: str, expected: list[tuple[str, str]]) -> None:
    assert _links(extract_html("p", f"<p>{html}</p>")) == expected


def test_a_base_makes_addresses_absolute() -> None:
    page = '<base href="https://a.example/legal/"><p>See <a href="out">this</a> or <a href="//b.example/">that</a>.</p>'
    assert _links(extract_html("p", page)) == [("this", "https://a.example/legal/out"), ("that", "https://b.example/")]
    assert _links(extract_html("p", page.replace("https://a", "http://["))) == [
        ("this", "out"),
        ("that", "//b.example/"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('# Policy\n\nSee [our **page**](https://a.example/x "title").', [("our page", "https://a.example/x")]),
        ("# Policy\n\n- See <https://a.example/>", [("https://a.example/", "https://a.example/")]),
        ("# Policy\n\n[no](javascript:x) [top](#top)", []),
        ("Write to us@a.example.com. Or not.", [("us@a.example.com", "mailto:us@a.example.com")]),
        ("(see https://a.example/x?y=1), please", [("https://a.example/x?y=1", "https://a.example/x?y=1")]),
        ("• Go to www.a.example/out.", [("www.a.example/out", "http://www.a.example/out")]),
        ("a@b, me@ home, http://, x@y.z1 and no.www.a", []),
    ],
)
def test_links_of_a_text(text: str, expected: list[tuple[str, str]]) -> None:
    assert _links(extract_text("p", text)) == expected


def test_an_address_that_is_a_link_is_one_link() -> None:
    page = '<p>Mail <a href="mailto:a@b.example?subject=x">a@b.example</a> or c@b.example.</p>'
    assert _links(extract_html("p", page)) == [
        ("a@b.example", "mailto:a@b.example?subject=x"),
        ("c@b.example", "mailto:c@b.example"),
    ]


def test_a_link_across_two_sentences_belongs_to_both() -> None:
    document = extract_html("p", '<p>You may <a href="/out">object. Please</a> write.</p>')
    first, second = (sentence.links for sentence in segment(document))
    assert [document.text[link.start : link.end] for link in (*first, *second)] == ["object.", "Please"]
    assert {link.href for link in (*first, *second)} == {"/out"}


def test_offsets_after_white_space_and_markers_are_gone() -> None:
    text, links = linked(
        [("  1.  See\u00a0 ", None), ("\u00ad our ", "/a"), (" page", "/a"), ("\n", "/b"), (" now", None)]
    )
    assert (text, links) == ("1. See our page now", (Link(7, 15, "/a"),))
    document = assemble("p", [RawBlock(text, links=links), RawBlock("2. More")])
    assert document.text == "See our page now\n\nMore"
    assert document.blocks[0].links == (Link(4, 12, "/a"),)

"""Plain text and Markdown to blocks: kinds, markers, wrapped lines, the archive notice."""

from __future__ import annotations

import pytest

from clausetag.data.documents.blocks import RawBlock, assemble, looks_like_heading, normalise
from clausetag.data.documents.markdown import looks_like_markdown
from clausetag.data.documents.plain import plain_blocks
from clausetag.data.documents.sniff import extract_html, extract_text
from clausetag.data.documents.structure.markers import strip_markers
from clausetag.data.segment import segment


def _blocks(text: str) -> list[tuple[str, str]]:
    document = extract_text("p", text)
    return [(document.text[block.start : block.end], block.kind) for block in document.blocks]


def test_plain_lines_are_blocks_of_their_kind() -> None:
    text = "Security\nWe keep data safe.\n\nWe collect:\n• your name;\n(b) your address.\nWe share nothing."
    assert _blocks(text) == [
        ("Security", "heading"),
        ("We keep data safe.", "paragraph"),
        ("We collect:", "paragraph"),
        ("your name;", "list_item"),
        ("your address.", "list_item"),
        ("We share nothing.", "paragraph"),
    ]


def test_hard_wrapped_lines_are_joined_to_paragraphs() -> None:
    text = (
        "We collect the information that you give us when you sign up,\n"
        "when you write to us, when you pay, and when you visit one of\n"
        "our sites with a browser that accepts cookies from all of its\n"
        "visited pages.\n"
        "\n"
        "We sell none of it to anybody, and we ask those who work with\n"
        "us to sell none of it.\n"
    )
    bodies = [block.text for block in plain_blocks(text)]
    assert len(bodies) == 2
    assert bodies[0].startswith("We collect")
    assert bodies[0].endswith("visited pages.")


def test_markdown_links_become_text_and_markers_vanish() -> None:
    text = (
        "# Policy\n\nSee [our site](https://example.com) and **this**.\n\n- one thing\n- another\n\n"
        "| a | b |\n|---|---|\n| c | d |\n"
    )
    assert _blocks(text) == [
        ("Policy", "heading"),
        ("See our site and this.", "paragraph"),
        ("one thing", "list_item"),
        ("another", "list_item"),
        ("a | b", "table_row"),
        ("c | d", "table_row"),
    ]


def test_markdown_reads_html_in_it() -> None:
    assert ("We sell nothing.", "paragraph") in _blocks("# Policy\n\n<div><p>We sell nothing.</p></div>\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Heading\ntext", True),
        ("see [this](https://example.com)", True),
        ("Title\n=====\n", True),
        ("#1 in sales", False),
        ("[1] is a footnote (see below)", False),
        ("[" * 100_000, False),
    ],
)
def test_looks_like_markdown(text: str, expected: bool) -> None:
    assert looks_like_markdown(text) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("• We collect", ("We collect", True)),
        ("(a) 2. We collect", ("We collect", True)),
        ("3.1 Cookies", ("Cookies", True)),
        ("A policy", ("A policy", False)),
        ("-", ("-", False)),
        ("- " * 20_000 + "end", ("end", True)),
    ],
)
def test_strip_markers(line: str, expected: tuple[str, bool]) -> None:
    assert strip_markers(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Use of Cookies", True),
        ("What do we collect?", True),
        ("We sell nothing.", False),
        ("write to us@example.com", False),
        ("lower case start", False),
        ("Letters that you send to us; and", False),
        ("Telephone number: +49 (30) 555 01 99", False),
        ("Tel.:(030)5550199", False),
        ("Section 2: Cookies", True),
    ],
)
def test_looks_like_heading(line: str, expected: bool) -> None:
    assert looks_like_heading(line) is expected


def test_assemble_covers_the_text_and_sets_the_archive_notice_aside() -> None:
    notice = (
        "The following text is extracted and transformed from the example.com privacy policy that was archived on "
        "2016-01-02. Please check the original snapshot."
    )
    document = assemble(
        "p", [RawBlock(notice), RawBlock("Security", "heading"), RawBlock("We keep  it."), RawBlock(" ")]
    )
    assert document.notice == notice
    assert document.text == "Security\n\nWe keep it."
    assert [document.text[block.start : block.end] for block in document.blocks] == ["Security", "We keep it."]


def test_a_soft_hyphen_parts_no_word() -> None:
    assert normalise("third-party co\u00adokies \u00ad and\u00a0more") == "third-party cookies and more"


def test_a_sentence_that_is_broken_into_lines_is_joined() -> None:
    broken = "When you register we collect your name and\nyour e-mail address, and we share them with\nour partner.\n"
    assert _blocks(broken) == [(broken.strip().replace("\n", " "), "paragraph")]


@pytest.mark.parametrize(
    "broken",
    [
        "We never sell your\n  data to third\n  parties, and\n  never will.\n",
        "It goes on to our partner and\nDHL.\n",
        "We hand your\r\nname to nobody.",
    ],
)
def test_short_lines_are_joined_behind_a_word_that_ends_none(broken: str) -> None:
    assert _blocks(broken) == [(" ".join(broken.split()), "paragraph")]


@pytest.mark.parametrize(
    "text",
    [
        "Whom we share it with\nWe tell the bank.\n",
        "Your name; and\nYour address.\n",
        "Our banks, or\nOur couriers.\n",
        "the name that you give us when you register\nthe address that you give us when you buy\n",
        "We ask for your name and for all of this:\nyour address\n",
        "We ask you for this\nor nothing at all\n",
        "When you register we collect your name and\n\nyour e-mail address\n",
        "When you register we collect your name and\n- your e-mail address\n",
    ],
)
def test_lines_that_stay_apart(text: str) -> None:
    assert len(_blocks(text)) == 2


_SET = """\
Whenever you buy from us we ask for the name and the address of the person who is to receive the goods that you bought,
whom we tell so. We hand them to the couriers that work for us in your country and to the bank that you choose, Example
Bank or another one, which gets to know what you pay.
We keep what you write to us for as long as we need to answer it and for as long as the law of your country requires
that we keep it. Nobody else reads it.
A line that was not broken can stand among the others, however long it is: it has its own place, and none of it is cut \
off at the width of the others, so it goes on.
Our staff can see your orders when they answer your questions. They see neither how you paid nor what else you ever
bought.
We send you a letter when we change this policy in a way that matters for you, and we ask you again before we use your
data for something new.
"""


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (_SET, "the goods that you bought, whom we tell so."),
        (_SET, "that you choose, Example Bank or another one"),
        (_SET.replace(" ", "  ").replace("\n", " \n  "), "country requires that we"),
        (_SET.upper(), None),
        (_SET.lower(), None),
        ("\n".join(line + ";" for line in _SET.splitlines()), None),
        ("\n".join(f"- {line}" for line in _SET.splitlines()), None),
    ],
)
def test_sentences_that_were_broken_at_a_width_are_whole(text: str, whole: str | None) -> None:
    found = [body for body, _ in _blocks(text)]
    if whole is None:
        assert len(found) == len(text.splitlines())
    else:
        assert sum(whole in body for body in found) == 1
        assert "A line that" in [body[:11] for body in found]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"your address, the address of those who receive {'what you buy, ' * 4}and any other name; and", "how many"),
        ("https://www.example.com/" + "privacy-policy-of-our-partners/" * 3, "https://example.org/privacy"),
        (f"what you tell us {'when you write or when you call, ' * 3}and the rest", "The others"),
        (f"example | a cookie of ours, {'which knows you again, ' * 3}as our server does | 2", "other | 2"),
    ],
)
def test_lines_of_lists_stay_apart_in_a_text_that_was_set_at_a_width(first: str, second: str) -> None:
    assert [body for body, _ in _blocks(f"{_SET}\n{first}\n{second} of them.")][-2:] == [first, f"{second} of them."]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("We collect:\nyour name\nyour address.\nhow you pay\nWe sell nothing.", 3),
        ("We collect:\n\nYour name;\n\nYour address; and\n\nYour age\n\nWe sell nothing.", 3),
        ("We ask banks, who tell us:\nWhat you owe,\nwhat you own, or\nWhat you earn.\nWe sell nothing.", 3),
        ("<p>We collect:</p><p>your name</p><p>your address.</p><p>We sell nothing.</p>", 2),
        ("# Data\n\nWe collect:\n\nyour name\n\nyour address\n\nWe sell nothing.", 2),
        ("we collect:\nwhat you tell us\nsecurity\nwe keep it safe.", 1),
        ("We collect much.\nyour name\nyour address", 0),
    ],
)
def test_lines_below_a_colon_that_begin_small_or_end_in_a_semicolon_are_items(text: str, items: int) -> None:
    document = extract_html("p", text) if text.startswith("<") else extract_text("p", text)
    assert [block.kind for block in document.blocks].count("list_item") == items
    sentences = segment(document)
    assert sum(sentence.lead_in is not None for sentence in sentences) == items


@pytest.mark.parametrize("inside", ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u202a"])
def test_characters_without_width_stand_within_words(inside: str) -> None:
    assert normalise(f"{inside}per{inside}sonal{inside} data ") == "personal data"
    document = extract_text("p", f"{inside}We collect per{inside}sonal data{inside}.\n\nWe {inside} keep it.")
    assert document.text == "We collect personal data.\n\nWe keep it."

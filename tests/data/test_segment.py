"""Sentences: exact offsets, order, headings; properties over arbitrary text, Markdown and HTML."""

from __future__ import annotations

import re
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clausetag.data.documents.blocks import RawBlock, assemble
from clausetag.data.documents.markdown import looks_like_markdown
from clausetag.data.documents.sniff import extract_html, extract_text
from clausetag.data.records import Document
from clausetag.data.segment import segment, sentence_spans

_PIECES = st.sampled_from(
    [
        "We collect data. ",
        "Who sees it? ",
        "e.g. U.S. Inc. ",
        "\n",
        "\n\n",
        "• ",
        "# ",
        "- ",
        "1. ",
        "| ",
        "|---|\n",
        "[a](/b) ",
        "<p>",
        "</p>",
        "<li>",
        "<td>",
        "<h1>",
        "<br>",
        "<b>",
        "</b>",
        "<nav>",
        "<!--",
        "-->",
        "<pre>",
        "&amp;",
        "\u200b",
        "\x00",
        "```\n",
        "> ",
        "**",
        "_",
        "©",
        "“Yes.” ",
        "…",
        "\ud800",
        "\u2028",
        "Security\n",
        "    ",
        "\\# ",
    ]
)
_TEXTS = st.one_of(st.text(max_size=300), st.lists(_PIECES | st.text(max_size=8), max_size=60).map("".join))


def _check(document: Document) -> None:
    end = 0
    for index, sentence in enumerate(segment(document)):
        assert sentence.index == index
        assert sentence.start is not None
        assert sentence.end is not None
        assert sentence.passage is not None
        assert sentence.text == document.text[sentence.start : sentence.end]
        assert sentence.text == sentence.text.strip()
        assert re.search(r"\w", sentence.text)
        assert end <= sentence.start < sentence.end
        block = document.blocks[sentence.passage]
        assert block.start <= sentence.start
        assert sentence.end <= block.end
        end = sentence.end
    document.text.encode("utf-8")  # no lone surrogate is left


@settings(max_examples=150, deadline=None, derandomize=True)
@given(_TEXTS)
@example("We sell nothing.\x00\ud800 We keep it.")
@example("(" * 200 + "We sell. " * 50)
def test_every_sentence_is_a_slice_of_the_text(text: str) -> None:
    for markdown in (None, True, False):
        _check(extract_text("p", text, markdown))
    _check(extract_html("p", text))


@settings(max_examples=75, deadline=None, derandomize=True)
@given(_TEXTS)
def test_the_same_text_gives_the_same_sentences(text: str) -> None:
    assert segment(extract_text("p", text)) == segment(extract_text("p", text))
    assert segment(extract_html("p", text)) == segment(extract_html("p", text))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(_TEXTS)
@example("0. •")
def test_extracting_an_extracted_text_changes_nothing(text: str) -> None:
    once = extract_text("p", text)
    # What Markdown escapes (a line "\# x") may look like Markdown afterwards, and a second notice may come to the top.
    if looks_like_markdown(text) or looks_like_markdown(once.text) or once.notice:
        return
    assert extract_text("p", once.text).text == once.text


@pytest.mark.parametrize(
    "text",
    [
        "We work with e.g. Acme Inc. and others. You may object.",
        "See http://www.example.com/a.b for details. You may object.",
        "Is it safe? You may object.",
    ],
)
def test_boundaries(text: str) -> None:
    spans = sentence_spans(text)
    assert len(spans) == 2
    assert text[slice(*spans[1])] == "You may object."


def test_pieces_without_a_letter_join_their_neighbour() -> None:
    assert sentence_spans("…") == []
    text = "We sell nothing. ***"
    assert [text[start:end] for start, end in sentence_spans(text)] == [text]


def test_headings_passages_and_flags_reach_the_sentences() -> None:
    document = assemble(
        "p",
        [
            RawBlock("Intro."),
            RawBlock("Security", "heading"),
            RawBlock("It is safe. Really."),
            RawBlock("End", "heading"),
        ],
        flags=("not_english",),
    )
    sentences = segment(document)
    assert [(s.passage, s.heading) for s in sentences] == [
        (0, None),
        (1, None),
        (2, "Security"),
        (2, "Security"),
        (3, None),
    ]
    assert all(sentence.flags == ("not_english",) for sentence in sentences)


def test_a_long_block_is_cut_at_white_space_and_nothing_is_lost() -> None:
    text = "word " * 9_000
    spans = sentence_spans(text)
    assert "".join(text[start:end] for start, end in spans).count("word") == 9_000
    assert all(text[start - 1] == " " for start, _ in spans[1:])


def test_a_long_heading_is_truncated() -> None:
    heading = "word " * 70 + "end"
    document = assemble("p", [RawBlock(heading, "heading"), RawBlock("We ask.")])
    assert segment(document)[-1].heading == heading[:300]


def test_a_block_without_boundary_is_split_at_a_space_only_where_it_is_very_long() -> None:
    word = "abcdefghi "
    assert sentence_spans(word * 1999) == [(0, 19_989)]
    first, second = sentence_spans(word * 2001)
    assert first[1] <= 20_000 and second[0] == first[1] + 1


def test_list_items_have_the_sentence_that_they_complete() -> None:
    item = partial(RawBlock, kind="list_item")
    document = assemble(
        "p",
        [
            item("Alone."),
            RawBlock("We do much. We collect:"),
            item("your name; and", level=1),
            item("how you pay:", level=1),
            item("card", level=2),
            item("your bank account. Both are safe.", level=2),
            item("your age.", level=1),
            RawBlock("It is safe."),
            item("Really."),
            RawBlock("We use the following tools."),
            item("A tool."),
            RawBlock("You may:", "heading"),
            item("ask."),
            RawBlock("Contact us", "heading"),
            item("by e-mail"),
            RawBlock("2 years", "table_cell", lead_in="Period"),
        ],
    )
    assert [(s.text, s.lead_in) for s in segment(document) if s.lead_in] == [
        ("your name; and", "We collect:"),
        ("how you pay:", "We collect:"),
        ("card", "how you pay:"),
        ("your bank account.", "how you pay:"),
        ("your age.", "We collect:"),
        ("A tool.", "We use the following tools."),
        ("ask.", "You may:"),
        ("2 years", "Period"),
    ]


@pytest.mark.parametrize(
    ("above", "asks"),
    [
        ("We have the following reasons.", True),
        ("We delete it as follows.", True),
        ("The partners that we share it with are listed below.", True),
        ("Below is a list of them.", True),
        ("We do it for these reasons", True),
        ("You can object by following the link.", False),
        ("We do so following your request.", False),
        ("We show ads, including those of others, and use tools such as Example.", False),
        ("Use one of the following links: Chrome, Firefox.", False),
        ("We ask for data (as defined below).", False),
        ("See the section on cookies below.", False),
        ("These terms bind you.", False),
    ],
)
def test_a_sentence_with_a_full_stop_asks_for_a_list_only_in_clear_words(above: str, asks: bool) -> None:
    document = assemble("p", [RawBlock(above), RawBlock("We need it.", "list_item")])
    assert segment(document)[-1].lead_in == (above if asks else None)


def test_what_stands_outside_of_a_list_does_not_complete_its_sentence() -> None:
    item = partial(RawBlock, kind="list_item")
    lead_in = "We use it to:"
    inner = [item("know you.", level=1), item("learn more.", level=2), item("ask you.", level=1)]
    document = assemble("p", [RawBlock(lead_in), *inner, item("4. Security is good."), item("5. So is rest.")])
    assert [sentence.lead_in for sentence in segment(document)] == [None, *[lead_in] * 3, None, None]
    row = RawBlock("Analytics | 2 years", "table_row", lead_in="Cookie | Period")
    assert segment(assemble("p", [row, item("5. Security"), item("6. Changes")]))[-1].lead_in is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "We use:\n\n(a) one;\n(b) two, which has:\n(i) cats\n(ii) dogs\n(c) three.",
            ["We use:"] * 2 + ["two, which has:"] * 2 + ["We use:"],
        ),
        ("1. First.\n\nWe use:\n\n(a) one;\n(b) two.\n\n2. Second.\n3. Third.", ["We use:"] * 2),
        (
            "I. First.\n\nWe use:\n\n1. one;\n2. two.\n\nII. Then:\n\n(a) three.\n\nIII. Last.",
            ["We use:"] * 2 + ["Then:"],
        ),
        ("We use:\n\n• one\n• two\n\nG. Next.\nH. Last.", ["We use:"] * 2),
        ("These terms of ours are about the data of all visitors.\n\n1. One.\n2. Two.", []),
    ],
)
def test_the_marks_of_items_tell_which_list_they_are_in(text: str, expected: list[str]) -> None:
    assert [sentence.lead_in for sentence in segment(extract_text("p", text)) if sentence.lead_in] == expected

"""Markdown: front matter, struck-out text, and what MDX adds."""

from __future__ import annotations

import pytest

from clausetag.data.documents.sniff import document_from_bytes, extract_text
from clausetag.data.segment import segment


def _texts(text: str, suffix: str = ".md") -> list[str]:
    return document_from_bytes("p", text.encode(), suffix).text.split("\n\n")


@pytest.mark.parametrize("suffix", [".md", ".txt", ""])
@pytest.mark.parametrize(
    "front",
    [
        "---\ntitle: Privacy Policy\npermalink: /privacy/\n---",
        "\ufeff---\n# ours\nlayout: page\ntitle:  'Privacy Policy'\ntags:\n  - law\n- more\nmenu: {a: 1}\n\n---  ",
        '---\r\ntitle: "Privacy Policy"\r\ndescription: >\r\n  Long, and\r\n  longer.\r\n...\r\n',
        '+++\ntitle = "Privacy Policy"\ndate = 2024-01-02\n[menu]\nname = "a"\n+++',
    ],
)
def test_front_matter_is_left_out_but_for_its_title(front: str, suffix: str) -> None:
    assert _texts(f"{front}\n\nWe sell *nothing*.", suffix) == ["Privacy Policy", "We sell nothing."]
    assert _texts(f"{front}\n\n# Our Privacy\n\nWe sell *nothing*.", suffix) == ["Our Privacy", "We sell nothing."]


@pytest.mark.parametrize(
    "text",
    [
        "---\nEffective date: 1 May 2024\n---\nWe sell nothing.",
        "---\nWe sell nothing.\n---\nWe keep nothing.",
        "---\nlayout: page\nWe sell nothing.",
        "---\n---\nWe sell nothing.",
        "----\nlayout: page\n----\nWe sell nothing.",
    ],
)
def test_text_between_rules_is_no_front_matter(text: str) -> None:
    words = [word for word in text.replace("-", " ").split() if word.isalpha()]
    found = extract_text("p", text, markdown=True).text
    assert all(word in found for word in words)


@pytest.mark.parametrize("struck", ["~~five~~", "<del>five</del>", "<s>five</s>", "<DEL datetime='x'>*five*</DEL>"])
def test_struck_out_text_is_left_out(struck: str) -> None:
    assert _texts(f"We keep data for {struck} **seven** years.") == ["We keep data for seven years."]


def test_a_tag_that_is_not_closed_strikes_nothing_out() -> None:
    assert _texts("We keep <del>data for seven years.") == ["We keep data for seven years."]
    assert _texts("We keep</del> data ~~for ~~seven years.")[0].startswith("We keep data")
    assert _texts("We <s>keep</s> <s>your data.") == ["We your data."]


def test_modules_of_mdx_are_left_out() -> None:
    modules = "import Layout from '../layout'\n\nexport const meta = {a: 1}\n\n"
    text = "We export data, and import some from you."
    assert _texts(f"{modules}# Privacy\n\n{text}", ".mdx") == ["Privacy", text]
    page = "<!doctype html><html><body><h1>Privacy</h1><p>We sell nothing.</p></body></html>"
    assert _texts(page, ".mdx") == ["Privacy", "We sell nothing."]


def test_links_that_touch_are_apart() -> None:
    assert _texts("[Example](#a)[Alumni](#b) are [two](#c) [tabs](#d).") == ["Example Alumni are two tabs."]


def test_sentences_that_hard_breaks_cut_at_a_width_are_whole_and_lines_of_an_address_stay() -> None:
    wrapped = (
        "BY USING THE SERVICE THAT IS CALLED “EXAMPLE”, YOU AGREE TO  \n"
        "THE TERMS OF THIS NOTICE. It is an agreement between you and  \n"
        "the company, and governs how we collect your address where you  \n"
        "have entered into no other agreement.\n"
    )
    address = "Example Holdings of the North Sea Limited  \n12 Example Street, the old house  \nLondon\n"
    document = extract_text("p", f"# Notice\n\n{wrapped}\n{address}", markdown=True)
    texts = [document.text[block.start : block.end] for block in document.blocks]
    joined = " ".join(line.strip() for line in wrapped.splitlines())
    assert texts == ["Notice", joined, *(line.strip() for line in address.splitlines())]


TABLE = """\
WHAT WE USE
Cookies last for a while
1\\. They expire.

| Cookie | Purpose |
| --- | --- |
| \\_pk\\_id | Tells users apart. |
| ### _ga | Counts **visits**. |

{bold}
"""


def test_a_table_in_plain_text_is_read_and_lines_stay_lines() -> None:
    document = extract_text("p", TABLE.format(bold="**One.** Two."))
    assert [(sentence.text, sentence.lead_in, sentence.heading) for sentence in segment(document)] == [
        ("WHAT WE USE", None, None),
        ("Cookies last for a while", None, None),
        ("1. They expire.", None, "Cookies last for a while"),
        ("Cookie | Purpose", None, "Cookies last for a while"),
        ("_pk_id | Tells users apart.", "Cookie | Purpose", "Cookies last for a while"),
        ("_ga | Counts visits.", "Cookie | Purpose", "Cookies last for a while"),
        ("**One.**", None, "Cookies last for a while"),
        ("Two.", None, "Cookies last for a while"),
    ]


def test_marks_of_bold_type_in_plain_text_go_if_they_are_several() -> None:
    bold = "**One** thing.\n**Two** things.\n**3.****4** **More** things. 5 ** 6 is no bold type."
    text = extract_text("p", bold).text
    assert text == "One thing.\n\nTwo things.\n\nMore things. 5 ** 6 is no bold type."
    assert "**" in extract_text("p", "**Fields** with ** are **needed**.").text

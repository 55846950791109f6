"""The fact sheet on the page of a policy."""

from __future__ import annotations

import re
from dataclasses import replace

from clausetag.data.labels import CHOICE
from clausetag.data.records import Block, Document, Link, Sentence
from clausetag.predict.facts.build import fact_sheet
from clausetag.predict.pages.facts import render_facts
from clausetag.predict.pages.policy import render_policy
from clausetag.predict.pages.summary import summarise
from tests.predict.facts.policy import ADS, CONTACT, DOES, DOES_NOT, LOCATION, PARTNERS, ours, stated, theirs


def shown(*sentences: Sentence, headings: tuple[int, ...] = ()) -> str:
    sheet = fact_sheet("shop", sentences)
    assert sheet is not None
    return str(render_facts(sheet, sentences, "s", headings))


def listing(page: str, title: str) -> str:
    found = re.search(rf"<h4>{title}</h4>(.*?)</div>", page, re.DOTALL)
    assert found
    return found[1]


def matrices(page: str) -> list[str]:
    return re.findall(r"<table.*?</table>", page, re.DOTALL)


def test_a_cell_leads_to_its_sentences() -> None:
    page = shown(ours(2, "We use it.", DOES, LOCATION, ADS), ours(7, "We use it too.", DOES, LOCATION, ADS))
    (cell,) = re.findall(r"<td>(<a.*?</a>)</td>", page)
    assert 'href="#s2"' in cell and 'data-s="s2 s7 "' in cell and ">2</a>" in cell and "sentences 2, 7" in cell


def test_denials_are_in_no_table_and_not_among_what_is_not_found() -> None:
    page = shown(theirs(0, "We never sell your place for ads.", DOES_NOT, LOCATION, ADS, PARTNERS))
    assert not any("<td>" in table for table in matrices(page))
    denied = listing(page, "Says it does not")
    assert "<b>Third parties</b>" in denied and "We never sell your place for ads." in denied
    third = page.partition("What third parties get or collect</caption>")[2].partition("listings")[0]
    missing = re.search(r'<p class="none">(.*?)</p>', third, re.DOTALL)
    assert missing and "Location" not in missing[1] and "Advertising" not in missing[1] and "Health" in missing[1]
    assert "Unnamed third party" not in listing(page, "Recipients")


def test_both_and_mentions_have_signs() -> None:
    page = shown(ours(0, "We keep this, not that.", DOES, DOES_NOT, LOCATION), ours(1, "Your address", CONTACT))
    assert ">±1</a>" in page and ">?1</a>" in page
    assert "We keep this, not that." in listing(page, "Says both, or it is not sure which")
    assert "Not found" in listing(page, "Says it does not")


def test_a_choice_has_its_address_and_a_heading_is_quoted_last() -> None:
    link = Link(9, 13, "https://shop.example/out?a=1&b=2")
    value = ("Choice Type", "Opt-out link")
    sentences = (
        replace(stated(0, "Opt-out", CHOICE, value), passage=0),
        replace(stated(1, "You opt: here.", CHOICE, value, links=(link,)), passage=1),
        replace(stated(2, "You can choose.", CHOICE), passage=1),
    )
    found = listing(shown(*sentences, headings=(0,)), "Choices")
    assert "<q>You opt: here.</q>" in found and 'href="#s1" data-s="s1 s0 "' in found
    assert 'href="https://shop.example/out?a=1&amp;b=2"' in found
    assert 'Other sentences on this: <a href="#s2">2</a>' in found
    assert "Opt-in" in found.partition("Not found:")[2]


def test_a_long_list_is_cut_and_its_rest_are_numbers() -> None:
    page = shown(*(ours(n, f"We never do {n}.", DOES_NOT) for n in range(9)))
    denied = listing(page, "Says it does not")
    assert denied.count("<q>") == 5 and '<a href="#s8">8</a>' in denied


def test_every_link_of_the_page_has_its_sentence_and_markup_is_text() -> None:
    text = "We use <b>your place</b>. We use it for ads."
    document = Document("shop", text, (Block(0, len(text)),))
    sentences = [
        replace(ours(0, text[:25], DOES, LOCATION), start=0, end=25),
        replace(ours(1, text[26:], DOES, LOCATION, ADS), start=26, end=len(text)),
    ]
    page = "".join(render_policy(document, sentences, summarise(document, sentences)))
    assert 'class="facts"' in page and "<b>your" not in page
    ids = set(re.findall(r'id="(\w+)"', page))
    assert {"s0", "s1"} <= set(re.findall(r'href="#(\w+)"', page)) and set(re.findall(r'href="#(\w+)"', page)) <= ids


def test_without_attributes_the_page_has_no_fact_sheet() -> None:
    document = Document("shop", "We keep it.", (Block(0, 11),))
    bare = Sentence("shop", 0, "We keep it.", start=0, end=11, labels=(CHOICE,))
    assert 'class="facts"' not in "".join(render_policy(document, [bare], summarise(document, [bare])))

"""The fact sheet on the page at `/`: the same as on the pages of `predict`, and each number leads to its sentences."""

from __future__ import annotations

from typing import Any

import pytest

from clausetag.data.documents.sniff import extract_text
from clausetag.predict.facts.build import fact_sheet
from clausetag.predict.pages.facts import drawn_row, render_facts
from clausetag.predict.pages.rendering import stylesheet
from tests.predict.facts.policy import ADS, CONTACT, DOES, DOES_NOT, LOCATION, PARTNERS, ours, theirs
from tests.serving.page import TEXT, read
from tests.serving.page_stub import answer

pytestmark = pytest.mark.slow
WORDS = "(selector) => document.querySelector(selector).textContent.replace(/\\s+/g, '')"


def test_it_is_the_sheet_of_the_other_pages(page: Any, open_page: Any) -> None:
    sentences = [
        ours(0, "We use your place & address for ads.", DOES, CONTACT, LOCATION, ADS),
        ours(1, "We keep <b>no</b> place.", DOES_NOT, LOCATION),
        ours(2, "We do not keep your place, but your address.", DOES, DOES_NOT, CONTACT, LOCATION),
        theirs(3, "Partners", PARTNERS),
    ]
    sheet = fact_sheet("shop", sentences)
    assert sheet is not None
    given = answer(extract_text("document", "We keep it.")) | {"facts": drawn_row(sheet, sentences)}
    page.route("**/predict?facts=page", lambda route: route.fulfill(json=given))
    read(page)
    ours_words = page.evaluate(WORDS, ".facts").replace("Thesheetismadebythemodel'sownthresholds.", "")
    page.unroute("**/predict?facts=page")
    other = page.context.new_page()
    other.set_content(f"<style>{stylesheet('policy')}</style>{render_facts(sheet, sentences, 's')}")
    assert ours_words == other.evaluate(WORDS, ".facts")
    other.close()


def test_a_number_leads_to_its_sentences(page: Any) -> None:
    read(page)
    assert page.evaluate("document.querySelector('.facts').open") is False
    page.click(".facts summary")
    cell = page.locator(".matrix tbody tr", has_text="Contact").locator("a").first
    assert cell.inner_text() == "?2"
    cell.click()
    assert page.inner_text("#hits") == "2 of 8 sentences"
    focused = "document.activeElement.textContent"
    assert page.evaluate(focused).startswith("We collect your name.")
    page.keyboard.press("j")
    assert page.evaluate(focused).startswith("We collect and share your address")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.querySelector('.matrix tbody a')")
    page.click("#clear")
    assert page.inner_text("#hits") == "" and page.locator(".s.dim").count() == 0
    page.locator(".listings li", has_text="Named third party").locator("a").first.click()
    assert page.evaluate(focused).startswith("We collect and share your address")


def test_thresholds_of_ones_own_change_no_sheet_and_it_says_so(page: Any) -> None:
    read(page)
    page.click(".facts summary")
    assert page.is_hidden("#facts-own")
    page.evaluate("document.querySelector('#tune').open = true")
    page.fill("#offset", "20")
    page.wait_for_selector("#facts-own", state="visible")
    page.click("#reset")
    page.wait_for_selector("#facts-own", state="hidden")


def test_without_facts_there_is_no_sheet(page: Any) -> None:
    given = answer(extract_text("document", TEXT))
    page.route("**/predict?facts=page", lambda route: route.fulfill(json={**given, "facts": None}))
    read(page)
    assert page.locator(".facts").count() == 0
    page.unroute("**/predict?facts=page")


def test_on_paper_it_is_open(page: Any) -> None:
    read(page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.querySelector('.facts').open") is True

"""What the page at `/` shows of a policy, in a real browser, against a stub whose answers are known."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clausetag.data.attributes import BY_NAME
from clausetag.data.documents.sniff import extract_text
from clausetag.data.labels import FIRST_PARTY, LABELS, RETENTION, SECURITY, practice_labels
from clausetag.data.palette import CODES, palette
from clausetag.data.records import sentence_from_row
from clausetag.predict.pages.summary import summarise
from clausetag.predict.writers.rows import csv_columns
from tests.serving.page import TEXT, at, drop, legend, read, spans, until, words
from tests.serving.page_stub import crowd, read_asset

EVIL = "We collect <img src=x onerror=\"document.title='broken'\"> and <script>document.title='broken'</script> names."


def test_codes_and_colours_are_those_of_the_other_pages() -> None:
    script = read_asset("/page.js")
    about = re.findall(r'^    "([^"]+)": \["([^"]+)", "[^"]+",\s+("[^"]+"|null)\]', script, re.MULTILINE)
    assert [(label, code) for label, code, _ in about] == [(label, CODES[label]) for label in LABELS]
    assert [label for label, _, lack in about if lack != "null"] == list(practice_labels())
    block = script.split("const ATTRIBUTES = {")[1].split("};")[0]
    assert {name: set(codes.split()) for name, codes in re.findall(r'"([^"]+)": "([^"]+)"', block)} == {
        name: {CODES[label] for label in attribute.categories} for name, attribute in BY_NAME.items()
    }
    style = read_asset("/page.css")
    assert all(palette().hue_rules(label) in style for label in LABELS)


@pytest.mark.slow
def test_every_sentence_stands_in_its_place_with_its_categories(page: Any) -> None:
    read(page)
    assert spans(page) == [
        ["Our Policy", "Gen"],
        ["We collect your name.", "1st"],
        ["We collect and share your address \U0001f4ec with partners.", "1st", "3rd"],
        ["It rains.", "Gen"],
        ["Your choices", "Gen"],
        ["You may opt out.", "Opt"],
        ["We delete nothing.", "Acc"],
        ["-cmd: we encrypt \"it\", 'all'.", "Sec"],
    ]
    assert words(page) == TEXT.split()
    assert page.eval_on_selector_all("#text > *", "all => all.map((n) => n.tagName)") == ["H3", "P", "H3", "P", "P"]
    assert legend(page)["1st"] == "2" and legend(page)["Ret"] == "0" and legend(page)["Gen"] == "3"
    amount = summarise(extract_text("", TEXT), []).words
    assert page.text_content("#extent").startswith(f"8 sentences, {amount} words, 1 minute to read.")
    assert page.evaluate("document.activeElement.id") == "name"


@pytest.mark.slow
def test_what_is_not_mentioned_is_said_in_words_with_the_likeliest_sentence(page: Any) -> None:
    read(page)
    missing = page.inner_text("#missing")
    assert "how long your data is kept (no retention period)" in missing
    assert "how your data is protected" not in missing
    read_again = "We collect names. It rains."
    page.click("#another")
    read(page, read_again)
    assert "how your data is protected (no security measures)" in page.inner_text("#missing")
    page.locator("#missing li", has_text="no security").get_by_role("button").click()
    assert at(page) == "We collect names."


@pytest.mark.slow
def test_a_policy_cannot_bring_markup(page: Any) -> None:
    read(page, f"{EVIL}\n\n{EVIL}")
    page.hover(".s >> nth=0")
    assert page.title() == "What does this privacy policy say?"
    assert page.locator("main img, #details img, main script").count() == 0
    assert "<script>document.title" in page.inner_text("#text")


@pytest.mark.slow
def test_filters_find_and_hide(page: Any) -> None:
    read(page)
    page.click(".chip:has-text('First Party')")
    assert page.text_content("#hits") == "2 of 8 sentences"
    assert page.locator(".s:not(.dim)").count() == 2
    # Of its two categories, the one asked for gives the colour, whichever scores higher.
    page.click(".chip:has-text('First Party')")
    page.click(".chip:has-text('Third Party')")
    assert page.get_attribute(".s:has-text('share')", "class") == "s l1"
    page.click(".chip:has-text('Security')")
    page.check("#only")
    assert page.locator(".s:visible").all_text_contents() == [
        "We collect and share your address \U0001f4ec with partners.1st3rd",
        "-cmd: we encrypt \"it\", 'all'.Sec",
    ]
    page.fill("#find", "ENCRYPT")
    assert page.locator(".s:visible").count() == 1
    page.click("#clear")
    assert page.locator(".s:visible").count() == 8
    assert page.locator(".chip[aria-pressed=true]").count() == 0


@pytest.mark.slow
def test_from_the_legend_and_the_summary_to_the_sentences(page: Any) -> None:
    read(page)
    first, second = "We collect your name.", "We collect and share your address \U0001f4ec with partners."
    onwards = page.get_by_role("button", name="Next: First Party Collection/Use")
    visited = []
    for _ in range(3):
        onwards.click()
        visited.append(at(page))
    assert visited == [first, second, first]
    assert page.text_content("#hits") == f"{FIRST_PARTY}: 1 of 2 sentences"
    page.get_by_role("button", name="Previous: First Party Collection/Use").click()
    assert at(page) == second
    page.click("#practices button:has-text('encrypt')")
    assert at(page).startswith("-cmd")
    assert page.locator(".s:focus").evaluate("node => node.getBoundingClientRect().top") > 0
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent").startswith("-cmd")
    assert at(page) == ""


@pytest.mark.slow
def test_scores_on_hover_and_by_keyboard(page: Any) -> None:
    read(page)
    page.hover(".s:has-text('share')")
    rows = page.locator("#details .scores li")
    assert rows.count() == len(LABELS)
    assert rows.nth(0).inner_text().split("\n") == ["1st", FIRST_PARTY, "90\u00a0%"]
    assert page.locator("#details .has").count() == 2
    assert "Personal Information Type: Contact; Location" in page.inner_text("#details")
    width = page.locator("#details .bar").nth(1).evaluate("bar => bar.firstChild.offsetWidth / bar.offsetWidth")
    assert width == pytest.approx(0.8, abs=0.02)
    page.hover("h1")
    assert rows.count() == 0

    page.focus("#find")
    while at(page) == "":
        page.keyboard.press("Tab")
    assert at(page) == "Our Policy"
    assert "Below its threshold" in page.inner_text("#details")
    page.keyboard.press("j")
    assert at(page) == "We collect your name."
    assert page.text_content("#spoken") == f"{FIRST_PARTY} 90\u00a0%"
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert at(page).startswith("-cmd")
    page.keyboard.press("Shift+Tab")
    assert at(page) == "", "the text is one stop of the Tab key"
    page.keyboard.press("Tab")
    assert at(page).startswith("-cmd")
    assert page.get_by_role("img", name=SECURITY).count() == 1, "a screen reader hears the category, not its code"


@pytest.mark.slow
def test_the_threshold_decides_anew_and_back(page: Any) -> None:
    read(page)
    before = spans(page)
    assert page.is_disabled("#reset")
    slider = page.locator("#offset")
    slider.fill("45")  # 0.85: only what scores 0.9 and 0.95
    until(page, "document.getElementById('reset').disabled === false")
    assert {text: codes for text, *codes in spans(page)}["You may opt out."] == ["Opt"], "the nearest is kept"
    page.uncheck("#least")
    assert [codes for _, *codes in spans(page)] == [[], ["1st"], ["1st"], [], [], [], [], ["Sec"]]
    assert legend(page)["–"] == "5" and legend(page)["Opt"] == "0"
    assert "choices you have" in page.inner_text("#missing")
    slider.fill("-12")  # 0.28: the introduction's 0.3 too
    until(page, "document.querySelectorAll('.s .l9').length === 3")
    assert slider.get_attribute("aria-valuetext") == "12 points below the model's own thresholds"
    slider.focus()
    page.keyboard.press("End")
    until(page, "document.querySelectorAll('.s .b').length === 3")
    page.click("#reset")
    assert spans(page) == before
    assert page.input_value("#offset") == "0" and page.is_checked("#least")


@pytest.mark.slow
def test_downloads(page: Any) -> None:
    drop(page, "Shop =1.txt", TEXT.encode())
    page.wait_for_selector("#result", state="visible")

    def download(label: str) -> tuple[str, bytes]:
        with page.expect_download() as caught:
            page.get_by_role("button", name=label, exact=True).click()
        return caught.value.suggested_filename, Path(caught.value.path()).read_bytes()

    name, text = download("Text")
    assert name == "Shop =1.txt" and text.decode() == extract_text("", TEXT).text
    name, content = download("JSONL")
    assert name == "Shop =1.jsonl" and content[:1] == b"{"
    rows = [json.loads(line) for line in content.decode().splitlines()]
    assert [sentence_from_row(row).policy for row in rows] == ["Shop =1"] * 8
    assert all(text.decode()[row["start"] : row["end"]] == row["text"] for row in rows)
    assert rows[2]["labels"] == [FIRST_PARTY, "Third Party Sharing/Collection"] and rows[2]["scores"][RETENTION] == 0.01
    page.locator("#offset").fill("45")
    page.uncheck("#least")
    row = json.loads(download("JSONL")[1].decode().splitlines()[2])
    assert row["labels"] == [FIRST_PARTY]
    assert row["attributes"] == {"Personal Information Type": ["Contact", "Location"]}, "none without its category"
    assert sentence_from_row(row).labels == (FIRST_PARTY,)
    _, content = download("CSV")
    assert content.startswith(b"policy,"), "no byte-order mark"
    table = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert tuple(table[0]) == csv_columns()
    assert table[7]["text"] == "'-cmd: we encrypt \"it\", 'all'.", "no spreadsheet takes it for a formula"
    assert table[2]["Personal Information Type"] == "Contact; Location" and table[2]["Third Party Entity"] == ""
    assert table[2]["attribute_scores"] == (
        "Personal Information Type: Contact 0.9; Personal Information Type: Location 0.6"
    )
    assert table[2]["labels"] == FIRST_PARTY and table[2]["Third Party Sharing/Collection"] == "0.8"


@pytest.mark.slow
def test_three_thousand_sentences(page: Any) -> None:
    read(page, "crowd")
    assert page.locator(".s").count() == 3000
    assert words(page) == crowd().split()
    page.click(".chip:has-text('Security')")
    assert page.text_content("#hits") == "600 of 3,000 sentences"
    page.click("#previous")
    assert page.locator(".s:focus").get_attribute("data-i") == "2998"
    until(page, "document.querySelector('.s:focus').getBoundingClientRect().top < innerHeight")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone(open_page: Callable[..., Any], address: str, scheme: str) -> None:
    page = open_page(address, viewport={"width": 390, "height": 844}, has_touch=True, color_scheme=scheme)
    read(page, crowd(200))
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide)
    page.locator(".s").nth(60).tap()
    page.wait_for_selector("#details", state="visible")
    assert not page.evaluate(wide)
    assert "90\u00a0%" in page.inner_text("#details")
    page.tap("#close")
    page.wait_for_selector("#details", state="hidden")
    background, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('.s')).color]"
    )
    dark = [sum(map(int, re.findall(r"\d+", colour))) < 384 for colour in (background, ink)]
    assert dark == [scheme == "dark", scheme != "dark"]

"""The page at `/` in a real browser, under the service's content security policy.

Most tests run against a stub whose answers are known; the last ones against the service itself.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clausetag.data import badges
from clausetag.data.extract import extract_text
from clausetag.data.five import document_of
from clausetag.data.labels import FIRST_PARTY, LABELS, RETENTION, SECURITY
from clausetag.data.row_sinks import CSV_COLUMNS
from clausetag.data.schema import sentence_from_row
from clausetag.data.summary import PRACTICES, summarise
from tests.data.pdf_fixture import typeset, write_pdf
from tests.serving.page_stub import MAX_BYTES, PAGE, crowd, stub

TEXT = """Our Policy

We collect your name. We collect and share your address \U0001f4ec with partners. It rains.

Your choices

You may opt out. We delete nothing.

-cmd: we encrypt "it", 'all'.
"""
EVIL = "We collect <img src=x onerror=\"document.title='broken'\"> and <script>document.title='broken'</script> names."


def test_codes_and_colours_are_those_of_the_other_pages() -> None:
    script = (PAGE / "page.js").read_text(encoding="utf-8")
    about = re.findall(r'^    "([^"]+)": \["([^"]+)", "[^"]+",\s+("[^"]+"|null)\]', script, re.MULTILINE)
    assert [(label, code) for label, code, _ in about] == [(label, badges.CODES[label]) for label in LABELS]
    assert [label for label, _, lack in about if lack != "null"] == list(PRACTICES)
    style = (PAGE / "page.css").read_text(encoding="utf-8")
    hues = re.findall(r"^\.l(\d+) \{ --hue: (\d+); --full: (\d+)%; \}", style, re.MULTILINE)
    assert [(int(index), int(hue), int(full)) for index, hue, full in hues] == [
        (index, *badges._HUES[label]) for index, label in enumerate(LABELS)
    ]


def test_nothing_is_parsed_as_markup_inlined_stored_or_loaded_from_elsewhere() -> None:
    files = {name: (PAGE / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function", files["page.js"])
    assert not re.search(
        r"localStorage|sessionStorage|indexedDB|document\.cookie|location\.(hash|search)", files["page.js"]
    )
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>|<script(?! src=\"page\.js\" defer)", files["page.html"])
    assert not any(re.search(r"https?://|//\w+\.\w+|@import|url\(", text) for text in files.values())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("needs playwright: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium, as in Debian's package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with stub() as url:
        yield url


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address; at the end nothing may have failed in the page, and nothing been loaded from elsewhere."""
    contexts: list[Any] = []
    trouble: list[str] = []

    def opened(url: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
        page.on("request", lambda it: None if it.url.startswith((url, "blob:", "data:")) else trouble.append(it.url))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    # Chromium itself logs each answer that is an error, and a server that is gone.
    assert [line for line in trouble if not line.startswith("Failed to load resource")] == []


@pytest.fixture
def page(open_page: Callable[..., Any], address: str) -> Any:
    return open_page(address)


def read(page: Any, text: str = TEXT) -> None:
    page.fill("#paste", text)
    page.click("#read")
    page.wait_for_selector("#result", state="visible")


def until(page: Any, condition: str) -> None:
    """Wait for a condition; playwright's own way to do so needs `eval`, which the page's policy forbids."""
    end = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never came true: {condition}"
        page.wait_for_timeout(20)


def drop(page: Any, name: str, content: bytes, kind: str = "") -> None:
    """Let go of a file over the page."""
    transfer = page.evaluate_handle(
        """([name, bytes, type]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
            return transfer;
        }""",
        [name, list(content), kind],
    )
    page.dispatch_event("body", "dragover", {"dataTransfer": transfer})
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})


def spans(page: Any) -> list[list[str]]:
    """Of each sentence its text and its codes."""
    found: list[list[str]] = page.eval_on_selector_all(
        ".s", "all => all.map((s) => [...s.childNodes].map((node) => node.textContent))"
    )
    return found


def words(page: Any) -> list[str]:
    """The policy's text as it is read, without the codes."""
    text: str = page.evaluate(
        """() => [...document.querySelectorAll("#text > *")].map((block) => {
            const copy = block.cloneNode(true);
            copy.querySelectorAll(".b").forEach((badge) => badge.remove());
            return copy.textContent;
        }).join(" ")"""
    )
    return text.split()


def legend(page: Any) -> dict[str, str]:
    rows = page.eval_on_selector_all(
        ".line:not([hidden]) .chip", "all => all.map((c) => [...c.children].map((n) => n.textContent))"
    )
    return {code: number for code, _, number in rows}


def at(page: Any) -> str:
    """The sentence that has the focus."""
    found: str = page.evaluate("document.activeElement.matches('.s') ? document.activeElement.firstChild.data : ''")
    return found


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
    width = page.locator("#details .bar").nth(1).evaluate("bar => bar.firstChild.offsetWidth / bar.offsetWidth")
    assert width == pytest.approx(0.8, abs=0.02)
    page.hover("h1")
    assert rows.count() == 0

    page.focus("#practices tr:last-child button")
    page.keyboard.press("Tab")
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
    assert json.loads(download("JSONL")[1].decode().splitlines()[2])["labels"] == [FIRST_PARTY]
    _, content = download("CSV")
    assert content.startswith(b"policy,"), "no byte-order mark"
    table = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert tuple(table[0]) == CSV_COLUMNS
    assert table[7]["text"] == "'-cmd: we encrypt \"it\", 'all'.", "no spreadsheet takes it for a formula"
    assert table[2]["labels"] == FIRST_PARTY and table[2]["Third Party Sharing/Collection"] == "0.8"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "line", "again"),
    [
        (400, "The server could not take this. Text: it was told to.", False),
        (413, "Too large for this server. Text: it was told to.", False),
        (415, "This kind of file cannot be read: give PDF, Word (.docx), HTML, Markdown or plain text.", False),
        (422, "The server could not take this. Text: it was told to.", False),
        (429, "The server is busy. Try again in 1 second.", True),
        (503, "The server is starting or stopping. Try again in a moment.", True),
        (504, "The server took too long over this. Try again, or give a shorter text.", True),
        (500, "The server failed over this (request r1). Try again; if it fails again, tell whoever runs it.", True),
    ],
)
def test_each_refusal_is_one_clear_line(page: Any, status: int, line: str, again: bool) -> None:
    page.fill("#paste", f"say {status}")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#failure", state="visible")
    assert page.inner_text("#failure-line") == line
    assert page.is_visible("#retry") is again
    assert page.input_value("#paste") == f"say {status}"
    if again:
        page.locator("#retry:enabled").click()
        page.wait_for_selector("#failure", state="visible")


@pytest.mark.slow
def test_offline_wrong_kind_too_large_and_empty(page: Any) -> None:
    page.click("#read")
    assert page.inner_text("#failure-line") == "There is no text yet: paste a policy, or choose a file."
    drop(page, "picture.png", b"x", "image/png")
    assert page.inner_text("#failure-line").startswith("picture.png: this kind of file cannot be read.")
    drop(page, "long.txt", b"x" * (MAX_BYTES + 1))
    assert page.inner_text("#failure-line") == "long.txt is too large for this server. At most 0.3 MB are taken."
    page.context.set_offline(True)
    page.fill("#paste", TEXT)
    page.click("#read")
    page.wait_for_selector("#retry:enabled")
    assert page.inner_text("#failure-line").startswith("No answer:")
    page.context.set_offline(False)
    page.click("#retry")
    page.wait_for_selector("#result", state="visible")
    assert page.is_hidden("#failure")


@pytest.mark.slow
def test_a_long_request_can_be_cancelled_and_a_new_file_replaces_it(page: Any) -> None:
    held: list[Any] = []
    page.route("**/predict", lambda route: held.append(route) if len(held) < 2 else route.continue_())
    page.fill("#paste", TEXT)
    page.click("#read")
    page.wait_for_selector("#cancel", state="visible")
    assert page.inner_text("#status") == "Reading the text …" and page.is_disabled("#read")
    page.click("#cancel")
    assert page.inner_text("#status") == "Cancelled." and page.is_enabled("#read")
    page.click("#read")
    drop(page, "other.md", b"# Other\n\nWe share *nothing*.\n")
    page.wait_for_selector("#result", state="visible")
    assert page.inner_text("#name") == "other.md"
    assert spans(page)[1] == ["We share nothing.", "3rd"]
    assert page.is_hidden("#cancel") and page.inner_text("#status") == ""


@pytest.mark.slow
def test_a_key_that_the_server_asks_for(page: Any) -> None:
    def guard(route: Any) -> None:
        if route.request.headers.get("authorization") == "Bearer sesame":
            route.continue_()
        else:
            route.fulfill(status=401, json={"error": {"code": "key", "message": "no", "request_id": "r2"}})

    page.route("**/predict", guard)
    page.fill("#paste", TEXT)
    page.click("#read")
    page.wait_for_selector("#key", state="visible")
    assert page.inner_text("#failure-line").startswith("This server asks for a key")
    page.keyboard.type("sesame")
    page.keyboard.press("Enter")
    page.wait_for_selector("#result", state="visible")


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


# ---- the service itself ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of the service with the shipped model, or of the stub where the service cannot run."""
    needed = ("fastapi", "uvicorn", "clausetag.serving.app")
    if any(importlib.util.find_spec(name) is None for name in needed):
        with stub() as url:
            yield url
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "clausetag.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(600):
            assert process.poll() is None, "the service ended"
            try:
                with urllib.request.urlopen(f"{url}readyz", timeout=5):
                    break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.slow
def test_a_policy_is_pasted_filtered_and_hovered(open_page: Callable[..., Any], service: str) -> None:
    document = document_of("004_vtiger")
    page = open_page(service)
    read(page, document.text)
    assert words(page) == document.text.split()
    total = page.locator(".s").count()
    assert total > 80 and int(legend(page)["1st"]) > 5
    page.click(".chip:has-text('First Party')")
    assert page.text_content("#hits") == f"{legend(page)['1st']} of {total} sentences"
    page.hover(".s:not(.dim) >> nth=3")
    assert page.locator("#details .scores li").count() == len(LABELS)
    assert page.locator("#details .l0.has").count() == 1
    assert page.is_enabled("#offset"), "the service names the thresholds"
    marks = page.locator(".s .b").count()
    page.locator("#offset").fill("-50")
    until(page, f"document.querySelectorAll('.s .b').length > {marks}")


@pytest.mark.slow
def test_a_pdf_is_dropped_and_read(open_page: Callable[..., Any], service: str) -> None:
    blocks = [
        ("What we collect", "heading"),
        ("We collect your name and your address. We share them with our partners.", "paragraph"),
        ("We encrypt your password, and you may delete your account whenever you like.", "paragraph"),
    ]
    page = open_page(service)
    drop(page, "Shop policy.pdf", write_pdf(typeset(blocks)), "application/pdf")
    page.wait_for_selector("#result", state="visible")
    assert page.inner_text("#name") == "Shop policy.pdf"
    codes = {text: codes for text, *codes in spans(page)}
    assert codes["We collect your name and your address."] == ["1st"]
    assert "3rd" in codes["We share them with our partners."]
    assert json.dumps(list(codes)).count("encrypt") == 1

"""What the page at `/` asks the service for, and what it says when that goes wrong, in a real browser.

Most tests run against a stub whose answers are known; the last ones against the service itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clausetag.data.corpora.five import document_of
from clausetag.data.labels import LABELS
from tests.data.documents.pdf_fixture import typeset, write_pdf
from tests.serving.page import TEXT, drop, legend, read, spans, until, words
from tests.serving.page_stub import MAX_BYTES, read_asset
from tests.serving.process import service


def test_nothing_is_parsed_as_markup_inlined_stored_or_loaded_from_elsewhere() -> None:
    files = {name: read_asset(f"/{name}") for name in ("", "page.css", "page.js")}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function", files["page.js"])
    assert not re.search(
        r"localStorage|sessionStorage|indexedDB|document\.cookie|location\.(hash|search)", files["page.js"]
    )
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>|<script(?! src=\"page\.js\" defer)", files[""])
    assert not any(re.search(r"https?://|//\w+\.\w+|@import|url\(", text) for text in files.values())


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
    page.route("**/predict?facts=page", lambda route: held.append(route) if len(held) < 2 else route.continue_())
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

    page.route("**/predict?facts=page", guard)
    page.fill("#paste", TEXT)
    page.click("#read")
    page.wait_for_selector("#key", state="visible")
    assert page.inner_text("#failure-line").startswith("This server asks for a key")
    page.keyboard.type("sesame")
    page.keyboard.press("Enter")
    page.wait_for_selector("#result", state="visible")


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    """The address of the service with the shipped model."""
    with service() as process:
        yield process.url


@pytest.mark.slow
def test_a_policy_is_pasted_filtered_and_hovered(open_page: Callable[..., Any], running: str) -> None:
    document = document_of("004_vtiger")
    page = open_page(running)
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
def test_a_pdf_is_dropped_and_read(open_page: Callable[..., Any], running: str) -> None:
    blocks = [
        ("What we collect", "heading"),
        ("We collect your name and your address. We share them with our partners.", "paragraph"),
        ("We encrypt your password, and you may delete your account whenever you like.", "paragraph"),
    ]
    page = open_page(running)
    drop(page, "Shop policy.pdf", write_pdf(typeset(blocks)), "application/pdf")
    page.wait_for_selector("#result", state="visible")
    assert page.inner_text("#name") == "Shop policy.pdf"
    codes = {text: codes for text, *codes in spans(page)}
    assert codes["We collect your name and your address."] == ["1st"]
    assert "3rd" in codes["We share them with our partners."]
    assert json.dumps(list(codes)).count("encrypt") == 1

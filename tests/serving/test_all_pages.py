"""All pages as people meet them: on a desktop, on phones, light and dark; with a screen reader's rules (axe-core).

The pages are the service's, and those that `clausetag predict`, `diff` and `eval` write. The rules need axe-core, of
npm: `npm install --no-save axe-core` in the checkout, or AXE_CORE with the path of its axe.min.js.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clausetag.cli import main
from clausetag.data.corpora.five import read_source
from clausetag.serving.http.app import create_app
from clausetag.serving.http.pages import docs_page
from clausetag.serving.runtime.service import Service
from clausetag.serving.settings import Settings
from tests.serving.page import drop
from tests.serving.page_stub import read_asset

ROOT = Path(__file__).resolve().parents[2]
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 667}, "has_touch": True, "is_mobile": True}
SMALL = {"viewport": {"width": 320, "height": 568}, "has_touch": True, "is_mobile": True}
PAGES = ["start", "service", "docs", "policy", "several", "index", "diff", "report"]
TOP = "document.querySelector('.text').getBoundingClientRect().top + scrollY"
LONGEST_BAR = """Math.max(0, ...[...document.querySelectorAll("body *")].filter((node) => node.getClientRects().length
    && ["sticky", "fixed"].includes(getComputedStyle(node).position)
    && node.getBoundingClientRect().width > innerWidth / 2).map((node) => node.getBoundingClientRect().height))"""
BROKEN_WORDS = """(selector) => [...document.querySelectorAll(selector)].flatMap((node) => {
    const words = [];
    const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    for (let text; (text = walker.nextNode()); ) {
        for (const match of text.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
            const range = document.createRange();
            range.setStart(text, match.index);
            range.setEnd(text, match.index + match[0].length);
            const lines = new Set([...range.getClientRects()].filter((box) => box.width).map((box) => box.top));
            if (lines.size > 1) words.push(match[0]);
        }
    }
    return words;
})"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages on disk: those of a run over two of the five policies, of an evaluation, and the docs."""
    folder = tmp_path_factory.mktemp("pages")
    inputs = [str(ROOT / "data" / "policies" / f"{name}.txt") for name in ("000_sagenext", "004_vtiger")]
    assert main(["predict", *inputs, "-o", str(folder / "run"), "--format", "html", "--quiet"]) == 0
    assert main(["predict", *inputs, "-o", str(folder / "several.html"), "--quiet"]) == 0
    assert main(["diff", *inputs, "-o", str(folder / "diff.html")]) == 0
    assert main(["eval", "policies", "--in-sample", "--no-baselines", "-o", str(folder / "eval")]) == 0
    (folder / "docs.html").write_bytes(docs_page(create_app(Service(Settings())).openapi()))
    (folder / "docs.css").write_text(read_asset("/docs.css"), encoding="utf-8")
    policy = next((folder / "run" / "html").glob("*vtiger*"))
    return {
        "policy": policy,
        "index": folder / "run" / "index.html",
        "report": folder / "eval" / "report.html",
        **{name: folder / f"{name}.html" for name in ("several", "diff", "docs")},
    }


@pytest.fixture
def visit(browser: Any, address: str, files: dict[str, Path]) -> Iterator[Callable[..., Any]]:
    """Opens one of `PAGES`."""
    contexts: list[Any] = []

    def opened(name: str, **options: Any) -> Any:
        context = browser.new_context(**{**DESKTOP, "reduced_motion": "reduce", "bypass_csp": True, **options})
        contexts.append(context)
        page = context.new_page()
        page.goto(files[name].as_uri() if name in files else address)
        if name == "service":
            drop(page, "vtiger.txt", read_source("004_vtiger").encode())
            page.wait_for_selector("#result", state="visible")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def axe() -> str:
    path = Path(os.environ.get("AXE_CORE") or ROOT / "node_modules" / "axe-core" / "axe.min.js")
    if not path.is_file():
        pytest.skip("needs axe-core: npm install --no-save axe-core, or AXE_CORE with the path of its axe.min.js")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_no_serious_violation(
    visit: Callable[..., Any], axe: str, name: str, device: dict[str, Any], scheme: str
) -> None:
    page = visit(name, color_scheme=scheme, **device)
    page.evaluate(axe)
    found = page.evaluate(
        """async () => (await axe.run({ resultTypes: ["violations"] })).violations
            .map((it) => [it.impact, it.id, it.nodes[0].html.slice(0, 200), it.nodes[0].failureSummary])"""
    )
    assert [violation for violation in found if violation[0] in ("serious", "critical")] == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("device", [DESKTOP, PHONE, SMALL], ids=["desktop", "phone", "small"])
def test_nothing_is_wider_than_the_screen_and_bars_leave_four_fifths(
    visit: Callable[..., Any], name: str, device: dict[str, Any]
) -> None:
    page = visit(name, **device)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    if device is DESKTOP:
        return
    if page.locator(".chip").count() and name != "index":
        page.locator(".chip:not(.empty) >> nth=0").tap()
        assert page.inner_text("#hits")  # its line is a part of the bar
        page.locator(".s:not(.dim) >> nth=1").tap()
    page.evaluate("scrollTo(0, 1000)")
    page.wait_for_timeout(100)
    assert page.evaluate(LONGEST_BAR) <= device["viewport"]["height"] / 5


@pytest.mark.parametrize("name", ["service", "policy"])
def test_the_text_comes_first(visit: Callable[..., Any], name: str) -> None:
    page = visit(name)
    assert page.evaluate(TOP) < 300
    text, overview = (page.locator(part).bounding_box() for part in (".text", ".overview"))
    assert overview["x"] >= text["x"] + text["width"] and abs(overview["y"] - text["y"]) < 20
    assert page.locator(".overview li:visible").count() > 5
    phone = visit(name, **PHONE)
    assert phone.evaluate(TOP) < 450
    phone.get_by_role("link", name="What it states").tap()
    assert 0 <= phone.locator(".overview").bounding_box()["y"] < 300


@pytest.mark.parametrize("name", ["index", "policy", "service"])
@pytest.mark.parametrize("device", [DESKTOP, PHONE, SMALL], ids=["desktop", "phone", "small"])
def test_names_of_categories_do_not_break_within_words(
    visit: Callable[..., Any], name: str, device: dict[str, Any]
) -> None:
    page = visit(name, **device)
    assert page.evaluate(BROKEN_WORDS, ".chip .name, thead th, .states li") == []
    assert page.locator(".chip .name:visible").count() == 12


def test_text_is_found_in_and_after_links(visit: Callable[..., Any]) -> None:
    page = visit("policy")
    sentence = page.locator(".s:has(a)").first
    for words in (sentence.locator("a").first.inner_text(), sentence.evaluate("it => it.innerText.slice(0, 12)")):
        page.fill("#find", words)
        assert not sentence.evaluate("it => it.matches('.dim')"), words
    page.fill("#find", "nobody writes this")
    assert page.inner_text("#hits").startswith("0 of")


def test_the_row_of_chips_shows_that_it_scrolls(visit: Callable[..., Any]) -> None:
    page = visit("policy", **PHONE)
    row = "document.querySelector('.chips')"
    assert page.evaluate(f"{row}.scrollWidth > {row}.clientWidth")
    sign = f"getComputedStyle({row}, '::after')"
    assert "›" in page.evaluate(f"{sign}.content") and page.evaluate(f"{sign}.opacity") == "1"
    page.evaluate(f"{row}.scrollTo(1e6, 0)")
    page.wait_for_timeout(200)
    assert page.evaluate(f"{sign}.opacity") == "0"


def test_the_example(visit: Callable[..., Any]) -> None:
    page = visit("start", **PHONE)
    page.get_by_role("button", name="Try an example").tap()
    page.wait_for_selector("#result", state="visible")
    assert page.inner_text("#name") == "vtiger.txt" and page.locator(".s").count() > 80


def test_a_report_is_short_on_a_phone_and_fills_a_desktop(visit: Callable[..., Any]) -> None:
    phone, desktop = visit("report", **PHONE), visit("report")
    assert phone.locator("#cases > li").count() == 5
    panels = phone.locator(".panels >> nth=0")
    assert panels.bounding_box()["height"] < 400
    edges = desktop.evaluate(
        """[...document.querySelectorAll("main > section")].map((section) => {
            const right = section.getBoundingClientRect().right;
            const used = [...section.querySelectorAll("*")].map((node) => node.getBoundingClientRect().right);
            return [section.id, Math.round(right - Math.max(...used.filter((edge) => edge <= right)))];
        })"""
    )
    assert all(empty < 200 for _, empty in edges), edges

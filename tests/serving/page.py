"""The page at `/` as a test sees it in a browser."""

from __future__ import annotations

import shutil
import time
from typing import Any

TEXT = """Our Policy

We collect your name. We collect and share your address \U0001f4ec with partners. It rains.

Your choices

You may opt out. We delete nothing.

-cmd: we encrypt "it", 'all'.
"""


def chromium() -> str | None:
    """The program of the browser, as in Debian's package of that name."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def launch(playwright: Any) -> Any:
    """Start the browser without a window."""
    return playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])


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

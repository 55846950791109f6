"""Screenshots of the page for the README, made anew: docs/images/page-desktop.png, page-phone.png and page-dark.png.

python -m tests.serving.screenshots        # needs playwright and Chromium, as the tests of the page do

The page shows one of the five policies, as the shipped model labels it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from clausetag.data.corpora.five import read_source
from tests.serving.page import drop, launch
from tests.serving.process import service

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
POLICY = "004_vtiger"
DESKTOP = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 1.5, "has_touch": True}
PICTURES: dict[str, dict[str, Any]] = {
    "page-desktop": {**DESKTOP, "color_scheme": "light"},
    "page-phone": {**PHONE, "color_scheme": "light"},
    "page-dark": {**DESKTOP, "color_scheme": "dark"},
}
MAX_BYTES = 150_000


def save(picture: bytes, path: Path) -> None:
    """Write a picture with 256 colours, none far from what it was: a third of the size."""
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            path, optimize=True
        )
    assert path.stat().st_size < MAX_BYTES, f"{path.name}: {path.stat().st_size:,} bytes"


def main() -> None:
    """Read the policy in each of the settings, with a sentence chosen, and take the picture."""
    FOLDER.mkdir(exist_ok=True)
    with service() as running, sync_playwright() as playwright:
        browser = launch(playwright)
        for name, options in PICTURES.items():
            page = browser.new_page(reduced_motion="reduce", **options)
            page.goto(running.url)
            drop(page, f"{POLICY}.txt", read_source(POLICY).encode())
            page.wait_for_selector("#result", state="visible")
            sentence = page.locator(".s:has(.l0):has(.l1)").first
            sentence.scroll_into_view_if_needed()
            if options.get("has_touch"):
                sentence.tap()
            else:
                sentence.hover()
            page.wait_for_timeout(300)
            save(page.screenshot(), FOLDER / f"{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()

"""Quality flags: not English, not a privacy policy, error pages, text that is missing."""
# ruff: noqa: E501 (pages in one line)

from __future__ import annotations

import os
import re
from html import unescape
from pathlib import Path

import pytest

from clausetag.data.documents.quality import (
    NOT_A_DOCUMENT,
    NOT_ENGLISH,
    NOT_PRIVACY_POLICY,
    TEXT_SET_ASIDE,
    TOO_LITTLE_TEXT,
    quality_flags,
)
from clausetag.data.documents.sniff import extract_html, extract_text

_ROOT = Path(__file__).parents[3]
_GERMAN = "Wir erheben Ihre Daten nur, soweit dies nötig ist, und geben sie nicht an Dritte weiter. "
_RECIPE = (
    "Heat the oven to 180 degrees. Beat the butter with the sugar until it is pale, add the eggs one by one, then fold "
    "in the flour and the milk. Pour the dough into a tin, bake it for forty minutes and let it cool before serving. "
)


@pytest.mark.parametrize("path", sorted((_ROOT / "data" / "policies").glob("*.txt")), ids=lambda path: path.stem)
def test_the_five_policies_raise_no_flag(path: Path) -> None:
    assert quality_flags(extract_text("p", path.read_text(encoding="utf-8"))) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_GERMAN, (NOT_ENGLISH,)),
        (_GERMAN * 20, (NOT_ENGLISH,)),
        ("我们不会出售您的个人信息。我们会妥善保管您的数据。", (NOT_ENGLISH,)),
        (
            "প্রচ্ছদ জাতীয় খেলাধুলা বিনোদন লাইফস্টাইল " * 8
            + "We keep your personal data for as long as you have an account. " * 8,
            (),
        ),
        (_GERMAN * 8 + "We keep your personal data for as long as you have an account. ", (NOT_ENGLISH,)),
        (_RECIPE, (NOT_PRIVACY_POLICY,)),
        (_RECIPE * 20, (NOT_PRIVACY_POLICY,)),
        (_RECIPE * 5 + "We collect your data.", (NOT_PRIVACY_POLICY,)),
        ("Cookies.", ()),
        ("Heat the oven to 180 degrees.", ()),
        ("We sell nothing.", ()),
        ("We collect your name. " + _RECIPE, ()),  # short, and it might be
        ("", ()),
    ],
)
def test_flags(text: str, expected: tuple[str, ...]) -> None:
    assert quality_flags(extract_text("p", text)) == expected


def test_the_licence_is_no_policy() -> None:
    assert quality_flags(extract_text("p", (_ROOT / "LICENSE").read_text(encoding="utf-8"))) == (NOT_PRIVACY_POLICY,)


def test_no_policy_of_the_corpus_is_flagged() -> None:
    corpus = Path(os.environ.get("OPP115_DIR") or _ROOT.parent / "shared" / "opp115")
    paths = sorted((corpus / "sanitized_policies").glob("*.html"))
    if not paths:
        pytest.skip("needs the OPP-115 corpus; set OPP115_DIR")
    for path in paths:
        text = unescape(re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8", errors="replace")))
        assert quality_flags(extract_text(path.stem, text, markdown=False)) == (), path.stem


# Web pages: error pages, and text that is missing

_PAGE = "<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>"
_ERRORS = {
    "404": ("Page not found | Shop", "<nav><a href='/'>Home</a></nav><main><h1>Oops!</h1><p>Nothing here.</p></main>"),
    "moved": ("Shop", "<h1>Sorry</h1><p>The page that you are looking for does not exist or has been moved.</p>"),
    "403": ("403 Forbidden", "<center><h1>403 Forbidden</h1></center><hr><center>nginx</center>"),
    "permission": ("Shop", "<p>You don't have permission to access this address on this server.</p>"),
    "challenge": ("Just a moment...", "<h1>shop.example</h1><noscript>Enable JavaScript and cookies</noscript>"),
    "captcha": ("Robot Check", "<p>Type the letters that you see, so that we know that you are not a robot.</p>"),
    "script": ("Shop", "<p>Loading</p><noscript>You need to enable JavaScript to run this app.</noscript>"),
    "gateway": ("502 Bad Gateway", "<h1>502 Bad Gateway</h1>"),
    "parked": ("shop.example", "<p>This domain is for sale.</p>"),
}


@pytest.mark.parametrize("kind", _ERRORS)
def test_error_pages_are_no_documents(kind: str) -> None:
    title, body = _ERRORS[kind]
    document = extract_html("p", _PAGE.format(title=title, body=body))
    assert quality_flags(document) == (NOT_A_DOCUMENT,)


def test_an_error_page_as_text() -> None:
    assert quality_flags(extract_text("p", "404 Not Found\n\nThe address was not found on this server.")) == (
        NOT_A_DOCUMENT,
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "You have to enable cookies to use the shop.",
        "A captcha keeps robots out.",
        "Where access was denied, you may ask us why.",
    ],
)
def test_a_short_policy_is_no_error_page(sentence: str) -> None:
    policy = f"<h1>Privacy</h1><p>{sentence} We collect your name and your e-mail address, and share this personal data with nobody.</p>"
    assert NOT_A_DOCUMENT not in extract_html("p", _PAGE.format(title="Privacy", body=policy)).flags


def test_a_page_with_next_to_no_text_is_flagged_and_a_fragment_is_not() -> None:
    short, enough = (f"<h1>Privacy</h1><p>{'We sell nothing at all. ' * times}</p>" for times in (9, 10))
    assert extract_html("p", _PAGE.format(title="Privacy", body=short)).flags == (TOO_LITTLE_TEXT,)
    assert extract_html("p", _PAGE.format(title="Privacy", body=enough)).flags == ()
    assert extract_html("p", short).flags == ()


_ASIDE = "When you write to the shop, this information goes to a third party in another country. "


@pytest.mark.parametrize(
    ("around", "place"),
    [
        ("<footer>{}</footer>", "footer"),
        ("<nav>{}</nav>", "navigation"),
        ("<div style='display:none'>{}</div>", "hidden"),
        ("<div role='dialog'>{}<button>Accept</button></div>", "dialog"),
        ("<div id='onetrust-banner-sdk'>{}</div>", "consent tool"),
    ],
)
def test_text_about_data_that_is_set_aside_is_counted_and_flagged(around: str, place: str) -> None:
    policy = f"<main><h1>Privacy</h1>{'<p>We collect your name and your address when you order from the shop in our town.</p>' * 9}</main>"
    for times, flagged in ((1, False), (2, True)):
        body = policy + around.format(f"<p>{_ASIDE * times}</p>")
        document = extract_html("p", _PAGE.format(title="Privacy", body=body))
        assert document.set_aside == {place: 16 * times}
        assert (TEXT_SET_ASIDE in document.flags) is (flagged and place != "consent tool")
    copy = policy + around.format(
        "<p>We collect your name and your address when you order from the shop in our town.</p>"
    )
    assert extract_html("p", _PAGE.format(title="Privacy", body=copy)).set_aside == {}


def test_little_of_a_long_text_may_be_set_aside() -> None:
    policy = "<p>We collect your name and your address when you order from the shop in our town.</p>" * 90
    document = extract_html(
        "p", f"<!doctype html><main><h1>Privacy</h1>{policy}</main><footer><p>{_ASIDE * 2}</p></footer>"
    )
    assert document.set_aside == {"footer": 32} and TEXT_SET_ASIDE in document.flags
    longer = extract_html(
        "p", f"<!doctype html><main><h1>Privacy</h1>{policy * 2}</main><footer><p>{_ASIDE * 2}</p></footer>"
    )
    assert longer.set_aside == {"footer": 32} and TEXT_SET_ASIDE not in longer.flags

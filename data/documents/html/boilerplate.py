"""Which elements of a page are not its text: menus, banners, footers, forms and widgets.

An element is judged by what it is (its tag, its ARIA role, its controls) and by what it says. Its names are asked last,
and only of elements that say next to nothing about data; `main_content` decides about these by where they stand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set
from typing import Any

from clausetag.data.documents.html.folded import opened_ids
from clausetag.data.documents.html.names import meanings
from clausetag.data.documents.html.tree import HEADINGS, TextBlock, is_inline, sum_in_elements, text_beside

NAMED = "widget"
"""The place of an element that only its name or tag speaks against; prose outweighs it (`main_content`)."""
CONSENT_TOOL, NAVIGATION, FOOTER, DIALOG, FORM = "consent tool", "navigation", "footer", "dialog", "form"
HIDDEN = "hidden"

_NEVER = frozenset({"html", "body", "main", "article", *HEADINGS})
_IN_TEXT = frozenset({"main", "article", "section"})
"""A header or footer in one of these belongs to the text, and not to the site."""
_TAGS = {"nav": NAVIGATION, "footer": FOOTER, "dialog": DIALOG}
_ROLES = {
    "navigation": NAVIGATION, "search": NAVIGATION, "contentinfo": FOOTER, "dialog": DIALOG, "alertdialog": DIALOG,
}  # fmt: skip
_AGREE = re.compile(
    r"\b(?:accept|agree|allow|reject|decline|refuse|got it|ok|okay|understand|dismiss|save|confirm|subscribe|sign"
    r"|submit|send|join|log in)\b",
    re.IGNORECASE,
)
"""On a button: it asks for consent, or sends a form."""
_COOKIE = re.compile(r"\bcookies?\b", re.IGNORECASE)
_ASKING = re.compile(r"\b(?:accept|agree|consent|continu|click|brows|ok\b)", re.IGNORECASE)

_BANNER_WORDS = 60
"""A cookie banner has no more words, or no more words of prose."""
_MENTIONS = 2
"""Mentions of data in the prose of an element that outweigh its name."""
_LONG_WORDS = 240
_LONG_MENTIONS = 5
"""Words of prose and mentions of data that outweigh a menu's or footer's tag, role and name."""


def asks_for_cookies(text: str) -> bool:
    """Whether a text asks to accept cookies."""
    cookie = _COOKIE.search(text)
    return cookie is not None and bool(_ASKING.search(text, cookie.end()))


def boilerplate_places(root: Any, blocks: Sequence[TextBlock]) -> dict[Any, str]:
    """Elements that are boilerplate and have less than half of the page's prose, with what each of them is.

    `blocks` are all blocks of the page.
    """
    # A fragment of a few words has no prose; then all words count.
    has_prose = any(block.prose for block in blocks)
    prose = sum_in_elements(root, ((block.element, block.prose if has_prose else block.words) for block in blocks))
    mentions = sum_in_elements(root, ((block.element, block.mentions) for block in blocks if block.prose))
    # The sections of a policy can all have the same misleading name; they are judged together.
    mentions_of_kind: Counter[tuple[Any, ...]] = Counter()
    for element in mentions:
        mentions_of_kind[_kind(element)] += mentions[element]
    direct_prose: Counter[Any] = Counter()
    for block in blocks:
        direct_prose[block.element] += block.prose
    places: dict[Any, str] = dict.fromkeys(_unnamed_cookie_banners(root, blocks), CONSENT_TOOL)
    opened = opened_ids(root)
    prose_before = 0
    inside: set[Any] = set()
    for element in root.iter():
        is_minor = 2 * prose[element] < prose[root] and element not in places
        if is_minor and (
            place := _place(element, prose[element], mentions_of_kind[_kind(element)], prose_before, opened)
        ):
            places[element] = place
        if element in places or element.getparent() in inside:
            inside.add(element)
        else:
            prose_before += direct_prose[element]
    return places


def _kind(element: Any) -> tuple[Any, ...]:
    """What elements that stand beside each other and look alike have in common."""
    return (element.getparent(), element.tag, element.get("class") or element)


def _unnamed_cookie_banners(root: Any, blocks: Sequence[TextBlock]) -> set[Any]:
    """The smallest elements that have a button and little more than a request to accept cookies."""
    words = sum_in_elements(root, ((block.element, block.words) for block in blocks))
    asking = sum_in_elements(
        root,
        ((block.element, 1) for block in blocks if block.words <= _BANNER_WORDS and asks_for_cookies(block.text)),
    )
    banners: set[Any] = set()
    for button in root.iter("button", "input") if asking else ():
        for element in button.iterancestors():
            if words[element] > _BANNER_WORDS or element.tag in _NEVER:
                break
            if asking[element]:
                banners.add(element)
                break
    return banners


def _place(element: Any, prose: int, mentions: int, prose_before: int, opened: Set[str]) -> str:
    """What an element is if it is boilerplate, otherwise "".

    It has so many words of prose and mentions of data; `prose_before` are the words of prose above it that are not
    boilerplate; `opened` are the ids of the elements that a control opens.
    """
    tag, role = element.tag, element.get("role")
    if tag in _NEVER:
        return ""
    names = meanings(element)
    if is_inline(element):
        return CONSENT_TOOL if "consent tool" in names and not any(text_beside(element)) else ""
    is_long = prose >= _LONG_WORDS and mentions >= _LONG_MENTIONS
    if "consent tool" in names:
        return "" if is_long and not asks(element) else CONSENT_TOOL
    in_text = tag in ("header", "footer") and any(parent.tag in _IN_TEXT for parent in element.iterancestors())
    place = _ROLES.get(role or "") or ("" if in_text else _TAGS.get(tag, ""))
    if place == DIALOG:
        is_opened = prose and element.get("id") in opened
        return "" if (mentions >= _MENTIONS or is_opened) and not asks(element) else DIALOG
    if "cookie notice" in names and prose and asks(element):
        return CONSENT_TOOL
    if place:
        return "" if is_long else place
    if mentions < _MENTIONS and (tag == "form" and next(element.iter("input", "select", "textarea"), None) is not None):
        return FORM
    if not mentions and "status" in names and ("form" in names or _is_about_a_form(element.getparent())):
        return FORM
    if "footer" in names:
        return "" if is_long else NAMED
    is_header = tag == "header" or role == "banner" or "header" in names
    if is_header and (in_text or prose_before):
        return ""  # further down it is a heading
    is_widget = is_header or in_text or tag == "aside" or role == "complementary"
    is_widget |= not names.isdisjoint(("navigation", "widget", "cookie notice"))
    return NAMED if is_widget and mentions < _MENTIONS else ""


def _is_about_a_form(element: Any) -> bool:
    """Whether it is a form, has one as a child, or is named after one."""
    return "form" in meanings(element) or element.tag == "form" or element.find("form") is not None


def asks(element: Any) -> bool:
    """Whether it has fields to fill in, or a button that asks for consent or sends a form."""
    for control in element.iter("input", "select", "textarea", "button", "a"):
        is_button = control.tag == "button" or control.get("role") == "button" or control.get("href") in ("#", None)
        # A label can be long, but what a button does is said in its first words.
        if is_button and _AGREE.search(" ".join("".join(control.itertext()).split())[:40]):
            return True
        if control.tag in ("input", "select", "textarea") and control.get("type") not in ("hidden", "button"):
            return True
    return False

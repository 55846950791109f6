"""Which elements of a page are boilerplate: menus, banners, footers and widgets.

Elements are judged by their tags, their ARIA roles, and the names in their ids and classes. Names mislead: a section on
sharing data can be called "sharing". So prose about data practices outweighs most names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from clausetag.data.documents.html.folded import is_hidden
from clausetag.data.documents.html.tree import HEADINGS, TextBlock, sum_in_elements

_TAGS = frozenset({"nav", "footer", "dialog"})
_ROLES = frozenset({"navigation", "contentinfo", "search", "dialog", "alertdialog"})
_NEVER = frozenset({"html", "body", "main", "article", *HEADINGS})
_IN_TEXT = frozenset({"main", "article", "section"})
"""A header or footer in one of these belongs to the text, and not to the site."""


def _names(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[\s_-])(?:{words})(?:$|[\s_-])", re.IGNORECASE)


_STRONG_NAME = _names(
    r"nav|navbar|navigation|menu|submenu|footer|foot|breadcrumbs?|skip(?:-?link)?"
    r"|(?:top|main|sub|side|left|right|global|site|page|primary|mobile|mega)-?(?:nav|navbar|menu|footer)"
    r"|addthis\w*|addtoany\w*|a2a|sharedaddy|jp-relatedposts|disqus|fb-comments|recirc|advert\w*|ad-(?:container|slot|unit|\w{0,20}break\w*)"
)
_WEAK_NAME = _names(
    r"sidebar|share|sharing|social|comments?|related|newsletter|signup|login|search|modal|popup|teasers?|promo"
)
_HEADER_NAME = re.compile(
    r"(?:^|\s)(?:\w{1,2}-)?(?:(?:site|page|main|global|top|app|web|mobile|desktop|primary)[_-]*)?(?:header|masthead)"
    r"(?:[_-]\S*)?(?=$|\s)",
    re.IGNORECASE,
)
"""The site's header; those of cards, panels and sections are headings."""
_COOKIE_NAME = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|ccpa)[\w-]{0,40}(?:banner|bar|notice|popup|modal|overlay|consent|message|alert|"
    r"dialog|wrapper|container|box)(?:$|[\s_-])",
    re.IGNORECASE,
)
_CONSENT_TOOL = re.compile(
    r"(?:^|\s)(?:onetrust-(?:consent|banner|pc)|optanon|cybotcookiebotdialog|trustarc-banner|truste[-_]consent"
    r"|consent_blackbar|qc-cmp|didomi-(?:host|notice|popup)|usercentrics|uc-banner|osano-cm|iubenda-cs|cmplz-cookiebanner"
    r"|cky-(?:consent|modal|overlay)|cc-(?:window|banner|revoke)|fc-consent|sp_message|klaro|borlabs-?cookie|moove_gdpr"
    r"|cookie-law-info|cli-modal|tarteaucitron|axeptio|hs-eu-cookie|catapult-cookie|eu-cookie|pea_cook|evidon"
    r"|cookieconsent|cookie-?script|cookiefirst|cookiehub|shopify-pc__|termly-code-snippet|ketch-|ppms_cm)",
    re.IGNORECASE,
)
"""Names that common consent tools give their banners; the tables of cookies that they put into a policy have others."""
COOKIE_BANNER_TEXT = re.compile(
    r"\A(?>.*?cookies?\b).*\b(?:accept|agree|consent|continu|click|brows|ok\b)", re.IGNORECASE
)
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_NAME_CHARS = 1_000
"""Characters of id and classes that are searched for names; those of real pages are shorter."""
_BANNER_WORDS = 60
"""A cookie banner has no more words, or no more words of prose."""


def boilerplate_elements(root: Any, blocks: Sequence[TextBlock]) -> set[Any]:
    """Elements that are boilerplate and have less than half of the page's prose; `blocks` are all blocks of the
    page."""
    # A fragment of a few words has no prose; then all words count.
    has_prose = any(block.prose for block in blocks)
    prose = sum_in_elements(root, ((block.element, block.prose if has_prose else block.words) for block in blocks))
    mentions = sum_in_elements(root, ((block.element, block.mentions) for block in blocks if block.prose))
    direct_prose: Counter[Any] = Counter()
    for block in blocks:
        direct_prose[block.element] += block.prose
    found = _unnamed_cookie_banners(root, blocks)
    prose_before = 0
    inside: set[Any] = set()
    for element in root.iter():
        is_minor = 2 * prose[element] < prose[root]
        if is_minor and _is_boilerplate(element, prose[element], mentions[element], prose_before):
            found.add(element)
        if element in found or element.getparent() in inside:
            inside.add(element)
        else:
            prose_before += direct_prose[element]
    return found


def _unnamed_cookie_banners(root: Any, blocks: Sequence[TextBlock]) -> set[Any]:
    """The smallest elements that have a button and little more than a request to accept cookies."""
    words = sum_in_elements(root, ((block.element, block.words) for block in blocks))
    asking = sum_in_elements(
        root,
        (
            (block.element, 1)
            for block in blocks
            if block.words <= _BANNER_WORDS and COOKIE_BANNER_TEXT.search(block.text)
        ),
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


def _is_boilerplate(element: Any, prose: int, mentions: int, prose_before: int) -> bool:
    """Judge an element by its tag, role and names, and by its words of prose and mentions of data.

    `prose_before` are the words of prose above it that are not boilerplate.
    """
    tag, role = element.tag, element.get("role")
    if tag in _NEVER:
        return False
    if tag == "form" and mentions < 2 and next(element.iter("input", "select", "textarea"), None) is not None:
        return True
    named = _named(" ".join(filter(None, (element.get("id"), element.get("class"))))[:_NAME_CHARS])
    if named.consent_tool:
        return True
    if named.cookie:
        return prose < _BANNER_WORDS or _has_button(element) or role in _ROLES or is_hidden(element)
    in_text = tag in ("header", "footer") and any(parent.tag in _IN_TEXT for parent in element.iterancestors())
    if (tag in _TAGS and not in_text) or role in _ROLES:
        return True
    if in_text and tag == "header":
        return False
    if named.strong:
        return not (prose >= 4 * _BANNER_WORDS and mentions >= 5)
    header = tag == "header" or role == "banner" or named.header
    if header and prose_before:
        return False  # further down it is a heading
    if header or in_text or tag == "aside" or role == "complementary" or named.weak:
        return not (prose and mentions >= 2)
    return False


class _Named(NamedTuple):
    """What an element is, according to its id and classes."""

    consent_tool: bool
    cookie: bool
    strong: bool
    header: bool
    weak: bool


@lru_cache(4096)
def _named(names: str) -> _Named:
    split = _CAMEL_CASE.sub("-", names)
    by_name = (_COOKIE_NAME, _STRONG_NAME, _HEADER_NAME, _WEAK_NAME)
    return _Named(bool(_CONSENT_TOOL.search(names)), *(bool(pattern.search(split)) for pattern in by_name))


def _has_button(element: Any) -> bool:
    return any(e.tag in ("button", "input", "a") or e.get("role") == "button" for e in element.iter())

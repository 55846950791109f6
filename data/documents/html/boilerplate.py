"""What of a page is its frame (menus, banners, footers, widgets), what is folded up, and what is not for reading.

Elements are judged by what HTML, ARIA and their own names say of them. Names lie: a section about sharing data is named
"sharing", and an accordion's headings are "headers". So where a name alone speaks against an element, prose that speaks
of data keeps it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from clausetag.data.documents.html.tree import ABOUT_DATA, HEADINGS, Piece, prose_totals, totals

_TAGS = frozenset({"nav", "footer", "dialog"})
_ROLES = frozenset({"navigation", "contentinfo", "search", "dialog", "alertdialog"})
_NEVER = frozenset({"html", "body", "main", "article", *HEADINGS})
_IN_TEXT = frozenset({"main", "article", "section"})
"""Where a header or footer belongs to the text and not to the site."""


def _names(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[\s_-])(?:{words})(?:$|[\s_-])", re.IGNORECASE)


_STRONG_NAME = _names(
    r"nav|navbar|navigation|menu|submenu|footer|foot|breadcrumbs?|skip(?:-?link)?"
    r"|(?:top|main|sub|side|left|right|global|site|page|primary|mobile|mega)-?(?:nav|navbar|menu|footer)"
    r"|addthis\w*|addtoany\w*|a2a|sharedaddy|jp-relatedposts|disqus|fb-comments|recirc|advert\w*|ad-(?:container|slot|unit|\w*break\w*)"
)
_WEAK_NAME = _names(
    r"sidebar|share|sharing|social|comments?|related|newsletter|signup|login|search|modal|popup|teasers?|promo"
)
_HEADER_NAME = re.compile(
    r"(?:^|\s)(?:\w{1,2}-)?(?:(?:site|page|main|global|top|app|web|mobile|desktop|primary)[_-]*)?(?:header|masthead)"
    r"(?:[_-]\S*)?(?=$|\s)",
    re.IGNORECASE,
)
"""The site's; those of cards, panels and sections are headings."""
_COOKIE_NAME = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|ccpa)[\w-]*(?:banner|bar|notice|popup|modal|overlay|consent|message|alert|"
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
"""Names under which common consent tools put their banners into a page; what they put into a policy (the table of its
cookies) is named otherwise."""
BANNER_TEXT = re.compile(r"cookies?\b.*\b(?:accept|agree|consent|continu|click|brows|ok\b)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DISPLAY_NONE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_HIDDEN_CLASS = re.compile(r"(?:^|\s)(?:hidden|d-none|hide|is-hidden)(?:$|\s)")
_SHOWN_CLASS = re.compile(r"(?:^|\s)(?:\w+:|d-(?:sm|md|lg|xl|xxl)-)(?:block|flex|grid|inline|table)")
"""What shows, on wide screens, an element that a class hides on narrow ones."""
_FOR_SCREEN_READERS = re.compile(
    r"(?:^|\s)(?:sr-only|visually-?hidden|screen-?reader(?:-text|-only)?|element-invisible|a11y-hidden)(?:$|\s)"
)

_NAME_CHARS = 1_000
"""Of id and classes; those of real pages are shorter."""
_BANNER_WORDS = 60
_FEW_WORDS = 60
"""Words of prose below which hidden text is not wanted, unless a control of the page unfolds it."""
_FOLDED_DENSITY = 1.0
_CONTROLLED_DENSITY = 0.4
"""Mentions of data in 100 words from which folded-up text is taken for policy; the second if a control unfolds it."""
_MOST_TITLE_WORDS = 15


def unfold_titles(root: Any, everything: Iterable[Piece]) -> bool:
    """Make headings of what opens the parts of an accordion: summaries, buttons and labels, which are no text else.

    Says whether the page has any.
    """
    held = prose_totals(root, everything)
    by_id = _by_id(root)
    found = False
    for element in list(root.iter("button", "summary", "label")):
        if len(" ".join(element.itertext()).split()) > _MOST_TITLE_WORDS:
            continue
        around = next((e for e in element.iterancestors() if e.tag in HEADINGS or e.get("role") == "heading"), None)
        if element.tag == "summary":
            element.tag = "h6"
        elif element.tag == "button" and around is not None:
            element.tag = "span"
        elif _opens_prose(element, held, by_id) if element.tag == "button" else _unhides(element, held, by_id):
            element.tag = "h6"
        else:
            continue
        found = True
    for element in root.xpath("//*[@role='heading']"):
        if element.tag not in HEADINGS:
            element.tag, found = "h6", True
    return found


def _by_id(root: Any) -> dict[str, Any]:
    return {element.get("id"): element for element in root.xpath("//*[@id]")}


def _next(element: Any) -> Any:
    following = element.getnext()
    return following if following is not None else element


def _opens_prose(button: Any, held: Counter[Any], by_id: dict[str, Any]) -> bool:
    targets = _controlled(button)
    if targets:
        return any(held[by_id[name]] for name in targets if name in by_id)
    return button.get("aria-expanded") is not None and bool(held[_next(button)] or held[_next(button.getparent())])


def _controlled(element: Any) -> list[str]:
    """The ids of what a control opens."""
    given = (element.get(key) or "" for key in ("aria-controls", "data-target", "data-bs-target"))
    return [name.lstrip("#") for names in given for name in names.split()]


def _unhides(label: Any, held: Counter[Any], by_id: dict[str, Any]) -> bool:
    """Whether it belongs to a box to be ticked and stands above prose: so style sheets make accordions."""
    target = by_id.get(label.get("for") or "")
    is_box = target is not None and target.tag == "input" and target.get("type") in ("checkbox", "radio")
    return is_box and held[_next(label)] > 0


def frame_of(root: Any, everything: list[Piece]) -> set[Any]:
    """Elements that are part of the page's frame and hold less than half of its prose."""
    use_words = not any(piece.prose for piece in everything)  # a fragment of a few words
    held = totals(root, ((piece.element, piece.words if use_words else piece.prose) for piece in everything))
    about = totals(root, ((piece.element, len(ABOUT_DATA.findall(piece.text))) for piece in everything if piece.prose))
    frame = _unnamed_banners(root, everything)
    prose_before = 0
    own: Counter[Any] = Counter()
    for piece in everything:
        own[piece.element] += piece.prose
    inside: set[Any] = set()
    for element in root.iter():
        if 2 * held[element] < held[root] and _is_frame(element, held[element], about[element], prose_before):
            frame.add(element)
        if element in frame or element.getparent() in inside:
            inside.add(element)
        else:
            prose_before += own[element]
    return frame


def _unnamed_banners(root: Any, everything: list[Piece]) -> set[Any]:
    """The smallest elements with a button that say no more than that cookies are accepted by going on."""
    words = totals(root, ((piece.element, piece.words) for piece in everything))
    short = (piece for piece in everything if piece.words <= _BANNER_WORDS)
    asking = totals(root, ((piece.element, 1) for piece in short if BANNER_TEXT.search(piece.text)))
    banners: set[Any] = set()
    for button in root.iter("button", "input") if asking else ():
        for element in button.iterancestors():
            if words[element] > _BANNER_WORDS or element.tag in _NEVER:
                break
            if asking[element]:
                banners.add(element)
                break
    return banners


class _Called(NamedTuple):
    """What an element's id and classes say that it is."""

    consent_tool: bool
    cookie: bool
    strong: bool
    header: bool
    weak: bool


@lru_cache(4096)
def _called(names: str) -> _Called:
    split = _CAMEL.sub("-", names)
    by_name = (_COOKIE_NAME, _STRONG_NAME, _HEADER_NAME, _WEAK_NAME)
    return _Called(bool(_CONSENT_TOOL.search(names)), *(bool(pattern.search(split)) for pattern in by_name))


def _is_frame(element: Any, prose: int, about_data: int, prose_before: int) -> bool:
    """Whether an element is part of the frame, by what it is called and what it holds."""
    tag, role = element.tag, element.get("role")
    if tag in _NEVER:
        return False
    if tag == "form" and about_data < 2 and next(element.iter("input", "select", "textarea"), None) is not None:
        return True
    called = _called(" ".join(filter(None, (element.get("id"), element.get("class"))))[:_NAME_CHARS])
    if called.consent_tool:
        return True
    if called.cookie:
        return prose < _BANNER_WORDS or _has_button(element) or role in _ROLES or is_hidden(element)
    in_text = tag in ("header", "footer") and any(parent.tag in _IN_TEXT for parent in element.iterancestors())
    if (tag in _TAGS and not in_text) or role in _ROLES:
        return True
    if in_text and tag == "header":
        return False
    if called.strong:
        return not (prose >= 4 * _BANNER_WORDS and about_data >= 5)
    header = tag == "header" or role == "banner" or called.header
    if header and prose_before:
        return False  # what is called so behind the beginning are headings
    if header or in_text or tag == "aside" or role == "complementary" or called.weak:
        return not (prose and about_data >= 2)
    return False


def _has_button(element: Any) -> bool:
    return any(e.tag in ("button", "input") or e.get("role") == "button" or e.tag == "a" for e in element.iter())


def is_hidden(element: Any) -> bool:
    """Whether the page says of an element itself that it is not shown."""
    names = element.get("class") or ""
    return (
        element.get("hidden") is not None
        or bool(_DISPLAY_NONE.search(element.get("style") or ""))
        or bool(_HIDDEN_CLASS.search(names) and not _SHOWN_CLASS.search(names))
    )


def not_shown(root: Any, frame: set[Any], unfolded: list[Piece]) -> set[Any]:
    """Hidden elements but for what the page folds up: panels of accordions and tabs that speak of data.

    `unfolded` are the pieces of the page with all that is hidden, without its frame.
    """
    hidden = {element for element in root.iter() if is_hidden(element) or _only_heard(element)}
    around: dict[Any, Any] = {}
    for element in root.iter():
        around[element] = _outer(around.get(element.getparent()), element if element in hidden else None)
    outermost: dict[Any, list[Piece]] = defaultdict(list)
    visible: set[str] = set()
    for piece in unfolded:
        if around[piece.element] is None:
            visible.add(piece.text)
        else:
            outermost[around[piece.element]].append(piece)
    controlled = {name for element in root.iter() for name in _controlled(element)}
    panels: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for element in outermost:
        panels[element.tag, element.get("class") or ""].append(element)
    for group in panels.values():
        group = [element for element in group if not _is_copy(outermost[element], visible) and _is_english(element)]
        prose = [piece for element in group for piece in outermost[element] if piece.prose]
        words = sum(piece.prose for piece in prose)
        mentions = sum(len(ABOUT_DATA.findall(piece.text)) for piece in prose)
        opened = any(element.get("id") in controlled for element in group)
        enough = words >= (1 if opened else _FEW_WORDS)
        if enough and 100 * mentions >= (_CONTROLLED_DENSITY if opened else _FOLDED_DENSITY) * words:
            for element in group:
                hidden -= {element, *(e for e in element.iter() if not _only_heard(e))}
    return hidden - frame


def _outer(outer: Any, inner: Any) -> Any:
    return inner if outer is None else outer  # an element without children is false


def _only_heard(element: Any) -> bool:
    """Whether it is for screen readers alone, such as "(opens in a new window)"; their headings are the page's."""
    if not _FOR_SCREEN_READERS.search(element.get("class") or ""):
        return False
    return not any(e.tag in HEADINGS for e in (element, *element.iterancestors(), *element.iter()))


def _is_copy(panel: list[Piece], visible: set[str]) -> bool:
    """Whether most of it stands on the page a second time, for another size of screen."""
    words = sum(piece.words for piece in panel)
    return 2 * sum(piece.words for piece in panel if piece.text in visible) > words


def _is_english(element: Any) -> bool:
    return (element.get("lang") or "en").lower().startswith("en")

"""Hidden text of a page: what readers can open, or what a script only shows later, is read; the rest is left out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from clausetag.data.documents.html.names import meanings
from clausetag.data.documents.html.tree import (
    HEADINGS,
    TextBlock,
    is_inline,
    is_sentence,
    sum_in_elements,
    text_beside,
)

_DISPLAY_NONE = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_INVISIBLE = re.compile(r"visibility\s*:\s*hidden", re.IGNORECASE)
_STRUCK = re.compile(r"text-decoration(?:-line)?\s*+:[^;]{0,99}line-through", re.IGNORECASE)
_STYLE_CHARS = 1_000
"""Characters of a style that are read."""
_HIDDEN_CLASS = re.compile(r"(?:^|\s)(?:hidden|d-none|hide|is-hidden|sf-hidden|w-condition-invisible)(?:$|\s)")
_SHOWN_CLASS = re.compile(r"(?:^|\s)(?:\w+:|d-(?:sm|md|lg|xl|xxl)-)(?:block|flex|grid|inline|table)")
"""Shows, on wide screens, an element that another class hides on narrow ones."""
_SCREEN_READER_CLASS = re.compile(
    r"(?:^|\s)(?:sr-only|visually-?hidden|screen-?reader(?:-text|-only)?|element-invisible|a11y-hidden)(?:$|\s)"
)
_MIN_WORDS = 60
"""Words of prose below which hidden text is left out, unless a control of the page opens it."""
_MIN_DENSITY = 1.0
"""Mentions of data per 100 words from which hidden text without a control is read."""
_DOCUMENT_WORDS = 300
_MIN_DENSITY_OPENED = 0.8
"""A panel that a control opens is another document, such as terms of use, if it has more words of prose and fewer
mentions of data per 100 words."""
_MAX_TITLE_WORDS = 15
_REST_WORDS = 5
_CONTROL_WORDS = re.compile(
    r"(?:i )?(?:ok(?:ay)?|got it|accept|agree|allow|close|dismiss|decline|reject|continue|submit|subscribe|search|send"
    r"|save|read more|show more|see more|learn more|more|copy|print|share|menu|back|next|previous)\b",
    re.IGNORECASE,
)
"""At the start of a button: it is a control and no part of the sentence, unless the sentence goes on behind it."""


def read_buttons_in_sentences(root: Any) -> None:
    """Turn the buttons that stand within a sentence into parts of it."""
    for element in list(root.iter("button")):
        before, after = text_beside(element)
        goes_on = after and (before or after.lstrip()[:1].islower())
        ends = before and (element.tail or "").strip() in (".", ",", ";", ")", ").", "!", "?")
        is_open = before.rstrip()[-1:].isalpha()
        if goes_on or ends or (is_open and not _CONTROL_WORDS.match("".join(element.itertext()).strip())):
            element.tag = "span"


def drop_heading_anchors(root: Any) -> None:
    """Remove signs such as "#" and "¶" that link a heading to itself."""
    for link in root.iter("a"):
        text = "".join(link.itertext())
        if text and not any(map(str.isalnum, text)) and any(e.tag in HEADINGS for e in link.iterancestors()):
            for child in list(link):
                link.remove(child)
            link.text = None


def mark_accordion_titles(root: Any, blocks: Iterable[TextBlock]) -> bool:
    """Turn the summaries, buttons and labels that open the parts of an accordion into headings.

    `blocks` are all blocks of the page. Returns whether anything was changed.
    """
    text = sum_in_elements(root, ((block.element, block.words) for block in blocks if is_sentence(block)))
    by_id = {element.get("id"): element for element in root.xpath("//*[@id]")}
    changed = False
    for element in list(root.iter("button", "summary", "label")):
        if len(" ".join(element.itertext()).split()) > _MAX_TITLE_WORDS:
            continue
        in_heading = any(e.tag in HEADINGS or e.get("role") == "heading" for e in element.iterancestors())
        if element.tag == "button" and in_heading:
            element.tag = "span"  # its text belongs to the heading
        elif element.tag == "summary" or _opens_text(element, text, by_id):
            element.tag = "h6"
        else:
            continue
        changed = True
    for element in root.xpath("//*[@role='heading']"):
        if element.tag not in HEADINGS:
            element.tag, changed = "h6", True
    return changed


def _opens_text(element: Any, text: Counter[Any], by_id: dict[str, Any]) -> bool:
    """Whether a button or label opens an element with text; `text` are the words of sentences in each element."""
    if element.tag == "label":
        # With style sheets alone, accordions are made of a label, a box to tick, and the text below.
        box = by_id.get(element.get("for") or "")
        is_box = box is not None and box.tag == "input" and box.get("type") in ("checkbox", "radio")
        return is_box and text[_following(element)] > 0
    targets = _controlled_ids(element)
    if targets:
        return any(text[by_id[name]] for name in targets if name in by_id)
    is_switch = element.get("aria-expanded") is not None or "panel" in meanings(element)
    return is_switch and bool(text[_following(element)] or text[_following(element.getparent())])


def _following(element: Any) -> Any:
    following = element.getnext()
    return following if following is not None else element


def opened_ids(root: Any) -> set[str]:
    """The ids of all elements that a control or a link within the page opens."""
    links = (link.get("href", "") for link in root.iter("a"))
    controls = (name for element in root.iter() for name in _controlled_ids(element))
    return {*controls, *(href[1:] for href in links if href[:1] == "#")}


def _controlled_ids(element: Any) -> list[str]:
    """The ids of the elements that a control opens."""
    given = (element.get(key) or "" for key in ("aria-controls", "data-target", "data-bs-target"))
    return [name.lstrip("#") for names in given for name in names.split()]


def _is_hidden(element: Any) -> bool:
    """Whether the element itself is marked as hidden, and not only until it is searched for or moves in."""
    hidden, style, names = element.get("hidden"), element.get("style") or "", element.get("class") or ""
    if (hidden is not None and hidden.lower() != "until-found") or _DISPLAY_NONE.search(style):
        return True
    if _INVISIBLE.search(style):
        return "floating" in meanings(element) or (is_inline(element) and any(text_beside(element)))
    is_hidden = bool(_HIDDEN_CLASS.search(names)) and not _SHOWN_CLASS.search(names)
    return is_hidden and "animation" not in meanings(element)


def hidden_in_lines(root: Any) -> set[Any]:
    """What only screen readers read, such as "(opens in a new window)", struck-out text, and hidden words in a line."""
    return {
        element
        for element in root.iter()
        if _is_for_screen_readers(element)
        or _STRUCK.search((element.get("style") or "")[:_STYLE_CHARS])
        or (is_inline(element) and _is_hidden(element) and any(text_beside(element)) and not _is_rest(element))
    }


def _is_rest(element: Any) -> bool:
    """Whether hidden words in a line are the rest of a text, behind "Read more"."""
    text = "".join(element.itertext()).strip()
    return len(text.split()) >= _REST_WORDS and text[-1:] in ".!?)" and "floating" not in meanings(element)


def hidden_elements(root: Any, blocks: Iterable[TextBlock]) -> set[Any]:
    """Hidden elements, except those that readers can open.

    `blocks` are those of the page without its boilerplate, but with all hidden text.
    """
    hidden = {element for element in root.iter() if _is_hidden(element)}
    outermost: dict[Any, Any] = {}
    for element in root.iter():
        outer = outermost.get(element.getparent())  # lxml elements without children are false: compare with None
        outermost[element] = outer if outer is not None else element if element in hidden else None
    visible: set[str] = set()
    blocks_in: dict[Any, list[TextBlock]] = defaultdict(list)
    for block in blocks:
        if outermost[block.element] is None:
            visible.add(block.text)
        else:
            blocks_in[outermost[block.element]].append(block)
    panels: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for element, inside in blocks_in.items():
        if not _is_copy(inside, visible) and (element.get("lang") or "en").lower().startswith("en"):
            panels[element.tag, element.get("class") or ""].append(element)
    controlled = {name for element in root.iter() for name in _controlled_ids(element)}
    for group in panels.values():
        can_be_opened = any(element.get("id") in controlled or _is_panel(element) for element in group)
        has_title = any(map(_has_title, group))
        if _is_policy([block for element in group for block in blocks_in[element]], can_be_opened, has_title):
            for element in group:
                hidden.difference_update(element.iter())
    return hidden


def _is_panel(element: Any) -> bool:
    """Whether the element is the panel of an accordion or tab: by its role, by its name, or by the title above it."""
    parent = element.getparent()
    names = meanings(element) | (meanings(parent) if parent is not None else frozenset())
    if element.get("role") in ("tabpanel", "dialog") or element.tag == "dialog" or "panel" in names:
        return True
    above = element.getprevious()
    if above is None or "floating" in names:
        return False
    return above.tag in (*HEADINGS, "button", "summary", "label", "dt") or above.get("role") in ("button", "tab")


def _has_title(element: Any) -> bool:
    """Whether a short text stands above it, which may open it."""
    above = element.getprevious()
    if above is None or "floating" in meanings(element):
        return False
    text = " ".join("".join(above.itertext()).split())
    return 1 <= len(text.split()) <= _MAX_TITLE_WORDS and text[-1] not in ".!,;:"


def _is_policy(panels: Sequence[TextBlock], can_be_opened: bool, has_title: bool) -> bool:
    """Whether the text of panels of the same kind is to be read; with a mere title above it, it must be about data."""
    prose = [block for block in panels if block.prose]
    words = sum(block.prose for block in prose)
    density = 100 * sum(block.mentions for block in prose) / max(1, words)
    if can_be_opened:
        return any(map(is_sentence, panels)) and (words < _DOCUMENT_WORDS or density >= _MIN_DENSITY_OPENED)
    return (words >= _MIN_WORDS or has_title) and density >= _MIN_DENSITY


def _is_for_screen_readers(element: Any) -> bool:
    """Whether only screen readers read it, such as "(opens in a new window)"; headings are always read."""
    if not _SCREEN_READER_CLASS.search(element.get("class") or ""):
        return False
    return not any(e.tag in HEADINGS for e in (element, *element.iterancestors(), *element.iter()))


def _is_copy(panel: Sequence[TextBlock], visible: set[str]) -> bool:
    """Whether most of a panel is on the page a second time, for screens of another size."""
    words = sum(block.words for block in panel)
    return 2 * sum(block.words for block in panel if block.text in visible) > words

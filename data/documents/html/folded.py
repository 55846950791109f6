"""Hidden text of a page: accordions and tabs are read unfolded, everything else that is hidden is left out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from clausetag.data.documents.html.tree import HEADINGS, TextBlock, prose_in_elements

_DISPLAY_NONE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_HIDDEN_CLASS = re.compile(r"(?:^|\s)(?:hidden|d-none|hide|is-hidden)(?:$|\s)")
_SHOWN_CLASS = re.compile(r"(?:^|\s)(?:\w+:|d-(?:sm|md|lg|xl|xxl)-)(?:block|flex|grid|inline|table)")
"""Shows, on wide screens, an element that another class hides on narrow ones."""
_SCREEN_READER_CLASS = re.compile(
    r"(?:^|\s)(?:sr-only|visually-?hidden|screen-?reader(?:-text|-only)?|element-invisible|a11y-hidden)(?:$|\s)"
)
_MIN_WORDS = 60
"""Words of prose below which hidden text is left out, unless a control of the page unfolds it."""
_MIN_DENSITY = 1.0
_MIN_DENSITY_CONTROLLED = 0.4
"""Mentions of data per 100 words from which folded text is kept; the second if a control of the page unfolds it."""
_MAX_TITLE_WORDS = 15


def mark_accordion_titles(root: Any, blocks: Iterable[TextBlock]) -> bool:
    """Turn the summaries, buttons and labels that open the parts of an accordion into headings.

    `blocks` are all blocks of the page. Returns whether anything was changed.
    """
    prose = prose_in_elements(root, blocks)
    by_id = {element.get("id"): element for element in root.xpath("//*[@id]")}
    changed = False
    for element in list(root.iter("button", "summary", "label")):
        if len(" ".join(element.itertext()).split()) > _MAX_TITLE_WORDS:
            continue
        in_heading = any(e.tag in HEADINGS or e.get("role") == "heading" for e in element.iterancestors())
        if element.tag == "button" and in_heading:
            element.tag = "span"  # its text belongs to the heading
        elif element.tag == "summary" or _opens_prose(element, prose, by_id):
            element.tag = "h6"
        else:
            continue
        changed = True
    for element in root.xpath("//*[@role='heading']"):
        if element.tag not in HEADINGS:
            element.tag, changed = "h6", True
    return changed


def _opens_prose(element: Any, prose: Counter[Any], by_id: dict[str, Any]) -> bool:
    """Whether a button or label opens an element with prose."""
    if element.tag == "label":
        # With style sheets alone, accordions are made of a label, a box to tick, and the text below.
        box = by_id.get(element.get("for") or "")
        is_box = box is not None and box.tag == "input" and box.get("type") in ("checkbox", "radio")
        return is_box and prose[_following(element)] > 0
    targets = _controlled_ids(element)
    if targets:
        return any(prose[by_id[name]] for name in targets if name in by_id)
    is_switch = element.get("aria-expanded") is not None
    return is_switch and bool(prose[_following(element)] or prose[_following(element.getparent())])


def _following(element: Any) -> Any:
    following = element.getnext()
    return following if following is not None else element


def _controlled_ids(element: Any) -> list[str]:
    """The ids of the elements that a control opens."""
    given = (element.get(key) or "" for key in ("aria-controls", "data-target", "data-bs-target"))
    return [name.lstrip("#") for names in given for name in names.split()]


def is_hidden(element: Any) -> bool:
    """Whether the element itself is marked as hidden."""
    names = element.get("class") or ""
    return (
        element.get("hidden") is not None
        or bool(_DISPLAY_NONE.search(element.get("style") or ""))
        or bool(_HIDDEN_CLASS.search(names) and not _SHOWN_CLASS.search(names))
    )


def hidden_elements(root: Any, blocks: Iterable[TextBlock]) -> set[Any]:
    """Hidden elements, except the panels of accordions and tabs that are about data practices.

    `blocks` are those of the page without its boilerplate, but with all hidden text.
    """
    hidden = {element for element in root.iter() if is_hidden(element) or _is_for_screen_readers(element)}
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
        is_controlled = any(element.get("id") in controlled for element in group)
        if _is_policy([block for element in group for block in blocks_in[element]], is_controlled):
            for element in group:
                hidden -= {element, *(inner for inner in element.iter() if not _is_for_screen_readers(inner))}
    return hidden


def _is_policy(panels: Sequence[TextBlock], is_controlled: bool) -> bool:
    """Whether the text of panels of the same kind is to be read; `is_controlled`: a control of the page opens them."""
    prose = [block for block in panels if block.prose]
    words = sum(block.prose for block in prose)
    density = _MIN_DENSITY_CONTROLLED if is_controlled else _MIN_DENSITY
    enough = words >= (1 if is_controlled else _MIN_WORDS)
    return enough and 100 * sum(block.mentions for block in prose) >= density * words


def _is_for_screen_readers(element: Any) -> bool:
    """Whether only screen readers read it, such as "(opens in a new window)"; headings are always read."""
    if not _SCREEN_READER_CLASS.search(element.get("class") or ""):
        return False
    return not any(e.tag in HEADINGS for e in (element, *element.iterancestors(), *element.iter()))


def _is_copy(panel: Sequence[TextBlock], visible: set[str]) -> bool:
    """Whether most of a panel is on the page a second time, for screens of another size."""
    words = sum(block.words for block in panel)
    return 2 * sum(block.words for block in panel if block.text in visible) > words

"""An HTML page as an element tree, and the blocks of text in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from clausetag.data.documents.blocks import normalise

_NOT_TEXT_TAGS = (
    "title script style noscript template svg math iframe object embed video audio canvas map select option "
    "datalist textarea button frameset del s strike"
)
NOT_TEXT = frozenset(_NOT_TEXT_TAGS.split())
STORED = frozenset({"noscript", "template", "textarea"})
"""Elements with text that a browser shows only under conditions, or not as part of the page."""
_BLOCK_TAGS = (
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form frame header hgroup hr html legend li main menu nav ol p pre section summary table tbody td "
    "tfoot th thead tr ul h1 h2 h3 h4 h5 h6"
)
_BLOCK = frozenset(_BLOCK_TAGS.split())
_INLINE_TAGS = (
    "a abbr acronym b bdi bdo bdt big br button cite code data del dfn em font i img input ins kbd label mark nobr "
    "picture q s samp slot small source span strike strong sub sup time tt u var wbr"
)
_INLINE = frozenset(_INLINE_TAGS.split())
_DISPLAY_BLOCK = re.compile(r"display\s*:\s*(?:block|flex|grid|table|list-item|flow-root)", re.IGNORECASE)
_PLACED = re.compile(r"position\s*+:\s*+absolute|^(?!.*relative).*?\btop\s*+:\s*+\d", re.IGNORECASE | re.DOTALL)
"""Placed at a point of the page, as converters of PDF files write each line."""
_STYLE_CHARS = 1_000
"""Characters of a style that are read."""
_BESIDE_STEPS = 8
"""Elements that are looked at in search of the text beside one."""
_LINES = frozenset({"span", "label"})
"""Elements that can be lines of their own; bold type and the like is part of a word."""
_NUMBER = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,3}\.?")  # of a section
_GLUED_LETTERS = 3
_GLUED_WORDS = 3
"""Words of an element from which, right behind another one and without a space, it is laid out on its own."""
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_DATA_PRACTICE = re.compile(
    r"\b(?:personal(?:ly)?[ -](?:\w+ )?(?:information|data)|(?:your|the|this|such|which|what) (?:information|data)"
    r"|(?:we|they|who) (?:\w+ ){0,2}(?:collect|use|share|disclose|process|store|keep|sell|receive)|collect(?:s|ed|ion)"
    r"|disclos\w+|third[ -]part(?:y|ies)|opt[ -]?out)\b",
    re.IGNORECASE,
)

_PROSE_WORDS = 15
"""A block with at least so many words, less than half of them in links, is prose; menus have none."""
_SENTENCE_WORDS = 4
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_WORD = re.compile(r"\w")
_NOT_WORD = re.compile(r"[\W_]+")
_NOT_ELSEWHERE = re.compile(r"#|javascript:", re.IGNORECASE)


def is_sentence(block: TextBlock) -> bool:
    """Whether a block is text, and not a label, a link or a menu: prose, or a short sentence."""
    ends = block.text.rstrip("\"'”’)")[-1:] in tuple(".!?:;")
    return bool(block.prose) or (ends and block.words >= _SENTENCE_WORDS and not block.link_only)


class TooDeep(Exception):
    """The elements of a page are nested so deeply that the parser stopped."""


class PageRun(NamedTuple):
    """A piece of a block; the text "\\n" is a line break."""

    text: str
    linked: bool = False
    """Whether it is in a link to another page, as menus are; see `is_link`."""
    bold: bool = False
    href: str | None = None


@dataclass(eq=False)
class TextBlock:
    """A block of text on a page."""

    element: Any
    """The innermost element that the text begins in."""
    heading: str
    """The tag of the heading it is part of, or ""."""
    runs: list[PageRun] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        """The text in one line."""
        return normalise("".join(run.text for run in self.runs))

    @cached_property
    def words(self) -> int:
        """The number of words."""
        return len(self.text.split())

    @cached_property
    def mentions(self) -> int:
        """How often it mentions data, or what is done with it."""
        return len(_DATA_PRACTICE.findall(self.text))

    @cached_property
    def link_only(self) -> bool:
        """Whether it is one or a few links to other pages and almost nothing else."""
        return self._letters(linked=True) >= 0.8 * self._letters()

    @cached_property
    def prose(self) -> int:
        """The number of words if it is prose, otherwise 0."""
        is_prose = self.words >= _PROSE_WORDS and 2 * self._letters(linked=True) < self._letters()
        return self.words if is_prose else 0

    def _letters(self, linked: bool = False) -> int:
        return sum(len(_NOT_WORD.sub("", run.text)) for run in self.runs if run.linked or not linked)


def parse(html: str) -> Any:
    """The root element, or None if there is only white space and comments.

    Raises:
        TooDeep: the elements are nested too deeply.
    """
    # Imported here so that --help does not wait for it.
    from lxml import etree

    # libxml2 rejects surrogates and stops at NUL; an encoding declared in the page no longer applies to a `str`.
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(_NOT_XML.sub(" ", html).encode(), parser)
    except (etree.XMLSyntaxError, AssertionError):
        return None
    # The code of this error differs between versions of libxml2.
    if any(entry.message.startswith("Excessive depth in document") for entry in parser.error_log):
        raise TooDeep
    for shadow in () if root is None else root.xpath("//template[@shadowrootmode or @shadowroot]"):
        shadow.tag = "div"  # a browser shows it as part of the page
    return root


def is_block(element: Any) -> bool:
    """Whether the element is laid out as a block.

    An element that HTML doesn't know, such as a custom one, is a block unless it stands within a line of text.
    """
    if element.tag in _BLOCK:
        return True
    if _DISPLAY_BLOCK.search(element.get("style") or "") or is_placed(element):
        return True
    return element.tag not in _INLINE and element.tag not in NOT_TEXT and not any(text_beside(element))


def is_placed(element: Any) -> bool:
    """Whether the element stands at a place of its own, outside of the flow of the text."""
    return bool(_PLACED.search((element.get("style") or "")[:_STYLE_CHARS]))


def is_inline(element: Any) -> bool:
    """Whether the element is part of a line by its tag, such as a link or a button."""
    return element.tag in _INLINE


def text_beside(element: Any) -> tuple[str, str]:
    """The words right before and after an inline element, in its line of text; "" where there are none."""
    return _beside(element, before=True), _beside(element, before=False)


def _beside(element: Any, before: bool) -> str:
    """The nearest text on one side, at most a few elements away."""
    for _ in range(_BESIDE_STEPS):
        sibling = element.getprevious() if before else element.getnext()
        parent = element.getparent()
        if parent is None:
            return ""
        between = element.tail if not before else parent.text if sibling is None else sibling.tail
        if between and _WORD.search(between):
            return str(between)
        if sibling is not None:
            if sibling.tag not in _INLINE:
                return ""
            inner = [text for text in sibling.itertext() if _WORD.search(text)]
            if inner:
                return str(inner[-1 if before else 0])
            element = sibling
        elif parent.tag in _INLINE:
            element = parent
        else:
            return ""
    return ""


def text_blocks(root: Any, left_out: Set[Any] = frozenset(), not_text: Set[str] = NOT_TEXT) -> list[TextBlock]:
    """All blocks with a letter or digit, in order, without the elements `left_out` and the tags `not_text`."""
    from lxml import etree

    found: list[TextBlock] = []
    current: TextBlock | None = None
    links = bold = 0
    headings: list[str] = []
    hrefs: list[str] = []
    skipped: set[Any] = set()

    def add(text: str | None, element: Any, preformatted: bool) -> None:
        nonlocal current
        if text:
            current = current or TextBlock(element, headings[-1] if headings else "")
            # Line ends in the source are white space, except where the page shows them.
            text = text if preformatted else text.replace("\n", " ")
            current.runs.append(PageRun(text, links > 0, bold > 0, hrefs[-1] if hrefs else None))

    def end_block() -> None:
        nonlocal current
        if current is not None and any(_WORD.search(run.text) for run in current.runs):
            found.append(current)
        current = None

    laid_out: set[Any] = set()
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        tag = element.tag
        if event == "start":
            if is_block(element):
                laid_out.add(element)
            if element in laid_out or (current is not None and _is_glued(element, current)):
                end_block()
            if tag in not_text or element in left_out:
                skipped.add(element)
                walker.skip_subtree()
                continue
            if tag == "br":
                add("\n", element, preformatted=True)
            elif tag in _LINES and current is not None and len(current.runs) == 1:
                # A section's number is apart from the title in an element of its own.
                is_number = _NUMBER.fullmatch(current.runs[0].text)
                add(" " if is_number and (element.text or "")[:1].isupper() else None, element, preformatted=True)
            links += is_link(element)
            bold += tag in ("b", "strong")
            if tag in HEADINGS:
                headings.append(tag)
            if tag == "a":
                hrefs.append(element.get("href") or "")
            add(element.text, element, tag in ("pre", "textarea"))
            continue
        if element in laid_out:
            end_block()
        if element not in skipped:
            links -= is_link(element)
            bold -= tag in ("b", "strong")
            if tag in HEADINGS:
                headings.pop()
            if tag == "a":
                hrefs.pop()
        if element is not root:
            parent = element.getparent()
            add(element.tail, parent, parent.tag == "pre")
    end_block()
    return found


def _is_glued(element: Any, current: TextBlock) -> bool:
    """Whether an inline element has a line of its own, right behind another one: "1. Who we areWe are Acme"."""
    before = element.getprevious()
    if before is None or before.tail or before.tag not in _LINES or element.tag not in _LINES:
        return False
    left = current.runs[-1].text
    right = next(iter(element.itertext()), "")
    return (
        right[:1].isupper()
        and (left[-1:].isalnum() or left[-1:] in ".:!?")
        and len(left.strip()) >= _GLUED_LETTERS
        and (len(right.split()) >= _GLUED_WORDS or (left[-1] in ".!?" and len(right.strip()) >= _GLUED_LETTERS))
    )


def is_link(element: Any) -> bool:
    """Whether it is a link to another page; anchors, links within the page and buttons are part of the text."""
    if element.tag != "a" or element.get("aria-expanded") is not None or element.get("role") == "button":
        return False
    return not _NOT_ELSEWHERE.match((element.get("href") or "#").strip())


def sum_in_elements(root: Any, amounts: Iterable[tuple[Any, int]]) -> Counter[Any]:
    """For each element, the sum of the amounts of the element itself and of all elements in it."""
    sums: Counter[Any] = Counter()
    for element, amount in amounts:
        sums[element] += amount
    for element in reversed(list(root.iter())):
        # Most elements have no amount; asking the Counter for it is slow.
        if element in sums and element is not root:
            sums[element.getparent()] += sums[element]
    return sums


def prose_in_elements(root: Any, blocks: Iterable[TextBlock]) -> Counter[Any]:
    """The number of words of prose in each element."""
    return sum_in_elements(root, ((block.element, block.prose) for block in blocks))

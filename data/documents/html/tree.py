"""An HTML page as a tree, and the blocks of text in it: what `html` reads and `html_frame` chooses from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from clausetag.data.documents.blocks import normalise

_NOT_TEXT_NAMES = (
    "head title script style noscript template svg math iframe object embed video audio canvas map select option "
    "datalist textarea button frameset"
)
NOT_TEXT = frozenset(_NOT_TEXT_NAMES.split())
STORED = frozenset({"noscript", "template", "textarea"})
"""What holds text that a browser does not show as part of the page, or only under conditions."""
_BLOCK_NAMES = (
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form frame header hgroup hr html legend li main menu nav ol p pre section summary table tbody td "
    "tfoot th thead tr ul h1 h2 h3 h4 h5 h6"
)
_BLOCK = frozenset(_BLOCK_NAMES.split())
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
ABOUT_DATA = re.compile(
    r"\b(?:personal(?:ly)?[ -](?:\w+ )?(?:information|data)|(?:your|the|this|such|which|what) (?:information|data)"
    r"|(?:we|they|who) (?:\w+ ){0,2}(?:collect|use|share|disclose|process|store|keep|sell|receive)|collect(?:s|ed|ion)"
    r"|disclos\w+|third[ -]part(?:y|ies)|opt[ -]?out)\b",
    re.IGNORECASE,
)
"""Mentions of data and of what is done with it."""

_PROSE_WORDS = 15
"""A block of at least so many words, less than half of them links, is prose; what menus hold is not."""
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_WORD = re.compile(r"\w")
_NOT_WORD = re.compile(r"[\W_]+")
_DEAD_LINK = re.compile(r"#|javascript:", re.IGNORECASE)


class TooDeep(Exception):
    """The parser cut the page off, because its elements are nested thousands deep."""


@dataclass(eq=False)
class Piece:
    """A block of text and the element it stands in; `runs` are (text, in a link, bold), "\\n" for a line break."""

    element: Any
    heading: str
    """The tag of the heading it is part of, or ""."""
    runs: list[tuple[str, bool, bool]] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        """All of it in one line."""
        return normalise("".join(text for text, _, _ in self.runs))

    @cached_property
    def words(self) -> int:
        """Number of words."""
        return len(self.text.split())

    @cached_property
    def link_only(self) -> bool:
        """Whether it is a link to elsewhere, or a few of them, and next to nothing else."""
        return self._letters(linked=True) >= 0.8 * self._letters()

    @cached_property
    def prose(self) -> int:
        """Words of it if it is prose, else 0."""
        is_prose = self.words >= _PROSE_WORDS and 2 * self._letters(linked=True) < self._letters()
        return self.words if is_prose else 0

    def _letters(self, linked: bool = False) -> int:
        return sum(len(_NOT_WORD.sub("", text)) for text, link, _ in self.runs if link or not linked)


def parse(html: str) -> Any:
    """The root element, or None for nothing but white space and comments.

    Raises:
        TooDeep: no tree can hold the page.
    """
    # Imported late, as --help should not wait for it.
    from lxml import etree

    # libxml2 knows no surrogates and stops at NUL; an encoding declared in the page no longer holds for a `str`.
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(_NOT_XML.sub(" ", html).encode(), parser)
    except (etree.XMLSyntaxError, AssertionError):
        return None
    if any("depth" in entry.message.lower() for entry in parser.error_log):
        raise TooDeep
    return root


def pieces(root: Any, left_out: frozenset[Any] | set[Any], not_text: frozenset[str] = NOT_TEXT) -> list[Piece]:
    """All blocks of text below `root` that hold a letter or digit, without the elements of `left_out`."""
    from lxml import etree

    found: list[Piece] = []
    current: Piece | None = None
    links = bold = 0
    headings: list[str] = []
    passed_over: set[Any] = set()

    def add(text: str | None, element: Any) -> None:
        nonlocal current
        if text:
            current = current or Piece(element, headings[-1] if headings else "")
            current.runs.append((text, links > 0, bold > 0))

    def flush() -> None:
        nonlocal current
        if current is not None and any(_WORD.search(text) for text, _, _ in current.runs):
            found.append(current)
        current = None

    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        tag = element.tag
        if event == "start":
            if tag in _BLOCK:
                flush()
            if tag in not_text or element in left_out:
                passed_over.add(element)
                walker.skip_subtree()
                continue
            if tag == "br":
                add("\n", element)
            links += is_link(element)
            if tag in HEADINGS:
                headings.append(tag)
            bold += tag in ("b", "strong")
            # Line ends in the source are white space, except where the page shows them.
            add(element.text if tag in ("pre", "textarea") else _one_line(element.text), element)
            continue
        if element not in passed_over:
            links -= is_link(element)
            bold -= tag in ("b", "strong")
        if tag in _BLOCK:
            flush()
        if tag in HEADINGS and element not in passed_over:
            headings.pop()
        if element is not root:
            parent = element.getparent()
            add(element.tail if parent.tag == "pre" else _one_line(element.tail), parent)
    flush()
    return found


def _one_line(text: str | None) -> str | None:
    return text and text.replace("\n", " ")


def is_link(element: Any) -> bool:
    """Whether it is a link to elsewhere: anchors, links within the page and switches are part of the text."""
    if element.tag != "a" or element.get("aria-expanded") is not None or element.get("role") == "button":
        return False
    return not _DEAD_LINK.match((element.get("href") or "#").strip())


def totals(root: Any, amounts: Iterable[tuple[Any, int]]) -> Counter[Any]:
    """Sum amounts per element over all that stands in it."""
    sums: Counter[Any] = Counter()
    for element, amount in amounts:
        sums[element] += amount
    for element in reversed(list(root.iter())):
        own = sums.get(element)  # most have none, for which a Counter is slow to say so
        if own and element is not root:
            sums[element.getparent()] += own
    return sums


def prose_totals(root: Any, among: Iterable[Piece]) -> Counter[Any]:
    """The words of prose in every element."""
    return totals(root, ((piece.element, piece.prose) for piece in among))

"""What is left out of a page: the blocks outside of some elements, and the words about data that were set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from itertools import chain, pairwise
from typing import Any

from clausetag.data.documents.html.tree import TextBlock, is_placed
from clausetag.data.documents.plain import is_broken

BESIDE = "beside the text"
"""The place of what no element marks as boilerplate, and what is not part of the main content either."""
_LEAST_LINES = 5
_BROKEN_SHARE = 0.5
"""Share of the blocks that break off within a sentence, which goes on in the next one, of such a page."""
_SET_SHARE = 0.8
"""Share of the blocks that are placed one by one, from which the page is a PDF turned into HTML."""


def outside(blocks: Sequence[TextBlock], elements: Set[Any]) -> list[TextBlock]:
    """The blocks that are in none of the elements."""
    inside = {inner for element in elements for inner in element.iter()} if elements else set()
    return [block for block in blocks if block.element not in inside]


def words_set_aside(
    blocks: Sequence[TextBlock], kept: Sequence[TextBlock], places: Mapping[Any, str]
) -> dict[str, int]:
    """The words of prose about data that are in `blocks` and not in `kept`, by place; copies don't count.

    Where most of the prose is set aside, all of it is taken to be about data.
    """
    texts = {block.text for block in kept}
    is_most = 2 * sum(block.prose for block in kept) < sum(block.prose for block in blocks if block.text not in texts)
    words: Counter[str] = Counter()
    for block in blocks:
        if block.prose and (block.mentions or is_most) and block.text not in texts:
            texts.add(block.text)
            around = chain([block.element], block.element.iterancestors())
            words[next((places[element] for element in around if element in places), BESIDE)] += block.words
    return dict(words)


def has_set_lines(root: Any, blocks: Sequence[TextBlock]) -> bool:
    """Whether each block is a line of a PDF, as converters write it."""
    if any("pdf2htmlex" in (meta.get("content") or "").lower() for meta in root.iter("meta")):
        return True
    if not blocks or sum(is_placed(block.element) for block in blocks) >= _SET_SHARE * len(blocks):
        return bool(blocks)
    broken = sum(is_broken(above.text, below.text) for above, below in pairwise(blocks))
    return len(blocks) >= _LEAST_LINES and broken >= _BROKEN_SHARE * (len(blocks) - 1)

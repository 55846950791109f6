"""Split a document's blocks into sentences with exact offsets.

nupunkt (MIT licence, a Punkt model trained on legal text) finds the sentence boundaries within a block, and
`data.boundaries` corrects them. A sentence never spans two blocks.
`SEGMENTER_VERSION` changes whenever the same text may be split differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from clausetag.data.boundaries import repaired
from clausetag.data.records import Document, Link, Sentence

SEGMENTER_VERSION = 3

_WORD = re.compile(r"\w")
_MAX_BLOCK = 20_000
"""Characters; longer blocks are split at a space first, to limit time and memory."""
_MAX_HEADING = 300
_MAX_LEAD_IN = 1_000
_FULL_STOP = re.compile(r"[.!?…][\"'”’»)\]]{0,3}$")
_ANNOUNCES_LIST = re.compile(
    r"\b(?:(?:the|these) following|as follow(?:s|ing)"
    r"|(?:listed|set (?:out|forth)|described|explained|outlined|shown|given) below)\b(?![^:]{0,300}:|[^()]{0,99}\))"
    r"|\A(?:below|these) (?:is|are)\b",
    re.IGNORECASE,
)
"""Words that announce a list although the sentence ends with a full stop: "We use the following cookies."."""


class _LeadIn(NamedTuple):
    """A sentence that introduces a list."""

    level: int
    """List level of its own block; -1 outside of lists."""
    text: str
    list_level: int | None
    """List level of the list that it introduces; None until that list begins."""


def _chunks(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Spans of at most `_MAX_BLOCK` characters that cover ``text[start:end]``."""
    while end - start > _MAX_BLOCK:
        cut = text.rfind(" ", start + 1, start + _MAX_BLOCK)
        cut = cut if cut > start else start + _MAX_BLOCK
        yield start, cut
        start = cut
    yield start, end


def _trimmed(text: str, left: int, right: int) -> tuple[int, int]:
    """The span without the white space around it."""
    part = text[left:right]
    return left + len(part) - len(part.lstrip()), right - len(part) + len(part.rstrip())


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Character spans of the sentences in ``text[start:end]``, which is one block.

    Spans are in order, do not overlap, have no surrounding white space, and contain a letter or digit: a fragment
    without one (such as a bracket) is joined to its neighbour, and a block without one has no sentence.
    """
    import nupunkt  # imported on first use: it loads its parameters on import, which takes time

    stop = len(text) if end is None else end
    parts: list[tuple[int, int]] = []
    for chunk_start, chunk_end in _chunks(text, start, stop):
        chunk = text[chunk_start:chunk_end]
        if not _WORD.search(chunk):
            continue
        found = (_trimmed(chunk, *span) for span in nupunkt.sent_spans(chunk))
        starts = repaired(chunk, (left for left, right in found if left < right), len(chunk))
        for span in pairwise([*starts, len(chunk)]):
            left, right = _trimmed(chunk, *span)
            parts.append((chunk_start + left, chunk_start + right))
    spans: list[tuple[int, int]] = []
    carried: int | None = None
    for left, right in parts:
        if _WORD.search(text, left, right):
            spans.append((left if carried is None else carried, right))
            carried = None
        elif spans:
            spans[-1] = (spans[-1][0], right)
        else:
            carried = left if carried is None else carried
    return spans


def _within(links: Iterable[Link], start: int, end: int) -> tuple[Link, ...]:
    """The links between `start` and `end`, cut at both."""
    parts = (Link(max(link.start, start), min(link.end, end), link.href) for link in links)
    return tuple(link for link in parts if link.end > link.start)


def _introduces_list(sentence: str) -> bool:
    """Whether a list below the sentence completes it."""
    return not _FULL_STOP.search(sentence) or bool(_ANNOUNCES_LIST.search(sentence))


def segment(document: Document) -> list[Sentence]:
    """The sentences of a document, in order, indexed from 0.

    For every sentence ``sentence.text == document.text[sentence.start:sentence.end]``. Its other fields:

    - `passage`: the index of its block.
    - `heading`: the nearest heading above; None in a heading and before the first one.
    - `lead_in`: the block's own lead-in if it has one; otherwise, in the first sentence of a list item, the sentence
      that introduces the list.
    """
    sentences: list[Sentence] = []
    heading: str | None = None
    lead_ins: list[_LeadIn] = []  # of the lists around the current block, outermost first
    for passage, block in enumerate(document.blocks):
        is_heading, is_item = block.kind == "heading", block.kind == "list_item"
        level = block.level if is_item else -1
        while lead_ins and (lead_ins[-1].level >= level or (lead_ins[-1].list_level or 0) > level):
            lead_ins.pop()
        if is_item and lead_ins and lead_ins[-1].list_level is None:
            lead_ins[-1] = lead_ins[-1]._replace(list_level=level)
        lead_in = block.lead_in or (lead_ins[-1].text if is_item and lead_ins else None)
        spans = sentence_spans(document.text, block.start, block.end)
        if block.kind == "table_row" and spans:
            spans = [(spans[0][0], spans[-1][1])]
        for start, end in spans:
            sentences.append(
                Sentence(
                    policy=document.policy,
                    index=len(sentences),
                    text=document.text[start:end],
                    passage=passage,
                    start=start,
                    end=end,
                    heading=None if is_heading else heading,
                    links=_within(block.links, start, end),
                    flags=document.flags,
                    lead_in=lead_in if block.lead_in or start == spans[0][0] else None,
                )
            )
        last = document.text[slice(*spans[-1])] if spans else "."
        in_table = block.kind in ("table_cell", "table_row")
        if last.endswith(":") or (not (is_heading or in_table) and _introduces_list(last)):
            lead_ins.append(_LeadIn(level, last[:_MAX_LEAD_IN], None))
        if is_heading:
            heading = document.text[block.start : block.end][:_MAX_HEADING]
    return sentences

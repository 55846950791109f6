"""Plain text to blocks: headings, paragraphs and list items."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from clausetag.data.documents.blocks import RULE, RawBlock, demote_last, looks_like_heading, normalise
from clausetag.data.documents.structure.markers import strip_markers
from clausetag.data.documents.structure.set_lines import broken_lines

_LEAST_WIDTH = 35
"""Shorter lines are not broken."""
_WRAP_WIDTH = 100
"""Text with longer lines is not hard-wrapped."""
_UNFINISHED = frozenset(("and", "or", "the", "a", "an", "your", "our", "their", "its", "of", "any"))
"""Words after which a line is not complete, unless an item of a list ends in them: "…; and"."""
_WORDS = "to in with for from by on at that is are was be can may will we not"
_SMALL = frozenset(_WORDS.split())
"""Words that end some headings: a line is not complete after them if the next one begins small."""


def plain_blocks(text: str, *, goes_on: bool = False) -> list[RawBlock]:
    """The blocks of a plain text: each line is one, or in hard-wrapped text each paragraph.

    A last line that looks like a heading is none, unless the document goes on below it.
    """
    lines = [normalise(line) for line in text.splitlines()]
    lines = _unwrapped(lines) if _is_hard_wrapped(lines) else _joined(lines)
    blocks: list[RawBlock] = []
    for line in lines:
        body, _ = strip_markers(line)
        if RULE.match(body):
            continue  # a blank line, a rule or only markers
        after_lead_in = bool(blocks) and blocks[-1].text.endswith(":") and blocks[-1].kind != "heading"
        if looks_like_heading(body) and not after_lead_in:
            blocks.append(RawBlock(line, "heading"))
        else:
            blocks.append(RawBlock(line, "list_item" if after_lead_in else "paragraph"))
    return blocks if goes_on else demote_last(blocks)


def is_broken(above: str, line: str) -> bool:
    """Whether a long sentence seems to be broken into these lines, among others."""
    is_open = _LEAST_WIDTH <= len(above) <= _WRAP_WIDTH and above[-1] not in ".:;!?"
    return is_open and line[:1].islower() and not strip_markers(line)[1]


def going_on(lines: Sequence[str]) -> list[bool]:
    """For each line of a paragraph, whether it goes on with a sentence of the long line above.

    They do where text was broken at a width: lines without a stop at their end, most of which go on small.
    """
    is_open = [
        len(above) >= _LEAST_WIDTH and above[-1] not in ".:;!?" and line != "" and not strip_markers(line)[1]
        for above, line in pairwise(lines)
    ]
    small = sum(line[0].islower() for line, above_is_open in zip(lines[1:], is_open, strict=True) if above_is_open)
    is_wrapped = small >= 2 and 2 * small >= sum(is_open)
    return [False, *(is_wrapped and above_is_open for above_is_open in is_open)]


def _joined(lines: list[str]) -> list[str]:
    """The lines, with those joined that one sentence is broken into.

    Such a sentence begins with a capital; lines that all begin small are a list. Short lines are joined only behind a
    word that ends no sentence and no heading, and from there to the end of the sentence. See also `broken_lines`.
    """
    joined: list[str] = []
    above = ""
    goes_on = False
    broken = broken_lines(lines)
    for number, line in enumerate(lines):
        is_item = strip_markers(line)[1]
        begins_small = line[:1].islower() and not is_item
        before, _, last_word = above.rpartition(" ")
        goes_on = (goes_on and begins_small and above[-1:] not in (*".:;!?", "")) or (
            before[-1:] not in (*";,", "") and last_word in (_UNFINISHED | _SMALL if begins_small else _UNFINISHED)
        )
        in_sentence = (goes_on or is_broken(above, line)) and joined[-1][:1].isupper()
        if line and not is_item and (in_sentence or number - 1 in broken):
            joined[-1] += f" {line}"
        else:
            joined.append(line)
        above = line
    return joined


def _is_hard_wrapped(lines: list[str]) -> bool:
    """Whether lines were broken at a fixed width: most lines that are followed by another one are nearly full."""
    inner = [len(line) for line, after in pairwise(lines) if line and after]
    longest = max(inner, default=0)
    if len(inner) < 4 or longest > _WRAP_WIDTH:
        return False
    full = sum(length >= 0.7 * longest for length in inner)
    return longest >= 40 and full >= 0.6 * len(inner)


def _unwrapped(lines: list[str]) -> list[str]:
    """The paragraphs of hard-wrapped text."""
    width = max(map(len, lines))
    paragraphs: list[list[str]] = []
    for line in lines:
        above = paragraphs[-1][-1] if paragraphs else ""
        # A line that is much shorter than the width is the last of its paragraph.
        if above and line and not strip_markers(line)[1] and len(above) >= 0.6 * width:
            paragraphs[-1].append(line)
        else:
            paragraphs.append([line])
    return [" ".join(paragraph) for paragraph in paragraphs]

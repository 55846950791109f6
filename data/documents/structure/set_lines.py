"""Text that was broken into lines at a width, as terminals and converters of PDF write it: its sentences become whole.

Paragraphs that were not broken can stand among the lines. Such a text shows itself by long lines without a stop at
their end, below which a line begins small: they are all about equally long, and the next word had no room.
"""

from __future__ import annotations

import re
from itertools import pairwise
from statistics import median

from clausetag.data.boundaries import STARTERS
from clausetag.data.documents.structure.markers import strip_markers

_LEAST_WIDTH = 45
"""Shorter lines are not broken."""
_LEAST_BROKEN = 4
"""Lines below which one begins small, in a text that was set at a width."""
_SHARE = 0.7
"""Of those lines, the ones that are about as long as the others and full."""
_SMALL_SHARE = 0.5
"""Of the full lines, those below which one begins small, so that the others, too, end within a sentence."""
_SHORTEST, _LONGEST = 0.75, 1.3
"""Widths of such a line, for the usual width 1; letters are of different widths."""
_FULL = 0.93
"""Share of the longest line that a full line has with the first word of the next one."""
_CAPITALS = 0.1
"""Lines that begin with a capital, for each of those; with fewer, the text has no capitals."""
_END = re.compile(r"[.:;!?]$|; (?:and|or|and/or)$")
"""The end of a sentence or of a list's item."""


def broken_lines(lines: list[str]) -> set[int]:
    """The numbers of the lines that a sentence, broken at a width, goes on from to the next line.

    `lines` have no white space around them.
    """
    sizes = [len(line) for line in lines]
    is_open = {number: line for number, (above, line) in enumerate(pairwise(lines)) if _goes_on(above, line)}
    small = [number for number, line in is_open.items() if line[0].islower()]
    if len(small) < _LEAST_BROKEN or sum(line[:1].isupper() for line in lines) < _CAPITALS * len(small):
        return set()
    width = median(sizes[number] for number in small)
    near = {number for number in is_open if _SHORTEST * width <= sizes[number] <= _LONGEST * width}
    longest = max((sizes[number] for number in small if number in near), default=0)
    full = {n for n in near if sizes[n] + 1 + len(is_open[n].split(maxsplit=1)[0]) >= _FULL * longest}
    broken = full.intersection(small)
    if len(broken) < max(_LEAST_BROKEN, _SHARE * len(small)):
        return set()
    return near.intersection(small) | (full if len(broken) >= _SMALL_SHARE * len(full) else set())


def _goes_on(above: str, line: str) -> bool:
    """Whether a sentence could go on from a long line to the next one."""
    if len(above) < _LEAST_WIDTH or not line or above[0] in "#>" or line[0] in "#>=-`" or "|" in above:
        return False
    word = line.split(maxsplit=1)[0]
    begins = word.istitle() and word.lower() in STARTERS
    ends = _END.search(above[-8:]) or "://" in above.rsplit(maxsplit=1)[-1]
    return not (begins or ends or strip_markers(line)[1])

"""List markers at the start of a block ("•", "2.", "(a)", "3.1"), which are no part of its sentence.

Bullets, and digits or letters with a parenthesis, always are markers. A number or letter with a full stop, or a number
from 10 with a parenthesis, is one if a sibling begins another block of the document, and one such as "2.6" also before
a capitalised word. So "2.5 years after that" and "(30) days" keep their numbers, and "A. Smith" the initial.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from clausetag.data.records import OUTSIDE

BULLETS = "•·▪▫◦‣⁃■□●○➢➤►▶❖✓✔→\uf0b7"
_MARKER = re.compile(
    rf"[-*+{BULLETS}\u2013\u2014]+\s+"  # a dash needs a space after it
    rf"|[{BULLETS}]\s*"
    r"|_{2,}(?=\w)|o\s+(?=\w)"  # an "o" is the second bullet of Word
    r"|(?!\([cC]\)\s+\d{4})\(?(?:(?P<bracketed>\d{1,2})|[a-zA-Z]|[ivxIVX]{1,5})\)\s+"
    r"|(?P<one>\d{1,2}|[a-zA-Z]|[ivxIVX]{1,5})\.\s+"
    r"|(?P<many>\d{1,2}(?:\.\d{1,2}){1,3})\.?\s+"
)
_CAPITALISED = re.compile(r"[A-Z](?:[a-z]|\s)")
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv", "xvi")


class _Number(NamedTuple):
    """What a numbered marker says: the kind of its numbers, and the numbers, such as (3, 1) for "3.1"."""

    kind: str
    numbers: tuple[int, ...]

    def before(self) -> _Number:
        """The number before it in its list."""
        return self._replace(numbers=(*self.numbers[:-1], self.numbers[-1] - 1))


class Markers:
    """The numbered markers of a document, which tell whether a number at the start of a block is one."""

    def __init__(self, texts: Iterable[str]) -> None:
        """`texts` are those of all blocks."""
        self._known = Counter(number for text in texts for match in _chain(text) for number in _read(match))

    def strip(self, text: str) -> tuple[str, bool]:
        """Remove the list markers from the start of a block; also returns whether there was one.

        A block that is only a marker is kept.
        """
        start = 0
        for match in _chain(text):
            numbers = _read(match)
            before_capital = match["many"] and _CAPITALISED.match(text, match.end())
            needs_sibling = match["one"] or match["many"] or len(match["bracketed"] or "") > 1
            if needs_sibling and not (before_capital or any(map(self._has_sibling, numbers))):
                break
            start = match.end()
        return text[start:].lstrip(), start > 0

    def _has_sibling(self, number: _Number) -> bool:
        *outer, last = number.numbers
        siblings = [number._replace(numbers=(*outer, other)) for other in (last - 1, last + 1)]
        if outer:
            siblings.append(number._replace(numbers=(*number.numbers, 1)))
            siblings += [number._replace(numbers=tuple(outer))] * (last <= 1)
        # Some lists number every item "1."
        repeated = number.kind == "1" and not outer and self._known[number] > 1
        return repeated or any(sibling in self._known for sibling in siblings)


class ListLevels:
    """How many lists an item is in, told by its marker and those of the items above it.

    "(a)" and bullets below "1." are in a list of their own, and "2." is again in the first. An item such as "II."
    without a "I." above it goes on with a list that began before the text above these items: its level is `OUTSIDE`.
    """

    def __init__(self) -> None:
        """No item yet, as behind every paragraph."""
        self._lists: list[set[_Number]] = []
        self._outside = False

    def of(self, text: str) -> int:
        """The level of an item with a marker; the items are given in order."""
        match = next(_chain(text), None)
        numbers = [_Number("bullet", (1,))]
        if match and (written := match["one"] or match["many"]):
            numbers = _numbers(written)
        elif match and (bracketed := match[0].strip().strip("()")).isalnum():
            numbers = [number._replace(kind=f"({number.kind})") for number in _numbers(bracketed)]
        for depth in reversed(range(len(self._lists))):
            known = self._lists[depth]
            if any(number in known or number.before() in known for number in numbers):
                del self._lists[depth + 1 :]
                known.update(numbers)
                break
        else:
            if not any(number.numbers[-1] <= 1 for number in numbers):
                self._lists, self._outside = [], True
            self._lists.append(set(numbers))
        return OUTSIDE if self._outside and len(self._lists) == 1 else len(self._lists)


def strip_markers(line: str) -> tuple[str, bool]:
    """Remove whatever could be a list marker from the start of a line; also returns whether there was one.

    A line that is only a marker is kept.
    """
    start = max((match.end() for match in _chain(line)), default=0)
    return line[start:].lstrip(), start > 0


def _chain(text: str) -> Iterator[re.Match[str]]:
    """What could be markers, one after the other, at the start of a text that goes on after them."""
    start = 0
    while (match := _MARKER.match(text, start)) and match.end() < len(text):
        yield match
        start = match.end()


def _read(match: re.Match[str]) -> list[_Number]:
    """What a marker that needs a sibling may mean; empty for other markers."""
    if match["bracketed"]:
        return [_Number("(1)", (int(match["bracketed"]),))]
    written = match["one"] or match["many"]
    return [] if written is None else _numbers(written)


def _numbers(written: str) -> list[_Number]:
    """What a marker's number may mean: "i" is a letter and a Roman numeral."""
    if written[0].isdigit():
        return [_Number("1", tuple(map(int, written.split("."))))]
    case = "a" if written.islower() else "A"
    found = [_Number(case, (ord(written.lower()) - ord("a") + 1,))] if len(written) == 1 else []
    roman = [_ROMAN.index(written.lower()) + 1] if written.lower() in _ROMAN else []
    return found + [_Number(f"{case}, Roman", (number,)) for number in roman]

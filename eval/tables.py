"""Tables whose cells are text: aligned for the terminal, in Markdown, and as data for HTML pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from clausetag.predict.terminal import aligned

MISSING = "-"
_NUMERIC = re.compile(r"[-+−±]?[\d.,]+( ?%)?([ /±[(].*)?|[-–—]?|no positive|undefined|n/a", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells. The first column names the row."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    totals: int = 0
    """Number of rows at the end that summarise the others; a line separates them."""
    section: str = "overview"
    """Section of the evaluation's HTML report in which it stands."""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """For each column, whether all its cells are numbers or stand for a missing one."""
        return tuple(
            column > 0 and all(_NUMERIC.fullmatch(row[column].strip()) for row in self.rows)
            for column in range(len(self.header))
        )

    def terminal(self) -> list[str]:
        """Lines of aligned columns, without caption and note."""
        return terminal_table(self.header, self.rows, rules={len(self.rows) - self.totals} if self.totals else ())

    def markdown(self) -> list[str]:
        """Lines of Markdown, without caption and note."""
        return markdown_table(self.header, self.rows)


def number(value: float | None, digits: int = 3) -> str:
    """A value with `digits` decimals, or a dash if it is undefined."""
    return MISSING if value is None else f"{value:.{digits}f}"


def with_interval(
    value: float | None, interval: tuple[float, float] | None, digits: int = 3, *, sign: bool = False
) -> str:
    """A value and its interval, which has one decimal less: `0.653 [0.60, 0.72]`; `sign` writes + before positives."""
    if value is None:
        return MISSING
    plus = "+" if sign else ""
    bounds = "" if interval is None else " [{:{f}}, {:{f}}]".format(*interval, f=f"{plus}.{digits - 1}f")
    return f"{value:{plus}.{digits}f}{bounds}"


def terminal_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, rules: Collection[int] = (), left: int = 1
) -> list[str]:
    """Lines of aligned columns, the first `left` of them to the left.

    A rule follows the header and precedes each row whose index is in `rules`.
    """
    head, *lines = aligned([header, *rows], left)
    rule = "-" * len(head)
    for index in sorted(rules, reverse=True):
        lines.insert(index, rule)
    return [head, rule, *lines]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Lines of a Markdown table, all columns after the first `left` aligned to the right."""
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    lines = [header, rule, *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines]

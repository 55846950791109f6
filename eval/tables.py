"""Tables of text cells for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

MISSING = "-"


def number(value: float | None, digits: int = 3) -> str:
    """A number with `digits` decimals, or a dash if it is undefined."""
    return MISSING if value is None else f"{value:.{digits}f}"


def with_interval(value: float | None, interval: tuple[float, float] | None, digits: int = 3) -> str:
    """A number and its interval: ``0.653 [0.60, 0.72]``."""
    if value is None or interval is None:
        return number(value, digits)
    return f"{value:.{digits}f} [{interval[0]:.{digits - 1}f}, {interval[1]:.{digits - 1}f}]"


def terminal_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, rules: Collection[int] = (), left: int = 1
) -> list[str]:
    """Lines of aligned columns, the first `left` of them to the left, the others to the right.

    A rule stands after the header and before each row whose number is in `rules`.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = zip(cells, widths, strict=True)
        return "  ".join(f"{cell:{'<' if at < left else '>'}{width}}" for at, (cell, width) in enumerate(padded))

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [line(header), rule]
    for place, row in enumerate(rows):
        lines += [rule, line(row)] if place in rules else [line(row)]
    return lines


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Lines of a Markdown table, the first `left` columns aligned left, the others right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(header), line(["---"] * left + ["---:"] * (len(header) - left)), *map(line, rows)]

"""Tables of text cells for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

MISSING = "-"


def number(value: float | None, digits: int = 3) -> str:
    """A figure with three digits, or a dash where it is undefined."""
    return MISSING if value is None else f"{value:.{digits}f}"


def with_interval(value: float | None, interval: tuple[float, float] | None, digits: int = 3) -> str:
    """A figure and its interval: ``0.653 [0.60, 0.72]``."""
    if value is None or interval is None:
        return number(value, digits)
    return f"{value:.{digits}f} [{interval[0]:.{digits - 1}f}, {interval[1]:.{digits - 1}f}]"


def terminal_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, rules: Collection[int] = ()) -> list[str]:
    """Lines of aligned columns; a rule after the header and before each row whose number is in `rules`."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(
            [
                cells[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
            ]
        )

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [line(header), rule]
    for place, row in enumerate(rows):
        if place in rules:
            lines.append(rule)
        lines.append(line(row))
    return lines


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, all columns but the first aligned right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(header), line(["---", *["---:"] * (len(header) - 1)]), *(line(row) for row in rows)]

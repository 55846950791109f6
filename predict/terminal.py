"""Text for a terminal: without control characters, cut to a width, with plurals, in aligned columns."""

from __future__ import annotations

from collections.abc import Sequence


def printable(text: str) -> str:
    """`text` with a space in place of each character that could move the cursor or colour the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def shorten(text: str, width: int) -> str:
    """Cut `text` at the end of a word to at most `width` characters, including an ellipsis."""
    if len(text) <= width:
        return text
    head = text[: max(width - 1, 0)]
    cut = head.rfind(" ")
    return (head[:cut] if cut > width // 2 else head).rstrip(" ,;:") + "…"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 sentence", "2,000 sentences"; `many` is the plural if it isn't `one` + "s"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Rows of cells as lines of columns, two spaces apart; all columns after the first `left` are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]

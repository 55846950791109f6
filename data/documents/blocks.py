"""What all readers share: blocks of text as (text, kind) pairs, list markers, headings, and joining blocks.

`assemble` makes the extracted text of the blocks, which all offsets refer to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from clausetag.data.records import Block, BlockKind, Document

RawBlock = tuple[str, BlockKind]

MAX_ITEM_WORDS = 150
"""A list item or table cell with more words is used for layout, and its content is read as paragraphs."""
RULE = re.compile(r"^[\s\-_*=~#|+.·•]*$")
"""A blank line, a horizontal rule, or only list markers."""
_SPACE = re.compile(r"[\s\u00a0\u200b\u200c\u200d\u2060\ufeff]+")
_MARKER = re.compile(
    r"(?:[-*+•·▪▫◦‣⁃■□●○➢➤✓✔\uf0b7\u2013\u2014]+\s+"  # bullets; a dash needs a space after it
    r"|[•·▪▫◦‣⁃■□●○➢➤✓✔\uf0b7]\s*"
    r"|_{2,}(?=\w)"
    r"|\(?(?:\d{1,2}|[a-zA-Z]|[ivxIVX]{1,5})[.)]\s+"
    r"|\(\w{1,4}\)\s+"
    r"|\d{1,2}(?:\.\d{1,2}){1,3}\.?\s+)"
)
_AREA_CODE = re.compile(r"\(\d{3}\)\s+\d{3}\W")
_NOTICE = re.compile(
    r"^The following text is extracted and transformed from the \S+ privacy policy that was archived on "
    r"\d{4}-\d{2}-\d{2}\b"
)


def normalise(text: str) -> str:
    """Replace each run of white space and invisible characters by one space; remove soft hyphens and outer space."""
    if text.isascii():  # the usual case, and several times faster
        return " ".join(text.split())
    return _SPACE.sub(" ", text.replace("\u00ad", "")).strip()


def strip_markers(line: str) -> tuple[str, bool]:
    """Remove list markers ("•", "2.", "(a)", "3.1") from the start of a line; also returns whether there was one.

    A line that is only a marker is kept.
    """
    start = 0
    while (match := _MARKER.match(line, start)) and match.end() < len(line):
        start = match.end()
    return line[start:].lstrip(), start > 0


def without_marker(line: str) -> tuple[str, bool]:
    """`strip_markers`, but the area code of a telephone number is not a marker.

    For HTML, PDF and Word. Plain text keeps the older rule, because published labels identify sentences by their text.
    """
    return (line, False) if _AREA_CODE.match(line) else strip_markers(line)


def looks_like_heading(line: str) -> bool:
    """Whether a line of plain text looks like a heading: short, capitalised, and without the end of a sentence."""
    words = line.split()
    letters = next((character for character in line if character.isalpha()), "")
    starts_well = letters.isupper() or line[0].isdigit()
    if not 1 <= len(words) <= 12 or len(line) > 90 or not letters or not starts_well:
        return False
    if line[-1] in ".!;,&" or "@" in line or "://" in line:
        return False
    long_words = [word for word in words if len(word) > 3 and word[0].isalpha()]
    titled = sum(word[0].isupper() for word in long_words)
    if line.endswith(":"):
        return len(words) <= 8 and bool(long_words) and 2 * titled >= len(long_words) and len(words) > 1
    return len(words) <= 8 or 2 * titled >= len(long_words)


def demote_last(blocks: list[RawBlock]) -> list[RawBlock]:
    """Make paragraphs of headings at the end, which have no text below them."""
    end = len(blocks)
    while end > 1 and blocks[end - 1][1] == "heading":
        end -= 1
        blocks[end] = (blocks[end][0], "paragraph")
    return blocks


def join_broken_lines(lines: Iterable[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Lines as (text, all bold), where a line break within a sentence becomes a space.

    That is a break before a lower-case letter, unless the line above ends with a full stop, colon or the like.
    """
    joined: list[tuple[str, bool]] = []
    for text, is_bold in lines:
        if joined and text[:1].islower() and joined[-1][0][-1] not in ".:;!?":
            text, is_bold = f"{joined[-1][0]} {text}", joined.pop()[1] and is_bold
        joined.append((text, is_bold))
    return joined


def assemble(policy: str, raw: Iterable[RawBlock], flags: tuple[str, ...] = ()) -> Document:
    """Join blocks into a `Document`, with an empty line between them; an archive's notice at the top is kept apart."""
    notice: str | None = None
    parts: list[str] = []
    blocks: list[Block] = []
    position = 0
    for index, (content, kind) in enumerate(raw):
        body = normalise(content)
        if not body:
            continue
        if index == 0 and _NOTICE.match(body):
            notice = body
            continue
        blocks.append(Block(position, position + len(body), kind))
        parts.append(body)
        position += len(body) + 2
    return Document(policy, "\n\n".join(parts), tuple(blocks), notice, flags)

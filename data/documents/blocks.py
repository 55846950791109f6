"""Blocks from plain text and Markdown: headings, paragraphs, list items and table cells, markers stripped.

Each reader returns (text, kind) pairs; `assemble` joins them into the extracted text that all offsets index.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from clausetag.data.records import Block, BlockKind, Document

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

RawBlock = tuple[str, BlockKind]

_SPACE = re.compile(r"[\s\u00a0\u200b\u200c\u200d\u2060\ufeff]+")
_MARKER = re.compile(
    r"(?:[-*+•·▪▫◦‣⁃■□●○➢➤✓✔\uf0b7\u2013\u2014]+\s+"  # bullets; a dash needs a space behind it
    r"|[•·▪▫◦‣⁃■□●○➢➤✓✔\uf0b7]\s*"
    r"|_{2,}(?=\w)"
    r"|\(?(?:\d{1,2}|[a-zA-Z]|[ivxIVX]{1,5})[.)]\s+"
    r"|\(\w{1,4}\)\s+"
    r"|\d{1,2}(?:\.\d{1,2}){1,3}\.?\s+)"
)
_AREA_CODE = re.compile(r"\(\d{3}\)\s+\d{3}\W")
_ATX_HEADING = re.compile(r"^ {0,3}#{1,6}\s+\S", re.MULTILINE)
_LINK = re.compile(r"\[[^\[\]\n]+\]\((?:https?:|mailto:|/|#|www\.)[^)\s]*(?:\s+\"[^\"]*\")?\)")
_SETEXT = re.compile(r"^\S[^\n]*\n(?:=){3,}\s*$", re.MULTILINE)
_NOTICE = re.compile(
    r"^The following text is extracted and transformed from the \S+ privacy policy that was archived on "
    r"\d{4}-\d{2}-\d{2}\b"
)
_RULE = re.compile(r"^[\s\-_*=~#|+.·•]*$")
_WRAP_WIDTH = 100


def normalise(text: str) -> str:
    """Collapse every run of white space and invisible characters to one space, ends trimmed; soft hyphens go."""
    if text.isascii():  # several times as fast, and what most texts are
        return " ".join(text.split())
    return _SPACE.sub(" ", text.replace("\u00ad", "")).strip()


def strip_markers(line: str) -> tuple[str, bool]:
    """Take list markers ("•", "2.", "(a)", "3.1") off the front; says whether there was one.

    A marker that is all there is stays, so nothing is lost.
    """
    start = 0
    while (match := _MARKER.match(line, start)) and match.end() < len(line):
        start = match.end()
    return line[start:].lstrip(), start > 0


def without_marker(line: str) -> tuple[str, bool]:
    """`strip_markers`, but the area code of a telephone number is none.

    For what is read from HTML, PDF and Word. Plain text keeps the older reading: published labels name its sentences by
    their text.
    """
    return (line, False) if _AREA_CODE.match(line) else strip_markers(line)


def looks_like_heading(line: str) -> bool:
    """Whether a line of plain text reads as a heading: short, capitalised, without a sentence's end."""
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


def looks_like_markdown(text: str) -> bool:
    """Whether text uses Markdown's headings or links, so that its markers must not become part of a sentence."""
    return bool(_ATX_HEADING.search(text) or _LINK.search(text) or _SETEXT.search(text))


def _is_hard_wrapped(lines: list[str]) -> bool:
    """Whether lines were broken at a fixed width: most lines that are followed by another one are about full."""
    inner = [len(line) for line, after in pairwise(lines) if line and after]
    longest = max(inner, default=0)
    if len(inner) < 4 or longest > _WRAP_WIDTH:
        return False
    full = sum(length >= 0.7 * longest for length in inner)
    return longest >= 40 and full >= 0.6 * len(inner)


def plain_blocks(text: str) -> list[RawBlock]:
    """Read plain text: a line is a block, unless the text is hard-wrapped, where a run of lines is one."""
    raw_lines = [normalise(line) for line in text.splitlines()]
    lines = raw_lines
    if _is_hard_wrapped(raw_lines):
        width = max(map(len, raw_lines))
        paragraphs: list[list[str]] = []
        for line in raw_lines:
            last = paragraphs[-1][-1] if paragraphs else ""
            # A line that stops well short of the width ended its paragraph.
            if last and line and not strip_markers(line)[1] and len(last) >= 0.6 * width:
                paragraphs[-1].append(line)
            else:
                paragraphs.append([line])
        lines = [" ".join(paragraph) for paragraph in paragraphs]
    blocks: list[RawBlock] = []
    for line in lines:
        body, marked = strip_markers(line)
        if _RULE.match(body):
            continue  # a blank line, a rule or markers alone
        after_lead_in = bool(blocks) and blocks[-1][0].endswith(":") and blocks[-1][1] != "heading"
        if looks_like_heading(body) and not after_lead_in:
            blocks.append((body, "heading"))
        else:
            blocks.append((body, "list_item" if marked or after_lead_in else "paragraph"))
    return demote_last(blocks)


def demote_last(blocks: list[RawBlock]) -> list[RawBlock]:
    """A guessed heading with nothing below it is no heading."""
    end = len(blocks)
    while end > 1 and blocks[end - 1][1] == "heading":
        end -= 1
        blocks[end] = (blocks[end][0], "paragraph")
    return blocks


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table")


def markdown_blocks(text: str) -> list[RawBlock]:
    """Read Markdown (CommonMark and tables): links become their text, markers and rules vanish."""
    from clausetag.data.documents.html.reader import html_blocks

    blocks: list[RawBlock] = []
    kinds: list[BlockKind] = []
    for token in _markdown().parse(text):
        if token.type == "heading_open":
            kinds.append("heading")
        elif token.type == "list_item_open":
            kinds.append("list_item")
        elif token.type in ("th_open", "td_open"):
            kinds.append("table_cell")
        elif token.type in ("heading_close", "list_item_close", "th_close", "td_close"):
            kinds.pop()
        elif token.type in ("fence", "code_block"):
            blocks.extend(plain_blocks(token.content))
        elif token.type == "html_block":
            blocks.extend(html_blocks(token.content))
        elif token.type == "inline":
            lines = [""]
            for child in token.children or []:
                if child.type == "hardbreak":
                    lines.append("")
                elif child.type == "softbreak":
                    lines[-1] += " "
                elif child.type == "image":
                    continue
                elif child.type == "html_inline":
                    if re.match(r"<br\b", child.content, re.IGNORECASE):
                        lines.append("")
                else:
                    lines[-1] += child.content
            kind: BlockKind = kinds[-1] if kinds else "paragraph"
            pieces = [piece for piece in map(normalise, lines) if piece and not _RULE.match(piece)]
            for piece in pieces:
                body, marked = strip_markers(piece)
                if kind == "paragraph" and len(pieces) == 1 and looks_like_heading(body):
                    blocks.append((body, "heading"))
                elif kind == "paragraph" and marked:
                    blocks.append((body, "list_item"))
                else:
                    blocks.append((body, kind))
    return demote_last(blocks)


def assemble(policy: str, raw: Iterable[RawBlock], flags: tuple[str, ...] = ()) -> Document:
    """Join blocks with an empty line between them into a `Document`; an archive's notice on top is set aside."""
    notice: str | None = None
    parts: list[str] = []
    blocks: list[Block] = []
    position = 0
    for number, (content, kind) in enumerate(raw):
        body = normalise(content)
        if not body:
            continue
        if number == 0 and _NOTICE.match(body):
            notice = body
            continue
        blocks.append(Block(position, position + len(body), kind))
        parts.append(body)
        position += len(body) + 2
    return Document(policy, "\n\n".join(parts), tuple(blocks), notice, flags)

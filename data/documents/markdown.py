"""Markdown (CommonMark and tables) to blocks: links become their text, markers and rules are left out.

So are struck-out text (``~~five~~``, ``<del>``), the modules that MDX imports, and front matter, except for its title.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from clausetag.data.documents.blocks import RULE, RawBlock, Run, demote_last, linked, looks_like_heading
from clausetag.data.documents.grids import table_blocks
from clausetag.data.documents.plain import going_on, plain_blocks
from clausetag.data.documents.structure.markers import strip_markers
from clausetag.data.records import BlockKind

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_ATX_HEADING = re.compile(r"^ {0,3}#{1,6}\s+\S", re.MULTILINE)
_LINK = re.compile(r"\[[^\[\]\n]++\]\((?:https?:|mailto:|/|#|www\.)[^)\s\[]*+(?:\s++\"[^\"\[\n]*+\")?\)")
_SETEXT_HEADING = re.compile(r"^\S[^\n]*\n(?:=){3,}\s*$", re.MULTILINE)
_BOLD = re.compile(r"(?<![\w*])\*\*(?=[^\s*])([^*\n]{1,300}+)\*\*(?![\w*])")
_TABLE = re.compile(
    r"^[^\n|]{0,1000}+\|[^\n]*+\n *+\|?(?: *+:?-{3,}+:? *+\|)++(?: *+:?-{3,}+:?)? *+$(?:\n[^\n|]*+\|[^\n]*+)*+",
    re.MULTILINE,
)
_ADJACENT_BOLD = re.compile(r"(?<=[^\s*])\*{4}(?=[^\s*])")
"""The end of bold type and the next beginning, which CommonMark would not read as such within a word."""
_ESCAPED_NUMBER = re.compile(r"^(\d{1,3})\\(?=[.)])", re.MULTILINE)
_HASHES = re.compile(r"#{1,6}\s+")
_STRUCK_TAG = re.compile(r"<(/?)(?:del|s|strike)\b", re.IGNORECASE)
_ENTRY = re.compile(r"[ \t#\-\[\]{}]|$|(?:[a-z_][\w.-]{0,60}|Title)\s*+[:=]")
"""The start of a line of front matter: a key, or what belongs to one. Keys with spaces would be text between rules."""
_TITLE = re.compile(r"title\s*+[:=]\s*+(?:\"([^\"]+)|'([^']+)|(\S.*))", re.IGNORECASE)
_MODULE = re.compile(r"(?:import\s[^\n]{0,200}from\s*+|import\s++)['\"]|export\s++(?:const|default|function|let)\s")
_LINE_BREAK_TAG = re.compile(r"<br\b", re.IGNORECASE)
_BOLD_PASSAGES = 3
"""Fewer may be asterisks of something else."""
_KINDS: dict[str, BlockKind] = {
    "heading": "heading",
    "list_item": "list_item",
    "th": "table_cell",
    "td": "table_cell",
}


def looks_like_markdown(text: str) -> bool:
    """Whether text has Markdown headings or links, so that their markers must not become part of a sentence."""
    return bool(_ATX_HEADING.search(text) or _LINK.search(text) or _SETEXT_HEADING.search(text))


def text_blocks(text: str) -> list[RawBlock]:
    """The blocks of a plain text, in which Markdown's tables are read, and its marks of bold type left out.

    Each line stays a line, as it would not in Markdown. "4\\." at the start of one is the number "4.".
    """
    text = _ESCAPED_NUMBER.sub(r"\1", text)
    if len(list(islice(_BOLD.finditer(text), _BOLD_PASSAGES))) == _BOLD_PASSAGES:
        text = _BOLD.sub(r"\1", _ADJACENT_BOLD.sub("", text))
    blocks: list[RawBlock] = []
    start = 0
    for table in _TABLE.finditer(text):
        blocks += [*plain_blocks(text[start : table.start()], goes_on=True), *markdown_blocks(table[0])]
        start = table.end()
    return [*blocks, *plain_blocks(text[start:])]


def markdown_blocks(text: str) -> list[RawBlock]:
    """The blocks of a Markdown text; code is read as plain text, embedded HTML as HTML."""
    # Imported here because few inputs are Markdown.
    from clausetag.data.documents.html.reader import html_blocks

    blocks: list[RawBlock] = []
    kinds: list[BlockKind] = ["paragraph"]
    rows: list[dict[int, list[RawBlock]]] = []
    levels = 0
    for token in _parser().parse(_ADJACENT_BOLD.sub("", text)):
        name, _, event = token.type.rpartition("_")
        if name in _KINDS and event == "open":
            kinds.append(_KINDS[name])
        elif name in _KINDS and event == "close":
            kinds.pop()
        elif token.type in ("fence", "code_block"):
            blocks.extend(plain_blocks(token.content))
        elif token.type == "html_block":
            blocks.extend(html_blocks(token.content))
        elif token.type == "inline" and kinds[-1] == "table_cell":
            rows[-1][len(rows[-1])] = _inline_blocks(token.children or [], kinds[-1])
        elif token.type == "inline" and not _MODULE.match(token.content):
            blocks.extend(_inline_blocks(token.children or [], kinds[-1], level=levels))
        elif token.type == "tr_open":
            rows.append({})
        elif token.type == "table_close":
            blocks.extend(table_blocks(rows, has_header=True))
            rows = []
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            levels += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            levels -= 1
    return demote_last(blocks)


@cache
def _parser() -> MarkdownIt:
    # Imported here because few inputs are Markdown.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def without_front_matter(text: str) -> str | None:
    """The Markdown below front matter in YAML or TOML, with the title as its heading; None if there is none."""
    text = text.lstrip("\ufeff \r\n")
    mark, *lines = text.splitlines() if text.startswith(("---", "+++")) else [""]
    if mark.rstrip() not in ("---", "+++"):
        return None
    title = ""
    for number, line in enumerate(lines):
        if number and line.rstrip() in (mark.rstrip(), "..."):
            body = "\n".join(lines[number + 1 :]).lstrip("\n")
            return body if not title or body.startswith("# ") else f"# {title}\n\n{body}"
        if not _ENTRY.match(line):
            return None
        if found := _TITLE.match(line):
            title = (found[1] or found[2] or found[3]).strip()
    return None


def _is_struck(token: Token) -> int:
    """1 where struck-out text begins, -1 where it ends."""
    if token.type in ("s_open", "s_close"):
        return 1 if token.type == "s_open" else -1
    tag = _STRUCK_TAG.match(token.content) if token.type == "html_inline" else None
    return 0 if tag is None else -1 if tag[1] else 1


def _inline_blocks(tokens: Sequence[Token], kind: BlockKind, level: int = 0) -> list[RawBlock]:
    """One block for each line of a paragraph, heading, list item or table cell."""
    runs: list[list[Run]] = [[]]
    href: str | None = None
    struck = 0
    closing = sum(_is_struck(token) < 0 for token in tokens)
    for token in tokens:
        strike = _is_struck(token)
        closing -= strike < 0
        if strike < 0 or closing:  # a tag that is not closed strikes nothing
            struck = max(0, struck + strike)
        if struck:
            continue
        if token.type == "hardbreak" or (token.type == "html_inline" and _LINE_BREAK_TAG.match(token.content)):
            runs.append([])
        elif token.type == "softbreak":
            runs[-1].append((" ", href))
        elif token.type in ("link_open", "link_close"):
            if token.type == "link_open" and runs[-1] and runs[-1][-1][1]:
                runs[-1].append((" ", None))  # links that touch are entries of a menu
            href = str(token.attrs["href"]) if token.type == "link_open" else None
        elif token.type not in ("image", "html_inline"):
            is_title = kind == "table_cell" and not any(text.strip() for text, _ in runs[-1])
            runs[-1].append((_HASHES.sub("", token.content, count=1) if is_title else token.content, href))
    whole: list[list[Run]] = []
    for run, goes_on in zip(runs, going_on([linked(run)[0] for run in runs]), strict=True):
        if goes_on:
            whole[-1] += [(" ", None), *run]
        else:
            whole.append(run)
    lines = [(text, links) for text, links in map(linked, whole) if text and not RULE.match(text)]
    alone = kind == "paragraph" and len(lines) == 1
    return [
        RawBlock(text, "heading" if alone and looks_like_heading(strip_markers(text)[0]) else kind, links, level=level)
        for text, links in lines
    ]

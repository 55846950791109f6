"""The text between the tags of a page, without a parser."""

from __future__ import annotations

import re
from html import unescape

_OPENING = re.compile(r"<!--|<(?:script|style|noscript|template)\b", re.IGNORECASE)
_CLOSING = {
    "<!--": re.compile("-->"),
    **{
        f"<{name}": re.compile(rf"</{name}\s*+>", re.IGNORECASE) for name in ("script", "style", "noscript", "template")
    },
}
_INLINE_TAG = re.compile(r"</?(?:a|abbr|b|em|font|i|small|span|strong|sub|sup|u)\b[^<>]*+>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*+>")


def without_scripts(html: str) -> str:
    """The page with a space in place of each comment, script, style sheet and template, in time linear in its length.

    One that is not closed is kept.
    """
    kept: list[str] = []
    unclosed: set[str] = set()
    position = 0
    while (opening := _OPENING.search(html, position)) is not None:
        name = opening.group().lower()
        # What is not closed once will not be closed further on; looking again each time would take quadratic time.
        closing = None if name in unclosed else _CLOSING[name].search(html, opening.end())
        if closing is None:
            unclosed.add(name)
            kept.append(html[position : opening.end()])
            position = opening.end()
        else:
            kept += [html[position : opening.start()], " "]
            position = closing.end()
    return "".join([*kept, html[position:]])


def text_between_tags(html: str) -> str:
    """The text of a page, with an empty line in place of each tag that is not inline."""
    return unescape(_TAG.sub("\n\n", _INLINE_TAG.sub("", without_scripts(html))))

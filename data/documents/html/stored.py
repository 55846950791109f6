"""Text that a page shows only with scripts or in a frame: JSON in scripts, and pages within the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

_JSON_START = re.compile(r"(?:=|\(|^)\s*+(?=[\[{])")
_STARTS = 8
"""Places in a script at which JSON is looked for."""
_SENTENCE_WORDS = 3
"""A string in JSON with fewer words is no text of the page."""
_PROSE_WORDS = 15
_TITLE_KEY = re.compile(r"heading|title|question|header|label", re.IGNORECASE)
_NO_TEXT = re.compile(r"https?://|[{}]|\w_\w")
"""What is in addresses, code and names of variables."""


def inner_pages(root: Any) -> list[str]:
    """The HTML of the pages that are written into a page's frames, and of the text in its scripts."""
    pages = [frame.get("srcdoc") for frame in root.iter("iframe") if frame.get("srcdoc")]
    return [*pages, *(page for script in root.iter("script") if (page := _page_in_script(script)))]


def _page_in_script(script: Any) -> str:
    """The HTML in a script's JSON: its texts and titles, if one of them is prose."""
    strings = [text for value in _json_values(script.text or "") for text in _strings(value)]
    if not any(len(text.split()) >= _PROSE_WORDS for text in strings):
        return ""
    return "".join(text if "</" in text else f"<p>{escape(text)}</p>" for text in dict.fromkeys(strings))


def _json_values(source: str) -> Iterator[Any]:
    """The JSON in a script: all of it, or what it assigns to a variable or passes to a function."""
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(_STARTS):
        start = _JSON_START.search(source, position)
        if start is None:
            return
        try:
            value, position = decoder.raw_decode(source, start.end())
        except (ValueError, RecursionError):
            position = start.end()
        else:
            yield value


def _strings(value: Any) -> Iterator[str]:
    """The texts and titles in a JSON value, in order; nested as deeply as it may be."""
    waiting = [("", value)]
    while waiting:
        key, part = waiting.pop()
        if isinstance(part, str):
            if _is_text(part) or (_TITLE_KEY.search(key) and not _NO_TEXT.search(part)):
                yield part
        elif isinstance(part, dict):
            waiting.extend(reversed(part.items()))
        elif isinstance(part, list):
            waiting.extend((key, item) for item in reversed(part))


def _is_text(text: str) -> bool:
    return len(text.split()) >= _SENTENCE_WORDS and ("</" in text or not _NO_TEXT.search(text))

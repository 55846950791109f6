"""Links in a document's text: which are kept, and where they stand.

A link is data for the reader of the results; nothing is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from clausetag.data.records import Link

_MAX_HREF = 4096
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}:")
_KEPT_SCHEMES = ("http:", "https:", "mailto:", "tel:")
_IGNORED = re.compile(r"[\x00-\x1f\x7f]+")
"""What browsers leave out of an address."""
_WRITTEN = re.compile(
    r"(?<![\w.+%-])(?P<mail>[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-zA-Z]{2,24})(?![\w@])"
    r"|(?<![\w@/.])(?P<web>(?:https?://|www\.)[^\s<>\"'“”‘’()\[\]{}|\\]{3,2000})",
    re.IGNORECASE,
)
"""An e-mail or web address that is written out in the text."""
_CLOSING = ".,;:!?*_"
"""Punctuation after an address that belongs to its sentence."""


def moved(links: Iterable[Link], by: int) -> tuple[Link, ...]:
    """The links at offsets that are `by` greater; what would then stand before 0 is cut off."""
    shifted = (Link(max(link.start + by, 0), link.end + by, link.href) for link in links)
    return tuple(link for link in shifted if link.end > link.start)


def kept_links(text: str, links: Sequence[Link]) -> tuple[Link, ...]:
    """The links of a block's text that lead somewhere, and the e-mail and web addresses that are written out in it.

    Addresses with other schemes than http, https, mailto and tel, and those within the page, are left out.
    """
    kept = [link._replace(href=href) for link in links if (href := _address(link.href))]
    given = iter([*kept, Link(len(text), len(text), "")])
    following = next(given)
    for link in _written(text):
        while following.end <= link.start and following.href:
            following = next(given)
        if following.start >= link.end:
            kept.append(link)
    return tuple(sorted(kept))


def _address(href: str) -> str | None:
    href = _IGNORED.sub("", href).strip().replace(" ", "%20")
    if not href or href.startswith("#") or len(href) > _MAX_HREF:
        return None
    scheme = _SCHEME.match(href)
    return href if scheme is None or scheme.group().lower() in _KEPT_SCHEMES else None


def _written(text: str) -> Iterator[Link]:
    for match in _WRITTEN.finditer(text):
        address = match.group().rstrip(_CLOSING)
        prefix = "mailto:" if match["mail"] else "" if "://" in address[:8] else "http://"
        yield Link(match.start(), match.start() + len(address), prefix + address)

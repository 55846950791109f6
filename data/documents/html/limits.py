"""What a page may consist of. It is counted before the page is parsed, as a tree takes hundreds of bytes for a tag."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clausetag.data.errors import DocumentError

_TAG = re.compile(r"<[a-zA-Z](?:[^\"'>]++|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+")
"""A start tag. One that is cut off ends with the page."""
_VALUE = re.compile(r"\"[^\"]*+\"|'[^']*+'")
_SPACE = re.compile(r"\s++|\"\"(?!\s)")


@dataclass(frozen=True, slots=True)
class HtmlLimits:
    """What a page may have; beyond that it gives an error with the code "too_large". Its bytes are limited before.

    Nesting needs no limit: what lies too deep for libxml2 is read as text between tags.
    """

    tags: int = 200_000
    """Start tags. The longest policies have 20,000."""
    attributes: int = 5_000
    """Attributes of one tag, for which libxml2 takes quadratic time. Real tags have fewer than 100."""

    def check(self, html: str) -> None:
        """Refuse a page before it is parsed, in time linear in its length.

        Raises:
            DocumentError: code "too_large".
        """
        for number, tag in enumerate(_TAG.finditer(html), 1):
            if number > self.tags:
                raise DocumentError("too_large", f"the page has more than {self.tags:,} tags; save its text as .txt")
            if tag.end() - tag.start() > 2 * self.attributes:
                found = sum(1 for _ in _SPACE.finditer(_VALUE.sub('""', tag.group())))
                if found > self.attributes:
                    message = f"a tag of the page has more than {self.attributes:,} attributes; save its text as .txt"
                    raise DocumentError("too_large", message)


HTML_LIMITS = HtmlLimits()

"""Web pages that a browser saved as one file (MHTML): the HTML of the page itself, without its pictures and frames.

The file is an e-mail message whose parts are the page and what it shows. Python's `email` package reads it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clausetag.data.errors import DocumentError

if TYPE_CHECKING:
    from email.message import Message

_FIELD = re.compile(rb"[A-Za-z][A-Za-z-]{1,40}:")
_MARKS = (b"\nmime-version:", b"\ncontent-type:", b"\nsnapshot-content-location:")


def looks_like_mhtml(head: bytes) -> bool:
    """Whether a file begins with the header of a message that has HTML in it."""
    header = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not _FIELD.match(header):
        return False
    header = b"\n" + header.lower()
    return sum(mark in header for mark in _MARKS) >= 2 and (b"multipart/" in header or b"text/html" in header)


def mhtml_pages(content: bytes) -> list[tuple[bytes, str | None]]:
    """The HTML of a saved page and the encoding that its header declares: first the page itself, then its frames.

    Raises:
        DocumentError: code "unreadable"; it is damaged, or there is no HTML in it.
    """
    from email import message_from_bytes  # imported here because few inputs are saved so

    try:
        message = message_from_bytes(content.lstrip(b"\xef\xbb\xbf \t\r\n"))
        parts = [part for part in message.walk() if part.get_content_type() in ("text/html", "application/xhtml+xml")]
        root = message.get_param("start")
        parts.sort(key=lambda part: root is not None and part.get("Content-ID") != root)
        pages = [(bytes(part.get_payload(decode=True) or b""), _charset(part)) for part in parts]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # damaged headers
        raise DocumentError("unreadable", "the saved web page (MHTML) is damaged") from None
    if not pages:
        raise DocumentError("unreadable", "there is no HTML in the saved web page (MHTML)")
    return pages


def _charset(part: Message) -> str | None:
    charset = part.get_param("charset")
    return charset if isinstance(charset, str) else None

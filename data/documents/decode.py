"""Bytes of unknown encoding to text: what a file, a crawler or standard input hands over."""

from __future__ import annotations

import codecs
import re

from clausetag.data.errors import DocumentError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b")) + b"\x7f"
_MAX_CONTROL = 0.02
"""Share of control bytes from which a file is binary: compressed data has about 0.1, text none or a stray one."""
_META_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_ASCII = re.compile("[\x00-\x7f]+")
_WESTERN = re.compile(
    "[\x00-\x7f\xa0-\xcf\xd1-\xdd\xdf-\xef\xf1-\xfd"  # ASCII and Latin-1 without what only damage brings: eth, thorn, ÿ
    "\u2018-\u201e\u2013\u2014\u2022\u2026\u2122\u20ac\u2039\u203a\u0152\u0153\u0160\u0161\u017d\u017e\u0178]+"
)
_MULTIBYTE = ("big5", "cp932", "cp949", "cp950", "euc", "gb", "hz", "iso2022", "johab", "shift")
_MIN_COHERENCE = 0.2
"""How well a guess's letters fit a language, from 0 to 1: junk has 0 to 0.1, one sentence of text 0.4 and more. East
Asian encodings get no such figure, but seldom decode by accident."""


def decode(content: bytes) -> str:
    """Bytes to text: byte-order mark, UTF-8, the page's own declaration, else a guess from the bytes.

    Raises:
        DocumentError: code "binary" or "encoding".
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            try:
                return content[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                break  # another encoding that happens to begin with these bytes, or damage
    if (utf16 := _utf16_without_mark(content)) is not None:
        return content.decode(utf16, "replace")
    controls = len(content) - len(content.translate(None, _CONTROL))
    if controls > _MAX_CONTROL * len(content) or content.startswith((b"%PDF-", b"PK\x03\x04", b"{\\rtf")):
        raise DocumentError("binary", "this is binary data, not text")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    declared = _META_CHARSET.search(content[:4096])
    if declared and (text := _decode_as(content, declared[1].decode("ascii"))) is not None:
        return text
    if (text := _as_damaged_utf8(content)) is not None or (text := _as_western(content)) is not None:
        return text
    # Imported late: it is needed for few documents.
    from charset_normalizer import from_bytes

    guess = from_bytes(content).best()
    if guess is None or (guess.coherence < _MIN_COHERENCE and not guess.encoding.startswith(_MULTIBYTE)):
        raise DocumentError("encoding", "the character encoding is unknown; convert it to UTF-8")
    return str(guess)


def _utf16_without_mark(content: bytes) -> str | None:
    """UTF-16 text of mostly Latin letters has a zero in nearly every other byte."""
    head = content[:4096]
    half = len(head) // 2
    if half and len(content) % 2 == 0:
        for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            if head[offset::2].count(0) > 0.7 * half and head[1 - offset :: 2].count(0) < 0.05 * half:
                return encoding
    return None


def _decode_as(content: bytes, encoding: str) -> str | None:
    """Decode as a page declares; browsers read latin-1 as windows-1252 and replace what is damaged, within limits."""
    try:
        name = codecs.lookup(encoding).name
        if name in ("iso8859-1", "ascii"):
            name = "cp1252"
        text = content.decode(name, "replace")
    except (LookupError, ValueError, TypeError):
        return None
    return text if isinstance(text, str) and text.count("\ufffd") <= 0.01 * len(text) else None


def _as_damaged_utf8(content: bytes) -> str | None:
    """UTF-8 with some bad bytes (a cut end, a pasted line of another encoding): its good sequences outnumber those.

    Two bytes of another encoding are a good sequence by rare accident only; so they need not outnumber them by much.
    """
    replaced = content.decode("utf-8", "replace")
    bad = replaced.count("\ufffd")
    if len(_ASCII.sub("", replaced)) <= 2 * bad:
        return None
    text = content.decode("utf-8", "clausetag.pasted")
    return text if len(_WESTERN.sub("", text)) <= len(_WESTERN.sub("", replaced)) else replaced


def _pasted(error: UnicodeError) -> tuple[str, int]:
    """What windows-1252 makes of a byte that is no UTF-8, unless it is the rest of a sequence that was cut off."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return ("\ufffd" if len(bad) > 1 or error.end == len(error.object) else bad.decode("cp1252", "replace")), error.end


codecs.register_error("clausetag.pasted", _pasted)


def _as_western(content: bytes) -> str | None:
    """windows-1252, where all that is not ASCII is what Western European text holds, and little of it."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return None
    return text if len(_WESTERN.sub("", text)) == 0 and len(content) > 5 * len(_ASCII.sub("", text)) else None

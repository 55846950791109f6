"""Bytes of unknown encoding to text."""

from __future__ import annotations

import codecs
import re

import webencodings

from clausetag.data.errors import DocumentError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, because it begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b")) + b"\x7f"
_MAX_CONTROL = 0.02
"""Share of control bytes above which content is binary; compressed data has about 0.1, text almost none."""
_MAX_DAMAGED = 0.01
"""Share of characters that may be damaged in text that is decoded as declared."""
_LARGER = {"gbk": "gb18030", "euc-kr": "cp949", "shift_jis": "cp932", "big5": "big5hkscs"}
"""Python's codecs for what the WHATWG's standard means by these names."""
_META_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*+=\s*+["']?\s*+([\w.:-]+)""", re.IGNORECASE
)
_ASCII = re.compile("[\x00-\x7f]+")
_WESTERN = re.compile(
    "[\x00-\x7f\xa0-\xcf\xd1-\xdd\xdf-\xef\xf1-\xfd"  # ASCII, and Latin-1 without eth, thorn and ÿ, which damage brings
    "\u2018-\u201e\u2013\u2014\u2022\u2026\u2122\u20ac\u2039\u203a\u0152\u0153\u0160\u0161\u017d\u017e\u0178]+"
)
_MULTIBYTE = ("big5", "cp932", "cp949", "cp950", "euc", "gb", "hz", "iso2022", "johab", "shift")
_MIN_COHERENCE = 0.2
"""How well a guess must fit a language, from 0 to 1: junk has 0 to 0.1, one sentence of text 0.4 and more. East Asian
encodings have no such figure, but seldom decode by accident."""


def decode(content: bytes, label: str | None = None) -> str:
    """Bytes to text, by the byte-order mark, as UTF-8, as declared, or by a guess from the bytes.

    `label` is the encoding that a message's header declares; it comes before the one in the page.

    Raises:
        DocumentError: code "binary" or "encoding".
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            marked = content[len(mark) :].decode(encoding, "replace")
            if marked.count("\ufffd") <= _MAX_DAMAGED * len(marked):
                return marked
            break  # another encoding that begins with the same bytes
    if (utf16 := _utf16_without_mark(content)) is not None:
        return content.decode(utf16, "replace")
    if looks_binary(content):
        raise DocumentError("binary", "this is binary data, not text")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    in_page = _META_CHARSET.search(content[:4096])
    for declared in (label, in_page and in_page[1].decode("ascii")):
        if declared and (decoded := _decode_as(content, declared)) is not None:
            return decoded
    if (text := _as_damaged_utf8(content)) is not None or (text := _as_western(content)) is not None:
        return text
    # Imported here because few documents need it.
    from charset_normalizer import from_bytes

    guess = from_bytes(content).best()
    if guess is None or (guess.coherence < _MIN_COHERENCE and not guess.encoding.startswith(_MULTIBYTE)):
        raise DocumentError("encoding", "the character encoding is unknown; convert it to UTF-8")
    return str(guess)


def looks_binary(content: bytes) -> bool:
    """Whether content is no text in an encoding that extends ASCII."""
    controls = len(content) - len(content.translate(None, _CONTROL))
    return controls > _MAX_CONTROL * len(content) or content.startswith((b"%PDF-", b"PK\x03\x04", b"{\\rtf"))


def _utf16_without_mark(content: bytes) -> str | None:
    """The byte order of UTF-16 text in mostly Latin letters, where almost every other byte is zero; otherwise None."""
    head = content[:4096]
    half = len(head) // 2
    if half and len(content) % 2 == 0:
        for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            if head[offset::2].count(0) > 0.7 * half and head[1 - offset :: 2].count(0) < 0.05 * half:
                return encoding
    return None


def _decode_as(content: bytes, label: str) -> str | None:
    """Decode as declared; None if the label is unknown or more than 1 % of the text is damaged.

    Labels mean what the WHATWG's Encoding Standard says (https://encoding.spec.whatwg.org): latin-1 is windows-1252. A
    page in ASCII letters that declares UTF-16 is not in UTF-16; the standard reads it as UTF-8, which it is not either.
    """
    encoding = webencodings.lookup(label)
    if encoding is None or encoding.name in ("utf-8", "utf-16le", "utf-16be"):
        return None
    codec = codecs.lookup(_LARGER[encoding.name]) if encoding.name in _LARGER else encoding.codec_info
    text = codec.decode(content, "replace")[0]
    return text if text.count("\ufffd") <= _MAX_DAMAGED * len(text) else None


def _as_damaged_utf8(content: bytes) -> str | None:
    """Decode UTF-8 with some bad bytes (a cut end, a pasted line in another encoding), or None if it is not UTF-8.

    Bytes of another encoding are rarely valid UTF-8 sequences, so these don't have to outnumber the bad ones by much.
    """
    replaced = content.decode("utf-8", "replace")
    bad = replaced.count("\ufffd")
    if len(_ASCII.sub("", replaced)) <= 2 * bad:
        return None
    text = content.decode("utf-8", "clausetag.pasted")
    return text if len(_WESTERN.sub("", text)) <= len(_WESTERN.sub("", replaced)) else replaced


def _pasted(error: UnicodeError) -> tuple[str, int]:
    """Error handler of codecs: reads a byte that is not UTF-8 as windows-1252, unless a sequence was cut off there."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    is_cut_off = len(bad) > 1 or error.end == len(error.object)
    return "\ufffd" if is_cut_off else bad.decode("cp1252", "replace"), error.end


codecs.register_error("clausetag.pasted", _pasted)


def _as_western(content: bytes) -> str | None:
    """Decode as windows-1252, if all characters outside ASCII are those of Western European text, and few; or None."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return None
    return text if len(_WESTERN.sub("", text)) == 0 and len(content) > 5 * len(_ASCII.sub("", text)) else None

"""Web pages saved as one file (MHTML)."""

from __future__ import annotations

import base64
import quopri

import pytest

from clausetag.data.documents.sniff import document_from_bytes
from clausetag.data.errors import DocumentError

PAGE = (
    '<!DOCTYPE html><html><head><meta charset="{charset}"><title>Privacy</title></head><body><h1>Privacy Policy</h1>'
    "<p>We don’t sell your data = ever, and we ask our café’s guests first, whoever they are.</p></body></html>"
)
TEXT = "Privacy Policy\n\nWe don’t sell your data = ever, and we ask our café’s guests first, whoever they are."


def message(*parts: bytes, head: str = "", boundary: str = "----Boundary--abc") -> bytes:
    start = (
        f"From: <Saved by Blink>\nSnapshot-Content-Location: https://a.example/privacy\nSubject: Privacy\n"
        f'MIME-Version: 1.0\nContent-Type: multipart/related;\n\ttype="text/html";{head}\n\tboundary="{boundary}"\n\n\n'
    ).encode()
    return start + b"".join(b"--%s\n%s\n" % (boundary.encode(), part) for part in parts) + f"--{boundary}--\n".encode()


def part(content: bytes, coding: str, kind: str = "text/html", more: str = "") -> bytes:
    packed = {
        "quoted-printable": quopri.encodestring,
        "base64": base64.encodebytes,
        "8bit": lambda raw: raw,
        "binary": lambda raw: raw,
    }[coding](content)
    return f"Content-Type: {kind}\nContent-Transfer-Encoding: {coding}\n{more}\n".encode() + packed


def read(content: bytes, suffix: str = ".mhtml") -> str:
    return document_from_bytes("a", content, suffix).text


@pytest.mark.parametrize("coding", ["quoted-printable", "base64", "8bit", "binary"])
@pytest.mark.parametrize("suffix", [".mhtml", ".mht", "", ".html"])
def test_the_page_is_decoded_whatever_its_name(coding: str, suffix: str) -> None:
    page = PAGE.format(charset="utf-8").encode()
    assert read(message(part(page, coding), part(b"GIF89a\0\1\2", "base64", "image/gif")), suffix) == TEXT
    windows = message(part(page, coding), part(b"p { color: red }", "8bit", "text/css")).replace(b"\n", b"\r\n")
    assert read(windows, suffix) == TEXT


@pytest.mark.parametrize("header", ["windows-1252", "latin1", ""])
def test_the_encoding_of_the_header_or_the_page(header: str) -> None:
    declared = "no-such" if header else "iso-8859-1"
    kind = f'text/html; charset="{header}"' if header else "text/html"
    content = part(PAGE.format(charset=declared).encode("cp1252"), "quoted-printable", kind)
    assert read(message(content)) == TEXT
    assert (
        read(message(part(PAGE.format(charset="x").encode("utf-16-le"), "base64", "text/html;charset=utf-16"))) == TEXT
    )


def test_the_main_part_is_the_page_and_not_a_frame() -> None:
    page, frame = PAGE.format(charset="utf-8").encode(), b"<html><body><p>Buy our shoes.</p></body></html>"
    first = message(part(page, "8bit"), part(frame, "8bit"))
    assert read(first) == TEXT
    named = message(
        part(frame, "8bit", more="Content-ID: <f2>\n"),
        part(page, "8bit", more="Content-ID: <f1>\n"),
        head='\n\tstart="<f1>";',
    )
    assert read(named) == TEXT
    empty = b"<html><body><iframe src='cid:f2'></iframe></body></html>"
    assert read(message(part(empty, "8bit"), part(page, "8bit"))) == TEXT


def test_a_part_within_a_part_and_a_message_of_one_part() -> None:
    page = PAGE.format(charset="utf-8").encode()
    inner = b'Content-Type: multipart/alternative; boundary="in"\n\n--in\n' + part(b"We sell.", "8bit", "text/plain")
    inner += b"\n--in\n" + part(page, "base64") + b"\n--in--\n"
    assert read(message(inner)) == TEXT
    single = b"From: <Saved by Microsoft>\nMIME-Version: 1.0\n" + part(page, "quoted-printable")
    assert read(single) == TEXT


def test_html_under_the_suffix_is_read_as_html() -> None:
    assert read(PAGE.format(charset="utf-8").encode()) == TEXT


def test_what_is_no_page_is_an_error() -> None:
    for content in (b"We sell nothing.", message(part(b"We sell.", "8bit", "text/plain")), message()):
        with pytest.raises(DocumentError) as caught:
            read(content)
        assert caught.value.code == "unreadable" and "MHTML" in str(caught.value)


def test_a_text_that_begins_like_a_header_is_text() -> None:
    text = "Subject: Privacy Policy\n\nWe sell nothing, and say so in text/html too."
    assert "We sell nothing" in document_from_bytes("a", text.encode(), ".txt").text


def test_hostile_messages_end_in_a_document_or_an_error() -> None:
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(3_000))
    heads = ('\n\tboundary="' + "x" * 100_000, ";" * 50_000, ' a*0="b";' * 5_000, " start*=''%FF;")
    for content in (
        b"MIME-Version: 1.0\n" + nested,
        *(message(part(b"<p>We sell.</p>", "8bit"), head=h) for h in heads),
    ):
        assert outcome(content) in ("text", "unreadable", "empty")


def outcome(content: bytes) -> str:
    try:
        return "text" if read(content) else ""
    except DocumentError as error:
        return error.code

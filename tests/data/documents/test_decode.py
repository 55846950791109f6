"""Bytes of unknown encoding."""

from __future__ import annotations

import random

import pytest

from clausetag.data.documents.decode import decode
from clausetag.data.errors import DocumentError

_ENGLISH = "We don’t sell your information – ever. Café “data” is kept safe."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp1252"])
def test_english_in_any_usual_encoding(encoding: str) -> None:
    assert decode(_ENGLISH.encode(encoding)) == _ENGLISH


def test_a_page_says_its_encoding() -> None:
    page = '<html><head><meta charset="Shift_JIS"></head><body><p>個人情報の保護</p></body></html>'
    assert decode(page.encode("shift_jis")) == page
    latin = '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><p>we don’t</p>'
    assert decode(latin.encode("cp1252")) == latin  # as browsers read it


def test_other_encodings_are_guessed() -> None:
    russian = "Мы не продаём вашу личную информацию третьим лицам. Мы храним ваши данные."
    assert decode(russian.encode("cp1251")) == russian


def test_a_few_damaged_bytes_do_not_change_the_encoding() -> None:
    assert decode(("We don’t “sell” it — ever’" + "x").encode()[:-3]) == "We don’t “sell” it — ever\ufffd"


def test_a_stray_control_character_is_no_binary() -> None:
    assert decode(b"We sell nothing. " * 10 + b"\x00") == "We sell nothing. " * 10 + "\x00"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (bytes(range(256)) * 4, "binary"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00", "binary"),
        (b"%PDF-1.4 text", "binary"),
        (random.Random(1).randbytes(3000), "binary"),
        (bytes(range(128, 256)) * 10, "encoding"),
        (b"We collect data \xff\xfe\xfa\x80 now. " * 5, "encoding"),
        (b"\xff\xfe\xfd\x81\x8d", "encoding"),
    ],
)
def test_what_is_no_text_is_an_error(content: bytes, code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        decode(content)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("label", "codec"),
    [("gb2312", "gbk"), ("x-sjis", "cp932"), ("windows-31j", "cp932"), ("ISO-8859-9", "cp1254"), ("latin1", "cp1252")],
)
def test_labels_mean_what_they_mean_in_browsers(label: str, codec: str) -> None:
    text = {"gbk": "數據", "cp932": "個人情報①", "cp1254": "“Kişisel” bilgiler", "cp1252": "we don’t"}[codec]
    page = f'<html><meta charset="{label}"><p>{text}</p>'
    assert decode(page.encode(codec)) == page


@pytest.mark.parametrize("label", ["no-such", "iso-2022-kr", "rot13", "hex", "bz2"])
def test_an_unknown_label_is_ignored(label: str) -> None:
    page = f'<html><meta charset="{label}"><p>{_ENGLISH}</p>'
    assert decode(page.encode("cp1252")) == page


@pytest.mark.parametrize("label", ["utf-16", "utf-16le", "unicode", "utf-8"])
def test_a_page_in_one_byte_letters_is_in_none_of_the_encodings_of_unicode(label: str) -> None:
    page = f'<html><meta charset="{label}"><p>We don’t keep café data, ever.</p>'
    assert decode(page.encode("cp1252")) == page


def test_a_header_comes_before_the_page_and_the_bytes_before_both() -> None:
    page = '<html><meta charset="shift_jis"><p>“Kişisel” bilgiler'
    assert decode(page.encode("cp1254"), "iso-8859-9") == page
    assert decode(page.encode(), "iso-8859-9") == page
    assert decode(page.encode("utf-16"), "iso-8859-9") == page


def test_a_mark_decides_also_in_damaged_text() -> None:
    text = "We don’t sell your data. " * 10
    assert decode(text.encode("utf-16") + b"x").startswith(text)
    assert decode("\ufeff".encode() + text.encode() + b"\xff").startswith(text)

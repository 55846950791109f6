"""Whatever bytes come in, the readers give a document or an error of the project's own, and segmenting loses nothing.

The quick settings run always; `make test-all` looks at ten times as many examples.
"""
# ruff: noqa: E501 (lists of examples)

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clausetag.data.documents.inputs import read_inputs
from clausetag.data.documents.pdf import pdfium
from clausetag.data.documents.pdf.blocks import line_blocks
from clausetag.data.documents.pdf.layout import ordered_lines
from clausetag.data.documents.pdf.lines import Line, Page, pages_of
from clausetag.data.documents.quality import quality_flags
from clausetag.data.documents.sniff import document_from_bytes, extract_html, extract_text
from clausetag.data.documents.word.reader import word_document
from clausetag.data.errors import DocumentError
from clausetag.data.records import Document, FailedInput
from clausetag.data.segment import segment, sentence_spans
from tests.data.documents.pdf_fixture import typeset, write_pdf

_PROSE = (
    "We collect the name and the address that you give us when you open an account.",
    "We share them with nobody, e.g. not with advertisers, except where a court orders us to do so.",
    "We keep them for two years after the account was closed (see 3.2).",
)
_NAMES = "missing unreadable empty binary encoding unsupported encrypted too_large bad_row no_text"
_CODES = frozenset(_NAMES.split())
"""All that a bad input may be called; "failed" would be the program's fault."""

EFFORTS = pytest.mark.parametrize(
    "effort", [pytest.param(1, id="quick"), pytest.param(10, id="thorough", marks=pytest.mark.slow)]
)


def fuzz(effort: int, quick: int, test: Callable[..., None], *strategies: st.SearchStrategy[Any]) -> None:
    """Run `test` on examples of the strategies: `quick` many, times the effort."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    bounded = settings(max_examples=quick * effort, deadline=None, suppress_health_check=checks)
    bounded(given(*strategies)(test))()


def check(document: Document) -> None:
    """Every block and sentence is a slice of the text, in order, and no letter or digit is in none of them."""
    text = document.text
    text.encode("utf-8")
    place = 0
    for block in document.blocks:
        assert place <= block.start < block.end <= len(text)
        assert not text[place : block.start].strip()
        assert text[block.start : block.end].strip() == text[block.start : block.end]
        place = block.end
    assert not text[place:].strip()
    covered = [False] * len(text)
    last = 0
    for number, sentence in enumerate(segment(document)):
        assert sentence.index == number
        assert sentence.start is not None and sentence.end is not None and sentence.passage is not None
        assert last <= sentence.start < sentence.end
        last = sentence.end
        assert sentence.text == text[sentence.start : sentence.end] == sentence.text.strip()
        assert re.search(r"\w", sentence.text)
        block = document.blocks[sentence.passage]
        assert block.start <= sentence.start and sentence.end <= block.end
        covered[sentence.start : sentence.end] = [True] * (sentence.end - sentence.start)
    assert not [c for c, inside in zip(text, covered, strict=True) if not inside and re.match(r"\w", c)]
    assert set(quality_flags(document)) <= {
        *("not_english", "not_privacy_policy", "not_a_document", "too_little_text", "text_set_aside")
    }


def known(error: DocumentError) -> None:
    """The error is one of those that are documented, in one line."""
    assert error.code in _CODES and "\n" not in str(error)


def check_bytes(content: bytes, suffix: str) -> None:
    """Bytes are a sound document or an error with a code."""
    try:
        document = document_from_bytes("p", content, suffix)
    except DocumentError as error:
        known(error)
    else:
        check(document)


# What examples are made of

_WORDS = st.sampled_from(
    ["We", "collect", "e.g.", "Dr. No", "data", "(", ")", "[x](y)", "3.2", "1.", "•", "-", "…", "“", "”", "U.S.", "!?", "\n",
     "\n\n", "\t", "\r\n", "\u00a0", "\u200b", "\u2028", "\u00ad", "# ", "* ", "|", "---", "```", "&amp;", "a@b.example",
     "https://x.example/?a=1.", "é", "ﬁ", "数据。", "العربية", "🙂", "\ud800", "\0", "\x1b[31m", "\ufeff", "x" * 300]
)  # fmt: skip
_PLAIN = st.one_of(
    st.text(max_size=300), st.lists(_WORDS, max_size=60).map(" ".join), st.lists(_WORDS, max_size=60).map("".join)
)
_TAG_NAMES = (
    "p div span a b h1 h2 li ul ol dl dt dd table tr td th br hr pre section article main nav header footer aside form "
    "button label input summary details script style template noscript textarea iframe svg math select option title "
    "head body html frameset center font my-tag"
)
_TAGS = _TAG_NAMES.split()
_ATTRIBUTES = st.sampled_from(
    ["", " hidden", ' style="display:none"', ' class="header"', ' class="footer nav"', ' id="cookie-banner"', ' id="a"',
     ' aria-controls="a"', ' aria-expanded="false"', ' role="dialog"', ' role="heading"', ' href="#a"', ' href="/b"',
     ' for="a"', ' type="checkbox" id="a"', ' data-cfemail="7e1f"', ' data-cfemail="x"', ' lang="de"', ' srcdoc="<p>We sell.</p>"',
     ' class="sr-only"', ' class="hidden md:block"', " <", ' "', "='"]
)  # fmt: skip


def _element(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    closed = st.sampled_from(["</{}>", "</{}>", "", "</div>", "<!--", "-->", "]]>"])
    return st.tuples(st.sampled_from(_TAGS), _ATTRIBUTES, st.lists(inner, max_size=4).map("".join), closed).map(
        lambda made: f"<{made[0]}{made[1]}>{made[2]}{made[3].format(made[0])}"
    )


_SENTENCES = st.lists(st.sampled_from(_PROSE), min_size=1, max_size=3).map(" ".join)
_HTML = st.recursive(st.one_of(_SENTENCES, _PLAIN), _element, max_leaves=25)
_MARKDOWN = st.lists(
    st.one_of(_PLAIN, _SENTENCES, _HTML, st.sampled_from(["# Data", "- ", "1. ", "> ", "| a | b |\n|---|---|\n| c | d |", "```", "[", "](x)"])),
    max_size=12,
).map("\n".join)  # fmt: skip


def changed(sound: bytes) -> st.SearchStrategy[bytes]:
    """A sound file with bytes overwritten, cut out, doubled, or with its end missing."""
    place = st.integers(0, len(sound))
    piece = st.tuples(
        place, st.integers(0, 60), st.one_of(st.binary(max_size=8), st.sampled_from([b"\0" * 40, b"<", b"9" * 12]))
    )

    def apply(changes: list[tuple[int, int, bytes]]) -> bytes:
        content = sound
        for at, length, new in changes:
            content = content[:at] + new + content[at + length :]
        return content

    return st.one_of(st.lists(piece, max_size=8).map(apply), place.map(lambda end: sound[:end]))


@cache
def _sound_pdf() -> bytes:
    return write_pdf(typeset([(prose, "paragraph") for prose in _PROSE] * 3, header="Example Ltd"))


@cache
def _sound_docx() -> dict[str, bytes]:
    document = pytest.importorskip("docx").Document()
    document.add_heading("Your data")
    for prose in _PROSE:
        document.add_paragraph(prose, "List Bullet")
    document.add_table(1, 2).cell(0, 0).text = "Name"
    out = io.BytesIO()
    document.save(out)
    with zipfile.ZipFile(out) as package:
        return {name: package.read(name) for name in package.namelist()}


def _zip(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return out.getvalue()


# The segmenter


@EFFORTS
def test_segmenting_loses_nothing(effort: int) -> None:
    def test(text: str) -> None:
        spans = sentence_spans(text)
        assert spans == sorted(spans) and all(left < right for left, right in spans)
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
        inside = "".join(text[left:right] for left, right in spans)
        assert re.findall(r"\w", inside) == re.findall(r"\w", text)

    fuzz(effort, 150, test, st.one_of(_PLAIN, st.lists(_SENTENCES, max_size=9).map(" ".join)))


# Text


@EFFORTS
@pytest.mark.parametrize("markdown", [None, True, False])
def test_text_and_markdown(effort: int, markdown: bool | None) -> None:
    def test(text: str) -> None:
        check(extract_text("p", text, markdown))

    fuzz(effort, 60, test, _MARKDOWN)


@EFFORTS
def test_html(effort: int) -> None:
    def test(html: str) -> None:
        check(extract_html("p", html))

    fuzz(effort, 150, test, _HTML)


@EFFORTS
def test_html_shows_every_word_of_a_fragment(effort: int) -> None:
    """Of elements that have no name or role to be left out for, nothing is."""
    tags = st.sampled_from(["p", "div", "span", "li", "td", "b", "section", "h2", "blockquote", "dd", "summary"])
    leaves = st.text("abcdefgh", min_size=1, max_size=6)
    trees = st.recursive(
        leaves, lambda inner: st.tuples(tags, st.lists(inner, min_size=1, max_size=4)).map(
            lambda made: f"<{made[0]}>{' '.join(made[1])}</{made[0]}>"
        ), max_leaves=20,
    )  # fmt: skip

    def test(html: str) -> None:
        words = re.findall(r"[a-h]+", re.sub(r"<[^>]*>", "\n", html))
        found = re.findall(r"[a-h]+", extract_html("p", f"<div>{html}</div>").text)
        assert "".join(found) == "".join(words)

    fuzz(effort, 100, test, trees)


@EFFORTS
@pytest.mark.parametrize("suffix", ["", ".txt", ".md", ".html", ".doc"])
def test_bytes_of_text(effort: int, suffix: str) -> None:
    encoded = st.tuples(
        st.one_of(_PLAIN, _MARKDOWN, _HTML), st.sampled_from(["utf-8", "utf-16", "utf-16-be", "utf-32", "cp1252", "shift-jis"])
    ).map(lambda made: made[0].encode(made[1], "replace"))  # fmt: skip
    starts = st.sampled_from(
        [b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"<!doctype html>", b"<meta charset=utf-7>", b"%PDF", b"PK\3\4"]
    )
    contents = st.tuples(starts, st.one_of(encoded, st.binary(max_size=200)), st.binary(max_size=3)).map(b"".join)
    fuzz(effort, 40, lambda content: check_bytes(content, suffix), contents)


# PDF and Word


@EFFORTS
def test_pdf(effort: int) -> None:
    """The reading in a process of its own is in test_pdf.py: here is the same code, called at once."""

    def test(content: bytes) -> None:
        answer = pdfium.read(content, 2_000, 2_000_000)
        if "code" in answer:
            assert answer["code"] in _CODES
            return
        json.dumps(answer)
        lines = [line for page in pages_of(answer) for line in page.lines]
        assert all(block.text.strip() for block in line_blocks(lines))

    fuzz(effort, 60, test, changed(_sound_pdf()))


@EFFORTS
def test_pdf_lines_anywhere(effort: int) -> None:
    number = st.one_of(st.integers(-50, 900).map(float), st.sampled_from([0.0, 700.0, 712.0, 1e5]))
    lines = st.lists(
        st.tuples(st.integers(0, 2), st.one_of(_SENTENCES, st.sampled_from(["1", "Page 2 of 3", "o data", "• name", "A .... 3", "x-"])),
                  number, number, number, st.sampled_from([0.5, 9.0, 10.0, 24.0]), st.booleans(), st.booleans(), st.integers(1, 3)),
        max_size=30,
    )  # fmt: skip

    def test(values: list[tuple[Any, ...]]) -> None:
        made = [Line(*value) for value in values]
        pages = [Page(0, 792, tuple(line for line in made if line.page == n), False) for n in range(3)]
        kept = ordered_lines(pages)
        assert {id(line.text) for line in kept} <= {id(line.text) for line in made}
        given, found = (
            sorted(re.findall(r"\w", "".join(texts))) for texts in ([line.text for line in kept], [block.text for block in line_blocks(kept)])
        )  # fmt: skip
        markers = len(given) - len(found)
        assert 0 <= markers <= 3 * len(kept)

    fuzz(effort, 60, test, lines)


@EFFORTS
def test_word(effort: int) -> None:
    parts = _sound_docx()
    sound = _zip(parts)
    xml = "word/document.xml"
    damaged = st.one_of(
        changed(sound),
        changed(parts[xml]).map(lambda content: _zip({**parts, xml: content})),
        changed(parts["word/styles.xml"]).map(lambda content: _zip({**parts, "word/styles.xml": content})),
        st.sampled_from(sorted(parts)).map(lambda gone: _zip({k: v for k, v in parts.items() if k != gone})),
    )

    def test(content: bytes) -> None:
        try:
            document = word_document("p", content)
        except DocumentError as error:
            known(error)
        else:
            check(document)

    fuzz(effort, 25, test, damaged)


# Tables and archives

_ROWS = [{"id": f"p{number}", "text": prose} for number, prose in enumerate(_PROSE)]


def _csv() -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["id", "text"])
    writer.writeheader()
    writer.writerows(_ROWS)
    return out.getvalue().encode()


def _parquet() -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(_ROWS), out)
    return out.getvalue()


def _archive() -> bytes:
    return _zip(
        {"a.txt": _PROSE[0].encode(), "b/c.html": f"<p>{_PROSE[1]}</p>".encode(), "../d.md": _PROSE[2].encode()}
    )


_JSONL = "".join(json.dumps(row) + "\n" for row in _ROWS).encode()
_FILES: dict[str, Callable[[], bytes]] = {
    "t.jsonl": lambda: _JSONL,
    "t.jsonl.gz": lambda: gzip.compress(_JSONL, mtime=0),
    "t.jsonl.zst": lambda: bytes(pytest.importorskip("zstandard").ZstdCompressor().compress(_JSONL)),
    "t.csv": _csv,
    "t.parquet": _parquet,
    "t.zip": _archive,
}


@EFFORTS
@pytest.mark.parametrize("name", _FILES)
def test_tables_and_archives(effort: int, name: str, tmp_path: Path) -> None:
    path = tmp_path / name

    def test(content: bytes) -> None:
        path.write_bytes(content)
        found = list(read_inputs([str(path)], io.BytesIO()))
        assert found
        policies = [result.policy for result in found if isinstance(result, Document)]
        assert len(policies) == len(set(policies))
        for result in found:
            if isinstance(result, FailedInput):
                assert result.code in _CODES, result
                assert "\n" not in result.message
            else:
                check(result)

    fuzz(effort, 30, test, changed(_FILES[name]()))
    assert [child.name for child in tmp_path.iterdir()] == [name]


@EFFORTS
def test_tables_of_any_values(effort: int, tmp_path: Path) -> None:
    values = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _PLAIN),
        lambda v: st.lists(v, max_size=2),
        max_leaves=3,
    )
    rows = st.lists(st.dictionaries(st.sampled_from(["id", "text", "html", "x"]), values, max_size=4), max_size=5)

    def test(given_rows: list[dict[str, Any]]) -> None:
        path = tmp_path / "t.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in given_rows), encoding="utf-8")
        for result in read_inputs([str(path)], io.BytesIO()):
            if isinstance(result, FailedInput):
                assert result.code in _CODES, result
            else:
                check(result)

    fuzz(effort, 60, test, rows)

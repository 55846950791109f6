"""Documents read in another process are the same; one that breaks it is an error of its own, and the next is read."""

from __future__ import annotations

import pytest

from clausetag.data.documents.isolated import IsolatedReader, reader_error
from clausetag.data.documents.sniff import document_from_bytes, extract_html, extract_text
from clausetag.data.errors import DocumentError
from clausetag.data.processes import CallFailed, ProcessDied, ProcessTimeout
from tests.data.documents.pdf_fixture import typeset, write_pdf

PDF = write_pdf(typeset([("Privacy Policy", "heading"), ("We encrypt all of your data.", "paragraph")]))
HTML = "<h1>Privacy</h1><p>We keep naïve users’ data \U0001f36a.</p>"


def test_the_document_is_the_one_that_is_read_without_a_process() -> None:
    with IsolatedReader(seconds=60) as reader:
        assert reader.read("a", PDF, ".pdf") == document_from_bytes("a", PDF, ".pdf")
        assert reader.read("é\udcff", HTML, "html") == extract_html("é\udcff", HTML)
        assert reader.read("a", "# A\n\nb \ud800", "text") == extract_text("a", "# A\n\nb \ud800")
        for content, kind in ((b"%PDF-1.4 nonsense", ".pdf"), (b"", ""), (b"<p></p>", ".html"), (b"\0\1\2", ".txt")):
            with pytest.raises(DocumentError) as here:
                document_from_bytes("a", content, kind)
            with pytest.raises(DocumentError) as there:
                reader.read("a", content, kind)
            assert (here.value.code, str(here.value)) == (there.value.code, str(there.value))


def test_a_document_that_takes_too_long_is_an_error_each_time() -> None:
    with IsolatedReader(seconds=0.001) as reader:
        for _ in range(2):
            with pytest.raises(DocumentError, match=r"more than 0\.001 seconds") as caught:
                reader.read("a", PDF, ".pdf")
            assert caught.value.code == "unreadable"


def test_how_a_process_failed_is_said_in_one_line() -> None:
    for error, code, part in (
        (ProcessTimeout(), "unreadable", "more than 2 seconds"),
        (ProcessDied(), "unreadable", "broke down"),
        (MemoryError(), "too_large", "memory"),
        (CallFailed("ValueError: x"), "failed", "ValueError: x"),
    ):
        found = reader_error(error, 2)
        assert found.code == code and part in str(found)

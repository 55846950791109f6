"""Imports what readers need, and loads their models: imported by the process from which reader processes are copied."""

from __future__ import annotations

from clausetag.data.documents.isolated import read_to_json
from clausetag.data.documents.quality import quality_flags
from clausetag.data.documents.sniff import extract_text
from clausetag.data.documents.word import reader  # noqa: F401
from clausetag.data.segment import segment

_TEXT = "# Privacy policy\n\nWe collect your name and e-mail address when you open an account, as [described](#here).\n"
_document = extract_text("preload", _TEXT)
segment(_document)
quality_flags(_document)
read_to_json("preload", b"<p>We collect your name.</p>", ".html")

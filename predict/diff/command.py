"""`clausetag diff`: compares two versions of a policy, sentence by sentence and by category.

clausetag diff policy-2023.html policy-2024.html            # summary and changes in the terminal
clausetag diff policy-2023.txt policy-2024.pdf -o page.html # or .jsonl, .md
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from clausetag.data.documents.inputs import ReadDocument, Reader
from clausetag.data.documents.quality import quality_flags
from clausetag.data.documents.sniff import read_document
from clausetag.data.errors import ClausetagError, DataError
from clausetag.data.jsonl import write_jsonl, write_text
from clausetag.data.records import Document, FailedInput
from clausetag.model.tagger import Tagger
from clausetag.predict.diff.diff import diff_sentences
from clausetag.predict.diff.report import Report, markdown, page, summary, terminal
from clausetag.predict.options import add_model_arguments, add_time_argument, isolated_reader
from clausetag.predict.pages.summary import flag_warnings
from clausetag.predict.terminal import printable

_SUFFIXES = (".jsonl", ".md", ".html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag diff`."""
    parser.add_argument(
        "old", metavar="OLD", help="the earlier version: one document, in any format that predict reads"
    )
    parser.add_argument("new", metavar="NEW", help="the later version; OLD or NEW may be - (stdin)")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="file with suffix .jsonl (every sentence, a row each), .md or .html; without it the changes are printed",
    )
    add_model_arguments(parser)
    add_time_argument(parser)
    parser.add_argument(
        "--exit-code", action="store_true", help="exit with 1 where the texts differ (2 remains for errors)"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag diff`; returns 0, or 1 with --exit-code where the texts differ."""
    output = _output(arguments.output)
    if arguments.old == arguments.new == "-":
        raise ClausetagError("only one of OLD and NEW can be - (stdin)")
    isolated = isolated_reader(arguments.document_seconds)
    tagger = Tagger.load(arguments.model, attributes=not arguments.no_attributes)
    head = arguments.head or tagger.artifact.default_head
    tagger.head(head)
    with isolated:
        documents = [one_document(given, isolated.read) for given in (arguments.old, arguments.new)]
    # Versions often have the same file name; then their paths tell them apart.
    same = documents[0].policy == documents[1].policy
    names = [arguments.old, arguments.new] if same else [document.policy for document in documents]
    for name, document in zip(names, documents, strict=True):
        for line in flag_warnings(name, document.flags):
            print(line, file=sys.stderr)
    old, new = (tagger.tag_document(document, head=head) for document in documents)
    changes = diff_sentences(old, new, tagger.labels)
    report = Report(names[0], names[1], changes, f"Labels by the model {tagger.hash}, head {head}.", tagger.labels)
    if output is None:
        width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 160)
        print(terminal(report, width))
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.suffix.lower() == ".jsonl":
            write_jsonl(output, (change.row() for change in changes))
        else:
            write_text(output, (page if output.suffix.lower() == ".html" else markdown)(report))
        print(summary(report))
        print(f"wrote {output}", file=sys.stderr)
    differ = any(change.status != "unchanged" for change in changes)
    return 1 if arguments.exit_code and differ else 0


def one_document(given: str, read: ReadDocument = read_document) -> Document:
    """The document of an input, with its flags; `read` reads its content.

    Raises:
        DataError: it cannot be read, or holds more than one document.
    """
    if not given:
        raise ClausetagError("OLD or NEW is empty; give a path")
    found: Document | None = None
    for item in Reader(getattr(sys.stdin, "buffer", None) or BytesIO(), read_document=read).read([given]):
        if isinstance(item, FailedInput):
            raise DataError(printable(item.message))
        if found is not None:
            raise DataError(f"{given}: holds more than one document; diff compares one with one")
        found = item
    if found is None:
        raise DataError(f"{given}: holds no document")
    return replace(found, flags=quality_flags(found))


def _output(given: str | None) -> Path | None:
    if given is None:
        return None
    path = Path(given)
    if path.suffix.lower() not in _SUFFIXES:
        raise ClausetagError(f"-o {given}: use a file that ends in {', '.join(_SUFFIXES)}")
    if path.is_dir():
        raise ClausetagError(f"-o {given}: is a folder; give a file")
    return path

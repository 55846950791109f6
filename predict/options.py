"""Options that several commands share."""

from __future__ import annotations

import argparse

from clausetag.data.documents.isolated import IsolatedReader
from clausetag.data.documents.rows import Columns
from clausetag.data.errors import ClausetagError

DOCUMENT_SECONDS = 120.0
_HARMLESS = 200_000
"""Bytes or characters up to which a document is read in this process: seconds at most, whatever it holds."""


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """`--model`, `--head` and `--no-attributes`."""
    parser.add_argument(
        "--model", metavar="DIR", help="model folder or shipped name (default: CLAUSETAG_MODEL, else the shipped one)"
    )
    parser.add_argument("--head", metavar="HEAD", help="labelling to follow: guide (default) or opp115")
    parser.add_argument(
        "--no-attributes", action="store_true", help="labels only: leave out what a sentence says within its categories"
    )


def add_input_arguments(parser: argparse.ArgumentParser) -> None:
    """`--all`, `--id-column`, `--text-column` and `--html-column`."""
    parser.add_argument(
        "--all",
        action="store_true",
        help="read every file of a folder by its content, whatever its suffix, and tables too (default: documents)",
    )
    for name, what in (("id", "ids"), ("text", "texts"), ("html", "HTML")):
        parser.add_argument(
            f"--{name}-column", metavar="NAME", help=f"the column of a table that has the {what} (default: {name})"
        )


def columns_of(arguments: argparse.Namespace) -> Columns:
    """The columns that `add_input_arguments` asked for."""
    return Columns.named(arguments.id_column, arguments.text_column, arguments.html_column)


def add_time_argument(parser: argparse.ArgumentParser) -> None:
    """`--document-seconds`."""
    parser.add_argument(
        "--document-seconds",
        type=float,
        default=DOCUMENT_SECONDS,
        metavar="SECONDS",
        help="time to read one document, after which it counts as failed (default: %(default)g)",
    )


def isolated_reader(seconds: float) -> IsolatedReader:
    """What reads documents within the time of `--document-seconds`.

    Raises:
        ClausetagError: that is no time.
    """
    if not 0 < seconds < 1e6:
        raise ClausetagError(f"--document-seconds {seconds:g}: use a number above 0")
    return IsolatedReader(seconds, harmless=_HARMLESS)

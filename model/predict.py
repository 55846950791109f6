"""`clausetag predict`: documents in, tagged sentences out, in order; a bad input never stops the others.

clausetag predict policy.html                      # a table in the terminal
clausetag predict folder/ 'more/*.md' -o out       # out/predictions.jsonl, out/summary.csv and out/texts/
cat policy.txt | clausetag predict - -o page.html  # one page with every sentence highlighted
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from typing import Any

from clausetag.data.errors import ClausetagError
from clausetag.data.extract import FailedInput, read_inputs
from clausetag.data.schema import Document
from clausetag.data.screen import screen
from clausetag.data.summary import FLAG_MEANINGS, printable, summary_table
from clausetag.data.writers import FORMATS, Format, OutputWriter
from clausetag.model.tagger import Tagger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag predict`."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="document (text, Markdown, HTML, PDF, .docx), folder, glob, .zip of documents, - (stdin), or "
        "a table of policies with id, and text or html: .jsonl, .csv (both also .gz, .zst), .parquet",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help=f"file with suffix {', '.join('.' + f for f in FORMATS)}, or a folder; without it a table is printed",
    )
    parser.add_argument(
        "--format", metavar="FORMAT", help=f"of an output folder: one or more of {','.join(FORMATS)} (default: jsonl)"
    )
    parser.add_argument(
        "--model", metavar="DIR", help="model folder or shipped name (default: CLAUSETAG_MODEL, else the shipped one)"
    )
    parser.add_argument("--head", metavar="HEAD", help="label source: guide (default), opp115")
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: the cores this process may use)")
    parser.add_argument("--table", action="store_true", help="print the table also where -o is given")
    parser.add_argument(
        "--strict", action="store_true", help="count a document that is flagged (not English, no policy) as failed"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag predict`; returns 0, or 1 if an input failed."""
    for name, value in (
        ("-o", arguments.output),
        ("--model", arguments.model),
        *(("INPUT", i) for i in arguments.inputs),
    ):
        if value == "":
            raise ClausetagError(f"{name} is empty; give a path")
    formats = _formats(arguments)
    if arguments.threads is not None and not 1 <= arguments.threads <= 1024:
        raise ClausetagError(f"--threads {arguments.threads}: use 1 to 1024")
    tagger = Tagger.load(arguments.model, threads=arguments.threads)
    tagger.head(arguments.head)
    figures = figures_line(tagger.config)
    failures = 0
    with ExitStack() as stack:
        output = arguments.output
        writers = [] if output is None else [stack.enter_context(OutputWriter(output, formats, figures))]
        table = arguments.table or not writers
        for found in read_inputs(arguments.inputs, getattr(sys.stdin, "buffer", None) or BytesIO()):
            item = _screened(found, strict=arguments.strict)
            if isinstance(item, FailedInput):
                failures += 1
                print(f"clausetag: {printable(item.message)}", file=sys.stderr)
                for writer in writers:
                    writer.fail(item)
                continue
            for flag in item.flags:
                print(f"clausetag: warning: {printable(item.policy)}: {FLAG_MEANINGS[flag]}", file=sys.stderr)
            sentences = tagger.tag_document(item, head=arguments.head)
            for writer in writers:
                writer.add(item, sentences)
            if table:
                print(_printable_for_stdout(summary_table(item, sentences)), end="\n\n")
    if arguments.table and figures:
        print(figures)
    if writers:
        written = ", ".join(str(path) for writer in writers for path in writer.results)
        print(f"wrote {written}", file=sys.stderr)
    return 1 if failures else 0


def _formats(arguments: argparse.Namespace) -> tuple[Format, ...]:
    """The formats asked for, in their order; none leaves it to the output's suffix."""
    if arguments.format is None:
        return ()
    if arguments.output is None:
        raise ClausetagError("--format needs -o OUT, where the result goes")
    asked = list(dict.fromkeys(part.strip() for part in arguments.format.split(",")))
    unknown = [name for name in asked if name not in FORMATS]
    if unknown:
        raise ClausetagError(f"--format {unknown[0]!r}: use one or more of {', '.join(FORMATS)}, separated by commas")
    return tuple(name for name in FORMATS if name in asked)


def _screened(found: Document | FailedInput, *, strict: bool) -> Document | FailedInput:
    """The document with its flags; with `strict` a flagged one as a failed input."""
    if isinstance(found, FailedInput):
        return found
    flags = screen(found)
    if strict and flags:
        return FailedInput(found.policy, flags[0], f"{found.policy}: {FLAG_MEANINGS[flags[0]]}")
    return replace(found, flags=flags)


def _printable_for_stdout(text: str) -> str:
    """Text as the terminal's encoding can show it."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def figures_line(config: Any) -> str:
    """The model card's out-of-sample figures in a few lines of text; empty if it has none."""
    figures: Sequence[dict[str, Any]] = config.get("figures", ())
    if not figures:
        return ""
    lines = ["How good the labels are (the model card's figures, on policies that training did not see):"]
    lines += [
        f"  {figure['data']}, {figure['unit']}s, recipe {figure['recipe']}: "
        f"macro F1 {figure['macro_f1']:.3f}, micro F1 {figure['micro_f1']:.3f} (n = {figure['n']:,})"
        for figure in figures
    ]
    return "\n".join(lines)

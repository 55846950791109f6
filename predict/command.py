"""`clausetag predict`: reads documents and writes their tagged sentences, in order; a bad input never stops the others.

clausetag predict policy.html                      # a summary in the terminal
clausetag predict folder/ 'more/*.md' -o out       # out/predictions.jsonl, out/summary.csv and out/texts/
cat policy.txt | clausetag predict - -o page.html  # one page with every sentence highlighted
clausetag predict crawl.jsonl.zst -o out --resume  # resumes an interrupted run
clausetag predict 'crawl/*.parquet' -o out --engine ray  # many workers, on one machine or a cluster
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from clausetag.data.documents.discover import FoundFile, Search, count_documents, find_files, passed_over_line
from clausetag.data.documents.inputs import Reader
from clausetag.data.errors import ClausetagError
from clausetag.data.overwriting import refuse_among
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.model.runtime import available_cores
from clausetag.model.tagger import Tagger
from clausetag.predict.options import (
    add_input_arguments,
    add_model_arguments,
    add_time_argument,
    columns_of,
    isolated_reader,
)
from clausetag.predict.pages.summary import summary_table
from clausetag.predict.pipeline import Pipeline, Source
from clausetag.predict.progress import Progress
from clausetag.predict.run import Interrupted, Run
from clausetag.predict.run_folder import RunFolder
from clausetag.predict.run_summary import Tally
from clausetag.predict.writers.writer import FORMATS, RUN_JSON, Format, OutputWriter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag predict`."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="document (text, Markdown, HTML, PDF, .docx), folder, glob, .zip of documents, - (stdin), or a table of "
        "policies with id, and text or html: .jsonl, .json, .csv, .tsv (all also .gz, .zst), .parquet",
    )
    add_input_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help=f"file with suffix {', '.join('.' + f for f in FORMATS)}, or a folder; without -o, a summary is printed",
    )
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        help=f"formats in an output folder: one or more of {','.join(FORMATS)} (default: jsonl)",
    )
    add_model_arguments(parser)
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray: many workers, on this machine or a cluster; also reads object stores; writes Parquet",
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="number of threads (default: the cores this process may use; with --engine ray, one per worker)",
    )
    add_time_argument(parser)
    parser.add_argument("--table", action="store_true", help="with -o, print the summaries too")
    parser.add_argument(
        "--resume", action="store_true", help="continue an unfinished run of the same command (default: start anew)"
    )
    parser.add_argument(
        "--run-json",
        metavar="FILE",
        help="write counts, failures, model, versions and times to FILE (an output folder has them in run.json)",
    )
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="print no progress and no line about what was written; warnings and errors remain",
    )
    parser.add_argument(
        "--strict", action="store_true", help="treat a flagged document (not English, not a policy) as failed"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag predict`; returns 0, 1 if an input failed, or 130 if the user stopped it."""
    _check(arguments)
    isolated = isolated_reader(arguments.document_seconds)
    formats = _formats(arguments)
    if arguments.engine == "ray":
        from clausetag.predict import ray as ray_engine

        ray_engine.check_arguments(arguments)
        _protect_inputs(arguments, [Path(arguments.output, name) for name in (*ray_engine.DATASETS, RUN_JSON)])
        if arguments.run_json is not None:
            _free_file(Path(arguments.run_json), ())
        return ray_engine.predict(arguments)
    if arguments.output is not None:
        writer = OutputWriter(arguments.output, formats)
        # An unfinished run may have written outputs among its inputs already; its journal knows the inputs.
        if not (arguments.resume and RunFolder(writer.target, writer.is_file).journal.exists()):
            _protect_inputs(arguments, writer.places())
    tagger = Tagger.load(arguments.model, threads=arguments.threads, attributes=not arguments.no_attributes)
    head = arguments.head or tagger.artifact.default_head
    tagger.head(head)
    progress = Progress(sys.stderr, quiet=arguments.quiet)
    pipeline = Pipeline(tagger, head, arguments.strict, progress, arguments.threads or available_cores())
    stdin = getattr(sys.stdin, "buffer", None) or BytesIO()
    reader = Reader(
        stdin,
        columns=columns_of(arguments),
        search=Search(arguments.all),
        read_document=isolated.read,
        note=pipeline.note,
    )
    with isolated:
        return _run(arguments, formats, pipeline, reader)


def _run(arguments: argparse.Namespace, formats: tuple[Format, ...], pipeline: Pipeline, reader: Reader) -> int:
    quality = quality_note(pipeline.tagger.config)
    if arguments.output is None:
        failed = _print_tables(pipeline, reader.read(arguments.inputs))
        if reader.search.passed_over:
            pipeline.note(passed_over_line(reader.search.passed_over))
    else:
        tally = _write(arguments, formats, pipeline, reader, quality)
        if tally is None:
            return 130
        failed = bool(tally.failed)
    if arguments.table and quality:
        print(quality)
    return 1 if failed else 0


def _protect_inputs(arguments: argparse.Namespace, places: list[Path]) -> None:
    """Refuse inputs that are outputs of an earlier run to the same `places`: they would be read, and overwritten."""
    search = Search(arguments.all)
    local = [given for given in arguments.inputs if given != "-" and "://" not in given]
    found = (file for given in local for file in find_files(given, search))
    files = (file.path for file in found if isinstance(file, FoundFile) and file.exists)
    if arguments.run_json is not None:
        places = [*places, Path(arguments.run_json)]
    refuse_among(files, places, f"-o {arguments.output}")


def _print_tables(pipeline: Pipeline, found: Iterator[Source]) -> bool:
    """Print the summary of each document; returns whether an input failed."""
    failed = False
    for source, sentences in pipeline.tag_all(found):
        if isinstance(source, FailedInput):
            failed = True
        else:
            print(summary_table(source, sentences, labels=pipeline.tagger.labels), end="\n\n")
    return failed


def _write(
    arguments: argparse.Namespace,
    formats: tuple[Format, ...],
    pipeline: Pipeline,
    reader: Reader,
    quality: str,
) -> Tally | None:
    """Write the output and, with --table, print the summaries; None if the user stopped it."""
    target = Path(arguments.output)
    writer = OutputWriter(target, formats)
    summaries = [] if writer.is_file else [target / RUN_JSON]
    if arguments.run_json is not None:
        summaries.append(_free_file(Path(arguments.run_json), writer.results))
    table = arguments.table

    def print_table(document: Document, sentences: list[Sentence]) -> None:
        nonlocal table
        if not table:
            return
        pipeline.progress.clear()
        try:
            print(summary_table(document, sentences, labels=pipeline.tagger.labels), end="\n\n")
        except BrokenPipeError:
            # The reader of the tables has ended; the files are still wanted.
            table = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    options = {
        "inputs": arguments.inputs,
        "output": arguments.output,
        "formats": writer.formats,
        "all": arguments.all,
        "columns": list(reader.columns.names),
        "strict": arguments.strict,
        "document_seconds": arguments.document_seconds,
        "attributes": not arguments.no_attributes,
        "threads": arguments.threads,
    }
    inputs = tuple(arguments.inputs)
    run = Run(
        target, formats, quality, inputs, pipeline, options, tuple(summaries), print_table, reader.search.passed_over
    )
    total = count_documents(inputs, every=arguments.all) if pipeline.progress.shown else None
    try:
        tally = run.execute(reader.read(inputs), total, resume=arguments.resume)
    except Interrupted as stop:
        print(f"clausetag: {stop}", file=sys.stderr)
        return None
    if tally.passed_over:
        pipeline.note(passed_over_line(tally.passed_over))
    if not arguments.quiet:
        print(f"wrote {', '.join(map(str, writer.results))}: {tally.line()}", file=sys.stderr)
    return tally


def _check(arguments: argparse.Namespace) -> None:
    """Refuse combinations of options that make no sense."""
    given = [("-o", arguments.output), ("--model", arguments.model), ("--run-json", arguments.run_json)]
    for name, value in (*given, *(("INPUT", value) for value in arguments.inputs)):
        if value == "":
            raise ClausetagError(f"{name} is empty; give a path")
    for name, value in (("--resume", arguments.resume), ("--run-json", arguments.run_json)):
        if value and arguments.output is None:
            raise ClausetagError(f"{name} needs -o OUT, where the result goes")
    if arguments.threads is not None and not 1 <= arguments.threads <= 1024:
        raise ClausetagError(f"--threads {arguments.threads}: use 1 to 1024")


def _free_file(path: Path, results: Sequence[Path]) -> Path:
    if path.is_dir():
        raise ClausetagError(f"--run-json {path}: is a folder; give a file")
    if path.absolute() in [result.absolute() for result in results]:
        raise ClausetagError(f"--run-json {path}: is the output of -o; give another file")
    return path


def _formats(arguments: argparse.Namespace) -> tuple[Format, ...]:
    """The formats asked for, in their fixed order; empty if the suffix of the output decides."""
    if arguments.format is None:
        return ()
    if arguments.output is None:
        raise ClausetagError("--format needs -o OUT, where the result goes")
    asked = list(dict.fromkeys(part.strip() for part in arguments.format.split(",")))
    unknown = [name for name in asked if name not in FORMATS]
    if unknown:
        raise ClausetagError(f"--format {unknown[0]!r}: use one or more of {', '.join(FORMATS)}, separated by commas")
    return tuple(name for name in FORMATS if name in asked)


def quality_note(config: Any) -> str:
    """The out-of-sample metrics of the model card in a few lines of text; empty if it has none."""
    metrics: Sequence[dict[str, Any]] = config.get("figures", ())
    if not metrics:
        return ""
    recipe = config["recipe"]["name"]
    lines = ["How good the labels are (metrics of the model card, on policies that the model did not see):"]
    lines += [
        f"  {row['data']}, {row['unit']}s, "
        f"{'this model' if row['recipe'] == recipe else 'another model, of the recipe ' + row['recipe']}: "
        f"macro F1 {row['macro_f1']:.3f}, micro F1 {row['micro_f1']:.3f} (n = {row['n']:,})"
        for row in metrics
    ]
    return "\n".join(lines)

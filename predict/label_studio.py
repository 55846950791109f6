"""`clausetag data export-label-studio`: writes sentences of policies as Label Studio tasks, with the labels of a model.

clausetag data export-label-studio policies/ --uncertain-first -o tasks.json
clausetag data export-label-studio policies/ --labels recipe.toml -o tasks.json  # labels that no model knows yet
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

from clausetag.data.corpora.label_studio import labelling_config, make_tasks
from clausetag.data.documents.inputs import Reader
from clausetag.data.documents.quality import quality_flags
from clausetag.data.errors import ClausetagError, DataError
from clausetag.data.jsonl import write_text
from clausetag.data.labels import read_label_set
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.data.segment import segment
from clausetag.model.tagger import Tagger
from clausetag.predict.options import add_model_arguments, add_time_argument, isolated_reader
from clausetag.predict.pages.summary import flag_warnings
from clausetag.predict.terminal import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag data export-label-studio`."""
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="policies, as for `clausetag predict`")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="file for the tasks, .json; the labelling interface gets the same name with .xml",
    )
    add_model_arguments(parser)
    add_time_argument(parser)
    parser.add_argument(
        "--uncertain-first",
        action="store_true",
        help="sort the tasks by the model's certainty, least certain first, not by their place in the text",
    )
    parser.add_argument(
        "--labels",
        metavar="RECIPE",
        help="recipe with `labels` that no model knows yet: the tasks get no labels from a model",
    )


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag data export-label-studio`; returns 0, or 1 if an input failed."""
    output = Path(arguments.output)
    if output.suffix.lower() != ".json":
        raise ClausetagError(f"-o {arguments.output}: use a file that ends in .json")
    isolated = isolated_reader(arguments.document_seconds)
    labels, version, tag = _labels_of(arguments)
    sentences: list[Sentence] = []
    failures = policies = 0
    reader = Reader(getattr(sys.stdin, "buffer", None) or BytesIO(), read_document=isolated.read)
    with isolated:
        for item in reader.read(arguments.inputs):
            if isinstance(item, FailedInput):
                failures += 1
                print(f"clausetag: {printable(item.message)}", file=sys.stderr)
                continue
            for line in flag_warnings(item.policy, quality_flags(item)):
                print(line, file=sys.stderr)
            policies += 1
            sentences += tag(item)
    if not sentences:
        raise DataError("none of the inputs could be read; nothing was written")
    tasks = make_tasks(sentences, version, uncertain_first=arguments.uncertain_first)
    interface = output.with_suffix(".xml")
    output.parent.mkdir(parents=True, exist_ok=True)
    write_text(interface, labelling_config(labels, attributes=any(s.attributes is not None for s in sentences)))
    write_text(output, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
    print(f"{policies:,} policies, {len(tasks):,} tasks in {output}; labelling interface in {interface}")
    return 1 if failures else 0


def _labels_of(
    arguments: argparse.Namespace,
) -> tuple[tuple[str, ...], str | None, Callable[[Document], list[Sentence]]]:
    """The labels to choose from, the hash of the model that proposes them (if any), and what splits a document."""
    if arguments.labels is not None:
        if arguments.model is not None or arguments.head is not None or arguments.uncertain_first:
            raise ClausetagError(
                "--labels goes without --model, --head and --uncertain-first: no model tags these tasks"
            )
        return read_label_set(arguments.labels), None, segment
    tagger = Tagger.load(arguments.model, attributes=not arguments.no_attributes)
    tagger.head(arguments.head)
    return tagger.labels, tagger.hash, partial(tagger.tag_document, head=arguments.head)

"""`clausetag data export-label-studio`: sentences of own policies as Label Studio tasks, with the model's labels.

clausetag data export-label-studio policies/ --uncertain-first -o tasks.json
"""

from __future__ import annotations

import argparse
import json
import sys
from io import BytesIO
from pathlib import Path

from clausetag.data.errors import ClausetagError, DataError
from clausetag.data.extract import FailedInput, read_inputs
from clausetag.data.label_studio import labelling_config, make_tasks
from clausetag.data.schema import Sentence, write_text
from clausetag.data.screen import screen
from clausetag.data.summary import FLAG_MEANINGS, printable
from clausetag.model.options import add_model_arguments
from clausetag.model.tagger import Tagger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag data export-label-studio`."""
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="policies, as of `clausetag predict`")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="the tasks, .json; the labelling interface beside it, .xml",
    )
    add_model_arguments(parser)
    parser.add_argument(
        "--uncertain-first", action="store_true", help="tasks in the order of the model's certainty, not of the text"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag data export-label-studio`; returns 0, or 1 if an input failed."""
    output = Path(arguments.output)
    if output.suffix.lower() != ".json":
        raise ClausetagError(f"-o {arguments.output}: use a file that ends in .json")
    tagger = Tagger.load(arguments.model)
    tagger.head(arguments.head)
    sentences: list[Sentence] = []
    failures = policies = 0
    for item in read_inputs(arguments.inputs, getattr(sys.stdin, "buffer", None) or BytesIO()):
        if isinstance(item, FailedInput):
            failures += 1
            print(f"clausetag: {printable(item.message)}", file=sys.stderr)
            continue
        for flag in screen(item):
            print(f"clausetag: warning: {printable(item.policy)}: {FLAG_MEANINGS[flag]}", file=sys.stderr)
        policies += 1
        sentences += tagger.tag_document(item, head=arguments.head)
    if not sentences:
        raise DataError("none of the inputs could be read; nothing was written")
    tasks = make_tasks(sentences, tagger.hash, uncertain_first=arguments.uncertain_first)
    interface = output.with_suffix(".xml")
    output.parent.mkdir(parents=True, exist_ok=True)
    write_text(interface, labelling_config(tagger.labels))
    write_text(output, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
    print(f"{policies:,} policies, {len(tasks):,} tasks in {output}; labelling interface in {interface}")
    return 1 if failures else 0

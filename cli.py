"""The `clausetag` command. Each verb's module is imported when it is called, so that --help answers at once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from clausetag import __version__
from clausetag.data.errors import ClausetagError, MissingExtraError

_VERBS: dict[str, tuple[str, str]] = {
    "predict": ("clausetag.predict.command", "tag the sentences of policies: files, folders, globs, stdin, JSONL"),
    "diff": (
        "clausetag.predict.diff.command",
        "compare two versions of a policy, sentence by sentence and by category",
    ),
    "train": ("clausetag.train.run", "train a model from a recipe and write it as a folder"),
    "eval": ("clausetag.eval.command", "per-category F1 with intervals, baselines and the annotators' own agreement"),
    "data": ("clausetag.data.command", "prepare corpora as labelled JSONL"),
    "pretrain": ("clausetag.train.pretrain", "continue an encoder's pretraining on unlabelled policies"),
    "distil": ("clausetag.train.distil", "score training sentences and unlabelled ones by teachers"),
    "bench": ("clausetag.eval.speed.command", "measure speed, memory and start beside what one would use instead"),
    "export": ("clausetag.train.export", "write a trained model as one ONNX file with int8 weights and a card"),
    "serve": ("clausetag.serve", "answer over HTTP, with a page to read a policy"),
}

_SUBVERBS: dict[tuple[str, str], tuple[str, str]] = {
    ("eval", "compare"): ("clausetag.eval.statistics.compare", "say whether one evaluated run is better than another"),
    ("eval", "leakage"): ("clausetag.eval.leakage.command", "find exact and near duplicates between splits"),
    ("data", "export-label-studio"): (
        "clausetag.predict.label_studio",
        "write the sentences of policies as tasks for Label Studio, with the model's labels",
    ),
}
"""Commands below `eval`, whose first argument is otherwise the data, and one below `data` that needs a model."""


def build_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The parser; only `verb`'s own arguments are filled in, since that needs its module."""
    parser = argparse.ArgumentParser(
        prog="clausetag",
        description="Tag every sentence of a privacy policy with the data practices it states.",
        epilog="Exit codes: 0 all good, 1 some inputs failed, 2 wrong usage.",
    )
    parser.add_argument("--version", action="version", version=f"clausetag {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    for name, (module, summary) in _VERBS.items():
        sub = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == verb:
            _module(module).add_arguments(sub)
    return parser


def build_subparser(verb: str, command: str) -> argparse.ArgumentParser:
    """The parser of a command below a verb."""
    module, summary = _SUBVERBS[verb, command]
    description = summary[0].upper() + summary[1:] + "."
    parser = argparse.ArgumentParser(prog=f"clausetag {verb} {command}", description=description)
    _module(module).add_arguments(parser)
    return parser


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, str]:
    """The parsed arguments of a command line, and the module that runs it."""
    if len(arguments) > 1 and (arguments[0], arguments[1]) in _SUBVERBS:
        module = _SUBVERBS[arguments[0], arguments[1]][0]
        return build_subparser(arguments[0], arguments[1]).parse_args(arguments[2:]), module
    verb = next((word for word in arguments if word in _VERBS), None)
    namespace = build_parser(verb).parse_args(arguments)
    return namespace, _VERBS[namespace.verb][0]


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "clausetag":
            raise
        extra = "serve" if name == "clausetag.serve" else "train"
        raise MissingExtraError(f"this command needs {missing}: pip install 'clausetag[{extra}]'") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 all good, 1 some inputs failed, 2 wrong usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        namespace, module = parse(arguments)
        run: Callable[[argparse.Namespace], int] = _module(module).main
        code = run(namespace)
        sys.stdout.flush()
        return code
    except ClausetagError as error:
        print(f"clausetag: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        print(f"clausetag: this command needs {missing}: pip install 'clausetag[train]'", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, less) has gone; what remains unwritten is not wanted.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"clausetag: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("clausetag: interrupted; the same command continues where it can", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

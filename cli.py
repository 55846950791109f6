"""The `clausetag` command. A command's module is imported only when it runs, so `clausetag --help` starts fast."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from clausetag.data.errors import ClausetagError, MissingExtraError
from clausetag.data.overwriting import refuse_same

COMMANDS: dict[str, tuple[str, str]] = {
    "predict": ("clausetag.predict.command", "tag the sentences of policies: files, folders, globs, stdin, JSONL"),
    "diff": (
        "clausetag.predict.diff.command",
        "compare two versions of a policy, sentence by sentence and by category",
    ),
    "train": ("clausetag.train.run", "train a model from a recipe and write it as a folder"),
    "attributes": ("clausetag.train.attributes.command", "add heads for attributes to a trained model"),
    "eval": (
        "clausetag.eval.command",
        "measure a model: F1 per category with confidence intervals, baselines and annotator agreement",
    ),
    "data": ("clausetag.data.command", "prepare corpora as labelled JSONL"),
    "pretrain": ("clausetag.train.pretraining.command", "continue an encoder's pretraining on unlabelled policies"),
    "distil": ("clausetag.train.distil", "score labelled and unlabelled training sentences with teacher models"),
    "bench": ("clausetag.eval.speed.command", "measure speed, memory and start-up time next to alternatives"),
    "export": ("clausetag.train.export", "convert a trained model to one ONNX file with int8 weights and a model card"),
    "serve": ("clausetag.serve", "run the HTTP service, which has a web page to read a policy"),
}

SUBCOMMANDS: dict[tuple[str, str], tuple[str, str]] = {
    ("eval", "compare"): ("clausetag.eval.compare", "test whether one evaluated model beats another"),
    ("eval", "leakage"): ("clausetag.eval.leakage.command", "find exact and near duplicates between splits"),
    ("data", "build"): ("clausetag.train.build", "write a corpus, or the data of a recipe, as a dataset"),
    ("data", "export-label-studio"): (
        "clausetag.predict.label_studio",
        "write sentences as Label Studio tasks, with the model's labels as predictions",
    ),
}
"""Commands with a parser of their own: the first argument of `eval` is otherwise the data, and
`data build` and `data export-label-studio` need recipes and a model, which `clausetag.data` must not import."""


class _ShowVersion(argparse.Action):
    """Prints the version; reading the package's metadata takes longer than the rest of --help."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from clausetag.version import __version__

        print(f"clausetag {__version__}")
        parser.exit()


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of all commands; only the arguments of `command` are added, because that imports its module."""
    parser = argparse.ArgumentParser(
        prog="clausetag",
        allow_abbrev=False,
        description="Tag every sentence of a privacy policy with the data practices it states.",
        epilog=f"{_further()}\nExit codes: 0 success, 1 some inputs failed, 2 wrong usage.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=_sentence(summary), allow_abbrev=False)
        if name == command:
            import_module(module).add_arguments(sub)
            if further := _further(name):
                sub.epilog, sub.formatter_class = further, argparse.RawDescriptionHelpFormatter
    return parser


def build_subparser(command: str, name: str) -> argparse.ArgumentParser:
    """The parser of a subcommand such as `eval compare`."""
    module, summary = SUBCOMMANDS[command, name]
    description = _sentence(summary)
    parser = argparse.ArgumentParser(prog=f"clausetag {command} {name}", description=description, allow_abbrev=False)
    import_module(module).add_arguments(parser)
    return parser


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, str]:
    """The parsed arguments of a command line, and the name of the module that runs it."""
    if (key := tuple(arguments[:2])) in SUBCOMMANDS:
        return build_subparser(*key).parse_args(arguments[2:]), SUBCOMMANDS[key][0]
    command = next((word for word in arguments if word in COMMANDS), None)
    namespace = build_parser(command).parse_args(arguments)
    return namespace, COMMANDS[namespace.command][0]


def _further(command: str | None = None) -> str:
    """The subcommands (of `command`, or all) with their summaries, for the end of a help text."""
    lines = [
        f"  clausetag {parent} {name}\n      {summary}"
        for (parent, name), (_, summary) in SUBCOMMANDS.items()
        if command in (None, parent)
    ]
    return "\n".join(["further commands:", *lines, ""]) if lines else ""


def _sentence(summary: str) -> str:
    return summary[0].upper() + summary[1:] + "."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 success, 1 some inputs failed, 2 wrong usage."""
    # Before torch or ONNX Runtime is loaded: threads that wait for work sleep rather than occupy a core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a character shows "?"
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        namespace, module = parse(arguments)
        refuse_same(vars(namespace), inside=module.startswith(("clausetag.eval.", "clausetag.data.")))
        run: Callable[[argparse.Namespace], int] = import_module(module).main
        code = run(namespace)
        sys.stdout.flush()
        return code
    except ClausetagError as error:
        print(f"clausetag: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("clausetag"):
            raise
        extra = "serve" if arguments[0] == "serve" else "train"
        print(f"clausetag: {MissingExtraError('this command', error.name, extra)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of a pipe (head, less) has closed it. Nothing may be written to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"clausetag: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("clausetag: interrupted; run the same command again to resume where it can", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

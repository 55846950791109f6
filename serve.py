"""The HTTP service: `clausetag serve`, or `python serve.py` in a checkout. Its parts are in `clausetag.serving`.

clausetag serve                                            # http://127.0.0.1:8000/, this machine alone
CLAUSETAG_API_KEY=… clausetag serve --host 0.0.0.0         # the network, for callers with the key
"""

from __future__ import annotations

import argparse
import sys

from clausetag.data.errors import MissingExtraError
from clausetag.model.artifact import load_artifact
from clausetag.serving.settings import add_options, settings_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag serve`."""
    add_options(parser)


def main(arguments: argparse.Namespace) -> int:
    """Serve until a signal; returns 0, or 1 if the model could not be loaded."""
    settings = settings_from(arguments)
    try:
        from clausetag.serving.runtime.server import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("clausetag"):
            raise
        raise MissingExtraError("serving", error.name) from None
    load_artifact(settings.model or None)  # a wrong model is said here and now, in one line
    return run(settings)


if __name__ == "__main__":
    from clausetag.cli import main as command

    sys.exit(command(["serve", *sys.argv[1:]]))

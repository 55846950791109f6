"""The HTTP service: `clausetag serve`, or `python serve.py` in a checkout. Its parts are in `clausetag.serving`.

clausetag serve                                            # http://127.0.0.1:8000/, for this machine only
CLAUSETAG_API_KEY=… clausetag serve --host 0.0.0.0         # for the network; clients need the key
"""

from __future__ import annotations

import argparse
import socket
import sys

from clausetag.model.artifact import load_artifact
from clausetag.serving.settings import Settings, add_options, settings_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag serve`."""
    add_options(parser)


def main(arguments: argparse.Namespace) -> int:
    """Serve until a signal; returns 0, or 1 if the model could not be loaded."""
    settings = settings_from(arguments)
    from clausetag.serving.runtime.server import listen

    load_artifact(settings.model or None)  # a wrong model is an error of the command line, in one line
    with listen(settings.host, settings.port) as listener:
        if settings.workers == 1:
            return serve(settings, listener)
        from clausetag.serving.runtime.workers import run_workers

        return run_workers(settings, listener, serve)


def serve(settings: Settings, listener: socket.socket) -> int:
    """Serve in this process until a signal; returns the exit code."""
    from clausetag.serving.http.app import create_app
    from clausetag.serving.runtime.server import run
    from clausetag.serving.runtime.service import Service

    service = Service(settings)
    return run(create_app(service), service, listener)


if __name__ == "__main__":
    from clausetag.cli import main as command

    sys.exit(command(["serve", *sys.argv[1:]]))

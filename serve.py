"""The HTTP service: not yet. `clausetag serve` and `python serve.py` say so and exit with 2."""

from __future__ import annotations

import argparse
import sys

from clausetag.data.errors import ClausetagError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag serve`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")
    parser.add_argument("--model", help="model folder or shipped name")


def main(arguments: argparse.Namespace) -> int:
    """Say that the service is not there yet."""
    raise ClausetagError("serve: not yet; use `clausetag predict` or clausetag.load().tag(text)")


if __name__ == "__main__":
    from clausetag.cli import main as command

    sys.exit(command(["serve", *sys.argv[1:]]))

"""Options that every command with a model has."""

from __future__ import annotations

import argparse


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """`--model` and `--head`."""
    parser.add_argument(
        "--model", metavar="DIR", help="model folder or shipped name (default: CLAUSETAG_MODEL, else the shipped one)"
    )
    parser.add_argument("--head", metavar="HEAD", help="label source: guide (default), opp115")

"""Options of every command that uses a model."""

from __future__ import annotations

import argparse


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """`--model` and `--head`."""
    parser.add_argument(
        "--model", metavar="DIR", help="model folder or shipped name (default: CLAUSETAG_MODEL, else the shipped one)"
    )
    parser.add_argument("--head", metavar="HEAD", help="labelling to follow: guide (default) or opp115")

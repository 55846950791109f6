"""`clausetag export`: a trained model as it ships: ONNX, no full-precision weights, measured figures in its card."""

from __future__ import annotations

import argparse
from pathlib import Path

from clausetag.data.errors import ClausetagError
from clausetag.train.run import ship


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag export`."""
    parser.add_argument("model", help="folder of a trained model")
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="folder to write; an existing model there is replaced"
    )
    parser.add_argument("--name", help="name in the card (default: the folder's)")
    parser.add_argument(
        "--metrics",
        action="append",
        default=[],
        metavar="FILE",
        help="a metrics.json of `clausetag eval`, out of sample; goes into the card (repeatable)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag export`; returns the exit code."""
    target = Path(arguments.output)
    if target.exists() and not (target / "manifest.json").is_file():
        raise ClausetagError(f"{target}: exists and is no clausetag model; give another -o")
    ship(arguments.model, target, arguments.metrics, arguments.name or target.name)
    size = (target / "model.onnx").stat().st_size / 1e6
    print(f"wrote {target} (model.onnx {size:.1f} MB)")
    return 0

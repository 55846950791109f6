"""No command writes over what it reads: outputs are compared with inputs before any work.

Files are compared by their identity in the file system, so that links, other spellings of a path, and names that differ
in case where that doesn't count are recognised.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from clausetag.data.errors import DataError

FileId = tuple[int, int]
_OPTIONS = {"output": "-o", "run_json": "--run-json"}
"""Arguments that name outputs, and their options; all others that are paths are inputs."""


def file_id(path: str | os.PathLike[str] | int) -> FileId | None:
    """What identifies the file or folder with this path or descriptor; None if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    return found.st_dev, found.st_ino


def stdin_id() -> FileId | None:
    """The identity of the file that standard input comes from; None for a pipe, a terminal and the like."""
    try:
        return file_id(sys.stdin.fileno()) if os.path.isfile(sys.stdin.fileno()) else None
    except (OSError, ValueError, AttributeError):
        return None


def refuse_same(arguments: Mapping[str, Any], *, inside: bool = False) -> None:
    """Refuse an output that is one of the inputs; with `inside`, also an output folder that an input file lies in.

    `arguments` are the parsed ones of a command, by name.

    Raises:
        DataError: names the option and the path.
    """
    given = list(_paths(value for name, value in arguments.items() if name not in _OPTIONS))
    for name, option in _OPTIONS.items():
        output = arguments.get(name)
        if not isinstance(output, str) or (place := file_id(output)) is None:
            continue
        for path in given:
            if place == (stdin_id() if path == "-" else file_id(path)):
                what = "standard input comes from it" if path == "-" else f"it is the input {path}"
                raise DataError(f"{option} {output}: {what}, which would be overwritten; give another {option}")
            if inside and os.path.isfile(path) and place == file_id(os.path.dirname(os.path.abspath(path))):
                raise DataError(f"{option} {output}: the input {path} lies in it; give another {option}")


def refuse_among(found: Iterable[Path], places: Iterable[Path], option: str) -> None:
    """Refuse to read files that are at the places, or in the folders, that will be written.

    Raises:
        DataError: names the first of the files and the option.
    """
    written = {identity for place in places for path in _files(place) if (identity := file_id(path)) is not None}
    for path in found if written else ():
        if file_id(path) in written:
            raise DataError(f"{option}: the input {path} is an output of this command; give another -o, or move it")


def _paths(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from _paths(value)


def _files(place: Path) -> Iterator[Path]:
    if place.is_dir():
        for folder, _, names in os.walk(place):
            yield from (Path(folder, name) for name in names)
    else:
        yield place

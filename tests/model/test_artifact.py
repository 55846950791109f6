from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from clausetag.data.errors import ArtifactError
from clausetag.data.labels import LABELS
from clausetag.model.artifact import find_artifact, load_artifact, write_manifest
from clausetag.model.tagger import Tagger


@pytest.fixture
def copy(tiny_artifact: Path, tmp_path: Path) -> Path:
    target = tmp_path / "copy"
    shutil.copytree(tiny_artifact, target)
    return target


def edit(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    path = folder / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")
    write_manifest(folder)


def test_a_trained_folder_loads_with_labels_in_order(tiny_artifact: Path) -> None:
    artifact = load_artifact(tiny_artifact)
    assert artifact.labels == LABELS
    assert artifact.default_head == "guide"
    assert set(artifact.trained_on().policies) == {"000_sagenext", "001_samanage", "002_clicentrix", "003_empxtrack"}
    assert len(artifact.hash) == 12


def test_the_manifest_is_the_only_way_in(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match="not a complete clausetag model"):
        load_artifact(copy)


@pytest.mark.parametrize("name", ["model.onnx", "config.json", "tokenizer.json", "trained_on.json"])
def test_a_changed_file_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=f"{name} was changed"):
        load_artifact(copy)


def test_a_missing_file_is_refused(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ArtifactError, match=r"tokenizer\.json is missing"):
        load_artifact(copy)


def test_a_manifest_cannot_name_a_file_outside_the_folder(copy: Path) -> None:
    shutil.copy(copy / "README.md", copy.parent / "README.md")
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["../README.md"] = manifest["files"]["README.md"]
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"\.\./README\.md is missing"):
        load_artifact(copy)


def test_thresholds_are_keyed_by_label_so_that_a_changed_label_order_keeps_their_meaning(copy: Path) -> None:
    before = load_artifact(copy)
    edit(copy, lambda values: values.__setitem__("labels", list(reversed(LABELS))))
    after = load_artifact(copy)
    assert list(after.settings["guide"].thresholds) == list(before.settings["guide"].thresholds)[::-1]


def test_the_tagger_gives_the_labels_of_its_artifact(copy: Path) -> None:
    own = [f"label {number}" for number in range(12)]

    def rename(values: dict[str, object]) -> None:
        text = json.dumps(values)
        for old, new in zip(LABELS, own, strict=True):
            text = text.replace(json.dumps(old), json.dumps(new))
        values.update(json.loads(text))
        values["settings"] = json.loads(text)["settings"]

    before = Tagger.load(copy).tag("We never sell your e-mail address.")[0]
    edit(copy, rename)
    tagger = Tagger.load(copy)
    after = tagger.tag("We never sell your e-mail address.")[0]
    assert tagger.labels == tuple(own)
    assert list((after.scores or {}).items()) == list(zip(own, (before.scores or {}).values(), strict=True))
    assert after.labels == tuple(own[LABELS.index(label)] for label in before.labels or ())


@pytest.mark.parametrize("labels", [[], ["a", "A"], ["policy"], [1], ["a; b"]])
def test_labels_that_a_model_cannot_have_are_refused(copy: Path, labels: list[object]) -> None:
    edit(copy, lambda values: values.__setitem__("labels", labels))
    with pytest.raises(ArtifactError, match=r"config\.json is not usable"):
        load_artifact(copy)


def test_settings_must_name_every_label(copy: Path) -> None:
    def drop(values: dict[str, object]) -> None:
        del values["settings"]["guide"]["thresholds"]["Data Security"]  # type: ignore[index]

    edit(copy, drop)
    with pytest.raises(ArtifactError, match="name every label"):
        load_artifact(copy)


@pytest.mark.parametrize(
    ("key", "value"),
    [("window", 0), ("settings", []), ("figures", [{"data": 1}]), ("figures", 5), ("labels", ["a", "a"])],
)
def test_values_that_cannot_be_are_refused(copy: Path, key: str, value: object) -> None:
    edit(copy, lambda values: values.__setitem__(key, value))
    with pytest.raises(ArtifactError, match=r"config\.json is not usable"):
        load_artifact(copy)


def test_a_threshold_that_is_no_number_is_refused(copy: Path) -> None:
    def change(values: dict[str, object]) -> None:
        values["settings"]["guide"]["thresholds"]["Data Security"] = float("nan")  # type: ignore[index]

    edit(copy, change)
    with pytest.raises(ArtifactError, match="not a finite number"):
        load_artifact(copy)


def test_a_future_format_is_refused(copy: Path) -> None:
    edit(copy, lambda values: values.__setitem__("format", 99))
    with pytest.raises(ArtifactError, match="format 99"):
        load_artifact(copy)


def test_a_foreign_network_is_refused(copy: Path) -> None:
    (copy / "model.onnx").write_bytes(b"not onnx")
    write_manifest(copy)
    with pytest.raises(ArtifactError, match="cannot be loaded"):
        Tagger.load(copy)


def test_a_wrong_name_lists_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such folder"):
        find_artifact(str(tmp_path / "none"))
    with pytest.raises(ArtifactError, match="no such folder"):
        find_artifact("nosuchmodel")


def test_the_environment_names_the_model(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUSETAG_MODEL", str(copy))
    assert find_artifact(None) == copy

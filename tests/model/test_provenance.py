"""Versions come from the package's own metadata: every dependency, and nothing else."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

import clausetag
from clausetag.model.provenance import versions

PYPROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", requirement)[0] for requirement in requirements}


def test_versions_are_those_of_the_dependencies() -> None:
    project = PYPROJECT["project"]
    core = names(project["dependencies"]) | {"python", "clausetag"}
    train = names(project["optional-dependencies"]["train"])
    assert {"numpy", "onnxruntime", "nupunkt"} <= set(versions()) <= core
    assert "torch" in versions("train") and set(versions("train")) <= core | train
    assert versions()["clausetag"] == clausetag.__version__


def test_a_checkout_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.setattr(importlib.metadata, "requires", missing)
    assert set(versions("train")) == {"python", "clausetag"}

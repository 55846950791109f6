"""The tree stays one that people find their way in: small modules, and few of them in a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINES = 300
MODULES = 15
"""Of a folder, besides its `__init__.py`."""


def modules() -> list[Path]:
    packages = ("data", "model", "predict", "eval", "serving", "train")
    found = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    return [*ROOT.glob("*.py"), *found]


def test_no_module_is_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert len(lengths) > 200
    assert {name: lines for name, lines in lengths.items() if lines > LINES} == {}


def test_no_folder_has_many_modules() -> None:
    folders = Counter(str(path.parent.relative_to(ROOT)) for path in modules() if path.name != "__init__.py")
    assert {name: count for name, count in folders.items() if count > MODULES} == {}

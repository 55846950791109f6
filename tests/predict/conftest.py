"""Fixtures of the tests of long runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from clausetag.model.tagger import Tagger
from tests.predict.run_fixture import FakeTagger, write_policies


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs tag without a model."""

    def load(*_: object, attributes: bool = True, **__: object) -> FakeTagger:
        tagger = FakeTagger()
        tagger.attributes = attributes
        return tagger

    monkeypatch.setattr(Tagger, "load", load)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A folder of policies."""
    return write_policies(tmp_path / "in", 14)

"""The embedding baseline itself is tested here, so it keeps its own encoder."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def tiny_embedding() -> None:
    """In place of the stand-in that the other tests of evaluation get."""

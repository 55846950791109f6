"""Tests that train use one thread: on a busy machine, more threads wait for each other longer than they work."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)

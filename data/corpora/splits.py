"""Lists of ids that all evaluations share: the split by policy, and the segments held back for testing."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

_NAMES = {"train": "train", "valid": "validation", "test": "test"}


def _load(name: str) -> Any:
    return json.loads(resources.files("clausetag.data").joinpath("ids", name).read_text(encoding="utf-8"))


@cache
def policy_split() -> dict[str, tuple[str, ...]]:
    """OPP-115's policies as ``{"train": (85 names), "validation": (10), "test": (20)}``; each is in one of them.

    It is the split of PLUE (Chi et al., 2023). Names are those of the corpus's files: ``"105_amazon.com"``.
    """
    content = _load("policy_split_plue.json")
    return {name: tuple(content[key]) for key, name in _NAMES.items()}


@cache
def held_back() -> frozenset[tuple[str, int]]:
    """The 701 (policy, segment) pairs whose labels are hidden: the test set of PrivacyGLUE's OPP-115 task.

    Segments are counted from 0. The file explains how the list was derived.
    """
    content = _load("held_back.json")
    return frozenset((policy, segment) for policy, segments in content["segments"].items() for segment in segments)

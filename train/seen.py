"""What the stages of training saw, merged into one record, so that no stage hides what an earlier one read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from clausetag.data.jsonl import write_text
from clausetag.model.artifact import TRAINED_ON, TrainedOn


def write_seen(folder: Path, stages: Iterable[TrainedOn]) -> None:
    """Write `trained_on.json` to `folder`: the union of `stages`."""
    found = list(stages)
    seen = {
        field.name: sorted(set().union(*(getattr(stage, field.name) for stage in found))) for field in fields(TrainedOn)
    }
    write_text(folder / TRAINED_ON, json.dumps(seen) + "\n")

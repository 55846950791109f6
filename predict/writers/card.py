"""The card of an output folder, with which `datasets.load_dataset(OUT)` finds and types the rows.

Without it the library would guess: it would take the texts for rows, and fail where a column first occurs late.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clausetag.data.attributes import BY_NAME
from clausetag.data.corpora.dataset import content_version
from clausetag.data.jsonl import write_text
from clausetag.data.labels import LABELS
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.predict.writers.rows import has_attributes
from clausetag.predict.writers.sink import Sink

CARD = "README.md"
_TITLE = "# Tagged privacy policies"
_ROWS = ("parquet", "jsonl", "csv")
"""Formats that the library reads, the best first."""
_TEXT = """
One row a sentence, in the order of the policies; a policy that could not be read has one row, with `error`. The columns
are described in clausetag's docs/OUTPUTS.md.

```python
import datasets

rows = datasets.load_dataset("THIS FOLDER")["train"]
```
"""


def jsonl_features(labels: Sequence[str] = LABELS) -> dict[str, Any]:
    """The columns of `predictions.jsonl`: a type's name, a list of one type, or the types of an object's keys."""
    attributes = {
        "attributes": {name: ["string"] for name in BY_NAME},
        "attribute_scores": {name: dict.fromkeys(one.values, "float32") for name, one in BY_NAME.items()},
    }
    return {
        **dict.fromkeys(("policy", "text", "heading", "lead_in"), "string"),
        **dict.fromkeys(("index", "passage", "start", "end"), "int32"),
        "links": [{"start": "int32", "end": "int32", "href": "string"}],
        "labels": ["string"],
        "scores": dict.fromkeys(labels, "float32"),
        **(attributes if has_attributes(labels) else {}),
        "flags": ["string"],
        "error": {"code": "string", "message": "string"},
    }


def render_card(name: str, version: str, labels: Sequence[str] = LABELS) -> str:
    """The card of a folder whose rows are in the file `name`; `version` changes with its content."""
    lines = ["---", "configs:", "- config_name: default", f"  data_files: {name}"]
    lines += ["dataset_info:", "  config_name: default", f"  version: {version}"]
    if name.endswith(".jsonl"):  # Parquet has types of its own
        lines += ["  features:", *_members(jsonl_features(labels), "  ")]
    return "\n".join([*lines, "---", "", _TITLE]) + "\n" + _TEXT


def _members(features: Mapping[str, Any], indent: str) -> list[str]:
    """The YAML of columns, or of the keys of an object."""
    lines: list[str] = []
    for name, feature in features.items():
        lines.append(f"{indent}- name: {json.dumps(name)}")
        kind, inner = ("list", feature[0]) if isinstance(feature, list) else ("struct", feature)
        if isinstance(inner, str):
            lines.append(f"{indent}  {'list' if isinstance(feature, list) else 'dtype'}: {inner}")
        else:
            lines += [f"{indent}  {kind}:", *_members(inner, indent + "  ")]
    return lines


class CardSink(Sink):
    """Writes the card at the end, unless the folder has a README.md that is not one of these."""

    def __init__(self, folder: Path, target: Path, formats: Sequence[str], labels: Sequence[str] = LABELS) -> None:
        present = target / CARD
        ours = not present.is_file() or _TITLE in present.read_text(encoding="utf-8", errors="replace")
        found = next((name for name in _ROWS if name in formats), None)
        self._rows = folder / f"predictions.{found}" if found and ours else None
        self._labels = labels

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        """The card does not depend on the documents."""

    def fail(self, failed: FailedInput) -> None:
        """The card does not depend on the documents."""

    def finish(self) -> None:
        if self._rows is not None:  # complete by now: this sink is the last
            text = render_card(self._rows.name, content_version(self._rows), self._labels)
            write_text(self._rows.with_name(CARD), text)

    def close(self) -> None:
        """No file stays open."""

"""How often each value of each attribute occurs in the data, as a Markdown table for `data/DATASHEET.md`.

python -m clausetag.eval.research.value_counts [modern.jsonl]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from clausetag.data.attributes import VALUES
from clausetag.data.corpora.attribute_labels import with_attributes
from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.opp115 import find_opp115, read_opp115
from clausetag.data.corpora.splits import policy_split
from clausetag.data.jsonl import read_jsonl
from clausetag.eval.metrics.values import annotator_values, guide_values, majority_values
from clausetag.eval.tables import markdown_table


def main(paths: Sequence[str]) -> int:
    """Print the table; `paths` are labelled JSONL files whose rows have a `split`."""
    corpus = read_opp115(find_opp115())
    columns: dict[str, list[int]] = {}
    for name, policies in policy_split().items():
        rows = [row for row in corpus.sentences if row.policy in policies and row.labelled]
        votes = np.zeros(len(VALUES), dtype=int)
        for row in rows:
            for given in annotator_values(row).values():
                votes += given
        columns[f"OPP-115 {name}: votes"] = votes.tolist()
        columns[f"OPP-115 {name}: majority"] = majority_values(rows)[0].sum(axis=0).tolist()
    columns["the five"] = guide_values(with_attributes(read_five()))[0].sum(axis=0).tolist()
    for path in paths:
        rows = with_attributes(read_jsonl(path))
        for split in ("train", "validation"):
            part = [row for row in rows if row.extra.get("split") == split]
            columns[f"today {split}"] = guide_values(part)[0].sum(axis=0).tolist()
    lines = [
        [f"{name}: {value}", *(f"{column[place]:,}" for column in columns.values())]
        for place, (name, value) in enumerate(VALUES)
    ]
    print("\n".join(markdown_table(["value", *columns], lines)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The labelled policies for docs/HOWTO_OWN_LABELS.md: a user's ten, and twenty to measure on.

    python -m scripts.own_labels DIR            # mine.jsonl, measure.jsonl and mine.toml (OPP115_DIR)
    clausetag train DIR/mine.toml --folds 5 -o DIR/runs/mine
    clausetag eval DIR/measure.jsonl --no-baselines -o DIR/before
    clausetag eval DIR/measure.jsonl --model DIR/runs/mine --no-baselines -o DIR/after
    clausetag eval compare DIR/after DIR/before

The user is played by OPP-115's annotators: their majority labels on the corpus's ten validation policies, and on its
twenty test policies to measure. Their habits differ from the guide's. Sentences that no majority labelled are context.
`standard` has not been trained on these policies (the ten chose thresholds of its head `opp115`, which is not used).
"""

from __future__ import annotations

import sys
from pathlib import Path

from clausetag.data.corpora.opp115 import find_opp115, read_opp115
from clausetag.data.corpora.splits import policy_split
from clausetag.data.jsonl import write_jsonl, write_text

RECIPE = """name = "mine"

[data]
extra = ["{path}"]

[model]
start = "standard"

[optimisation]
epochs = 4
batch_tokens = 512
encoder_lr = 5e-5
head_lr = 5e-4
"""
KEYS = ("policy", "index", "passage", "text", "heading", "labels")


def main(folder: Path) -> None:
    """Write the files and print their sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    sentences = read_opp115(find_opp115()).sentences
    for split, name in (("validation", "mine.jsonl"), ("test", "measure.jsonl")):
        policies = policy_split()[split]
        given = (row.row() for row in sentences if row.policy in policies)
        rows = [{key: value for key, value in row.items() if key in KEYS and value != []} for row in given]
        write_jsonl(folder / name, rows)
        labelled = sum("labels" in row for row in rows)
        print(f"{name}: {len(policies)} policies, {len(rows):,} sentences, {labelled} of them labelled")
    write_text(folder / "mine.toml", RECIPE.format(path=folder / "mine.jsonl"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

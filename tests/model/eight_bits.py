"""What 8-bit products cost a shipped model, compared with the float logits in tests/reference.

python -m tests.model.eight_bits                                           # a table of both shipped models
python -m tests.model.eight_bits RUN tests/reference/standard_float.npz    # RUN: the folder that `train` wrote

Labels use the shipped thresholds, on sentences of OPP-115 that training has not seen.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clausetag.data.corpora.opp115 import Corpus, find_opp115, read_opp115
from clausetag.data.corpora.splits import policy_split
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.text import text_hash
from clausetag.eval.metrics.classification import MultilabelMetrics, multilabel_metrics
from clausetag.eval.metrics.gold import gold_matrix
from clausetag.model.artifact import shipped
from clausetag.model.decision import calibrate, decide
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import SubwordTokenizer, encode_sentences

REFERENCE = Path(__file__).resolve().parent.parent / "reference"
SPLITS = ("validation", "test")
HEAD = "opp115"
COMMON = 50
"""With fewer positives the F1 of a category says little; its sentences are listed instead."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Metrics before and after, the error of a logit (root mean square), and per label the rows decided otherwise."""

    before: MultilabelMetrics
    after: MultilabelMetrics
    error: float
    flipped: dict[str, list[Sentence]]


def sentences(corpus: Corpus) -> list[Sentence]:
    """The sentences of the corpus that training has not seen, in order."""
    split = policy_split()
    held = {policy for name in SPLITS for policy in split[name]}
    return [sentence for sentence in corpus.sentences if sentence.policy in held]


def matched(rows: list[Sentence], keys: list[str]) -> tuple[list[int], list[int]]:
    """The labelled rows that are among `keys` (text hashes, in order), and their places there."""
    left: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        left.setdefault(key, []).append(place)
    pairs: list[tuple[int, int]] = []
    for number, row in enumerate(rows):
        places = left.get(text_hash(row.text), []) if row.labelled else []
        if places:
            pairs.append((number, places.pop(0)))
    return [number for number, _ in pairs], [place for _, place in pairs]


def cost(name: str, corpus: Corpus) -> Cost:
    """Measure the shipped model of that name on the corpus."""
    tagger = Tagger.load(shipped(name))
    settings = tagger.head(HEAD)
    rows = sentences(corpus)
    logits, _ = tagger.logits(encode_sentences(rows, tagger.tokenizer, context=True))
    with np.load(REFERENCE / f"{name}_float.npz") as arrays:
        before, keys = arrays["logits"].astype(np.float32), arrays["keys"].tolist()
    # Sentences whose boundaries have changed since the float logits were kept have none.
    kept, places = matched(rows, keys)
    before = before[places]
    after = logits[kept, tagger.artifact.heads.index(settings.output)]
    old, new = (
        decide(calibrate(values, settings.slope, settings.intercept), settings.thresholds, settings.min_labels)
        for values in (before, after)
    )
    gold = gold_matrix([rows[number] for number in kept])
    flipped = {
        label: [rows[kept[row]] for row in np.flatnonzero(old[:, column] != new[:, column])]
        for column, label in enumerate(LABELS)
    }
    error = float(np.sqrt(np.mean((before - after) ** 2)))
    return Cost(multilabel_metrics(old, gold, LABELS), multilabel_metrics(new, gold, LABELS), error, flipped)


def table(name: str, corpus: Corpus) -> str:
    """The cost as Markdown; sentences are named, not quoted."""
    found = cost(name, corpus)
    flips = sum(map(len, found.flipped.values()))
    lines = [
        f"{name}: error of a logit {found.error:.3f}, {flips} of {found.before.n * len(LABELS):,} decisions flipped, "
        f"macro F1 {found.before.macro_f1:.4f} to {found.after.macro_f1:.4f}",
        "",
        "| category | positives | F1 before | F1 | flipped |",
        "|---|---|---|---|---|",
    ]
    for label in LABELS:
        old, new, rows = found.before.per_category[label], found.after.per_category[label], found.flipped[label]
        named = str(len(rows))
        if rows and old.support < COMMON:
            named = ", ".join(f"{row.policy} {row.index}" for row in rows)
        lines.append(f"| {label} | {old.support} | {old.f1:.3f} | {new.f1:.3f} | {named} |")
    return "\n".join(lines)


def keep(run: str, target: str) -> None:
    """Write the logits float16 [sentences, labels] of the labelled sentences."""
    from clausetag.model.network import predict_logits
    from clausetag.model.tokenise import load_tokenizer
    from clausetag.train.start import load_start, start_network

    start = load_start(run)
    network = start_network(start, 0.0)
    network.train(False)
    pieces = SubwordTokenizer.of(load_tokenizer(run))
    rows = sentences(read_opp115(find_opp115()))
    logits, _ = predict_logits(
        network, encode_sentences(rows, pieces, context=True), start.artifact.window, pieces, bf16=False
    )
    kept = [number for number, row in enumerate(rows) if row.labelled]
    output = network.config.heads.index(HEAD)
    keys = np.array([text_hash(rows[number].text) for number in kept])
    np.savez_compressed(Path(target), logits=logits[kept, output].astype(np.float16), keys=keys)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        keep(sys.argv[1], sys.argv[2])
    else:
        corpus = read_opp115(find_opp115())
        print("\n\n".join(table(name, corpus) for name in ("standard", "fast")))

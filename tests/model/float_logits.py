"""What the network said before its products went to 8 bits, kept for `test_eight_bits.py`.

    python -m tests.model.float_logits RUN tests/reference/standard_float.npz

RUN is the folder that `clausetag train` wrote, with full-precision weights, of which the shipped model was exported.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from clausetag.data.opp115 import find_opp115, read_opp115
from clausetag.data.schema import Sentence
from clausetag.data.splits import policy_split
from clausetag.model.encode import Pieces, encode_sentences

SPLITS = ("validation", "test")
HEAD = "opp115"


def sentences(folder: Path) -> list[Sentence]:
    """The sentences of the corpus in `folder` that training has not seen, in order."""
    split = policy_split()
    held = {policy for name in SPLITS for policy in split[name]}
    return [sentence for sentence in read_opp115(folder).sentences if sentence.policy in held]


def main(run: str, target: str) -> None:
    """Write the logits float16 [sentences, labels] of the labelled sentences."""
    from clausetag.train.loop import load_tokenizer
    from clausetag.train.predict import predict_logits
    from clausetag.train.start import load_start, start_network

    start = load_start(run)
    network = start_network(start, 0.0)
    network.train(False)
    pieces = Pieces.of(load_tokenizer(run))
    rows = sentences(find_opp115())
    logits, _ = predict_logits(
        network, encode_sentences(rows, pieces, context=True), start.artifact.window, pieces, bf16=False
    )
    kept = [number for number, row in enumerate(rows) if row.labelled]
    output = network.config.heads.index(HEAD)
    np.savez_compressed(Path(target), logits=logits[kept, output].astype(np.float16))


if __name__ == "__main__":
    main(*sys.argv[1:])

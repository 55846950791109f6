"""Peak memory while a pool of many sentences is built as a dataset, read, tokenised and cut into windows.

python -m scripts.corpus_memory                     # 100,000 and 1,000,000 invented sentences
python -m scripts.corpus_memory --sentences 200000

Each step runs in a process of its own. If memory is bounded, ten times as many sentences need little more.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

STEPS = ("write", "build", "load", "windows")
TEXT = "we may keep share sell or delete the data that you give us for as long as the law of your country asks"
SENTENCES = 150
"""Sentences of a policy."""


def step(name: str, folder: Path, sentences: int) -> None:
    """One step, and its peak memory and seconds on stdout."""
    import random

    started = time.monotonic()
    pool, built = folder / "pool.jsonl", folder / "built"
    if name == "write":
        rng, words = random.Random(1), TEXT.split()
        with pool.open("w", encoding="utf-8") as stream:
            for number in range(sentences):
                text = " ".join(rng.choices(words, k=22)).capitalize() + f" {number}."
                row = {
                    "policy": f"p{number // SENTENCES}",
                    "index": number % SENTENCES,
                    "text": text,
                    "heading": "Data",
                }
                stream.write(json.dumps(row) + "\n")
    elif name == "build":
        from clausetag.cli import main as clausetag

        assert clausetag(["data", "build", str(pool), "-o", str(built)]) == 0
    else:
        from clausetag.data.corpora.dataset import open_dataset

        rows = open_dataset(built)["train"]
        if name == "load":
            assert sum(len(part["text"]) for part in rows.iter(10_000)) == sentences
        else:
            from clausetag.model.backbone import backbone_path
            from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer
            from clausetag.train.pretraining.mlm import Settings, TokenisedPool, batches_of

            tokenised = TokenisedPool(rows, SubwordTokenizer.of(load_tokenizer(backbone_path("minilm-l6"))))
            batches = batches_of(tokenised, range(len(tokenised.bounds)), Settings(), 1.0, 0)
            assert tokenised.ids(batches[0][0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{sentences:>9,} sentences, {name:8} {peak:7,.0f} MB peak, {time.monotonic() - started:6.1f} s", flush=True)


def main() -> None:
    """Run each step for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options.step, Path(options.folder), options.sentences[0])
        return
    for sentences in options.sentences:
        with TemporaryDirectory() as folder:
            for name in STEPS:
                given = ["--step", name, "--folder", folder, "--sentences", str(sentences)]
                subprocess.run([sys.executable, "-m", "scripts.corpus_memory", *given], check=True)


if __name__ == "__main__":
    main()

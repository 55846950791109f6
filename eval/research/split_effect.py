"""By how much a random split of segments flatters, measured: two training sets for one test set.

PrivacyGLUE splits OPP-115 by segment: every policy of its test file is in its training file too, and a policy repeats
itself in words, names and habits. To see what that is worth, hold everything else equal: the *same* test segments, the
same number of training segments, the same recipe (`privacyglue`); once the training segments come from other policies
alone, once as many of them are replaced by the other half of the test segments' own policies.

    make split-effect      # writes both arms, trains each, scores both on the test segments, writes split_effect.json

The test segments are a random half of the labelled segments of OPP-115's validation and test policies; nothing is
chosen with them: the epoch is chosen on a tenth of the training policies' segments, which is the same for both arms.
"""

from __future__ import annotations

import csv
import io
import json
import random
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clausetag.data.corpora.opp115 import Corpus, Passage, find_opp115, read_opp115
from clausetag.data.corpora.splits import policy_split
from clausetag.data.jsonl import write_text
from clausetag.data.text import text_hash
from clausetag.eval.predictions import aligned, read_predictions
from clausetag.eval.statistics.resample import resampler
from clausetag.eval.statistics.significance import as_rows, paired_tests

ARMS = ("disjoint", "random")
SEED = 1
VALIDATION_SHARE = 0.1


def arms(corpus: Corpus, seed: int = SEED) -> dict[str, dict[str, list[Passage]]]:
    """For each arm, the segments of `train`, `validation` and `test`; test and validation are those of both arms.

    Segments without a majority label are left out, as PrivacyGLUE does. A text that stands in the test segments is
    kept out of neither arm's training, since the effect of copies is part of what is measured; `validation` shares no
    text with either.
    """
    draw = random.Random(seed)
    split = policy_split()
    others = set(split["validation"]) | set(split["test"])
    labelled = [passage for passage in corpus.passages if passage.labels]
    halves: tuple[list[Passage], list[Passage]] = ([], [])
    for policy in sorted(others):
        own = [passage for passage in labelled if passage.policy == policy]
        draw.shuffle(own)
        middle = (len(own) + draw.randint(0, 1)) // 2
        halves[0].extend(own[:middle])
        halves[1].extend(own[middle:])
    test, companions = halves
    rest = [passage for passage in labelled if passage.policy not in others]
    draw.shuffle(rest)
    held = round(len(rest) * VALIDATION_SHARE)
    known = {text_hash(passage.text) for passage in (*test, *companions)}
    validation = [passage for passage in rest[:held] if text_hash(passage.text) not in known]
    pool = rest[held:]
    return {
        "disjoint": {"train": pool, "validation": validation, "test": test},
        "random": {"train": pool[len(companions) :] + companions, "validation": validation, "test": test},
    }


def write_arms(parts: Mapping[str, Mapping[str, Iterable[Passage]]], folder: Path) -> None:
    """Write each arm as train_dataset.csv, validation_dataset.csv and test_dataset.csv, one row a text and label."""
    for arm, files in parts.items():
        (folder / arm).mkdir(parents=True, exist_ok=True)
        for name, passages in files.items():
            stream = io.StringIO(newline="")
            writer = csv.writer(stream, lineterminator="\n")
            for passage in passages:
                for label in passage.labels or ():
                    writer.writerow([passage.text, label])
            write_text(folder / arm / f"{name}_dataset.csv", stream.getvalue())


def collect(folder: Path, parts: Mapping[str, Mapping[str, list[Passage]]]) -> dict[str, Any]:
    """The content of split_effect.json, from the evaluations of both arms in <folder>/eval/<arm>.

    Raises:
        DataError: an evaluation is missing, or was made on other data.
    """
    disjoint = read_predictions(str(folder / "eval" / "disjoint"))
    shared = aligned(disjoint, read_predictions(str(folder / "eval" / "random")))
    drawn = resampler([str(row) for row in range(len(disjoint.keys))], seed=SEED)
    tests = paired_tests(shared.predicted, disjoint.predicted, disjoint.gold, drawn)
    seen = {
        arm: sum(text_hash(own.text) in {text_hash(other.text) for other in files["train"]} for own in files["test"])
        for arm, files in parts.items()
    }
    size, n = len(parts["random"]["train"]), len(disjoint.keys)
    gains = []
    verdicts = {tests[name].verdict for name in ("macro_f1", "micro_f1")}
    said = "no evidence that it flatters" if verdicts == {"no evidence"} else "it makes a difference"
    for name, words in (("macro_f1", "macro F1"), ("micro_f1", "micro F1")):
        own = tests[name]
        assert own.difference is not None and own.ci95 is not None
        gains.append(
            f"{words} {own.second:.3f} or {own.first:.3f} ({own.difference:+.3f}, 95 % {own.ci95[0]:+.3f} to "
            f"{own.ci95[1]:+.3f})"
        )
    sentence = (
        f"Measured with our own model, {said}: on the same {n} segments, trained on {size:,} segments of other "
        f"policies alone, or on as many of which a part comes from the test segments' policies, {'; '.join(gains)}."
    )
    return {
        "sentence": sentence,
        "test_segments": n,
        "train_segments": size,
        "test_texts_in_train": seen,
        "figures": as_rows(tests),
        "first": "random",
        "second": "disjoint",
        "command": "make split-effect",
    }


def main(arguments: list[str]) -> None:
    """`FOLDER`: write both arms below it; `FOLDER --collect`: write split_effect.json from their evaluations."""
    folder = Path(arguments[0])
    parts = arms(read_opp115(find_opp115()))
    if "--collect" in arguments:
        found = collect(folder, parts)
        write_text(
            Path(__file__).parents[1] / "benchmarks" / "split_effect.json",
            json.dumps(found, ensure_ascii=False, indent=1) + "\n",
        )
        print(found["sentence"])
        return
    write_arms(parts, folder)
    for arm, files in parts.items():
        print(f"{arm}: " + ", ".join(f"{name} {len(passages):,}" for name, passages in files.items()))


if __name__ == "__main__":
    main(sys.argv[1:])

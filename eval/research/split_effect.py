"""How much does a random split of segments raise results? Two training sets for one test set.

PrivacyGLUE splits OPP-115 by segment: every policy of its test file is in its training file too, and a policy repeats
itself in words, names and habits. To measure what that is worth, everything else stays equal: the same test segments,
the same number of training segments, the same recipe (`privacyglue`). In one arm all training segments are of other
policies; in the other, some are replaced by the other half of the test segments' policies.

    make split-effect      # writes both arms, trains each, scores both on the test segments, writes split_effect.json

The test segments are a random half of the labelled segments of OPP-115's validation and test policies. They choose
nothing: the epoch is chosen on a tenth of the training policies' segments, the same for both arms.
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

SEED = 1
VALIDATION_SHARE = 0.1
Arms = Mapping[str, Mapping[str, list[Passage]]]
"""For the arms `disjoint` and `random`, the segments of `train`, `validation` and `test`."""


def arms(corpus: Corpus, seed: int = SEED) -> Arms:
    """Both arms, with the same test and validation segments.

    Segments without a majority label are left out, as in PrivacyGLUE. Copies of test segments stay in the training
    data, because their effect is part of what is measured; `validation` shares no text with the test policies.
    """
    rng = random.Random(seed)
    split = policy_split()
    others = {*split["validation"], *split["test"]}
    labelled = [passage for passage in corpus.passages if passage.labels]
    test: list[Passage] = []
    companions: list[Passage] = []
    for policy in sorted(others):
        own = [passage for passage in labelled if passage.policy == policy]
        rng.shuffle(own)
        middle = (len(own) + rng.randint(0, 1)) // 2
        test += own[:middle]
        companions += own[middle:]
    rest = [passage for passage in labelled if passage.policy not in others]
    rng.shuffle(rest)
    held_out = round(len(rest) * VALIDATION_SHARE)
    known = {text_hash(passage.text) for passage in (*test, *companions)}
    validation = [passage for passage in rest[:held_out] if text_hash(passage.text) not in known]
    train = rest[held_out:]
    return {
        "disjoint": {"train": train, "validation": validation, "test": test},
        "random": {"train": train[len(companions) :] + companions, "validation": validation, "test": test},
    }


def write_arms(parts: Mapping[str, Mapping[str, Iterable[Passage]]], folder: Path) -> None:
    """Write each arm as train_dataset.csv, validation_dataset.csv and test_dataset.csv, one row per text and label."""
    for arm, files in parts.items():
        (folder / arm).mkdir(parents=True, exist_ok=True)
        for name, passages in files.items():
            stream = io.StringIO(newline="")
            rows = ([passage.text, label] for passage in passages for label in passage.labels or ())
            csv.writer(stream, lineterminator="\n").writerows(rows)
            write_text(folder / arm / f"{name}_dataset.csv", stream.getvalue())


def policies_of_rows(passages: Iterable[Passage]) -> list[str]:
    """The policy of each row of a test file that `write_arms` wrote: its reader joins segments of the same text."""
    found: dict[str, str] = {}
    for passage in passages:
        found.setdefault(passage.text, passage.policy)
    return list(found.values())


def collect(folder: Path, parts: Arms) -> dict[str, Any]:
    """The content of split_effect.json, from the evaluations of both arms in <folder>/eval/<arm>.

    Raises:
        DataError: an evaluation is missing, or was made on other data.
    """
    disjoint = read_predictions(str(folder / "eval" / "disjoint"))
    shared = aligned(disjoint, read_predictions(str(folder / "eval" / "random")))
    n, size = len(disjoint.keys), len(parts["random"]["train"])
    policies = policies_of_rows(parts["disjoint"]["test"])
    drawn = resampler([policies[row] for _, row in disjoint.keys], seed=SEED)
    tests = paired_tests(shared.predicted, disjoint.predicted, disjoint.gold, drawn)
    seen = {}
    for arm, files in parts.items():
        known = {text_hash(passage.text) for passage in files["train"]}
        seen[arm] = sum(text_hash(passage.text) in known for passage in files["test"])
    gains = []
    verdicts = {tests[name].verdict for name in ("macro_f1", "micro_f1")}
    outcome = "no evidence that it flatters" if verdicts == {"no evidence"} else "it makes a difference"
    for name, words in (("macro_f1", "macro F1"), ("micro_f1", "micro F1")):
        own = tests[name]
        assert own.difference is not None and own.ci95 is not None
        gains.append(
            f"{words} {own.second:.3f} or {own.first:.3f} ({own.difference:+.3f}, 95 % {own.ci95[0]:+.3f} to "
            f"{own.ci95[1]:+.3f})"
        )
    return {
        "sentence": f"Measured with our own model, {outcome}: on the same {n} segments, trained on {size:,} segments "
        "of other policies alone, or on as many of which a part comes from the test segments' policies, "
        f"{'; '.join(gains)}; intervals over {drawn.groups} policies.",
        "test_segments": n,
        "train_segments": size,
        "test_texts_in_train": seen,
        "figures": as_rows(tests),
        "first": "random",
        "second": "disjoint",
        "command": "make split-effect",
    }


def main(arguments: list[str]) -> None:
    """`FOLDER`: write both arms into it; `FOLDER --collect`: write split_effect.json from their evaluations."""
    folder = Path(arguments[0])
    parts = arms(read_opp115(find_opp115()))
    if "--collect" in arguments:
        found = collect(folder, parts)
        target = Path(__file__).parents[1] / "benchmarks" / "split_effect.json"
        write_text(target, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
        print(found["sentence"])
        return
    write_arms(parts, folder)
    for arm, files in parts.items():
        print(f"{arm}: " + ", ".join(f"{name} {len(passages):,}" for name, passages in files.items()))


if __name__ == "__main__":
    main(sys.argv[1:])

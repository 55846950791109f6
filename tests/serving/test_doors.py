"""The frozen reference predictions through every door: Python, the command line, and HTTP as it is really spoken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import clausetag
from clausetag.data.corpora.five import FIVE, read_source
from clausetag.data.jsonl import read_jsonl
from tests.serving.process import Process, exchange

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "tests" / "reference" / "standard.jsonl"
Rows = dict[str, list[dict[str, Any]]]


def by_python(*_: object) -> Rows:
    tagger = clausetag.load()
    return {policy: [s.row() for s in tagger.tag(read_source(policy), policy=policy)] for policy in FIVE}


def by_command(_: object, folder: Path) -> Rows:
    files = [str(ROOT / "data" / "policies" / f"{policy}.txt") for policy in FIVE]
    start = "import sys; from clausetag.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "predict", *files, "-o", str(folder / "out.jsonl")]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    lines = (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {policy: [row for row in rows if row["policy"] == policy] for policy in FIVE}


def by_http(running: Process, _: object) -> Rows:
    """Each as text, and all of them as a list, which answers alike."""

    def ask(value: object) -> Any:
        answer = exchange(running.address, json.dumps(value).encode(), seconds=300)
        assert answer.status == 200
        return json.loads(answer.body)

    several = ask({"policies": [{"id": policy, "text": read_source(policy)} for policy in FIVE]})["policies"]
    found: Rows = {each["id"]: each["sentences"] for each in several}
    for policy in FIVE:
        alone = ask({"text": read_source(policy)})["sentences"]
        assert [{**row, "policy": policy} for row in alone] == found[policy]
    return found


def by_batches(*_: object) -> Rows:
    """As Ray's workers tag them."""
    pytest.importorskip("pyarrow")
    batch = {"id": list(FIVE), "text": [read_source(policy) for policy in FIVE]}
    tagged = clausetag.batch_tagger()(batch)
    return {
        policy: [
            {key: value for key, value in filled(row).items() if value or key not in ("links", "flags")} for row in rows
        ]
        for policy, rows in zip(tagged["policy"], tagged["predictions"], strict=True)
    }


def filled(value: Any) -> Any:
    """A table's value as JSON has it: without empty fields, and with numbers as they were before Arrow's 32 bits."""
    if isinstance(value, dict):
        return {key: filled(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [filled(member) for member in value]
    return round(value, 4) if isinstance(value, float) else value


@pytest.mark.parametrize("door", [by_python, by_command, by_http, by_batches])
def test_the_frozen_predictions(door: Callable[[Process, Path], Rows], running: Process, tmp_path: Path) -> None:
    found = door(running, tmp_path)
    frozen = [sentence.row() for sentence in read_jsonl(REFERENCE)]
    for policy in FIVE:
        expected = [row for row in frozen if row["policy"] == policy]
        assert len(found[policy]) == len(expected) > 0
        for row, reference in zip(found[policy], expected, strict=True):
            assert list(row) == list(reference)
            # Activations are floats, so CPUs differ a little; no frozen score is that near to its threshold.
            assert row["scores"] == pytest.approx(reference["scores"], abs=0.01)
            assert {**row, "scores": None} == {**reference, "scores": None}

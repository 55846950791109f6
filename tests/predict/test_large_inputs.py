"""Texts of unusual size: they are tagged like any other, in bounded memory."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from clausetag.data.jsonl import read_jsonl
from clausetag.model.artifact import shipped
from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer

_PREDICT = """
import sys
from clausetag.cli import main
code = main(["predict", *sys.argv[1:]])
# Not getrusage, whose peak begins with that of the process that started this one.
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
sys.exit(code)
"""


def predict(path: Path, model: Path, out: Path) -> int:
    """Tag the file into `out`; returns the peak of memory in MB."""
    command = [sys.executable, "-c", _PREDICT, str(path), "--model", str(model), "-o", str(out), "--quiet"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1]) // 1024


def test_many_texts_are_tokenised_as_each_alone(tiny_artifact: Path) -> None:
    pieces = SubwordTokenizer.of(load_tokenizer(str(tiny_artifact)))
    texts = [f"We keep {number} records of you." for number in range(2500)]
    assert pieces.encode(texts) == [pieces.encode([text])[0] for text in texts]


linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")


@linux
def test_ten_thousand_empty_lines(tiny_artifact: Path, tmp_path: Path) -> None:
    path = tmp_path / "policy.txt"
    path.write_text("\n" * 10_000 + "We sell nothing.\n" + " \n" * 10_000 + "We keep your data safe.\n")
    predict(path, tiny_artifact, tmp_path / "out")
    rows = read_jsonl(tmp_path / "out" / "predictions.jsonl")
    assert [row.text for row in rows] == ["We sell nothing.", "We keep your data safe."]


@linux
@pytest.mark.slow
def test_a_policy_of_a_million_words(tmp_path: Path) -> None:
    sentences = (
        f"In case {number} we share your name, your address and your age with those of our partners who help us."
        for number in itertools.count()
    )
    path = tmp_path / "policy.txt"
    path.write_text("\n\n".join(" ".join(itertools.islice(sentences, 5)) for _ in range(10_000)))
    assert len(path.read_text().split()) >= 1_000_000
    assert predict(path, shipped(), tmp_path / "out") < 600
    with (tmp_path / "out" / "predictions.jsonl").open(encoding="utf-8") as lines:
        assert sum(1 for _ in lines) == 50_000

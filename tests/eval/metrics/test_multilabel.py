"""The metric module of the `evaluate` library, as a class and by its folder, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from clausetag.eval.metrics.classification import multilabel_metrics
from clausetag.eval.metrics.multilabel import multilabel

GOLD = np.eye(12, dtype=int)
PREDICTED = np.roll(GOLD, 1, axis=0) | GOLD


def test_class_gives_the_figures_of_the_core() -> None:
    found = multilabel.MultiLabel(keep_in_memory=True).compute(predictions=PREDICTED.tolist(), references=GOLD.tolist())
    assert found == multilabel_metrics(PREDICTED, GOLD).to_dict()
    assert found["micro_f1"] == 2 / 3


def test_the_folder_loads_without_a_hub(tmp_path: Path) -> None:
    program = (
        "import evaluate, json, sys\n"
        "metric = evaluate.load(sys.argv[1])\n"
        "rows = json.loads(sys.argv[2])\n"
        "print(json.dumps(metric.compute(predictions=rows[0], references=rows[1])))"
    )
    # A proxy that is not there: any attempt to reach a hub would fail.
    nowhere = {"HF_HOME": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    rows = json.dumps([PREDICTED.tolist(), GOLD.tolist()])
    done = subprocess.run(
        [sys.executable, "-c", program, str(Path(multilabel.__file__).parent), rows],
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == multilabel_metrics(PREDICTED, GOLD).to_dict()

"""Several processes train one model: by `torchrun`, with gloo on the CPU."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file


def train(recipe: Path, folder: Path, processes: int) -> subprocess.CompletedProcess[str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    launch = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--master_port", str(port)]
    command = [sys.executable, *(launch if processes > 1 else []), "-m", "clausetag.cli", "train"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, str(recipe), "-o", str(folder), "--quiet"], env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def recipe(tiny_recipe: dict[str, Any], tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe without dropout, which the processes would draw differently."""
    import shutil

    folder = tmp_path_factory.mktemp("still")
    shutil.copytree(tiny_backbone, folder / "backbone")
    config = json.loads((folder / "backbone" / "config.json").read_text(encoding="utf-8"))
    (folder / "backbone" / "config.json").write_text(json.dumps({**config, "hidden_dropout_prob": 0.0}))
    values = {**tiny_recipe, "backbone": str(folder / "backbone"), "epochs": 1, "head_dropout": 0.0}
    path = folder / "recipe.toml"
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()), encoding="utf-8")
    return path


def test_two_processes_learn_the_same_as_one(recipe: Path, tmp_path: Path) -> None:
    losses = []
    for processes in (1, 2):
        done = train(recipe, tmp_path / str(processes), processes)
        assert done.returncode == 0, done.stderr
        run = json.loads((tmp_path / str(processes) / "run.json").read_text(encoding="utf-8"))
        losses.append(run["epochs"][0]["train_loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("1", "2"))
    assert max(abs(one[name] - two[name]).max() for name in one) < 1e-3
    assert {path.name for path in (tmp_path / "1").iterdir()} == {path.name for path in (tmp_path / "2").iterdir()}

"""The package as users install it: a built wheel in an empty environment, with the shipped model, without torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from clausetag.data.corpora.five import read_five, read_source

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_the_wheel_predicts_in_an_empty_environment(tmp_path: Path) -> None:
    """Needs the package index."""
    source = tmp_path / "source"  # building leaves files beside the sources
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".git", ".venv", "runs", "out", "build", "*.egg-info"))
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path / "dist"), str(source)]
    subprocess.run(build, check=True)
    (wheel,) = (tmp_path / "dist").glob("clausetag-*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True)
    policy = tmp_path / "policy.txt"
    policy.write_text(read_source("004_vtiger"), encoding="utf-8")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "CLAUSETAG"))}
    command = [str(tmp_path / "env" / "bin" / "clausetag"), "predict", str(policy), "-o", str(tmp_path / "out.jsonl")]
    subprocess.run(command, check=True, cwd=tmp_path, env=clean)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == sum(s.policy == "004_vtiger" for s in read_five())
    assert all(row["labels"] for row in rows)
    probe = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is not None)"
    assert subprocess.run([str(python), "-c", probe], check=False, env=clean).returncode == 0

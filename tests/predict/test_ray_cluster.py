"""`--engine ray` on a cluster of this machine: the rows of the local engine, also if a worker is killed in mid-run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from clausetag.cli import main
from clausetag.predict.ray import engine as ray_engine
from clausetag.predict.ray.worker import ATTEMPTS
from clausetag.predict.writers.writer import RUN_JSON
from tests.predict.ray_fixture import counts, local_rows, ray, ray_rows, write_inputs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install '.[ray]'"),
]

# Set before Ray is loaded. With a token of the tests' own it writes none into the user's home.
RAY_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_hex(32)}


def test_the_command_starts_a_cluster_of_its_own_and_ends_it(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("We share your data with advertisers.")
    environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"} | RAY_ENVIRONMENT
    result = subprocess.run(
        [sys.executable, "-m", "clausetag.cli", "predict", "a.md", "gone.md", "-o", "out", "--engine", "ray"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    lines = result.stderr.splitlines()
    assert "clausetag: gone.md: no such file" in lines
    assert lines[-1].endswith("2 documents, 1 sentences, 1 failed") and "Traceback" not in result.stderr
    assert [row["policy"] for row in ray_rows(tmp_path / "out")] == ["a", "gone"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of this process's own: two workers and little memory."""
    folder = tempfile.mkdtemp(prefix="r", dir="/tmp" if os.path.isdir("/tmp") else None)  # sockets need a short path
    with pytest.MonkeyPatch.context() as patch:
        for name, value in RAY_ENVIRONMENT.items():
            patch.setenv(name, value)
        import ray

        ray.init(
            "local",
            num_cpus=2,
            object_store_memory=100_000_000,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=folder,
        )
        yield ray
        ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.usefixtures("cluster")
def test_a_cluster_of_two_workers_gives_the_rows_of_the_local_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = write_inputs(tmp_path)
    monkeypatch.setattr(ray_engine, "PART_DOCUMENTS", 3)
    assert main(["predict", *inputs, "-o", "local", "--format", "parquet"]) == 1
    assert ray(*inputs, "-o", "ray") == 1
    assert ray_rows(tmp_path / "ray") == local_rows(tmp_path / "local")
    assert counts(tmp_path / "ray") == counts(tmp_path / "local")
    assert json.loads((tmp_path / "ray" / RUN_JSON).read_text())["options"]["workers"] == 2


def _workers() -> list[int]:
    """Processes below this one that tag."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = []
    for process in parents:
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        try:
            title = Path("/proc", str(process), "cmdline").read_bytes()
        except OSError:
            continue
        if above == os.getpid() and title.startswith(b"ray::") and b"MapWorker" in title:
            found.append(process)
    return found


@pytest.mark.usefixtures("cluster")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers in /proc")
def test_a_worker_killed_in_mid_run_loses_nothing_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = write_inputs(tmp_path, policies=40, sentences=60)
    monkeypatch.setattr(ray_engine, "PART_DOCUMENTS", 2)
    assert main(["predict", *inputs, "-o", "local", "--format", "parquet"]) == 1
    parts = tmp_path / "ray" / ".clausetag" / "parts"
    killed: list[int] = []
    begun: dict[str, int] = {}
    over = threading.Event()

    def kill() -> None:
        """Kill workers until one was in the midst of a part, as shows when that is begun again."""
        last = 0.0
        while not over.is_set():
            done = len(list((parts / "predictions").glob("*.parquet")))
            for attempt in (parts / ATTEMPTS).glob("*/*.mark"):
                begun[attempt.parent.name] = len(list(attempt.parent.glob("*.mark")))
            again = max(begun.values(), default=0) > 1
            if done > 2 and not again and time.monotonic() > last + 3 and (workers := _workers()):
                os.kill(workers[0], signal.SIGKILL)
                killed.append(done)
                last = time.monotonic()
            time.sleep(0.02)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        assert ray(*inputs, "-o", "ray") == 1
    finally:
        over.set()
        killer.join()
    total = len(list((tmp_path / "ray" / "predictions").iterdir()))
    assert killed and killed[0] < total - 5
    assert max(begun.values()) > 1
    assert ray_rows(tmp_path / "ray") == local_rows(tmp_path / "local")
    assert counts(tmp_path / "ray") == counts(tmp_path / "local")

"""`--engine ray` on clusters of this machine: the rows of the local engine, also if workers or machines die."""

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from clausetag.cli import main
from clausetag.model.tagger import Tagger
from clausetag.predict.ray import RayCluster
from clausetag.predict.run_folder import OutputError
from clausetag.predict.writers.writer import RUN_JSON
from tests.predict.ray_fixture import RAY_ENVIRONMENT, counts, local_rows, ray, ray_rows, write_inputs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # Ray warns of settings of its own
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install '.[ray]'"),
]

COMMAND = [sys.executable, "-m", "clausetag.cli", "predict"]
RECORDS = ".clausetag/parts/records"


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"} | RAY_ENVIRONMENT


def test_the_command_starts_a_cluster_of_its_own_and_ends_it(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("We share your data with advertisers.")
    result = subprocess.run(
        [*COMMAND, "a.md", "gone.md", "-o", "out", "--engine", "ray"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    lines = result.stderr.splitlines()
    assert "clausetag: gone.md: no such file" in lines
    assert lines[-1].endswith("2 documents, 1 sentence, 1 failed") and "Traceback" not in result.stderr
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
    assert main(["predict", *inputs, "-o", "local", "--format", "parquet"]) == 1
    assert ray(*inputs, "-o", "ray", cluster=RayCluster(), size=3) == 1
    assert ray_rows(tmp_path / "ray") == local_rows(tmp_path / "local")
    assert counts(tmp_path / "ray") == counts(tmp_path / "local")
    run = json.loads((tmp_path / "ray" / RUN_JSON).read_text())
    assert run["options"]["workers"] == 2
    assert sum(step["cpu_seconds"] for step in run["ray"].values()) > 0


@pytest.mark.usefixtures("cluster")
def test_a_worker_that_cannot_go_on_ends_the_run_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(Tagger.load().artifact.folder, tmp_path / "model")
    (tmp_path / "a.md").write_text("We share your data.")

    class Spoilt(RayCluster):
        def run(self, *arguments: Any) -> dict[str, Any]:
            (tmp_path / "model" / "config.json").write_text("{}")
            return super().run(*arguments)

    with pytest.raises(OutputError, match=r"^out: Ray stopped the run \(.*\); nothing was written$") as caught:
        ray("a.md", "-o", "out", "--model", "model", cluster=Spoilt())
    assert "config.json" in str(caught.value) and "\n" not in str(caught.value)


@contextmanager
def meanwhile(act: Callable[[], bool]) -> Iterator[None]:
    """Do something again and again until it has succeeded or the block is over."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.05) and not act():
            pass

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def done(folder: Path) -> int:
    return len(list((folder / RECORDS).glob("*.parquet")))


def workers(above: int) -> list[int]:
    """Processes below one that tag."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = []
    for process in parents:
        parent = process
        while parent in parents and parent != above:
            parent = parents[parent]
        try:
            title = Path("/proc", str(process), "cmdline").read_bytes()
        except OSError:
            continue
        if parent == above and title.startswith(b"ray::") and b"MapWorker" in title:
            found.append(process)
    return found


@pytest.mark.usefixtures("cluster")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers in /proc")
def test_killed_workers_lose_nothing_and_double_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = write_inputs(tmp_path, policies=40, sentences=60)
    assert main(["predict", *inputs, "-o", "local", "--format", "parquet"]) == 1
    killed: list[int] = []

    def kill() -> bool:
        number = done(tmp_path / "ray")
        if number > 2 + 6 * len(killed) and (found := workers(os.getpid())):
            os.kill(found[0], signal.SIGKILL)
            killed.append(number)
        return len(killed) == 2

    with meanwhile(kill):
        assert ray(*inputs, "-o", "ray", cluster=RayCluster(), size=2) == 1
    total = len(list((tmp_path / "ray" / "predictions").iterdir()))
    assert len(killed) == 2 and killed[-1] < total - 4
    assert ray_rows(tmp_path / "ray") == local_rows(tmp_path / "local")
    assert counts(tmp_path / "ray") == counts(tmp_path / "local")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers in /proc")
def test_a_killed_run_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"id": str(number), "text": "We share your data with advertisers. " * 60} for number in range(600)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert main(["predict", "a.jsonl", "-o", "local", "--format", "parquet"]) == 0
    arguments = [*COMMAND, "a.jsonl", "-o", "out", "--engine", "ray"]
    process = subprocess.Popen(arguments, cwd=tmp_path, env=environment(), start_new_session=True)
    while done(tmp_path / "out") < 2:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first = done(tmp_path / "out")
    assert not (tmp_path / "out" / RUN_JSON).exists()
    resumed = subprocess.run([*arguments, "--resume"], env=environment(), capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert f"continuing after {first} parts" in resumed.stderr
    assert ray_rows(tmp_path / "out") == local_rows(tmp_path / "local")
    assert len(json.loads((tmp_path / "out" / RUN_JSON).read_text())["resumed"]) == 1


_NODES = """
import os, sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100_000_000})
second = cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
from tests.predict import ray_fixture
from clausetag.predict.ray import RayCluster
from clausetag.predict.run_folder import OutputError
records = Path("out", ".clausetag", "parts", "records")

def kill():
    while len(list(records.glob("*.parquet"))) < 6:
        time.sleep(0.05)
    print("killed after", len(list(records.glob("*.parquet"))), flush=True)
    cluster.remove_node(second, allow_graceful=False)

threading.Thread(target=kill, daemon=True).start()
code = ray_fixture.ray(*sys.argv[1:], "-o", "out", cluster=RayCluster(), size=2)
print("exit", code, "nodes", sum(node["Alive"] for node in ray.nodes()), flush=True)
os._exit(0)
"""


def test_a_machine_that_dies_loses_nothing_and_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = write_inputs(tmp_path, policies=40, sentences=60)
    assert main(["predict", *inputs, "-o", "local", "--format", "parquet"]) == 1
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    result = subprocess.run(
        [sys.executable, "-c", _NODES, *inputs],
        env=environment() | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    lines = result.stdout.splitlines()
    assert lines[-1] == "exit 1 nodes 1", result.stderr[-2000:]
    total = len(list((tmp_path / "out" / "predictions").iterdir()))
    assert int(lines[0].split()[-1]) < total - 5
    assert ray_rows(tmp_path / "out") == local_rows(tmp_path / "local")
    assert counts(tmp_path / "out") == counts(tmp_path / "local")

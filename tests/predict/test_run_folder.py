"""One run at a time on one output; the lock of a dead process is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clausetag.data.errors import DataError
from clausetag.predict.run_folder import OutputError, RunFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no locks on Windows")


@pytest.mark.parametrize(("name", "is_file"), [("out", False), ("out.jsonl", True)])
def test_a_second_run_is_refused_and_the_next_one_is_not(name: str, is_file: bool, tmp_path: Path) -> None:
    target = tmp_path / name
    with RunFolder(target, is_file) as first:
        with (
            pytest.raises(DataError, match=rf"{name}: another run \(process {os.getpid()}\) is writing it"),
            RunFolder(target, is_file),
        ):
            pass
        assert first.path.is_dir()
    with RunFolder(target, is_file) as folder:
        folder.journal.write_text("x")
        (folder.path / "half").mkdir()
        (folder.path / "half" / "made").write_text("x")
        folder.clear()
        assert sorted(path.name for path in folder.path.iterdir()) == ["journal", "lock"]
        folder.remove()
    assert [path.name for path in tmp_path.iterdir()] == ([] if is_file else ["out"])


def test_other_outputs_are_free(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "a.jsonl", True), RunFolder(tmp_path / "a.csv", True), RunFolder(tmp_path, False):
        pass


def test_the_lock_of_a_killed_process_is_gone(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from clausetag.predict.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1]), False): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        with pytest.raises(DataError, match=f"process {process.pid}"), RunFolder(tmp_path, False):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / ".clausetag" / "lock").exists()
    with RunFolder(tmp_path, False):
        assert (tmp_path / ".clausetag" / "lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_that_was_removed_meanwhile_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run ends between the second's opening of the lock and its locking."""
    import fcntl

    first = RunFolder(tmp_path, False)
    first.__enter__()
    flock, calls = fcntl.flock, 0

    def late(descriptor: int, how: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            first.remove()
            first.__exit__(None, None, None)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with RunFolder(tmp_path, False) as second:
        assert calls == 2
        with pytest.raises(DataError, match="another run"), RunFolder(tmp_path, False):
            pass
        assert (second.path / "lock").exists()


def test_what_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"cannot be written .Not a directory"),
        RunFolder(tmp_path / "file" / "o", False),
    ):
        pass

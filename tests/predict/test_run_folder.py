"""One run at a time on one output; the lock of a dead process is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clausetag.data.errors import DataError
from clausetag.predict.file_lock import system_lock
from clausetag.predict.run_folder import OutputError, RunFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses fcntl and signals of POSIX")


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


def test_a_lock_that_was_removed_in_the_meantime_is_taken_again(tmp_path: Path) -> None:
    """The first run ends after the second one opened the lock file, and before it locks it."""
    first = RunFolder(tmp_path, False)
    first.__enter__()

    class Late:
        removes_open_files = True
        calls = 0

        def acquire(self, descriptor: int) -> None:
            self.calls += 1
            if self.calls == 1:
                first.remove()
                first.__exit__(None, None, None)
            system_lock().acquire(descriptor)

    late = Late()
    with RunFolder(tmp_path, False, late) as second:
        assert late.calls == 2
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

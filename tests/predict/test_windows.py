"""Runs under the rules of Windows, simulated: locks, and open files that can be neither renamed nor removed."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, cast

import pytest

from clausetag.data.documents.inputs import read_inputs
from clausetag.data.errors import DataError
from clausetag.data.records import Document, Sentence
from clausetag.predict.file_lock import FileLock, PosixLock, WindowsLock
from clausetag.predict.pipeline import Pipeline
from clausetag.predict.progress import Progress
from clausetag.predict.run import Interrupted, Run
from clausetag.predict.run_folder import RunFolder
from clausetag.predict.writers.writer import FORMATS
from tests.predict.run_fixture import FakeTagger, files
from tests.predict.windows import OPEN_FILES, Msvcrt, forbid_changes_of_open_files, is_open

pytestmark = pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="the simulation finds open files in /proc")


@pytest.fixture
def lock() -> WindowsLock:
    return WindowsLock(Msvcrt())


@pytest.fixture
def _windows(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_changes_of_open_files(monkeypatch)


class Stopped(FakeTagger):
    """A tagger at which the user presses Ctrl-C after three documents."""

    def __init__(self) -> None:
        self.tagged = 0

    def tag_document(self, document: Document, *, head: str) -> list[Sentence]:
        self.tagged += 1
        if self.tagged > 3:
            raise KeyboardInterrupt
        return super().tag_document(document, head=head)


def run(inputs: Path, target: Path, lock: FileLock | None, tagger: FakeTagger | None = None) -> None:
    pipeline = Pipeline(cast(Any, tagger or FakeTagger()), "guide", False, Progress(io.StringIO()))
    formats = () if target.suffix else FORMATS
    found = read_inputs([str(inputs)], io.BytesIO())
    made = Run(target, formats, "", (str(inputs),), pipeline, {}, (), lambda *_: None, lock=lock)
    made.execute(found, None, resume=True)


@pytest.mark.parametrize("name", ["out", "out.html", "out.parquet"])
def test_a_run_its_repetition_and_a_resumed_one(
    name: str, inputs: Path, tmp_path: Path, lock: WindowsLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    target = tmp_path / name
    run(inputs, tmp_path / f"posix{target.suffix}", None)
    forbid_changes_of_open_files(monkeypatch)
    with pytest.raises(Interrupted, match="after 3 documents"):
        run(inputs, target, lock, Stopped())
    run(inputs, target, lock)
    first = files(target)
    run(inputs, target, lock)
    assert files(target) == first
    assert list(tmp_path.rglob(".*")) == [], "the hidden folder is gone"
    assert list(files(tmp_path / f"posix{target.suffix}").values()) == list(first.values())


@pytest.mark.usefixtures("_windows")
def test_a_second_run_is_refused_by_the_process_that_holds_the_lock(tmp_path: Path, lock: WindowsLock) -> None:
    with RunFolder(tmp_path, False, lock) as first:
        with (
            pytest.raises(DataError, match=rf"another run \(process {os.getpid()}\) is writing it"),
            RunFolder(tmp_path, False, lock),
        ):
            pass
        first.remove()
        assert not first.path.exists()
    with RunFolder(tmp_path, False, lock):
        pass


@pytest.mark.usefixtures("_windows")
def test_a_lock_that_another_run_takes_while_the_folder_is_removed_stays(tmp_path: Path) -> None:
    """Windows can remove the lock file only after closing it; in between, another run may open it."""

    class Removing(WindowsLock):
        @property
        def removes_open_files(self) -> bool:  # type: ignore[override]
            second.__enter__()
            return False

    msvcrt = Msvcrt()
    second = RunFolder(tmp_path, False, WindowsLock(Msvcrt()))
    with RunFolder(tmp_path, False, Removing(msvcrt)) as first:
        first.remove()
        assert (first.path / "lock").exists()
        second.__exit__(None, None, None)


def test_the_locked_byte_lies_behind_what_others_read(tmp_path: Path) -> None:
    places = []

    class Recording(Msvcrt):
        def locking(self, descriptor: int, mode: int, length: int) -> None:
            places.append(os.lseek(descriptor, 0, os.SEEK_CUR))

    with RunFolder(tmp_path, False, WindowsLock(Recording())) as folder:
        assert (folder.path / "lock").read_text() == f"{os.getpid()}\n"
    assert places == [WindowsLock.OFFSET] and places[0] > 1_000_000


@pytest.mark.parametrize("make", [lambda: WindowsLock(_NoLocks()), lambda: PosixLock(_NoLocks())])
def test_a_file_system_without_locks_is_used_without(make: Any, tmp_path: Path) -> None:
    with RunFolder(tmp_path, False, make()) as folder:
        assert (folder.path / "lock").exists()


class _NoLocks:
    LK_NBLCK = LOCK_EX = LOCK_NB = 0

    def locking(self, *_: int) -> None:
        raise OSError(38, "Function not implemented")

    flock = locking


@pytest.mark.usefixtures("_windows")
def test_the_simulation_refuses_what_windows_refuses(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    with path.open("w"):
        assert is_open(path) and is_open(path.parent)
        for change in (path.unlink, lambda: os.replace(path, tmp_path / "other"), lambda: path.parent.rename("x")):
            with pytest.raises(PermissionError):
                change()
    path.unlink()

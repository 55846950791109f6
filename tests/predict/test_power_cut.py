"""What a power cut leaves, simulated: content and names count only once they were synced to the disk.

A disk may keep a rename and lose the content of the file, or the other way round. So the content must be synced before
the rename, the folder after it, and the journal may go only when all of that is done.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, cast

import pytest

from clausetag.data.documents.inputs import read_inputs
from clausetag.data.durable import replace_file
from clausetag.data.jsonl import write_text
from clausetag.predict.journal import Journal
from clausetag.predict.parts.folder import DATASETS, RECORDS, PartFolder
from clausetag.predict.parts.inputs import part_name
from clausetag.predict.pipeline import Pipeline
from clausetag.predict.progress import Progress
from clausetag.predict.run import Run
from clausetag.predict.writers.writer import FORMATS
from tests.predict.run_fixture import FakeTagger, write_policies
from tests.predict.windows import OPEN_FILES

pytestmark = pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="the simulation finds open files in /proc")

Event = tuple[str, Path]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Syncs of files and folders, renames (each with its new name) and removals, in order."""
    found: list[Event] = []
    originals = {name: getattr(os, name) for name in ("fsync", "replace", "unlink", "sync")}

    def fsync(descriptor: int) -> None:
        found.append(("sync", Path(os.readlink(OPEN_FILES / str(descriptor)))))
        originals["fsync"](descriptor)

    def replace(source: Any, target: Any) -> None:
        for path in [Path(source), *Path(source).rglob("*")]:
            synced = {place for kind, place in found if kind == "sync"}
            assert path in synced or ("sync", Path("/")) in found, f"{path} is renamed before it is on the disk"
        found.append(("rename", Path(target)))
        originals["replace"](source, target)

    def unlink(path: Any, **named: Any) -> None:
        found.append(("remove", Path(path)))
        originals["unlink"](path, **named)

    def sync() -> None:
        found.append(("sync", Path("/")))

    for name, function in (("fsync", fsync), ("replace", replace), ("unlink", unlink), ("sync", sync)):
        monkeypatch.setattr(os, name, function)
    return found


@pytest.mark.parametrize(("name", "policies"), [("out", 3), ("out.html", 3), ("out", 80)])
def test_a_run_removes_its_journal_when_all_outputs_are_on_the_disk(
    name: str, policies: int, tmp_path: Path, events: list[Event]
) -> None:
    pytest.importorskip("pyarrow")
    inputs = write_policies(tmp_path / "in", policies)
    target = tmp_path / name
    formats = () if target.suffix else FORMATS
    pipeline = Pipeline(cast(Any, FakeTagger()), "guide", False, Progress(io.StringIO()))
    summaries = (tmp_path / "run.json",) if target.suffix else (target / "run.json",)
    run = Run(target, formats, "", (str(inputs),), pipeline, {}, summaries, lambda *_: None)
    for _ in range(2):  # the second run moves files into folders that are there
        events.clear()
        run.execute(read_inputs([str(inputs)], io.BytesIO()), None, resume=False)
    journal = next(number for number, (kind, path) in enumerate(events) if kind == "remove" and path.name == "journal")
    renames = [(number, path) for number, (kind, path) in enumerate(events) if kind == "rename"]
    assert {path.name for _, path in renames} >= {summaries[0].name, target.name if target.suffix else "summary.csv"}
    for number, path in renames:
        assert number < journal
        assert ("sync", path.parent) in events[number:journal], f"the name {path} can be lost with the journal gone"
    assert ("sync", (tmp_path if target.suffix else target).parent) in events[renames[0][0] : journal]


def test_the_name_of_a_new_journal_is_on_the_disk_before_the_first_document(
    tmp_path: Path, events: list[Event]
) -> None:
    path = tmp_path / "out" / ".clausetag" / "journal"
    path.parent.mkdir(parents=True)
    with Journal(path, sync=os.fsync) as journal:
        journal.begin({})
        assert [place for kind, place in events if kind == "sync"] == [path, path.parent, path.parent.parent]


def test_the_parts_of_a_run_on_many_machines_are_on_the_disk_before_its_summary(
    tmp_path: Path, events: list[Event]
) -> None:
    pytest.importorskip("fsspec")
    folder = PartFolder.open(str(tmp_path / "out"))
    folder.prepare()
    name = part_name(0)
    folder.write_part({"name": name, **dict.fromkeys((*DATASETS, RECORDS), b"content")})
    assert [path.parent.name for kind, path in events if kind == "rename"] == [*DATASETS, RECORDS]
    for _, path in [event for event in events if event[0] == "rename"]:
        assert ("sync", path.parent) in events[events.index(("rename", path)) :]
    events.clear()
    folder.commit({name}, "{}")
    summary = events.index(("rename", tmp_path / "out" / "run.json"))
    for dataset in DATASETS:
        assert ("sync", tmp_path / "out" / dataset) in events[:summary]
    assert ("sync", tmp_path / "out") in events[summary:]


def test_text_files_too(tmp_path: Path, events: list[Event]) -> None:
    write_text(tmp_path / "a.json", "{}")
    assert [kind for kind, _ in events][:3] == ["sync", "rename", "sync"]
    assert events[1:3] == [("rename", tmp_path / "a.json"), ("sync", tmp_path)]


def test_a_disk_that_fails_is_not_taken_for_one_that_cannot_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")

    def fail(number: int) -> None:
        monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(number, os.strerror(number))))

    fail(5)
    with pytest.raises(OSError, match="Input/output error"):
        replace_file(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "old"
    fail(22)  # as on network drives that have no such function
    replace_file(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"

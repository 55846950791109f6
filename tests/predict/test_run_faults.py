"""Runs on machines and documents that fail: one line each, nothing lost, and a document's fault stops nothing."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clausetag.cli import main
from clausetag.data.records import Document
from clausetag.predict import run
from clausetag.predict.journal import Journal
from clausetag.predict.run_folder import RunFolder
from clausetag.predict.writers import html as html_sinks
from clausetag.predict.writers.writer import RUN_JSON
from tests.predict.run_fixture import command, files, interrupted


@pytest.mark.usefixtures("fake")
def test_outputs_that_take_no_document_stop_the_run_in_one_line(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "MAX_FAULTS", 3)
    monkeypatch.setattr(html_sinks, "render_policy", lambda *_: 1 / 0)
    assert main(command(inputs, tmp_path / "out")) == 2
    assert "3 documents could not be written" in capsys.readouterr().err.splitlines()[-1]
    assert (tmp_path / "out" / ".clausetag" / "journal").exists()


@pytest.mark.usefixtures("fake")
def test_two_runs_on_one_output(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out"
    for resume in ([], ["--resume"]):
        with RunFolder(target, False):
            assert main([*command(inputs, target), *resume]) == 2
        err = capsys.readouterr().err
        assert f"another run (process {os.getpid()}) is writing it" in err and err.count("\n") == 1


@pytest.mark.usefixtures("fake")
def test_a_document_that_cannot_be_tagged_is_an_error_row(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (inputs / "002.md").write_text("We explode.")
    assert main(command(inputs, tmp_path / "out.jsonl")) == 1
    message = "002: could not be tagged (ValueError: this text is too much)"
    assert f"clausetag: {message}\n" in capsys.readouterr().err
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    (row,) = (row for row in rows if row["policy"] == "002")
    assert row["error"] == {"code": "failed", "message": message}
    assert {row["policy"] for row in rows} >= {"001", "003", "013"}


@pytest.mark.usefixtures("fake")
def test_a_document_that_cannot_be_written_is_an_error_row(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = html_sinks.render_policy

    def fussy(document: Document, *arguments: Any) -> str:
        if document.policy in ("002", "005"):
            raise KeyError(document.policy)
        return render(document, *arguments)

    monkeypatch.setattr(html_sinks, "render_policy", fussy)
    assert main(command(inputs, tmp_path / "out")) == 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "summary.jsonl").read_text("utf-8").splitlines()]
    failed = {row["policy"]: row["error"]["message"] for row in rows if "error" in row}
    assert failed.keys() == {"002", "005", "004-empty"}
    assert failed["005"] == "005: could not be written (KeyError: '005')"
    assert len(rows) == 16
    assert json.loads((tmp_path / "out" / RUN_JSON).read_text())["failures"] == {"empty": 1, "failed": 2}


_LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
import run_fixture
from clausetag import cli
from clausetag.data.documents.sniff import extract_text
from clausetag.data.documents.quality import quality_flags
from clausetag.model import tagger
quality_flags(extract_text("p", "Wir erheben Ihren Namen. " * 5))  # it unpacks its model to a file
tagger.Tagger.load = lambda *_, **__: run_fixture.FakeTagger()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
sys.exit(cli.main(sys.argv[3:]))
"""


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("limit", [8_000, 24_000])
def test_a_disk_without_room_is_one_line_and_resumable(limit: int, inputs: Path, tmp_path: Path) -> None:
    """A limit on a file's size refuses writes as a full disk does: the small one the journal's, the other the rows'."""
    target = tmp_path / "out"
    here = str(Path(__file__).parent)
    result = subprocess.run(
        [sys.executable, "-c", _LIMITED, here, str(limit), *command(inputs, target)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    lines = result.stderr.splitlines()
    assert (
        lines[-1]
        == f"clausetag: {target}: cannot be written (File too large); the same command with --resume continues"
    )
    assert not any("Traceback" in line for line in lines)
    assert [path.name for path in target.iterdir()] == [".clausetag"]
    with Journal(target / ".clausetag" / "journal") as journal:
        assert journal.complete == (limit == 24_000)
        assert journal.results > 2
    assert main([*command(inputs, target), "--resume"]) == 1
    main(command(inputs, tmp_path / "whole"))
    assert files(target) == files(tmp_path / "whole")


@pytest.mark.usefixtures("fake")
def test_a_full_disk_is_no_documents_fault(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also what tags may need room, for temporary files."""
    target = tmp_path / "out"
    full = OSError(errno.ENOSPC, "No space left on device")
    assert interrupted(command(inputs, target), 3, full) == 2
    line = f"clausetag: {target}: stopped (No space left on device); the same command with --resume continues\n"
    assert capsys.readouterr().err == line
    assert main([*command(inputs, target), "--resume"]) == 1
    main(command(inputs, tmp_path / "whole"))
    assert files(target) == files(tmp_path / "whole")


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.ENOMEM])
def test_a_machine_that_fails_while_inputs_are_read_stops_the_run_which_goes_on_later(
    number: int, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    opened = Path.open

    def broken(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.name == "003.md":
            raise OSError(number, os.strerror(number))
        return opened(path, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", broken)
        assert main(command(inputs, target)) == 2
    line = f"clausetag: {target}: stopped ({os.strerror(number)}); the same command with --resume continues\n"
    assert capsys.readouterr().err == line
    assert [path.name for path in target.iterdir()] == [".clausetag"]
    assert main([*command(inputs, target), "--resume"]) == 1
    main(command(inputs, tmp_path / "whole"))
    assert files(target) == files(tmp_path / "whole")


_FEW_FILES = """
import resource, sys
sys.path.insert(0, sys.argv[1])
import run_fixture
from clausetag import cli
from clausetag.model import tagger
tagger.Tagger.load = lambda *_, **__: run_fixture.FakeTagger()
tag, calls = run_fixture.FakeTagger.tag_document, 0

def limiting(*arguments, **named):
    global calls
    calls += 1
    if calls == 3:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    return tag(*arguments, **named)

run_fixture.FakeTagger.tag_document = limiting
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.usefixtures("fake")
def test_too_many_open_files_are_no_documents_fault(inputs: Path, tmp_path: Path) -> None:
    """The real thing: once the run has begun, the process may not open another file."""
    target = tmp_path / "out"
    result = subprocess.run(
        [sys.executable, "-c", _FEW_FILES, str(Path(__file__).parent), *command(inputs, target)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    line = f"clausetag: {target}: stopped (Too many open files); the same command with --resume continues"
    # Documents are tagged side by side: it may be that none was done yet, and there is nothing to continue.
    assert result.stderr.splitlines() in ([line], [line.partition(";")[0]])
    assert main([*command(inputs, target), "--resume"]) == 1
    main(command(inputs, tmp_path / "whole"))
    assert files(target) == files(tmp_path / "whole")

"""Long runs: killed at any moment and resumed they write the same bytes; a full disk and a second run lose nothing."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clausetag.cli import main
from clausetag.data import page_sinks
from clausetag.data.journal import Journal
from clausetag.data.labels import LABELS
from clausetag.data.run_folder import RunFolder
from clausetag.data.schema import Document, Sentence
from clausetag.data.segment import segment
from clausetag.data.writers import RUN_JSON
from clausetag.model import run
from clausetag.model.tagger import Tagger

ALL = "jsonl,csv,parquet,html"


class FakeTagger:
    """Labels and scores that depend on the text alone, at once."""

    labels = LABELS
    hash = "fake"
    config: dict[str, Any] = {"name": "fake", "figures": ()}  # noqa: RUF012
    artifact = SimpleNamespace(default_head="guide")

    def head(self, name: str | None = None) -> None:
        """Every head is there."""

    def thresholds(self, head: str) -> np.ndarray[Any, Any]:
        return np.full(len(LABELS), 0.5)

    def min_labels(self, head: str) -> int:
        return 1

    def tag_document(self, document: Document, *, head: str) -> list[Sentence]:
        if "explode" in document.text:
            raise ValueError("this text\nis too much")
        tagged = []
        for sentence in segment(document):
            digest = sha256(sentence.text.encode()).digest()
            scores = {label: round(digest[number] / 255, 4) for number, label in enumerate(LABELS)}
            tagged.append(sentence.with_prediction([LABELS[digest[20] % 12]] if digest[21] % 5 else [], scores))
        return tagged


def write_policies(folder: Path, number: int, sentences: int = 8) -> Path:
    """Policies in invented sentences, one that fails among them, and one in German."""
    folder.mkdir()
    randomly = random.Random(7)
    verbs, things = (
        ("collect", "share", "keep", "delete", "sell"),
        ("your name", "cookies", "“e-mail” data", "payments"),
    )
    for index in range(number):
        lines = [f"# Privacy policy {index}", ""]
        for _ in range(sentences):
            lines += [f"We {randomly.choice(verbs)} {randomly.choice(things)}, see {randomly.random()}.", ""]
        (folder / f"{index:03}.md").write_text("\n".join(lines), encoding="utf-8")
    (folder / "004-empty.txt").write_text("")
    (folder / "007-de.txt").write_text("Wir erheben Ihren Namen, wenn Sie ein Konto anlegen. " * 9)
    return folder


def files(target: Path) -> dict[str, bytes]:
    """What a run wrote, but for `run.json`; a hidden file would count."""
    if target.is_file():
        return {target.name: target.read_bytes()}
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name != RUN_JSON}


def command(inputs: Path, target: Path) -> list[str]:
    return ["predict", str(inputs), "-o", str(target), *(["--format", ALL] if not target.suffix else [])]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: FakeTagger())


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    return write_policies(tmp_path / "in", 14)


_DYING = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import test_run
from clausetag import cli
from clausetag.data import journal, writers
from clausetag.model import run, tagger
tagger.Tagger.load = lambda *_, **__: test_run.FakeTagger()

def die(owner, name, number, half=False):
    original, calls = getattr(owner, name), 0
    def dying(*arguments, **named):
        nonlocal calls
        calls += 1
        if calls == number:
            if half:
                arguments[0]._file.write(b"D\\0\\0\\1\\0abcdefgh")
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)
    setattr(owner, name, dying)

exec(sys.argv[2])
sys.exit(cli.main(sys.argv[3:]))
"""

MOMENTS = (
    "die(journal.Journal, 'begin', 1)",  # before anything is done
    "die(test_run.FakeTagger, 'tag_document', 4)",
    "die(journal.Journal, '_append', 5, half=True)",  # in the midst of an entry
    "die(run.Run, '_check', 3)",  # while looking at what is done already
    "die(journal.Journal, 'finish', 1)",
    "die(writers.OutputWriter, 'add', 6)",  # while writing the outputs
    "die(os, 'replace', 2)",  # while giving them their names
    "die(run, 'write_text', 1)",
    "die(writers, '_move', 2)",
)


def _killed(arguments: list[str], moment: str) -> None:
    here = str(Path(__file__).parent)
    result = subprocess.run(
        [sys.executable, "-c", _DYING, here, moment, *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == -signal.SIGKILL, (moment, result.stderr)


def _chain(inputs: Path, tmp_path: Path, name: str, moments: tuple[str, ...]) -> dict[str, Any]:
    """Kill one run at all the moments, one after the other, and resume it each time; returns its `run.json`."""
    assert main(command(inputs, tmp_path / f"whole{name}")) == 1
    target = tmp_path / f"killed{name}"
    summary = ["--run-json", str(tmp_path / "summary.json")]
    for moment in moments:
        _killed([*command(inputs, target), *summary, "--resume"], moment)
    assert main([*command(inputs, target), *summary, "--resume"]) == 1
    whole, resumed = files(tmp_path / f"whole{name}"), files(target)
    if name:
        whole, resumed = {"": next(iter(whole.values()))}, {"": next(iter(resumed.values()))}
    assert resumed.keys() == whole.keys()
    for file, content in whole.items():
        assert resumed[file] == content, file
    assert not any(path.name.startswith(".") for path in tmp_path.rglob("*"))
    return dict(json.loads((tmp_path / "summary.json").read_text()))


@pytest.mark.usefixtures("fake")
def test_a_folder_killed_at_nine_moments_is_the_same_in_every_byte(inputs: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    summary = _chain(inputs, tmp_path, "", MOMENTS)
    whole = json.loads((tmp_path / "whole" / RUN_JSON).read_text())
    times = {"started", "resumed", "finished", "seconds", "options"}
    assert {key: value for key, value in summary.items() if key not in times} == {
        key: value for key, value in whole.items() if key not in times
    }
    assert (whole["resumed"], len(summary["resumed"])) == ([], 7)
    assert json.loads((tmp_path / "killed" / RUN_JSON).read_text()) == summary


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("suffix", [".html", ".parquet"])
def test_a_file_killed_and_resumed_is_the_same(suffix: str, inputs: Path, tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    _chain(inputs, tmp_path, suffix, (MOMENTS[2], MOMENTS[5]))


@pytest.mark.usefixtures("fake")
def test_a_long_index_is_the_same_after_a_resume(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_sinks, "PAGE_POLICIES", 3)
    assert main(command(inputs, tmp_path / "whole")) == 1
    _killed(command(inputs, tmp_path / "out"), MOMENTS[2])
    assert main([*command(inputs, tmp_path / "out"), "--resume"]) == 1
    assert "index-5.html" in files(tmp_path / "out")
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def _kill_when(arguments: list[str], ready: Callable[[], bool]) -> bool:
    """Run the command and kill it as soon as it is `ready`; False if it ended before."""
    with subprocess.Popen(
        [sys.executable, "-m", "clausetag.cli", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and not ready():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


def _results(journal: Path) -> int:
    """Whole results in a journal that somebody is writing."""
    if not journal.exists():
        return 0
    copy = journal.parent.parent.with_name("copy")
    copy.write_bytes(journal.read_bytes())
    with Journal(copy) as opened:
        return opened.results


def test_the_shipped_model_killed_twice(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    inputs = write_policies(tmp_path / "in", 24)
    target = tmp_path / "out"
    assert main(command(inputs, tmp_path / "whole")) == 1
    for done in (3, 11):
        assert _kill_when(
            [*command(inputs, target), "--resume"],
            lambda: _results(target / ".clausetag" / "journal") >= done,  # noqa: B023
        )
    assert main([*command(inputs, target), "--resume"]) == 1
    assert files(target) == files(tmp_path / "whole")


@pytest.mark.slow
def test_the_shipped_model_killed_at_ten_random_moments(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    inputs = write_policies(tmp_path / "in", 30, sentences=30)
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-m", "clausetag.cli", *command(inputs, tmp_path / "whole")]).returncode == 1
    span = time.monotonic() - began
    target = tmp_path / "out"
    kills = 0
    while kills < 10:
        # A run that ended before its kill is complete; the next one begins anew and is killed, too.
        at = time.monotonic() + random.uniform(0, span)
        if _kill_when([*command(inputs, target), "--resume"], lambda: time.monotonic() > at):  # noqa: B023
            kills += 1
        else:
            assert files(target) == files(tmp_path / "whole")
    assert main([*command(inputs, target), "--resume"]) == 1
    assert files(target) == files(tmp_path / "whole")


def _interrupted(
    arguments: list[str], after: int, error: BaseException | type[BaseException] = KeyboardInterrupt
) -> int:
    """Stop the command in the document after so many."""
    tag, calls = FakeTagger.tag_document, 0

    def stop(self: FakeTagger, document: Document, **named: str) -> list[Sentence]:
        nonlocal calls
        calls += 1
        if calls > after:
            raise error
        return tag(self, document, head=named["head"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeTagger, "tag_document", stop)
        return main(arguments)


@pytest.mark.usefixtures("fake")
def test_ctrl_c_is_one_line_and_resumable(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("old\n")
    assert _interrupted(command(inputs, target), 3) == 130
    assert capsys.readouterr().err.splitlines() == [
        "clausetag: interrupted after 3 documents; the same command with --resume continues"
    ]
    assert target.read_text() == "old\n"
    assert main([*command(inputs, target), "--resume"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == "clausetag: continuing after 3 documents"
    main(command(inputs, tmp_path / "whole.jsonl"))
    assert target.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.usefixtures("fake")
def test_without_resume_a_run_starts_anew_and_says_so(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    _interrupted(command(inputs, target), 3)
    (inputs / "000.md").write_text("Something else that we collect.")
    capsys.readouterr()
    assert main(command(inputs, target)) == 1
    assert "out: starting anew; there was an unfinished run, which had done 3 documents" in capsys.readouterr().err
    assert "Something else" in (target / "predictions.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert main([*command(inputs, target), "--resume"]) == 1
    assert "no unfinished run; starting with the first document" in capsys.readouterr().err


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, i: [*a, "--strict"], "begun with another choice of --strict"),
        (lambda a, i: [*a, "--head", "opp115"], "begun with another --head"),
        (lambda a, i: [a[0], str(i / "000.md"), *a[2:]], "begun with other inputs"),
        (lambda a, i: (FakeTagger.__dict__, a)[1], "begun with another model"),
        (lambda a, i: ((i / "001.md").write_text("We changed it."), a)[1], "the text of 001 has changed"),
        (lambda a, i: ((i / "000a.md").write_text("We added it."), a)[1], "document 2 was 001, and is 000a"),
        (lambda a, i: ([p.unlink() for p in i.glob("00[2-9]*")], [p.unlink() for p in i.glob("01*")], a)[2], "missing"),
    ],
)
def test_another_run_is_not_continued(
    change: Callable[[list[str], Path], list[str]],
    message: str,
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "out"
    arguments = command(inputs, target)
    _interrupted(arguments, 4)
    journal = (target / ".clausetag" / "journal").read_bytes()
    with monkeypatch.context() as patch:
        if "model" in message:
            patch.setattr(FakeTagger, "hash", "other")
        capsys.readouterr()
        assert main([*change(arguments, inputs), "--resume"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert message in lines[-1] and "leave --resume out to start anew" in lines[-1]
    assert [line for line in lines if "continuing" not in line] == lines[-1:]
    assert (target / ".clausetag" / "journal").read_bytes() == journal


@pytest.mark.usefixtures("fake")
def test_other_formats_can_be_resumed_with(inputs: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    _interrupted(command(inputs, target), 4)
    assert main(["predict", str(inputs), "-o", str(target), "--format", "csv", "--resume"]) == 1
    main(["predict", str(inputs), "-o", str(tmp_path / "whole"), "--format", "csv"])
    assert files(target) == files(tmp_path / "whole")


@pytest.mark.usefixtures("fake")
def test_once_all_is_tagged_the_inputs_are_not_needed(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outputs may stand among the inputs, and some of them be there already."""
    target = tmp_path / "out"
    main(command(inputs, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        patch.setattr(page_sinks.SiteSink, "finish", _stop)
        assert main(command(inputs, target)) == 130
    shutil.rmtree(inputs)
    assert main([*command(inputs, target), "--resume"]) == 1
    assert files(target) == files(tmp_path / "whole")


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("fake")
def test_outputs_that_take_no_document_stop_the_run_in_one_line(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "MAX_FAULTS", 3)
    monkeypatch.setattr(page_sinks, "render_policy", lambda *_: 1 / 0)
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
    render = page_sinks.render_policy

    def fussy(document: Document, *arguments: Any) -> str:
        if document.policy in ("002", "005"):
            raise KeyError(document.policy)
        return render(document, *arguments)

    monkeypatch.setattr(page_sinks, "render_policy", fussy)
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
import test_run
from clausetag import cli
from clausetag.data import screen
from clausetag.model import tagger
screen._is_foreign("Wir erheben Ihren Namen.", 1000)  # it unpacks its model to a file
tagger.Tagger.load = lambda *_, **__: test_run.FakeTagger()
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
    assert _interrupted(command(inputs, target), 3, full) == 2
    line = f"clausetag: {target}: stopped (No space left on device); the same command with --resume continues\n"
    assert capsys.readouterr().err == line
    assert main([*command(inputs, target), "--resume"]) == 1
    main(command(inputs, tmp_path / "whole"))
    assert files(target) == files(tmp_path / "whole")


@pytest.mark.usefixtures("fake")
def test_the_summary_counts_what_was_written(inputs: Path, tmp_path: Path) -> None:
    assert main([*command(inputs, tmp_path / "out"), "--strict"]) == 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "predictions.jsonl").read_text("utf-8").splitlines()]
    found = json.loads((tmp_path / "out" / RUN_JSON).read_text())
    failures = [row["error"]["code"] for row in rows if "error" in row]
    sentences = [row for row in rows if "error" not in row]
    assert found["documents"]["total"] == 16
    assert found["documents"]["failed"] == len(failures) == sum(found["failures"].values())
    assert found["failures"] == {code: failures.count(code) for code in sorted(set(failures))}
    assert found["failures"]["not_english"] == 1
    assert found["sentences"] == len(sentences)
    assert found["unlabelled"] == sum(not row["labels"] for row in sentences)
    assert found["labels"] == {label: sum(label in row["labels"] for row in sentences) for label in LABELS}
    assert found["model"]["hash"] == "fake" and found["model"]["thresholds"]["Data Security"] == 0.5
    assert found["options"]["formats"] == ["jsonl", "csv", "parquet", "html"] and found["options"]["strict"]
    assert found["started"] <= found["finished"] and found["seconds"] >= 0


@pytest.mark.usefixtures("fake")
def test_a_file_has_no_summary_unless_asked(inputs: Path, tmp_path: Path) -> None:
    arguments = command(inputs, tmp_path / "out.jsonl")
    main(arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.jsonl"]
    main([*arguments, "--run-json", str(tmp_path / "runs" / "one.json"), "--quiet"])
    assert json.loads((tmp_path / "runs" / "one.json").read_text())["documents"]["total"] == 16


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume needs -o"),
        (["--run-json", "x.json"], "--run-json needs -o"),
        (["-o", "out", "--run-json", ""], "--run-json is empty"),
        (["-o", "out", "--run-json", "."], "is a folder; give a file"),
        (["-o", "out.jsonl", "--run-json", "out.jsonl"], "is the output of -o"),
    ],
)
def test_options_that_cannot_be_meant(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "x.txt", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("fake")
def test_quiet_says_only_what_went_wrong(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command(inputs, tmp_path / "out"), "--quiet"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines and all(line.startswith("clausetag: ") and "wrote" not in line for line in lines)

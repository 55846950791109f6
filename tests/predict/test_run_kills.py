"""Long runs that are killed, at any moment, and resumed: they write the same bytes as one that nobody stopped."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clausetag.cli import main
from clausetag.predict.journal import Journal
from clausetag.predict.writers import html as html_sinks
from clausetag.predict.writers.writer import RUN_JSON
from tests.predict.run_fixture import command, files, write_policies

_DYING = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import run_fixture
from clausetag import cli
from clausetag.predict import journal
from clausetag.predict.writers import writer as writers
from clausetag.predict import progress, run
from clausetag.model import tagger
tagger.Tagger.load = lambda *_, **__: run_fixture.FakeTagger()

def die(owner, name, number):
    original, calls = getattr(owner, name), 0
    def dying(*arguments, **named):
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)
    setattr(owner, name, dying)

exec(sys.argv[2])
sys.exit(cli.main(sys.argv[3:]))
"""

MOMENTS = (
    "die(journal.Journal, 'begin', 1)",  # before anything is done
    "die(run_fixture.FakeTagger, 'tag_document', 4)",
    "die(journal.Journal, 'add', 7)",  # the test then cuts the last entry short; at least three stay to be checked
    "die(progress.Progress, 'step', 3)",  # while the finished inputs are checked
    "die(journal.Journal, 'finish', 1)",
    "die(writers.OutputWriter, 'add', 6)",  # while writing the outputs
    "die(os, 'replace', 2)",  # while giving them their names
    "die(run, 'write_text', 1)",
    "die(os, 'replace', 4)",
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
        if "'add', 7" in moment:
            folder = target.with_name(f".{target.name}.clausetag") if name else target / ".clausetag"
            with (folder / "journal").open("r+b") as journal:
                journal.truncate(journal.seek(0, 2) - 5)
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
    monkeypatch.setattr(html_sinks, "PAGE_POLICIES", 3)
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

"""What `--resume` continues, and what it refuses to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from clausetag.cli import main
from clausetag.predict.writers import html as html_sinks
from tests.predict.run_fixture import FakeTagger, command, files, interrupted


@pytest.mark.usefixtures("fake")
def test_ctrl_c_is_one_line_and_resumable(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("old\n")
    assert interrupted(command(inputs, target), 3) == 130
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
    interrupted(command(inputs, target), 3)
    (inputs / "000.md").write_text("Something else that we collect.")
    capsys.readouterr()
    assert main(command(inputs, target)) == 1
    assert "out: starting anew and dropping an unfinished run of 3 documents" in capsys.readouterr().err
    assert "Something else" in (target / "predictions.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert main([*command(inputs, target), "--resume"]) == 1
    assert "no unfinished run; starting with the first document" in capsys.readouterr().err


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, i: [*a, "--strict"], "started with another choice of --strict"),
        (lambda a, i: [*a, "--head", "opp115"], "started with another --head"),
        (lambda a, i: [*a, "--no-attributes"], "started with another choice of --no-attributes"),
        (lambda a, i: [*a, "--all"], "started with another choice of --all"),
        (lambda a, i: [*a, "--text-column", "body"], "started with other columns"),
        (lambda a, i: [a[0], str(i / "000.md"), *a[2:]], "started with other inputs"),
        (lambda a, i: (FakeTagger.__dict__, a)[1], "started with another model"),
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
    interrupted(arguments, 4)
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
    interrupted(command(inputs, target), 4)
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
        patch.setattr(html_sinks.SiteSink, "finish", _stop)
        assert main(command(inputs, target)) == 130
    shutil.rmtree(inputs)
    assert main([*command(inputs, target), "--resume"]) == 1
    assert files(target) == files(tmp_path / "whole")


def _stop(*_: object) -> None:
    raise KeyboardInterrupt

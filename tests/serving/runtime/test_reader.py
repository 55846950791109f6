"""Reading files in processes that can be killed, with limits; also where the system has no such limits."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from clausetag.data.documents.sniff import document_from_bytes
from clausetag.data.errors import DocumentError
from clausetag.serving.runtime.reader import ProcessReader
from tests.data.documents.pdf_fixture import typeset, write_pdf

PDF = write_pdf(typeset([("Privacy Policy", "heading"), ("We encrypt all of your data.", "paragraph")]))
SLEEP = "import os, pathlib, time; pathlib.Path({path!r}).write_text(str(os.getpid())); time.sleep(600)"


posix = pytest.mark.skipif(os.name != "posix", reason="asks by signal 0 whether a process is there")


def in_loop(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 60))


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def exited(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_document_is_the_one_that_is_read_without_a_process() -> None:
    async def test() -> None:
        reader = ProcessReader(seconds=60, memory_bytes=2 * 10**9)
        assert await reader.read("a", PDF, ".pdf") == document_from_bytes("a", PDF, ".pdf")
        with pytest.raises(DocumentError) as caught:
            await reader.read("a", b"%PDF-1.4 nonsense", ".pdf")
        assert caught.value.code == "unreadable" and "broke down" not in str(caught.value)

    in_loop(test)


@pytest.mark.parametrize("code", ["import os; os.abort()", "print('{')", "pass"])
def test_a_process_that_breaks_down(code: str) -> None:
    async def test() -> None:
        with pytest.raises(DocumentError, match="broke down"):
            await ProcessReader(seconds=60, memory_bytes=10**9, command=python(code)).read("a", PDF, ".pdf")

    in_loop(test)


@posix
@pytest.mark.parametrize("groups", [True, False])
def test_a_process_that_takes_too_long_is_killed(groups: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not groups:
        monkeypatch.delattr(os, "killpg", raising=False)  # as on Windows
    pid = tmp_path / "pid"

    async def test() -> None:
        reader = ProcessReader(seconds=1, memory_bytes=10**9, command=python(SLEEP.format(path=str(pid))))
        with pytest.raises(DocumentError, match="more than 1 seconds") as caught:
            await reader.read("a", PDF, ".pdf")
        assert caught.value.code == "unreadable"

    in_loop(test)
    assert not pid.exists() or exited(int(pid.read_text()))


@posix
def test_cancelling_kills_the_process(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    async def test() -> None:
        reader = ProcessReader(seconds=600, memory_bytes=10**9, command=python(SLEEP.format(path=str(pid))))
        reading = asyncio.create_task(reader.read("a", PDF, ".pdf"))
        while not pid.exists() or not pid.read_text():
            await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    in_loop(test)
    assert exited(int(pid.read_text()))


def test_no_more_processes_at_once_than_allowed(tmp_path: Path) -> None:
    """Each process fails if it finds another one's file."""
    busy = repr(str(tmp_path / "busy"))
    answer = repr('{"code": "alone", "message": ""}')
    code = f"import os, time; os.mkdir({busy}); time.sleep(0.1); os.rmdir({busy}); print({answer})"

    async def test() -> None:
        reader = ProcessReader(seconds=60, memory_bytes=10**9, processes=1, command=python(code))
        errors = await asyncio.gather(*(reader.read("a", PDF, ".pdf") for _ in range(3)), return_exceptions=True)
        assert [error.code for error in errors if isinstance(error, DocumentError)] == ["alone"] * 3

    in_loop(test)


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by RLIMIT_AS")
def test_memory_is_limited() -> None:
    async def test() -> None:
        with pytest.raises(DocumentError) as caught:
            await ProcessReader(seconds=60, memory_bytes=1_000_000).read("a", PDF, ".pdf")
        assert caught.value.code in ("too_large", "unreadable")

    in_loop(test)


@pytest.mark.parametrize(
    "change",
    [
        "sys.modules['resource'] = None",  # Windows has no such module
        "import resource\ndef refuse(*_): raise ValueError('as macOS does')\nresource.setrlimit = refuse",
    ],
)
def test_systems_without_limits_read_too(change: str) -> None:
    code = f"import sys\n{change}\nfrom clausetag.serving.runtime.reader import main\nmain(*sys.argv[1:])"
    done = subprocess.run(
        [*python(code), "a", ".pdf", "1", "60"], input=PDF, capture_output=True, timeout=60, check=True
    )
    assert b"We encrypt all of your data." in done.stdout

"""Start one measurement in a process of its own, so that its memory and its threads are its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clausetag.data.jsonl import write_text

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS")


class JobError(Exception):
    """A measurement failed; the message is one line."""


def environment(threads: int) -> dict[str, str]:
    """The environment of a process that may use so many threads; libraries read it when they are imported."""
    return {
        **os.environ,
        **dict.fromkeys(_THREADS, str(threads)),
        "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
        "HF_HUB_OFFLINE": "1",
        "PYTHONWARNINGS": "ignore",
    }


def run_job(kind: str, job: Mapping[str, Any], threads: int, scratch: Path) -> dict[str, Any]:
    """Run one job of `clausetag.eval.speed.worker` and return what it measured.

    Raises:
        JobError: it failed or was killed.
    """
    given, answer, errors = (scratch / name for name in ("job.json", "answer.json", "errors.txt"))
    write_text(given, json.dumps({"kind": kind, "threads": threads, **job}))
    answer.unlink(missing_ok=True)
    with errors.open("wb") as stream:
        code = _finish([sys.executable, "-m", "clausetag.eval.speed.worker", str(given), str(answer)], threads, stream)
    if not answer.is_file():
        lines = [line.strip() for line in errors.read_text(encoding="utf-8", errors="replace").splitlines()]
        if code == -getattr(signal, "SIGKILL", 9):
            raise JobError("was killed, as the system does where memory runs out")
        raise JobError(next((line for line in reversed(lines) if line), f"ended with exit code {code}")[:300])
    found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    if "error" in found:
        raise JobError(str(found["error"]))
    return found


def _finish(command: Sequence[str], threads: int, stream: Any) -> int:
    process = subprocess.Popen(
        command, env=environment(threads), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stream
    )
    try:
        return process.wait()
    finally:
        # Also after Ctrl-C: nothing goes on behind the user's back.
        if process.poll() is None:
            process.kill()
            process.wait()


def timed(command: Sequence[str]) -> float:
    """Seconds from a command's start to its end, in the user's own environment.

    Raises:
        JobError: it failed.
    """
    started = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise JobError((done.stderr.strip().splitlines() or [f"ended with exit code {done.returncode}"])[-1][:300])
    return seconds


def import_seconds() -> float:
    """Seconds that `import clausetag` takes in a new interpreter.

    Raises:
        JobError: it failed.
    """
    code = "import time; t = time.perf_counter(); import clausetag; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise JobError(done.stderr.strip().splitlines()[-1][:300])
    return float(done.stdout)

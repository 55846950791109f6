"""A plugin that keeps a run's outcome: `python -m pytest -p tests.record` (so `make test-all`) ends docs/TESTS.md."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import clausetag

FILE = Path(__file__).resolve().parents[1] / "docs" / "TESTS.md"
PACKAGES = (
    "numpy",
    "onnxruntime",
    "torch",
    "transformers",
    "fastapi",
    "uvicorn",
    "hypothesis",
    "schemathesis",
    "pytest",
)
HEADING = "## The last run of all tests"
"""What follows it is written anew; what stands before it is written by hand."""
KINDS = ("passed", "failed", "error", "skipped", "xfailed")
SLOWEST = 15
_START = time.monotonic()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Replace the end of the file after the last test."""
    stats: dict[str, list[Any]] = {kind: terminalreporter.stats.get(kind, []) for kind in KINDS}
    folders: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, reports in stats.items():
        for report in reports:
            path = report.nodeid.partition("::")[0]
            folders[path.rpartition("/")[0] or path][kind] += 1
    used = [kind for kind in KINDS if stats[kind]]
    seconds: dict[str, float] = defaultdict(float)
    for report in (r for reports in stats.values() for r in reports):
        seconds[report.nodeid] += report.duration
    total = ", ".join(f"{len(stats[kind]):,} {kind}" for kind in used)
    lines = [
        HEADING,
        "",
        f"{total} in {(time.monotonic() - _START) / 60:.0f} minutes, {datetime.now(UTC):%Y-%m-%d}. "
        f"clausetag {clausetag.__version__}, Python {platform.python_version()} on {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} cores; {', '.join(f'{name} {version(name)}' for name in PACKAGES)}.",
        "",
        f"| folder | {' | '.join(used)} |",
        f"|---|{'---|' * len(used)}",
        *(f"| {name} | {' | '.join(str(n[kind]) for kind in used)} |" for name, n in sorted(folders.items())),
        "",
    ]
    for kind, title in (("failed", "Failed"), ("error", "Errors")):
        if stats[kind]:
            lines += [f"{title}:", "", *(f"- `{report.nodeid}`" for report in stats[kind]), ""]
    if stats["skipped"]:
        reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in stats["skipped"])
        lines += ["Skipped:", "", *(f"- {count} × {reason}" for reason, count in reasons.most_common()), ""]
    slowest = sorted(seconds.items(), key=lambda item: -item[1])[:SLOWEST]
    lines += ["| slowest | seconds |", "|---|---|", *(f"| `{name}` | {value:.0f} |" for name, value in slowest)]
    above = FILE.read_text(encoding="utf-8").partition(HEADING)[0]
    FILE.write_text(above + "\n".join(lines) + "\n", encoding="utf-8")

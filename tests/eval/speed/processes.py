"""Measurements without processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clausetag.eval.speed.settings import Effort
from clausetag.eval.speed.worker import MEASUREMENTS, MeasurementError


class InThisProcess:
    """Runs the measurements in the test's own process and starts no command."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch

    def measure(self, kind: str, job: Mapping[str, Any], threads: int) -> dict[str, Any]:
        return MEASUREMENTS[kind]({"threads": threads, **job})

    def start(self, command: Sequence[str]) -> tuple[float, str]:
        return 0.5, "0.05"


TRIAL = Effort(
    "trial",
    rounds=1,
    starts=1,
    end_to_end=1,
    share=0.02,
    latencies=1,
    peak_size=128,
    peak_repeats=3,
    policies=2,
    grow=10,
)
"""Enough to see that everything runs."""


class Scripted(InThisProcess):
    """Gives invented results. A system's name may have its seconds in each call, or the message it fails with."""

    def __init__(self, scratch: Path, by_name: Mapping[str, list[float] | str]) -> None:
        super().__init__(scratch)
        self.by_name = {name: list(value) if isinstance(value, list) else value for name, value in by_name.items()}
        self.calls: list[tuple[str, int]] = []

    def measure(self, kind: str, job: Mapping[str, Any], threads: int) -> dict[str, Any]:
        if kind == "peak":
            return {"gmac_per_s": {"onnxruntime": 100.0, "torch": 90.0}[job["library"]] * threads}
        if kind == "growth":
            return {"seconds": 2.0, "peak_mb": 50.0}
        if kind == "end_to_end":
            return {
                "pages": 2,
                "sentences": 9,
                "seconds": [4.0, 8.0, 5.0],
                "model_seconds": [3.0, 3.0, 3.0],
                "stages": {"extract": 1.0, "write": 3.0},
            }
        name = job["system"]["name"]
        self.calls.append((name, threads))
        planned = self.by_name.get(name, [])
        if isinstance(planned, str):
            raise MeasurementError(planned)
        return {"seconds": planned.pop(0) if planned else 1.0, "latencies": [0.2, 0.1], "peak_mb": 80.0}

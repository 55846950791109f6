"""What `clausetag bench` is asked to measure, how much of it, and how it says what it is doing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clausetag.model.artifact import Artifact

SIZES = (10, 100, 1_000, 10_000)
"""Of the runs that show how cost grows."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is measured."""

    rounds: int = 5
    starts: int = 5
    """New processes of each kind whose start is timed."""
    end_to_end: int = 3
    share: float = 1.0
    """Of the sentences a round that the slow rows have."""
    latencies: int | None = None
    """At most so many measurements of one policy a round."""
    peak_size: int = 1024
    peak_repeats: int = 50
    policies: int | None = None
    """At most so many policies, the shortest."""


QUICK = Amounts(rounds=1, starts=1, end_to_end=1, share=0.02, latencies=1, peak_size=128, peak_repeats=3, policies=2)


@dataclass(frozen=True, slots=True)
class Settings:
    """One run."""

    artifacts: tuple[Artifact, ...]
    """Our models; the first is the one whose growth is measured."""
    policies: str | None = None
    sample: int = 20
    html: str | None = None
    grow: int = 1_000
    f1: Mapping[str, float] = field(default_factory=dict)
    """Macro F1 of the baselines, by the kind of their row."""
    amounts: Amounts = field(default_factory=Amounts)
    backbone: str | None = None
    """Folder of MiniLM; None finds the packaged one."""
    random_config: Mapping[str, Any] = field(default_factory=dict)
    """What differs from BERT-base in the network with random weights."""


class Say:
    """Progress on stderr: one line that is written over, or, where that is no terminal, one for each phase."""

    def __init__(self, rewrite: bool) -> None:
        self._rewrite = rewrite
        self._phase = ""

    def __call__(self, phase: str, detail: str = "") -> None:
        if self._rewrite:
            print(f"\r\x1b[K{phase}{': ' if detail else ''}{detail}"[:120], end="", file=sys.stderr, flush=True)
        elif phase != self._phase:
            print(phase, file=sys.stderr, flush=True)
        self._phase = phase

    def done(self) -> None:
        """Take the line away."""
        if self._rewrite:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def note(self, line: str) -> None:
        """A line that stays."""
        self.done()
        print(f"clausetag: {line}", file=sys.stderr, flush=True)

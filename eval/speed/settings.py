"""What `clausetag bench` measures, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clausetag.model.artifact import Artifact

SIZES = (10, 100, 1_000, 10_000)
"""Numbers of policies in the runs that show how time and memory grow."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How often and how much is measured."""

    rounds: int = 5
    starts: int = 5
    """Starts of each command that are timed."""
    end_to_end: int = 3
    """Rounds of the end-to-end measurement."""
    share: float = 1.0
    """Share of the sentences that the slow systems tag in a round."""
    latencies: int | None = None
    """At most so many measurements of latency in a round."""
    peak_size: int = 1024
    """Rows and columns of the matrices whose product gives the machine's peak."""
    peak_repeats: int = 50
    policies: int | None = None
    """At most so many policies, the shortest."""


QUICK = Effort(rounds=1, starts=1, end_to_end=1, share=0.02, latencies=1, peak_size=128, peak_repeats=3, policies=2)


@dataclass(frozen=True, slots=True)
class Settings:
    """What `clausetag bench` was asked to measure."""

    artifacts: tuple[Artifact, ...]
    """Our models. Growth is measured with the first."""
    policies: str | None = None
    """Input from which policies are sampled, besides the five."""
    sample: int = 20
    html: str | None = None
    """Pages for the end-to-end measurement; None makes them from the texts."""
    grow: int = SIZES[2]
    """Policies in the largest run."""
    f1: Mapping[str, float] = field(default_factory=dict)
    """Macro F1 of the baselines, by kind of system."""
    effort: Effort = field(default_factory=Effort)
    encoder: str | None = None
    """Folder of MiniLM; None for the installed one."""
    random_config: Mapping[str, Any] = field(default_factory=dict)
    """Differences from BERT-base in the network with random weights."""

"""What `clausetag bench` measures, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clausetag.eval.speed.systems import BERT_32, EMBEDDING, MINILM_32, TFIDF
from clausetag.model.artifact import Artifact

SIZES = (10, 100, 1_000, 10_000)
"""Numbers of policies in the runs that show how time and memory grow."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How often and how much is measured."""

    name: str = "default"
    rounds: int = 3
    starts: int = 3
    """Starts of each command that are timed."""
    end_to_end: int = 2
    """Rounds of the end-to-end measurement."""
    share: float = 0.5
    """Share of the sentences that the slow systems tag in a round."""
    latencies: int | None = 10
    """At most so many measurements of latency in a round."""
    peak_size: int = 1024
    """Rows and columns of the matrices whose product gives the machine's peak."""
    peak_repeats: int = 50
    policies: int | None = None
    """At most so many policies, the shortest."""
    grow: int = SIZES[1]
    """Policies in the largest run."""
    others: frozenset[str] | None = frozenset([MINILM_32, BERT_32, EMBEDDING, TFIDF])
    """Systems besides our own that are measured; None for all."""


QUICK = Effort("quick", rounds=2, starts=2, end_to_end=1, latencies=5, grow=SIZES[0], others=frozenset([MINILM_32]))
DEFAULT = Effort()
FULL = Effort("full", rounds=5, starts=5, end_to_end=3, share=1.0, latencies=None, grow=SIZES[2], others=None)


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
    grow: int = SIZES[1]
    """Policies in the largest run."""
    f1: Mapping[str, float] = field(default_factory=dict)
    """Macro F1 of the baselines, by kind of system."""
    effort: Effort = field(default_factory=Effort)
    encoder: str | None = None
    """Folder of MiniLM; None for the installed one."""
    random_config: Mapping[str, Any] = field(default_factory=dict)
    """Differences from BERT-base in the network with random weights."""

"""From the rounds of `clausetag bench` to its rows: medians, spread, ratios, and how near they are to the int8 peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from clausetag.eval.speed.subjects import BERT_32, MINILM_32, OURS, Subject

TARGETS = {("standard", MINILM_32): 4.0, ("standard", BERT_32): 25.0, ("fast", "standard"): 2.2}
"""What a tier should reach, as a multiple of another row's sentences a second, all on two threads."""


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement of one row."""

    seconds: float
    """For all sentences of the row."""
    latencies: tuple[float, ...]
    """Seconds from the text of the one policy to its labels."""
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Amount:
    """What a row has tagged in each round."""

    sentences: int
    word_pieces: int
    """Of the sentences alone, by MiniLM's vocabulary; the same count for every row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of bench.json; rates are a second, medians over the rounds, and each spread is the least and the most."""

    name: str
    kind: str
    tier: str | None
    threads: int
    batch_size: int | None
    sentences: int
    rounds: int
    sentences_per_s: float
    sentences_per_s_spread: tuple[float, float]
    word_pieces_per_s: float
    policies_per_s: float
    """At the mean number of sentences of a policy."""
    peak_mb: float
    latency_ms_p50: float
    latency_ms_p99: float
    latency_repeats: int
    ratio_minilm_pipeline: float | None
    """Sentences a second against the MiniLM pipeline of batch size 32, median of the rounds' ratios."""
    ratio_minilm_pipeline_spread: tuple[float, float] | None
    ratio_bert_base_pipeline: float | None
    ratio_bert_base_pipeline_spread: tuple[float, float] | None
    gmac_per_s: float | None
    """Multiply-adds (10^9) that the network needs; ours alone."""
    int8_peak_share: float | None
    """Of what this machine reaches on as many threads."""
    macro_f1: float | None
    """On OPP-115's test sentences; None where the row's network is not trained."""
    note: str

    @property
    def key(self) -> str:
        """Names the row."""
        return f"{self.name}, {self.threads} thread{'' if self.threads == 1 else 's'}"

    def to_dict(self) -> dict[str, Any]:
        """The row of bench.json."""
        return {key: _rounded(value) for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as fast one row is as another, by the rounds of one run."""

    name: str
    value: float
    spread: tuple[float, float]
    target: float | None

    def to_dict(self) -> dict[str, Any]:
        """For bench_about.json."""
        met = None if self.target is None else self.value >= self.target
        return {key: _rounded(value) for key, value in asdict(self).items()} | {"met": met}


def network_macs(encoder: Mapping[str, Any], windows: Sequence[int]) -> float | None:
    """Multiply-adds of an encoder for windows of so many positions, by its configuration; None if that is not BERT's.

    A layer costs 4 h² + 2 h f a position (projections, then the two feed-forward products; h the hidden size, f the
    feed-forward one), and attention 2 h a pair of positions. Embeddings, norms and heads are next to nothing.
    """
    try:
        hidden, inner, layers = (int(encoder[key]) for key in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    except KeyError:
        return None
    products = (4 * hidden**2 + 2 * hidden * inner) * sum(windows)
    return float(layers * (products + 2 * hidden * sum(length**2 for length in windows)))


def make_row(
    subject: Subject,
    rounds: Sequence[Round],
    amount: Amount,
    sentences_a_policy: float,
    references: Mapping[str, Sequence[float]],
    macs: float | None,
    peaks: Mapping[int, float],
    macro_f1: float | None,
) -> Row:
    """The row of a subject.

    `references` maps the pipelines' names to sentences a second in each round, `peaks` threads to 10^9 multiply-adds a
    second, `macs` is what the network needs for the row's sentences.
    """
    rates = [amount.sentences / one.seconds for one in rounds]
    rate = median(rates)
    latencies = sorted(1000 * seconds for one in rounds for seconds in one.latencies)
    gmacs = macs * rate / amount.sentences / 1e9 if macs is not None and subject.kind == OURS else None
    peak = peaks.get(subject.threads)
    against = [ratio(rates, references.get(name, ())) for name in (MINILM_32, BERT_32)]
    return Row(
        name=subject.name,
        kind=subject.kind,
        tier=subject.tier,
        threads=subject.threads,
        batch_size=subject.batch_size,
        sentences=amount.sentences,
        rounds=len(rounds),
        sentences_per_s=rate,
        sentences_per_s_spread=(min(rates), max(rates)),
        word_pieces_per_s=rate * amount.word_pieces / amount.sentences,
        policies_per_s=rate / sentences_a_policy,
        peak_mb=max(one.peak_mb for one in rounds),
        latency_ms_p50=median(latencies),
        latency_ms_p99=percentile(latencies, 0.99),
        latency_repeats=len(latencies),
        ratio_minilm_pipeline=against[0][0],
        ratio_minilm_pipeline_spread=against[0][1],
        ratio_bert_base_pipeline=against[1][0],
        ratio_bert_base_pipeline_spread=against[1][1],
        gmac_per_s=gmacs,
        int8_peak_share=gmacs / peak if gmacs is not None and peak else None,
        macro_f1=macro_f1,
        note=subject.note,
    )


def ratio(rates: Sequence[float], others: Sequence[float]) -> tuple[float, tuple[float, float]] | tuple[None, None]:
    """Median and spread of the ratios of two rows, round by round: what slows a round slows both."""
    pairs = [own / other for own, other in zip(rates, others, strict=False)]
    return (median(pairs), (min(pairs), max(pairs))) if pairs else (None, None)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the sorted `values` do not exceed."""
    return values[min(len(values) - 1, max(0, -int(-share * len(values) // 1) - 1))]


def ratios(rates: Mapping[tuple[str, int], Sequence[float]], tiers: Sequence[str], threads: int) -> list[Ratio]:
    """What is compared: each tier with both pipelines, and two tiers with each other, the one that has a target above.

    `rates` maps a row's name and threads to its sentences a second in each round.
    """
    found: list[Ratio] = []

    def add(tier: str, other: str, other_row: str) -> None:
        value, spread = ratio(rates.get((f"clausetag {tier}", threads), ()), rates.get((other_row, threads), ()))
        if value is not None and spread is not None:
            found.append(Ratio(f"{tier} / {other}", value, spread, TARGETS.get((tier, other))))

    for tier in tiers:
        for other in (MINILM_32, BERT_32):
            add(tier, other, other)
    for tier in tiers[1:]:
        above, below = (tiers[0], tier) if (tiers[0], tier) in TARGETS else (tier, tiers[0])
        add(above, below, f"clausetag {below}")
    return found


def _rounded(value: Any) -> Any:
    """Floats to four significant digits: more would be noise."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, tuple):
        return [_rounded(part) for part in value]
    return value

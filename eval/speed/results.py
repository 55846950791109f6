"""From raw measurements to the rows of bench.json: medians, spreads, ratios, shares of the machine's int8 peak."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from clausetag.data.records import Sentence
from clausetag.eval.speed.systems import BERT_32, MINILM_32, OURS, Kind, System
from clausetag.model.artifact import Artifact
from clausetag.model.provenance import git_revision, versions
from clausetag.model.runtime import available_cores
from clausetag.model.tokenise import SubwordTokenizer, encode_sentences, load_tokenizer
from clausetag.model.windows import pack

TARGETS = {("standard", MINILM_32): 4.0, ("standard", BERT_32): 25.0, ("fast", "standard"): 2.2}
"""Target ratios of sentences a second between two systems."""
_CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")

Spread = tuple[float, float]
"""Minimum and maximum over the rounds."""


@dataclass(slots=True)
class SystemRounds:
    """What was measured of one system, round by round."""

    system: System
    sentences: int
    """Tagged in each round."""
    seconds: list[float] = field(default_factory=list)
    """For all sentences of a round."""
    latencies: list[float] = field(default_factory=list)
    """Seconds from the text of one policy to its labels; several a round."""
    peak_mb: float = 0.0
    """Largest of all rounds."""

    def add(self, seconds: float, latencies: Sequence[float], peak_mb: float) -> None:
        """Add a round."""
        self.seconds.append(seconds)
        self.latencies += latencies
        self.peak_mb = max(self.peak_mb, peak_mb)

    @property
    def rates(self) -> list[float]:
        """Sentences a second in each round."""
        return [self.sentences / seconds for seconds in self.seconds]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of bench.json. Rates are medians over the rounds; spreads are minimum and maximum."""

    name: str
    kind: str
    tier: str | None
    threads: int
    batch_size: int | None
    sentences: int
    rounds: int
    sentences_per_s: float
    sentences_per_s_spread: Spread
    word_pieces_per_s: float
    """Tokens of the sentences alone, counted with MiniLM's vocabulary for every system."""
    policies_per_s: float
    """For policies with the mean number of sentences."""
    peak_mb: float
    latency_ms_p50: float
    latency_ms_p99: float
    latency_repeats: int
    ratio_minilm_pipeline: float | None
    """Sentences a second relative to the MiniLM pipeline with batch size 32: the median of the rounds' ratios."""
    ratio_minilm_pipeline_spread: Spread | None
    ratio_bert_base_pipeline: float | None
    ratio_bert_base_pipeline_spread: Spread | None
    gmac_per_s: float | None
    """10^9 multiply-adds a second that the network needs; for our models only."""
    peak_share: float | None
    """Of the peak measured on this machine with as many threads."""
    macro_f1: float | None
    """On OPP-115's test sentences; None where the system is not trained."""
    note: str

    @property
    def key(self) -> str:
        """Name and threads, which together are unique."""
        return f"{self.name}, {self.threads} thread{'' if self.threads == 1 else 's'}"

    def to_dict(self) -> dict[str, Any]:
        """The object of bench.json."""
        return {key: _rounded(value) for key, value in asdict(self).items()}


def row_of(
    measured: SystemRounds,
    *,
    word_pieces: int,
    sentences_per_policy: float,
    references: tuple[Sequence[float], Sequence[float]],
    macs: float | None,
    peak: float | None,
    macro_f1: float | None,
) -> Row:
    """The row of one system.

    Args:
        measured: its rounds.
        word_pieces: tokens in the sentences of a round.
        sentences_per_policy: mean over the texts.
        references: rates of the MiniLM and the BERT-base pipeline in each round; empty where not measured.
        macs: multiply-adds that the network needs for the sentences of a round; None where unknown.
        peak: 10^9 multiply-adds a second that the machine reaches with as many threads.
        macro_f1: on OPP-115's test sentences.
    """
    system, rates = measured.system, measured.rates
    rate = median(rates)
    milliseconds = [1000 * seconds for seconds in measured.latencies]
    gmacs = macs * rate / measured.sentences / 1e9 if macs is not None and system.kind == OURS else None
    (minilm, minilm_spread), (bert, bert_spread) = (ratio(rates, reference) for reference in references)
    return Row(
        name=system.name,
        kind=system.kind,
        tier=system.tier,
        threads=system.threads,
        batch_size=system.batch_size,
        sentences=measured.sentences,
        rounds=len(rates),
        sentences_per_s=rate,
        sentences_per_s_spread=(min(rates), max(rates)),
        word_pieces_per_s=rate * word_pieces / measured.sentences,
        policies_per_s=rate / sentences_per_policy,
        peak_mb=measured.peak_mb,
        latency_ms_p50=median(milliseconds),
        # The smallest measurement that at least 99 % of them don't exceed.
        latency_ms_p99=float(np.percentile(milliseconds, 99, method="inverted_cdf")),
        latency_repeats=len(milliseconds),
        ratio_minilm_pipeline=minilm,
        ratio_minilm_pipeline_spread=minilm_spread,
        ratio_bert_base_pipeline=bert,
        ratio_bert_base_pipeline_spread=bert_spread,
        gmac_per_s=gmacs,
        peak_share=gmacs / peak if gmacs is not None and peak else None,
        macro_f1=macro_f1,
        note=system.note,
    )


def ratio(rates: Sequence[float], others: Sequence[float]) -> tuple[float, Spread] | tuple[None, None]:
    """Median and spread of the ratios round by round, since a slow spell of the machine slows both systems."""
    ratios = [own / other for own, other in zip(rates, others, strict=False)]
    return (median(ratios), (min(ratios), max(ratios))) if ratios else (None, None)


def compare_tiers(measured: Sequence[SystemRounds], tiers: Sequence[str], threads: int) -> list[dict[str, Any]]:
    """Each of our models against both pipelines, and our models against each other: `ratios` of bench_about.json."""
    rates = {one.system.name: one.rates for one in measured if one.system.threads == threads}
    pairs = [(tier, other, other) for tier in tiers for other in (MINILM_32, BERT_32)]
    for tier in tiers[1:]:
        faster, slower = (tiers[0], tier) if (tiers[0], tier) in TARGETS else (tier, tiers[0])
        pairs.append((faster, slower, f"clausetag {slower}"))
    found: list[dict[str, Any]] = []
    for tier, other, row in pairs:
        value, spread = ratio(rates.get(f"clausetag {tier}", ()), rates.get(row, ()))
        if value is not None:
            target = TARGETS.get((tier, other))
            met = None if target is None else value >= target
            found.append(
                {
                    "name": f"{tier} / {other}",
                    "value": _rounded(value),
                    "spread": _rounded(spread),
                    "target": target,
                    "met": met,
                }
            )
    return found


def count_tokens(artifact: Artifact, sentences: Sequence[Sentence]) -> int:
    """Tokens of the sentences in the model's vocabulary, without special tokens."""
    tokenizer = SubwordTokenizer.of(load_tokenizer(str(artifact.folder)))
    return sum(map(len, tokenizer.encode([sentence.text for sentence in sentences])))


def model_macs(artifact: Artifact, policies: Sequence[Sequence[Sentence]]) -> float | None:
    """Multiply-adds of a model's network for policies; its windows hold headings and separators too."""
    tokenizer = SubwordTokenizer.of(load_tokenizer(str(artifact.folder)))
    windows = [
        len(window.ids)
        for policy in policies
        for encoded in encode_sentences(policy, tokenizer, context=artifact.context).policies
        for window in pack(encoded, artifact.window, tokenizer.cls_id, tokenizer.sep_id)
    ]
    return network_macs(artifact.config["encoder_config"], windows)


def network_macs(encoder: Mapping[str, Any], windows: Sequence[int]) -> float | None:
    """Multiply-adds of an encoder for windows of these lengths in tokens; None if its configuration is not BERT's.

    With hidden size h and feed-forward size f, a layer needs 4 h² + 2 h f for each token (projections and the
    feed-forward products) and 2 h for each pair of tokens (attention). The rest is negligible.
    """
    try:
        hidden, inner, layers = (int(encoder[key]) for key in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    except KeyError:
        return None
    products = (4 * hidden**2 + 2 * hidden * inner) * sum(windows)
    return float(layers * (products + 2 * hidden * sum(length**2 for length in windows)))


def card_f1(config: Mapping[str, Any]) -> float | None:
    """Macro F1 on OPP-115's test sentences from a model's configuration, as its card shows it."""
    for result in config.get("figures", ()):
        if result["data"] == "opp115 test" and result["unit"] == "sentence":
            return float(result["macro_f1"])
    return None


def baseline_f1(path: str | os.PathLike[str]) -> dict[str, float]:
    """Macro F1 of the baselines, by kind of system, from a metrics.json of `clausetag eval opp115`.

    Raises:
        ValueError: it is no such file; the message says why.
    """
    metrics = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(metrics, dict) or "baselines" not in metrics:
        raise ValueError("holds no baselines; give a metrics.json of `clausetag eval opp115`")
    if (metrics.get("data"), metrics.get("unit")) != ("opp115 test", "sentence"):
        raise ValueError("is not of OPP-115's test sentences, unlike the F1 on the model cards")
    kinds: tuple[Kind, ...] = ("tfidf", "embedding")
    found = {kind: metrics["baselines"].get(kind, {}).get("macro_f1") for kind in kinds}
    return {kind: float(value) for kind, value in found.items() if value is not None}


def machine() -> dict[str, Any]:
    """Processor, cores, memory, operating system and package versions."""
    found: dict[str, Any] = {"cpu": platform.processor() or platform.machine(), "flags": []}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                found["cpu"] = value.strip()
            elif name.strip() == "flags":
                found["flags"] = [flag for flag in _CPU_FLAGS if flag in value.split()]
                break
    found |= {"cores": os.cpu_count(), "usable_cores": available_cores()}
    with suppress(AttributeError, OSError, ValueError):
        found["memory_gb"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    found |= {"system": f"{platform.system()} {platform.machine()}", "versions": versions("train")}
    with suppress(PackageNotFoundError):
        found["versions"]["sentence-transformers"] = version("sentence-transformers")
    return found | {"git": git_revision()}


def load_average() -> float | None:
    """Processes that ran or waited to run over the last minute; None on systems without this number (Windows)."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


def _rounded(value: Any) -> Any:
    """Floats to four significant digits, since the rest is noise."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return [_rounded(part) for part in value] if isinstance(value, tuple) else value

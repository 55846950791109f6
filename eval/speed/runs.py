"""What `clausetag bench` measures of whole runs: cold start, pages to rows, and how cost grows with the policies."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from clausetag.data.errors import DataError
from clausetag.data.jsonl import write_text
from clausetag.data.records import Document, Sentence
from clausetag.eval.speed.process import import_seconds, run_job, timed
from clausetag.eval.speed.settings import SIZES, Say, Settings
from clausetag.eval.speed.texts import evenly, words, write_pages, write_table

_BYTES_A_WORD = 150
"""Of table, journal and output together, for each word of a policy: generous."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What all rows tag."""

    documents: list[Document]
    policies: list[list[Sentence]]
    """Their sentences."""
    latency: int
    """Place of the one policy whose latency is measured."""
    path: Path
    """The documents, for other processes."""

    @property
    def sentences(self) -> list[Sentence]:
        """Of all policies."""
        return [sentence for policy in self.policies for sentence in policy]


def cold_start(settings: Settings, texts: Texts, scratch: Path, say: Say) -> dict[str, Any]:
    """Seconds of `clausetag predict` on one policy from a shell, by model, and of `import clausetag`.

    Raises:
        JobError: it failed.
    """
    policy = scratch / "policy.txt"
    write_text(policy, texts.documents[texts.latency].text)
    predict: dict[str, list[float]] = {artifact.folder.name: [] for artifact in settings.artifacts}
    imports: list[float] = []
    for number in range(settings.amounts.starts):
        say("cold start", f"{number + 1} of {settings.amounts.starts}")
        imports.append(import_seconds())
        for artifact in settings.artifacts:
            model = str(artifact.folder.absolute())
            command = [sys.executable, "-m", "clausetag.cli", "predict", str(policy), "--model", model]
            predict[artifact.folder.name].append(timed(command))
    return {
        "predict_s": {tier: _summary(seconds) for tier, seconds in predict.items()},
        "import_s": _summary(imports),
    }


def end_to_end(settings: Settings, texts: Texts, scratch: Path, say: Say, threads: int) -> list[dict[str, Any]]:
    """HTML files to a JSONL file against the model's own rate, and where the time goes, by model.

    Raises:
        JobError: it failed.
    """
    if settings.html is None:
        pages, source = scratch / "pages", "made of the texts, without the markup of real ones"
        write_pages(pages, texts.documents)
    else:
        pages, source = Path(settings.html).absolute(), "as given"
    found: list[dict[str, Any]] = []
    for artifact in settings.artifacts:
        say("pages to rows", artifact.folder.name)
        job = {
            "model": str(artifact.folder.absolute()),
            "texts": str(texts.path),
            "pages": str(pages),
            "scratch": str(scratch),
            "rounds": settings.amounts.end_to_end,
        }
        one = run_job("end_to_end", job, threads, scratch)
        shares = [own / whole for own, whole in zip(one["model_seconds"], one["seconds"], strict=True)]
        found.append(
            {
                "tier": artifact.folder.name,
                "threads": threads,
                "pages": one["pages"],
                "source": source,
                "sentences": one["sentences"],
                "share": round(median(shares), 4),
                "share_spread": [round(min(shares), 4), round(max(shares), 4)],
                "sentences_per_s": round(one["sentences"] / median(one["seconds"]), 1),
                "model_sentences_per_s": round(one["sentences"] / median(one["model_seconds"]), 1),
                "stages": {name: round(seconds, 5) for name, seconds in one["stages"].items()},
            }
        )
    return found


def growth(settings: Settings, texts: Texts, scratch: Path, say: Say, threads: int) -> list[dict[str, Any]]:
    """Time and memory of runs on ever more policies, by the first model.

    Raises:
        DataError: the temporary folder's disk is too small for the largest.
        JobError: it failed.
    """
    documents = evenly(texts.documents)
    artifact = settings.artifacts[0]
    found: list[dict[str, Any]] = []
    for number in sorted({*(size for size in SIZES if size < settings.grow), settings.grow}):
        say("growth", f"{number:,} policies")
        need = _BYTES_A_WORD * number * sum(map(words, documents)) // len(documents)
        if shutil.disk_usage(scratch).free < need:
            raise DataError(
                f"--grow {number}: needs {need / 1e9:.1f} GB in the temporary folder; set TMPDIR to another"
            )
        table = scratch / "growth_in.jsonl"
        total = write_table(table, documents, number)
        job = {
            "model": str(artifact.folder.absolute()),
            "texts": str(texts.path),
            "table": str(table),
            "scratch": str(scratch),
        }
        one = run_job("growth", job, threads, scratch)
        table.unlink()
        found.append(
            {
                "policies": number,
                "words": total,
                "seconds": round(one["seconds"], 3),
                "seconds_per_policy": round(one["seconds"] / number, 5),
                "seconds_per_1000_words": round(1000 * one["seconds"] / total, 5),
                "peak_mb": round(one["peak_mb"], 1),
            }
        )
    return found


def _summary(seconds: Sequence[float]) -> dict[str, Any]:
    return {"median": round(median(seconds), 4), "spread": [round(min(seconds), 4), round(max(seconds), 4)]}

"""One run of `clausetag bench`: which measurements are made, in which order, and what comes of them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from clausetag.data.errors import ClausetagError, DataError, MissingExtraError, RecipeError, install_command
from clausetag.data.jsonl import write_text
from clausetag.eval.speed.results import (
    Row,
    SystemRounds,
    card_f1,
    compare_tiers,
    count_tokens,
    load_average,
    machine,
    model_macs,
    row_of,
)
from clausetag.eval.speed.settings import QUICK, SIZES, Settings
from clausetag.eval.speed.systems import BERT_32, MINILM_32, OURS, THREADS, System, alternatives, ours
from clausetag.eval.speed.texts import collect_texts, count_words, spread_lengths, write_pages, write_table
from clausetag.eval.speed.worker import MeasurementError, Processes
from clausetag.model.artifact import Artifact
from clausetag.model.backbone import MINILM, backbone_path
from clausetag.predict.run_summary import now

_MOST = max(THREADS)
PEAKS = {"ONNX Runtime, 8-bit integers": "onnxruntime", "torch, bfloat16": "torch"}
"""Libraries whose products of matrices give the machine's peak; the best counts."""
_BYTES_PER_WORD = 150
"""Disk space for table, journal and output, for each word of a policy: a generous estimate."""
_IMPORT = "import time; t = time.perf_counter(); import clausetag; print(time.perf_counter() - t)"


class Benchmark:
    """One run. `say` is called with a line whenever a measurement begins or is skipped.

    Raises:
        DataError: there is no policy to sample.
    """

    def __init__(
        self,
        settings: Settings,
        processes: Processes,
        say: Callable[[str], None],
        find_package: Callable[[str], object] = find_spec,
    ) -> None:
        self.settings, self.processes, self.say = settings, processes, say
        self.scratch = processes.scratch
        self.skipped: list[dict[str, str]] = []
        self._find_package = find_package
        self.systems = self._systems()
        say("reading the texts")
        self.texts = collect_texts(
            self.scratch / "texts.jsonl", settings.policies, settings.sample, settings.effort.policies
        )

    def run(self) -> tuple[list[Row], dict[str, Any]]:
        """Measure everything; return the rows of bench.json and the object of bench_about.json.

        Raises:
            ClausetagError: one of our own models cannot be measured.
        """
        settings, effort, texts = self.settings, self.settings.effort, self.texts
        started, load, here = now(), load_average(), machine()
        by_library = self._peaks(here["usable_cores"])
        peaks: dict[int, float] = {}
        for found in by_library.values():
            peaks = {threads: max(peaks.get(threads, 0.0), peak) for threads, peak in found.items()}
        measured = self._rounds()
        try:
            further = {
                "cold_start": self._cold_start(),
                "end_to_end": self._end_to_end(),
                "growth_tier": settings.artifacts[0].folder.name,
                "growth": self._growth(),
            }
        except MeasurementError as error:
            raise ClausetagError(str(error)) from None
        one = texts.documents[texts.latency]
        return self._rows(measured, peaks), {
            "effort": effort.name,
            "quick": effort.name == QUICK.name,
            "started": started,
            "finished": now(),
            "load_average": [load, load_average()],
            "machine": here,
            "models": {artifact.folder.name: artifact.hash for artifact in settings.artifacts},
            "texts": {
                "policies": len(texts.documents),
                "sentences": len(texts.sentences),
                "words": sum(map(count_words, texts.documents)),
                "word_pieces": count_tokens(settings.artifacts[0], texts.sentences),
                "latency": {"policy": one.policy, "words": count_words(one)},
            },
            "rounds": effort.rounds,
            "threads": _MOST,
            "ratios": compare_tiers(measured, [artifact.folder.name for artifact in settings.artifacts], _MOST),
            "peak_size": effort.peak_size,
            "peaks_gmac_per_s": {
                name: {str(threads): round(peak, 1) for threads, peak in found.items()}
                for name, found in by_library.items()
            },
            "peak_gmac_per_s": {str(threads): round(peak, 1) for threads, peak in peaks.items()},
            **further,
            "skipped": self.skipped,
        }

    def _skip(self, name: str, reason: str) -> None:
        self.skipped.append({"name": name, "reason": reason})
        self.say(f"skipped: {name}: {reason}")

    def _systems(self) -> list[System]:
        """The systems that can be measured here."""
        encoder, effort = self.settings.encoder, self.settings.effort
        if encoder is None:
            try:
                encoder = backbone_path(MINILM)
            except (MissingExtraError, RecipeError):
                encoder = ""
        found = [system for artifact in self.settings.artifacts for system in ours(artifact.folder)]
        for system in alternatives(encoder, self.settings.random_config):
            if effort.others is not None and system.name not in effort.others:
                continue
            if missing := [package for package in system.needs if self._find_package(package) is None]:
                self._skip(system.name, f"needs {', '.join(missing)}; run {install_command(missing[0])}")
            else:
                found.append(system)
        return [
            replace(
                system,
                sentences=None if system.sentences is None else max(4, round(effort.share * system.sentences)),
                latencies=min(effort.latencies or system.latencies, system.latencies),
            )
            for system in found
        ]

    def _peaks(self, cores: int) -> dict[str, dict[int, float]]:
        """10^9 multiply-adds a second of the libraries at hand, by library and number of threads."""
        self.say("measuring the machine's peak")
        found: dict[str, dict[int, float]] = {}
        for name, library in PEAKS.items():
            if library == "torch" and self._find_package(library) is None:
                continue
            job = {"size": self.settings.effort.peak_size, "repeats": self.settings.effort.peak_repeats}
            try:
                found[name] = {
                    threads: self.processes.measure("peak", {**job, "library": library}, threads)["gmac_per_s"]
                    for threads in sorted({*THREADS, cores})
                }
            except MeasurementError as error:
                missing = "No module named 'onnx'" in str(error)
                self._skip(f"the peak of {name}", str(MissingExtraError("it", "onnx") if missing else error))
        return found

    def _rounds(self) -> list[SystemRounds]:
        """Measure every system once in each round, in the same order; one that fails is left out, unless it is ours.

        A slow spell of the machine thus falls on all systems of a round, and their ratios stay comparable.
        """
        measured = [SystemRounds(system, len(self.texts.subset(system.sentences))) for system in self.systems]
        for number in range(1, self.settings.effort.rounds + 1):
            self.say(f"round {number} of {self.settings.effort.rounds}")
            for one in list(measured):
                job = {"system": asdict(one.system), "texts": str(self.texts.path), "latency": self.texts.latency}
                try:
                    found = self.processes.measure("system", job, one.system.threads)
                except MeasurementError as error:
                    if one.system.kind == OURS:
                        raise ClausetagError(f"{one.system.name}: {error}") from None
                    self._skip(one.system.name, str(error))
                    measured.remove(one)
                    continue
                one.add(found["seconds"], found["latencies"], found["peak_mb"])
        return measured

    def _rows(self, measured: Sequence[SystemRounds], peaks: Mapping[int, float]) -> list[Row]:
        artifacts = {artifact.folder.name: artifact for artifact in self.settings.artifacts}
        references = {one.system.name: one.rates for one in measured}
        rows = []
        for one in measured:
            artifact = artifacts.get(one.system.tier or "")
            rows.append(
                row_of(
                    one,
                    # One vocabulary for all systems: MiniLM's, which our models share.
                    word_pieces=count_tokens(self.settings.artifacts[0], self.texts.subset(one.sentences)),
                    sentences_per_policy=len(self.texts.sentences) / len(self.texts.policies),
                    references=(references.get(MINILM_32, ()), references.get(BERT_32, ())),
                    macs=None if artifact is None else model_macs(artifact, self.texts.policies),
                    peak=peaks.get(one.system.threads),
                    macro_f1=self.settings.f1.get(one.system.kind) if artifact is None else card_f1(artifact.config),
                )
            )
        return rows

    def _cold_start(self) -> dict[str, Any]:
        """Seconds of `clausetag predict` on one policy from a shell, by model, and of `import clausetag`."""
        policy = self.scratch / "policy.txt"
        write_text(policy, self.texts.documents[self.texts.latency].text)
        predict: dict[str, list[float]] = {artifact.folder.name: [] for artifact in self.settings.artifacts}
        imports: list[float] = []
        self.say("cold start")
        for _ in range(self.settings.effort.starts):
            imports.append(float(self.processes.start([sys.executable, "-c", _IMPORT])[1]))
            for artifact in self.settings.artifacts:
                model = str(artifact.folder.absolute())
                command = [sys.executable, "-m", "clausetag.cli", "predict", str(policy), "--model", model]
                predict[artifact.folder.name].append(self.processes.start(command)[0])
        return {
            "predict_s": {tier: _median_and_spread(seconds) for tier, seconds in predict.items()},
            "import_s": _median_and_spread(imports),
        }

    def _end_to_end(self) -> list[dict[str, Any]]:
        """HTML files to a JSONL file against the model alone, and where the time goes, by model."""
        if self.settings.html is None:
            pages, source = self.scratch / "pages", "made of the texts, without the markup of real ones"
            write_pages(pages, self.texts.documents)
        else:
            pages, source = Path(self.settings.html).absolute(), "as given"
        self.say("pages to rows")
        found: list[dict[str, Any]] = []
        for artifact in self.settings.artifacts:
            job = self._job(artifact, pages=str(pages), rounds=self.settings.effort.end_to_end)
            one = self.processes.measure("end_to_end", job, _MOST)
            shares = [own / whole for own, whole in zip(one["model_seconds"], one["seconds"], strict=True)]
            found.append(
                {
                    "tier": artifact.folder.name,
                    "threads": _MOST,
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

    def _growth(self) -> list[dict[str, Any]]:
        """Time and memory of runs on more and more policies, by the first model.

        Raises:
            DataError: the temporary folder's disk is too small for the largest.
        """
        documents = spread_lengths(self.texts.documents)
        self.say("growth")
        found: list[dict[str, Any]] = []
        for number in sorted({*(size for size in SIZES if size < self.settings.grow), self.settings.grow}):
            need = _BYTES_PER_WORD * number * sum(map(count_words, documents)) // len(documents)
            if shutil.disk_usage(self.scratch).free < need:
                raise DataError(
                    f"--grow {number}: needs {need / 1e9:.1f} GB in the temporary folder; set TMPDIR to another folder"
                )
            table = self.scratch / "growth_in.jsonl"
            words = write_table(table, documents, number)
            one = self.processes.measure("growth", self._job(self.settings.artifacts[0], table=str(table)), _MOST)
            table.unlink()
            found.append(
                {
                    "policies": number,
                    "words": words,
                    "seconds": round(one["seconds"], 3),
                    "seconds_per_policy": round(one["seconds"] / number, 5),
                    "seconds_per_1000_words": round(1000 * one["seconds"] / words, 5),
                    "peak_mb": round(one["peak_mb"], 1),
                }
            )
        return found

    def _job(self, artifact: Artifact, **more: Any) -> dict[str, Any]:
        model = str(artifact.folder.absolute())
        return {"model": model, "texts": str(self.texts.path), "scratch": str(self.scratch), **more}


def _median_and_spread(seconds: Sequence[float]) -> dict[str, Any]:
    return {"median": round(median(seconds), 4), "spread": [round(min(seconds), 4), round(max(seconds), 4)]}

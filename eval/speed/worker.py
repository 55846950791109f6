"""One measurement of `clausetag bench` in a process of its own, so that memory and threads are its own.

`Processes` starts it, as `python -m clausetag.eval.speed.worker JOB.json RESULT.json`, and reads the result.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, cast

from clausetag.data.documents.inputs import read_inputs
from clausetag.data.errors import ClausetagError
from clausetag.data.jsonl import write_text
from clausetag.data.records import Document, Sentence
from clausetag.data.segment import segment
from clausetag.eval.speed.systems import OURS, Classify, System, load
from clausetag.eval.speed.texts import read_documents, representative
from clausetag.model.runtime import session_options

if TYPE_CHECKING:
    from clausetag.predict.pipeline import Pipeline, Source, TaggedSource

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS")
_WARM_UP = 32
"""Sentences tagged before the clock starts."""


class MeasurementError(Exception):
    """A measurement failed; the message is one line."""


class Processes:
    """Runs measurements in new processes, one at a time; `scratch` is a folder for what they exchange."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch

    def measure(self, kind: str, job: Mapping[str, Any], threads: int) -> dict[str, Any]:
        """Run one of `MEASUREMENTS` and return its result.

        Raises:
            MeasurementError: it failed or was killed.
        """
        given, result = self.scratch / "job.json", self.scratch / "result.json"
        write_text(given, json.dumps({"kind": kind, "threads": threads, **job}))
        result.unlink(missing_ok=True)
        command = [sys.executable, "-m", "clausetag.eval.speed.worker", str(given), str(result)]
        self.start(command, environment(threads))
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        if "error" in found:
            raise MeasurementError(str(found["error"]))
        return found

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[float, str]:
        """Run a command, by default in our own environment; return its seconds from start to end, and what it printed.

        Raises:
            MeasurementError: it failed or was killed.
        """
        started = time.perf_counter()
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace"
        )
        seconds = time.perf_counter() - started
        if done.returncode == -getattr(signal, "SIGKILL", 9):
            raise MeasurementError("the process was killed, probably because memory ran out")
        if done.returncode:
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            raise MeasurementError((lines[-1] if lines else f"exit code {done.returncode}")[:300])
        return seconds, done.stdout


def environment(threads: int) -> dict[str, str]:
    """The environment of a process that may use so many threads; libraries read it when they are imported."""
    return {
        **os.environ,
        **dict.fromkeys(_THREADS, str(threads)),
        "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
        "HF_HUB_OFFLINE": "1",
        "PYTHONWARNINGS": "ignore",
    }


def main(arguments: Sequence[str]) -> int:
    """Run one measurement and write its result."""
    given, result = map(Path, arguments)
    job = json.loads(given.read_text(encoding="utf-8"))
    try:
        found = MEASUREMENTS[job["kind"]](job)
    except ClausetagError as error:
        found = {"error": str(error)}
    write_text(result, json.dumps(found))
    return 0


def measure_system(job: Mapping[str, Any]) -> dict[str, Any]:
    """One round of one system: load, warm up, tag the sentences, then tag one policy a few times."""
    system = System(**job["system"])
    documents = read_documents(Path(job["texts"]))
    policies = [segment(document) for document in documents]
    one = documents[job["latency"]]
    classify = load(system)
    # Ours tags whole policies, as `predict` does; the others gain from batches over all sentences.
    groups = policies if system.kind == OURS else [[s for policy in policies for s in policy]]
    if system.sentences is not None:
        groups = [representative([s for group in groups for s in group], system.sentences)]
    classify(policies[job["latency"]][:_WARM_UP])
    seconds = clock(lambda: tag_all(classify, groups, system.threads))
    latencies = [clock(lambda: classify(segment(one))) for _ in range(system.latencies)]
    return {"seconds": seconds, "latencies": latencies, "peak_mb": peak_mb()}


def measure_growth(job: Mapping[str, Any]) -> dict[str, Any]:
    """Tag a table of policies as `clausetag predict TABLE -o FILE` does, model loaded and warm."""
    pipeline = _pipeline(job)
    target = Path(job["scratch"]) / "growth.jsonl"
    try:
        seconds = clock(lambda: _predict(_read(job["table"]), target, pipeline))
    finally:
        target.unlink(missing_ok=True)
    return {"seconds": seconds, "peak_mb": peak_mb()}


def measure_end_to_end(job: Mapping[str, Any]) -> dict[str, Any]:
    """HTML pages to a JSONL file, the model alone on the same sentences, and the stages one after the other."""
    pipeline = _pipeline(job)
    target = Path(job["scratch"]) / "pages.jsonl"
    documents = [document for document in _read(job["pages"]) if isinstance(document, Document)]
    policies = [segment(document) for document in documents]
    if not any(policies):
        raise ClausetagError(f"{job['pages']}: none of the pages could be read")
    whole, model_alone = [], []
    stages: dict[str, list[float]] = {}
    for _ in range(job["rounds"]):
        model_alone.append(clock(lambda: tag_all(pipeline.tagger.tag_sentences, policies, pipeline.workers)))
        whole.append(clock(lambda: _predict(_read(job["pages"]), target, pipeline)))
        for name, seconds in _stages(job["pages"], pipeline, target).items():
            stages.setdefault(name, []).append(seconds)
    target.unlink(missing_ok=True)
    return {
        "pages": len(documents),
        "sentences": sum(map(len, policies)),
        "seconds": whole,
        "model_seconds": model_alone,
        "stages": {name: median(seconds) for name, seconds in stages.items()},
    }


def _stages(pages: str, pipeline: Pipeline, target: Path) -> dict[str, float]:
    """Seconds of each stage, run over all documents before the next stage starts."""
    from clausetag.data.documents.quality import quality_flags
    from clausetag.model.tokenise import EncodedPolicies, FloatArray, encode_sentences

    tagger = pipeline.tagger
    documents: list[Document] = []
    policies: list[list[Sentence]] = []
    tagged: list[list[Sentence]] = []
    encoded: list[EncodedPolicies] = []
    outputs: list[FloatArray] = []

    def tokenise(policy: list[Sentence]) -> EncodedPolicies:
        return encode_sentences(policy, tagger.tokenizer, context=tagger.artifact.context)

    found = {
        "extract": clock(lambda: documents.extend(d for d in _read(pages) if isinstance(d, Document))),
        "screen": clock(lambda: [quality_flags(document) for document in documents]),
        "segment": clock(lambda: policies.extend(map(segment, documents))),
        "tokenise": clock(lambda: encoded.extend(map(tokenise, policies))),
        "network": clock(lambda: outputs.extend(map(tagger.outputs, encoded))),
        "decide": clock(lambda: tagged.extend(map(tagger.label, policies, outputs))),
    }
    writer = cast("Pipeline", _TaggedAlready(pipeline, tagged))
    found["write"] = clock(lambda: _predict(documents, target, writer))
    return found


class _TaggedAlready:
    """Takes the place of a pipeline whose sentences are tagged, so that a run does nothing but write."""

    def __init__(self, pipeline: Pipeline, tagged: Iterable[list[Sentence]]) -> None:
        self.tagger, self.head, self.strict = pipeline.tagger, pipeline.head, pipeline.strict
        self.progress = pipeline.progress
        self._tagged = tagged

    def tag_all(self, found: Iterable[Source]) -> Iterator[TaggedSource]:
        return zip(found, self._tagged, strict=True)


def measure_peak(job: Mapping[str, Any]) -> dict[str, Any]:
    """10^9 multiply-adds a second in a product of two matrices by a library: the best of several tries."""
    product = _torch_product(job) if job["library"] == "torch" else _onnx_product(job)
    return {"gmac_per_s": job["size"] ** 3 / min(clock(product) for _ in range(job["repeats"])) / 1e9}


def _torch_product(job: Mapping[str, Any]) -> Callable[[], object]:
    import torch

    torch.set_num_threads(job["threads"])
    one = torch.ones(job["size"], job["size"], dtype=torch.bfloat16)
    return lambda: one @ one


def _onnx_product(job: Mapping[str, Any]) -> Callable[[], object]:
    import numpy as np
    import onnxruntime as ort
    from onnx import numpy_helper, parser

    shape = (job["size"], job["size"])
    model = parser.parse_model(
        f'<ir_version: 9, opset_import: ["": 17]> '
        f"peak (uint8{list(shape)} a) => (int32{list(shape)} y) {{ y = MatMulInteger (a, b) }}"
    )
    model.graph.initializer.append(numpy_helper.from_array(np.ones(shape, np.int8), "b"))
    options = session_options()
    options.intra_op_num_threads = job["threads"]
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    inputs = {"a": np.ones(shape, np.uint8)}
    return lambda: session.run(None, inputs)


def tag_all(tag: Classify, policies: Sequence[Sequence[Sentence]], workers: int) -> None:
    """Tag policies, `workers` at a time, as `clausetag predict` does."""
    if workers == 1 or len(policies) == 1:
        for policy in policies:
            tag(policy)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(tag, policies):
            pass


def clock(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def peak_mb() -> float:
    """The most memory that this process has used so far, in megabytes (10^6 bytes).

    Raises:
        ClausetagError: the system does not say (Windows).
    """
    # On Linux not getrusage, which also counts what the parent used when it started this process.
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:
        raise ClausetagError("clausetag bench cannot measure memory on this system; use Linux or macOS") from None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def _pipeline(job: Mapping[str, Any]) -> Pipeline:
    """What `clausetag predict` labels with, warm."""
    from clausetag.model.tagger import Tagger
    from clausetag.predict.pipeline import Pipeline
    from clausetag.predict.progress import Progress

    tagger: Tagger = Tagger.load(job["model"], threads=job["threads"])
    pipeline = Pipeline(tagger, tagger.artifact.default_head, False, Progress(sys.stderr, quiet=True), job["threads"])
    for document in read_documents(Path(job["texts"]))[:1]:
        pipeline.tag(document)
    return pipeline


def _read(path: str) -> Iterable[Source]:
    return read_inputs([path], BytesIO())


def _predict(found: Iterable[Source], target: Path, pipeline: Pipeline) -> None:
    """`clausetag predict` without its arguments."""
    from clausetag.predict.run import Run

    Run(target, (), "", (), pipeline, {}, (), lambda *_: None).execute(iter(found), None, resume=False)


MEASUREMENTS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "system": measure_system,
    "growth": measure_growth,
    "end_to_end": measure_end_to_end,
    "peak": measure_peak,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A measurement of `clausetag bench`, in the process that it was started in.

python -m clausetag.eval.speed.worker JOB.json ANSWER.json
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, cast

from clausetag.data.errors import ClausetagError
from clausetag.data.jsonl import write_text
from clausetag.data.records import Document, Sentence
from clausetag.data.segment import segment
from clausetag.eval.speed.subjects import OURS, Classify, Subject, load
from clausetag.eval.speed.texts import read_documents, subset

if TYPE_CHECKING:
    from clausetag.model.tagger import Tagger
    from clausetag.predict.pipeline import Pipeline, Source, TaggedSource

_WARM = 32
"""Sentences that are tagged before the clock starts."""


def main(arguments: list[str]) -> int:
    """Run one job and write its answer."""
    job_path, answer = map(Path, arguments)
    job = json.loads(job_path.read_text(encoding="utf-8"))
    try:
        found = JOBS[job["kind"]](job)
    except ClausetagError as error:
        found = {"error": str(error)}
    write_text(answer, json.dumps(found))
    return 0


def measure_row(job: Mapping[str, Any]) -> dict[str, Any]:
    """One round of one row: load, warm up, tag the sentences, tag one policy a few times."""
    subject = Subject(**job["subject"])
    documents = read_documents(Path(job["texts"]))
    policies = [segment(document) for document in documents]
    one = documents[job["latency"]]
    classify = load(subject)
    # Ours reads whole policies, as `predict` does; the others gain by batches over all sentences.
    groups = policies if subject.kind == OURS else [[s for policy in policies for s in policy]]
    if subject.sentences is not None:
        groups = [subset([s for group in groups for s in group], subject.sentences)]
    classify(policies[job["latency"]][:_WARM])
    seconds = clock(lambda: tag_all(classify, groups, subject.threads))
    latencies = [clock(lambda: classify(segment(one))) for _ in range(subject.latencies)]
    return {"seconds": seconds, "latencies": latencies, "peak_mb": peak_mb()}


def measure_growth(job: Mapping[str, Any]) -> dict[str, Any]:
    """Tag a table of policies as `clausetag predict TABLE -o FILE` does, model loaded and warm."""
    pipeline = _pipeline(job)
    target = Path(job["scratch"]) / "growth.jsonl"
    try:
        seconds = clock(lambda: _predict(job["table"], target, pipeline))
    finally:
        target.unlink(missing_ok=True)
    return {"seconds": seconds, "peak_mb": peak_mb()}


def measure_end_to_end(job: Mapping[str, Any]) -> dict[str, Any]:
    """HTML pages to a JSONL file, the model's own time for the same sentences, and the stages one after the other."""
    pipeline = _pipeline(job)
    tagger = pipeline.tagger
    scratch = Path(job["scratch"])
    target = scratch / "pages.jsonl"
    documents = [document for document in _read(job["pages"]) if isinstance(document, Document)]
    policies = [segment(document) for document in documents]
    if not any(policies):
        raise ClausetagError(f"{job['pages']}: no page could be read")
    whole, own = [], []
    stages: dict[str, list[float]] = {}
    for _ in range(job["rounds"]):
        own.append(clock(lambda: tag_all(tagger.tag_sentences, policies, pipeline.workers)))
        whole.append(clock(lambda: _predict(job["pages"], target, pipeline)))
        for name, seconds in _stages(job["pages"], pipeline, target).items():
            stages.setdefault(name, []).append(seconds)
    target.unlink(missing_ok=True)
    return {
        "pages": len(documents),
        "sentences": sum(map(len, policies)),
        "seconds": whole,
        "model_seconds": own,
        "stages": {name: median(seconds) for name, seconds in stages.items()},
    }


def _stages(pages: str, pipeline: Pipeline, target: Path) -> dict[str, float]:
    """Seconds of each stage; a stage has done all documents before the next one starts."""
    from tokenizers import Tokenizer

    from clausetag.data.documents.quality import quality_flags
    from clausetag.model.tokenise import EncodedPolicies, FloatArray, SubwordTokenizer, encode_sentences

    tagger = pipeline.tagger
    pieces = SubwordTokenizer.of(Tokenizer.from_file(str(tagger.artifact.folder / "tokenizer.json")))
    documents: list[Document] = []
    policies: list[list[Sentence]] = []
    encoded: list[EncodedPolicies] = []
    logits: list[tuple[FloatArray, FloatArray]] = []
    tagged: list[list[Sentence]] = []

    def tokenise() -> None:
        encoded.extend(encode_sentences(policy, pieces, context=tagger.artifact.context) for policy in policies)

    found = {
        "extract": clock(lambda: documents.extend(d for d in _read(pages) if isinstance(d, Document))),
        "screen": clock(lambda: [quality_flags(document) for document in documents]),
        "segment": clock(lambda: policies.extend(map(segment, documents))),
        "tokenise": clock(tokenise),
        "network": clock(lambda: logits.extend(map(tagger.logits, encoded))),
    }
    # The network's part is known by now: what is left is to tokenise once more, and to make labels of logits.
    computed, quick = iter(logits), copy(tagger)
    quick.logits = lambda encoded: next(computed)  # type: ignore[method-assign]
    found["decide"] = max(0.0, clock(lambda: tagged.extend(map(quick.tag_sentences, policies))) - found["tokenise"])
    replay = cast("Pipeline", _Replay(pipeline, iter(tagged)))
    found["write"] = clock(lambda: _run(documents, target, replay))
    return found


class _Replay:
    """Stands for a pipeline whose sentences are tagged already, so that a run is nothing but writing."""

    def __init__(self, pipeline: Pipeline, tagged: Iterable[list[Sentence]]) -> None:
        self.tagger, self.head, self.strict = pipeline.tagger, pipeline.head, pipeline.strict
        self.progress = pipeline.progress
        self._tagged = iter(tagged)

    def tag_all(self, found: Iterable[Source]) -> Iterator[TaggedSource]:
        return zip(found, self._tagged, strict=True)


def measure_peak(job: Mapping[str, Any]) -> dict[str, Any]:
    """Multiply-adds a second of a large product of 8-bit integers, by ONNX Runtime: the best of several tries."""
    import numpy as np
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    size = int(job["size"])
    generator = np.random.default_rng(0)
    weights = numpy_helper.from_array(generator.integers(-127, 128, (size, size)).astype(np.int8), "b")
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["y"])],
        "peak",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, [size, size])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [size, size])],
        [weights],
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.log_severity_level = 3
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    inputs = {"a": generator.integers(0, 256, (size, size)).astype(np.uint8)}
    seconds = min(clock(lambda: session.run(None, inputs)) for _ in range(job["repeats"]))
    return {"gmac_per_s": size**3 / seconds / 1e9}


def tag_all(tag: Classify, policies: Sequence[Sequence[Sentence]], workers: int) -> None:
    """Tag policies, as many at a time as `clausetag predict` does on so many threads."""
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
    """Most memory that this process ever had, in megabytes (10^6 bytes)."""
    # Not getrusage where it can be helped: on Linux that also counts what the parent had when it started this process.
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

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
    from clausetag.data.documents.inputs import read_inputs

    return read_inputs([path], BytesIO())


def _predict(path: str, target: Path, pipeline: Pipeline) -> None:
    _run(_read(path), target, pipeline)


def _run(found: Iterable[Source], target: Path, pipeline: Pipeline) -> None:
    """The part of `clausetag predict` behind its arguments."""
    from clausetag.predict.run import Run

    Run(target, (), "", (), pipeline, {}, (), lambda *_: None).execute(iter(found), None, resume=False)


JOBS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "row": measure_row,
    "growth": measure_growth,
    "end_to_end": measure_end_to_end,
    "peak": measure_peak,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

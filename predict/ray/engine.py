"""`clausetag predict … --engine ray`: the rows of the local engine, made by many workers, on one machine or a cluster.

The inputs are found and named on one machine. Tasks read them in parts of up to 128 documents; each worker, an actor
with a tagger of its own, tags one part at a time and writes its rows as Parquet under a name that only that part has.
So what is done twice, because a worker died, is there once; and the files in the order of their names hold the rows in
the order of the local engine. docs/HOWTO_CLUSTER.md says how to run it.

Ray and pyarrow are imported when they are asked for.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import pickle
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clausetag.data.errors import DataError, MissingExtraError
from clausetag.data.jsonl import write_text
from clausetag.model.provenance import versions
from clausetag.model.runtime import available_cores
from clausetag.model.tagger import Tagger
from clausetag.predict.progress import Progress
from clausetag.predict.ray.output import OutputFolder
from clausetag.predict.ray.plan import PART_DOCUMENTS, Table, Unit, list_inputs, plan
from clausetag.predict.ray.storage import Place, is_uri, reason
from clausetag.predict.ray.worker import Job, Outcome, PartTagger
from clausetag.predict.run_folder import OutputError, disk
from clausetag.predict.run_summary import Tally, model_rows, now
from clausetag.predict.writers.rows import load_pyarrow
from clausetag.predict.writers.writer import FORMATS, OutputWriter

_SHARED_MEMORY = 200_000_000
"""Bytes of Ray's object store on a machine of our own; it holds the parts that wait, of some 2 MB each."""
_KEPT = "nothing was written"


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what this engine cannot do.

    Raises:
        DataError: with the option and what to do.
    """
    instead = "leave it out, or leave --engine ray out"
    if arguments.output is None:
        raise DataError("--engine ray needs -o OUT, a folder for the result")
    if "-" in arguments.inputs:
        raise DataError("--engine ray reads no standard input: give a file, or leave --engine ray out")
    for option, value in (("--resume", arguments.resume), ("--table", arguments.table)):
        if value:
            raise DataError(f"{option} is not for --engine ray: {instead}")
    if arguments.format not in (None, "parquet"):
        raise DataError(f"--format {arguments.format}: --engine ray writes Parquet; {instead}")
    suffix = Path(arguments.output).suffix.lower().removeprefix(".")
    if suffix in FORMATS and not os.path.isdir(arguments.output):
        raise DataError(f"-o {arguments.output}: --engine ray writes a folder; give a name without suffix")
    if not is_uri(arguments.output):
        OutputWriter(arguments.output, "parquet")  # which refuses more names


def predict(arguments: argparse.Namespace) -> int:
    """Run `clausetag predict --engine ray`; returns 0, 1 if an input failed, or 130 if the user stopped it.

    Raises:
        DataError: an input or the output cannot be listed, Ray cannot be reached, or the run cannot go on.
        MissingExtraError: Ray is not installed.
    """
    ray = _load_ray()
    progress = Progress(sys.stderr, quiet=arguments.quiet)
    try:
        tally, summary = _run(ray, arguments, progress)
    except KeyboardInterrupt:
        progress.note(f"clausetag: interrupted; {_KEPT}")
        return 130
    except ray.exceptions.RayError as error:
        raise DataError(f"{arguments.output}: Ray stopped the run ({reason(error)}); {_KEPT}") from None
    finally:
        progress.clear()
    if arguments.run_json is not None:
        path = Path(arguments.run_json)
        with disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, summary)
    if not arguments.quiet:
        print(f"wrote {arguments.output}: {tally.line()}", file=sys.stderr)
    return 1 if tally.failed else 0


def _run(ray: Any, arguments: argparse.Namespace, progress: Progress) -> tuple[Tally, str]:
    """Write the output; returns the counts and the text of the run's summary."""
    started, began = now(), time.monotonic()
    threads = arguments.threads or 1
    tagger = Tagger.load(arguments.model, threads=threads)
    head = arguments.head or tagger.artifact.default_head
    tagger.head(head)
    model = arguments.model or os.environ.get("CLAUSETAG_MODEL") or None
    if model is not None and os.path.isdir(model):
        model = os.path.abspath(model)
    listed = list_inputs(arguments.inputs)
    tables = [entry for entry in listed if isinstance(entry, Table)]
    with OutputFolder(arguments.output) as output, _cluster(ray) as cores:
        workers = sum(machine // threads for machine in cores)
        if not workers:
            raise DataError(f"--threads {threads}: a worker needs as many cores, and the machines have {cores}")
        job = Job(model, tagger.hash, head, arguments.strict, threads, output.work)
        ids = _ids(ray, tables)
        units = plan(listed, ids, PART_DOCUMENTS)
        progress.start("", len(listed) - len(tables) + sum(map(len, ids.values())))
        parts, tally = _collect(_outcomes(ray, units, job, workers), units, arguments.output, progress, tagger.labels)
        options = {
            "inputs": arguments.inputs,
            "output": arguments.output,
            "formats": ["parquet"],
            "strict": arguments.strict,
            "threads": arguments.threads,
            "engine": "ray",
            "workers": workers,
        }
        summary = {
            **tally.rows(),
            "model": model_rows(tagger, head),
            "options": options,
            "versions": versions("parquet", "ray"),
            "started": started,
            "resumed": [],
            "finished": now(),
            "seconds": round(time.monotonic() - began, 1),
        }
        text = json.dumps(summary, indent=1) + "\n"
        output.commit(parts, text)
    return tally, text


def _load_ray() -> Any:
    load_pyarrow()
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ImportError:
        raise MissingExtraError("--engine ray", "ray") from None
    return ray


@contextmanager
def _cluster(ray: Any) -> Iterator[list[int]]:
    """The cluster that RAY_ADDRESS names, or one of our own for the ``with`` block; yields its machines' cores."""
    if ray.is_initialized():
        yield _cores(ray)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    address = os.environ.get("RAY_ADDRESS") or "local"
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address == "local":
            cores = available_cores()
            ray.init("local", num_cpus=cores, object_store_memory=_SHARED_MEMORY, include_dashboard=False, **quiet)
        else:
            ray.init(address, **quiet)
    except Exception as error:  # Ray raises bare ones too
        where = "Ray cannot be started" if address == "local" else f"RAY_ADDRESS={address}: no cluster answers there"
        raise DataError(f"{where} ({reason(error)})") from None
    try:
        yield _cores(ray)
    finally:
        ray.shutdown()


def _cores(ray: Any) -> list[int]:
    return [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]


def _ids(ray: Any, tables: Sequence[Table]) -> Mapping[Place, Sequence[tuple[int, str]]]:
    """The ids of all tables, read by one task each."""
    read = ray.remote(Table.ids)
    return dict(zip([table.place for table in tables], ray.get([read.remote(table) for table in tables]), strict=True))


def _collect(
    outcomes: Iterator[Outcome], units: Sequence[Unit], target: str, progress: Progress, labels: Sequence[str]
) -> tuple[list[str], Tally]:
    """Take in what came of the units; returns the names of their parts, and the counts.

    Raises:
        OutputError: a worker said why the run cannot go on, or a part was lost.
        RayError: the cluster is broken.
    """
    total = Tally(labels=dict.fromkeys(labels, 0))
    done: dict[str, tuple[int, int, bool]] = {}
    for outcome in outcomes:
        if outcome.error is not None or outcome.part is None:
            raise OutputError(f"{target}: {outcome.error}; {_KEPT}")
        part = outcome.part
        if part.name in done:
            continue
        done[part.name] = (part.unit, part.number, part.last)
        for note in outcome.notes:
            progress.note(note)
        total = add(total, outcome.tally)
        for number in range(outcome.tally.documents):
            progress.step(outcome.tally.sentences if not number else 0)
    ends = {unit: number for unit, number, last in done.values() if last}
    if set(ends) != {unit.number for unit in units} or len(done) != sum(ends.values()) + len(ends):
        raise OutputError(f"{target}: Ray lost a part of the inputs; {_KEPT}")
    return sorted(done), total


def _outcomes(ray: Any, units: Sequence[Unit], job: Job, workers: int) -> Iterator[Outcome]:
    """Of each part, as they come."""
    if not units:
        return
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what goes wrong is said in one line
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    # A block of rows is what one worker gets; it is to be one part.
    context.target_max_block_size = 1
    with ray.data.DataContext.current(context):
        rows = [{"unit": pickle.dumps(unit)} for unit in units]
        parts = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _read,
            batch_size=1,
            batch_format="pyarrow",
            # Reading waits for storage and for workers; without a core of its own it can go on beside them.
            num_cpus=0,
            compute=ray.data.TaskPoolStrategy(size=1 + workers // 8),
        )
        outcomes = parts.map_batches(
            _Worker,
            fn_constructor_args=(job,),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=job.threads,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers),
        )
        for row in outcomes.iter_rows():
            yield pickle.loads(row["outcome"])


def _read(batch: Any) -> Iterator[Any]:
    """A table with one unit to tables with one part each, or with an outcome that ends the run."""
    try:
        for part in pickle.loads(batch["unit"][0].as_py()).parts():
            yield _table("part", part)
    except OSError as error:  # the machine's fault; a file's is in the parts
        yield _table("part", Outcome(None, Tally(), error=f"a machine cannot read ({reason(error)})"))


class _Worker:
    """`PartTagger` on the tables of Ray Data."""

    def __init__(self, job: Job) -> None:
        self._tagger = PartTagger(job)

    def __call__(self, batch: Any) -> Any:
        part = pickle.loads(batch["part"][0].as_py())
        return _table("outcome", part if isinstance(part, Outcome) else self._tagger.tag(part))


def _table(name: str, value: Any) -> Any:
    pyarrow, _ = load_pyarrow()
    return pyarrow.table({name: pyarrow.array([pickle.dumps(value)], pyarrow.large_binary())})


def add(one: Tally, other: Tally) -> Tally:
    """The counts of both."""
    return Tally(
        one.documents + other.documents,
        one.sentences + other.sentences,
        one.unlabelled + other.unlabelled,
        {label: count + other.labels[label] for label, count in one.labels.items()},
        one.failures + other.failures,
        one.flagged + other.flagged,
        one.flags + other.flags,
    )

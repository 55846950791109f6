"""`clausetag predict … --engine ray`: the rows of the local engine, made by many workers on one machine or a cluster.

clausetag predict 's3://bucket/*.parquet' -o s3://bucket/tagged --engine ray

The work is a pipeline of Ray Data: sources → read parts of up to 128 policies → tag them → write their files. Ray
starts the workers, retries what dies with one, and keeps memory bounded. A part's files depend on nothing but its
policies, so whatever is done twice is there once. docs/HOWTO_CLUSTER.md has the user's side.

Why this isn't `read_json → map_batches → write_parquet` with Ray's checkpoints: with Ray 2.60 a damaged line or file
ends the run or is dropped without a row, and a policy that kills its worker is retried for ever. Policies read in any
other way are not known to the checkpoints, so that a resumed run writes some of them twice. docs/LOG.md has the trials.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clausetag.data.documents.discover import Search, passed_over_line
from clausetag.data.errors import DataError, MissingExtraError, first_line
from clausetag.data.jsonl import write_text
from clausetag.model.provenance import versions
from clausetag.model.runtime import available_cores
from clausetag.predict.batch import BatchTagger
from clausetag.predict.options import columns_of
from clausetag.predict.parts.folder import DATASETS as DATASETS
from clausetag.predict.parts.folder import PartFolder
from clausetag.predict.parts.inputs import PART_POLICIES, error_text, find, is_uri
from clausetag.predict.parts.job import Attempts, Job, merged
from clausetag.predict.progress import Progress
from clausetag.predict.run_folder import OutputError, disk
from clausetag.predict.run_summary import model_rows, now
from clausetag.predict.writers.rows import load_pyarrow
from clausetag.predict.writers.writer import FORMATS, OutputWriter

_OBJECT_STORE = 200_000_000
"""Bytes of shared memory on a machine of our own. A waiting part has some 2 MB."""


class RayCluster:
    """The cluster that RAY_ADDRESS names, or one of our own for the ``with`` block.

    Raises:
        MissingExtraError: Ray is not installed.
        DataError: Ray cannot be reached or started (in the ``with`` statement), or the run cannot go on.
    """

    def __init__(self, progress: bool = False) -> None:
        """`progress`: show Ray's progress bars on the terminal."""
        load_pyarrow()
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise MissingExtraError("--engine ray", error.name) from None
        self._ray: Any = ray
        self._progress = progress
        self._own = False

    def __enter__(self) -> RayCluster:
        if self._ray.is_initialized():
            return self
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        address = os.environ.get("RAY_ADDRESS") or "local"
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address == "local":
            options.update(num_cpus=available_cores(), object_store_memory=_OBJECT_STORE, include_dashboard=False)
        try:
            self._ray.init(address, **options)
        except Exception as error:  # Ray raises bare ones too
            failed = (
                "Ray cannot be started" if address == "local" else f"RAY_ADDRESS={address}: no cluster answers there"
            )
            raise DataError(f"{failed} ({error_text(error)})") from None
        self._own = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._ray.shutdown()

    def cores(self) -> list[int]:
        """Of each machine."""
        return [int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]]

    def run(self, job: Job, workers: int) -> dict[str, Any]:
        """Read, tag and write; returns Ray's statistics of each step.

        Raises:
            OutputError: the run cannot go on.
        """
        ray, data = self._ray, self._ray.data
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors become one line
        context = data.DataContext.get_current().copy()
        context.enable_progress_bars = self._progress
        context.raise_original_map_exception = True
        # A block is one row, which is one part: what a worker gets, and what is done again if the worker dies.
        context.target_max_block_size = 1
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        attempts = ray.remote(num_cpus=0, scheduling_strategy=here)(Attempts).remote()

        def read(_: Any) -> Iterator[dict[str, list[bytes]]]:
            for part in job.read():
                yield {"part": [pickle.dumps(part)]}

        class Worker:
            def __call__(self, batch: Any) -> dict[str, list[Any]]:
                files = job.tag(
                    pickle.loads(batch["part"][0].as_py()),
                    lambda name: ray.get(attempts.begin.remote(name)),
                    lambda name: ray.get(attempts.finish.remote(name)),
                )
                return {name: [value] for name, value in files.items()}

        class Parts(data.Datasink):  # type: ignore[misc, name-defined]
            def write(self, blocks: Any, _: Any) -> None:
                for block in blocks:
                    for files in block.to_pylist():
                        job.folder.write_part(files)

        # Reading and writing wait for storage; without cores of their own they go on beside the workers.
        with data.DataContext.current(context), self._one_line_errors():
            dataset = (
                data.from_items([{"run": 0}])
                .map_batches(read, batch_format="pyarrow", num_cpus=0, compute=data.TaskPoolStrategy(size=1))
                .map_batches(
                    Worker,
                    batch_size=1,
                    batch_format="pyarrow",
                    num_cpus=job.tagger.threads,
                    # A part takes long, so none waits at one worker while another is idle.
                    compute=data.ActorPoolStrategy(
                        min_size=1, max_size=None, initial_size=workers, max_tasks_in_flight_per_actor=1
                    ),
                )
            )
            dataset.write_datasink(Parts(), ray_remote_args={"num_cpus": 0}, concurrency=1 + workers // 8)
        steps: dict[str, Any] = {}
        waiting = [dataset.get_stats_summary()]
        for summary in waiting:
            waiting += summary.parents
            for step in summary.operators_stats:
                if step.wall_time and step.cpu_time:
                    seconds = {"seconds": step.wall_time.sum, "cpu_seconds": step.cpu_time.sum}
                    steps[step.operator_name] = {name: round(value, 1) for name, value in seconds.items()}
        return steps

    @contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except self._ray.exceptions.RayError as error:
            reason: BaseException = error
            while isinstance(cause := getattr(reason, "cause", None) or reason.__cause__, BaseException):
                reason = cause
            # The first line is the error's own; Ray Data adds others.
            said = error_text(reason) if isinstance(reason, OSError) else first_line(reason)
            raise OutputError(f"Ray stopped the run ({said})") from None


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what this engine cannot do.

    Raises:
        DataError: names the option and says what to do.
    """
    instead = "leave it out, or leave --engine ray out"
    if arguments.output is None:
        raise DataError("--engine ray needs -o OUT, a folder for the result")
    if "-" in arguments.inputs:
        raise DataError("--engine ray does not read standard input: give a file, or leave --engine ray out")
    if arguments.table:
        raise DataError(f"--table does not work with --engine ray: {instead}")
    if arguments.format not in (None, "parquet"):
        raise DataError(f"--format {arguments.format}: --engine ray writes Parquet; {instead}")
    suffix = Path(arguments.output).suffix.lower().removeprefix(".")
    if suffix in FORMATS and not os.path.isdir(arguments.output):
        raise DataError(f"-o {arguments.output}: --engine ray writes a folder; give a name without suffix")
    if not is_uri(arguments.output):
        OutputWriter(arguments.output, "parquet")  # which refuses more names


def predict(
    arguments: argparse.Namespace,
    cluster: Callable[[bool], Any] = RayCluster,
    part_policies: int = PART_POLICIES,
) -> int:
    """Run `clausetag predict --engine ray`; returns 0, 1 if an input failed, or 130 if the user stopped it.

    Tests give another `cluster`, and fewer policies for each part.

    Raises:
        DataError: an input or the output cannot be listed, Ray cannot be reached, or the run cannot go on.
        MissingExtraError: Ray is not installed.
    """
    progress = Progress(sys.stderr, quiet=arguments.quiet)
    machines = cluster(progress.shown)
    model = arguments.model or os.environ.get("CLAUSETAG_MODEL") or None
    if model is not None and os.path.isdir(model):
        model = os.path.abspath(model)
    tagger = BatchTagger(
        model,
        head=arguments.head,
        strict=arguments.strict,
        threads=arguments.threads or 1,
        attributes=not arguments.no_attributes,
    )
    search = Search(arguments.all)
    found = find(arguments.inputs, search)
    folder = PartFolder.open(arguments.output)
    with folder.lock(), folder.errors():
        began, clock = now(), time.time()
        records = folder.records()
        if records and not arguments.resume:
            progress.note(f"clausetag: {arguments.output}: starting anew; there was an unfinished run")
            folder.clear()
            records = {}
        elif arguments.resume:
            progress.note(f"clausetag: {arguments.output}: continuing after {len(records):,} parts")
        folder.prepare()
        done = {name: record["key"] for name, record in records.items()}
        job = Job(
            found, part_policies, tagger, folder, done, began, clock, columns_of(arguments), arguments.document_seconds
        )
        try:
            with machines:
                cores = machines.cores()
                workers = sum(machine // tagger.threads for machine in cores)
                if not workers:
                    needed = f"a worker needs as many cores, and the machines have {cores}"
                    raise DataError(f"--threads {tagger.threads}: {needed}")
                steps = machines.run(job, workers)
        except (KeyboardInterrupt, OutputError) as error:
            kept = "the same command with --resume continues" if folder.records() else "nothing was written"
            if isinstance(error, OutputError):
                raise OutputError(f"{arguments.output}: {error}; {kept}") from None
            progress.note(f"clausetag: interrupted; {kept}")
            return 130
        parts = folder.complete()
        for record in parts.values():
            for line in record["notes"]:
                progress.note(line)
        if search.passed_over:
            progress.note(f"clausetag: {passed_over_line(search.passed_over)}")
        tally, sessions = merged(parts.values(), {began: time.time() - clock})
        tally.passed_over = search.passed_over
        options = {
            "inputs": arguments.inputs,
            "output": arguments.output,
            "formats": ["parquet"],
            "all": arguments.all,
            "columns": list(job.columns.names),
            "strict": arguments.strict,
            "document_seconds": arguments.document_seconds,
            "attributes": tagger.attributes,
            "threads": arguments.threads,
            "engine": "ray",
            "workers": workers,
        }
        summary = {
            **tally.rows(),
            "model": model_rows(tagger.tagger, tagger.head),
            "options": options,
            "versions": versions("parquet", "ray"),
            "started": min(sessions),
            "resumed": sorted(sessions)[1:],
            "finished": now(),
            "seconds": round(sum(sessions.values()), 1),
            "ray": steps,
        }
        text = json.dumps(summary, indent=1) + "\n"
        folder.commit(set(parts), text)
    if arguments.run_json is not None:
        path = Path(arguments.run_json)
        with disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
    if not arguments.quiet:
        print(f"wrote {arguments.output}: {tally.line()}", file=sys.stderr)
    return 1 if tally.failed else 0

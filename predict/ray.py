"""`clausetag predict … --engine ray`: the rows of the local engine, made by many workers on one machine or a cluster.

clausetag predict 's3://bucket/*.parquet' -o s3://bucket/tagged --engine ray

The work is a pipeline of Ray Data: sources → read parts of up to 128 policies → tag them → write their files. Ray
starts the workers, retries what dies with one, and keeps memory bounded. A part's files depend on nothing but its
policies, so whatever is done twice is there once. docs/HOWTO_CLUSTER.md has the user's side.

Why this isn't `read_json → map_batches → write_parquet`: with Ray 2.60, one damaged line or file ends the run or is
dropped without a row, a policy that kills its worker is retried for ever, and after a resumed run (checkpoints) the
files' names no longer give the order of the rows.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import pickle
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from clausetag import __version__
from clausetag.data.errors import DataError, MissingExtraError
from clausetag.data.jsonl import write_text
from clausetag.data.records import FailedInput
from clausetag.model.provenance import versions
from clausetag.model.runtime import available_cores
from clausetag.predict.batch import PREDICTIONS, BatchTagger, flatten, to_parquet
from clausetag.predict.part_folder import DOCUMENTS, RECORDS, PartFolder
from clausetag.predict.parts import PART_POLICIES, Found, Item, Part, error_text, find, is_uri, part_name, read_parts
from clausetag.predict.pipeline import TaggedSource
from clausetag.predict.progress import Progress
from clausetag.predict.run_folder import OutputError, disk
from clausetag.predict.run_summary import Tally, model_rows, now
from clausetag.predict.writers.rows import load_pyarrow
from clausetag.predict.writers.writer import FORMATS, OutputWriter

_OBJECT_STORE = 200_000_000
"""Bytes of shared memory on a machine of our own. A waiting part has some 2 MB."""
_PART_ATTEMPTS = 2
"""How often a part may be begun before its policies are watched one by one: machines come and go."""
_POLICY_ATTEMPTS = 2
"""How often a watched policy may be begun without being finished."""


class Attempts:
    """Counts what was begun and not finished. Ray runs it on the machine of the command."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, name: str) -> int:
        """Count one more attempt and return the number of them."""
        self._begun[name] += 1
        return self._begun[name]

    def finish(self, name: str) -> None:
        """Forget the attempts."""
        del self._begun[name]


@dataclass(frozen=True)
class Job:
    """What is done to all parts of a run. It can be pickled."""

    found: Sequence[Found]
    """The inputs."""
    size: int
    """Policies of a part at most."""
    tagger: BatchTagger
    folder: PartFolder
    done: Mapping[str, str]
    """The keys of the parts that are complete already, by name."""
    began: str
    """When this session of the run began, as in `run.json`."""
    clock: float
    """The same, in seconds since 1970."""

    def read(self) -> Iterator[Part]:
        """The parts that are to be tagged, in order.

        Raises:
            OSError: the machine's fault, such as too many open files.
        """
        for part in read_parts(self.found, self.size):
            if self.done.get(part.name) != self.key(part):
                if part.name in self.done:
                    self.folder.forget(part.name)
                yield part

    def key(self, part: Part) -> str:
        """Names all that a part's files depend on."""
        tagger = self.tagger
        settings = f"{__version__} {tagger.hash} {tagger.head} {tagger.strict} {part.digest}"
        return sha256(settings.encode()).hexdigest()

    def tag(self, part: Part, begin: Callable[[str], int], finish: Callable[[str], None]) -> dict[str, Any]:
        """The part's `name`, and the content of its files by folder.

        `begin` and `finish` are those of `Attempts`, which outlives this process.

        Raises:
            ArtifactError: the model cannot be loaded, or is another one than the run's.
            OSError: the machine's fault, such as a full disk.
        """
        watched = begin(part.name) > _PART_ATTEMPTS
        results: list[TaggedSource] = []
        for number, item in enumerate(part.items):
            name = f"{part.name} {number}"
            if not isinstance(item, Item):
                results.append(self.tagger.pipeline.tag(item))
            elif watched and begin(name) > _POLICY_ATTEMPTS:
                reason = f"could not be tagged ({_POLICY_ATTEMPTS} workers died of it, or ran out of memory)"
                results.append(self.tagger.pipeline.tag(FailedInput(item.policy, "failed", f"{item.shown}: {reason}")))
            else:
                results.append(self.tagger.pipeline.tag(item.extract()))
                if watched:
                    finish(name)
        table = self.tagger.table(results)
        tally = Tally(labels=dict.fromkeys(self.tagger.tagger.labels, 0))
        for result in results:
            tally.add(*result)
        record = {
            "key": self.key(part),
            "last": part.last,
            "began": self.began,
            "seconds": round(time.time() - self.clock, 1),
            "counts": tally.rows(),
            "notes": self.tagger.take_notes(),
        }
        return {
            "name": part.name,
            PREDICTIONS: to_parquet(flatten(table)),
            DOCUMENTS: to_parquet(table.drop_columns([PREDICTIONS])),
            RECORDS: json.dumps(record).encode(),
        }


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
        self._ray = ray
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
            where = (
                "Ray cannot be started" if address == "local" else f"RAY_ADDRESS={address}: no cluster answers there"
            )
            raise DataError(f"{where} ({error_text(error)})") from None
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
        context.target_max_block_size = (
            1  # a block is one row, which is one part: what a worker gets, and again if it dies
        )
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
                    compute=data.ActorPoolStrategy(min_size=1, max_size=None, initial_size=workers),
                )
            )
            dataset.write_datasink(Parts(), ray_remote_args={"num_cpus": 0})
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
            raise OutputError(f"Ray stopped the run ({error_text(reason)})") from None


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
    tagger = BatchTagger(model, head=arguments.head, strict=arguments.strict, threads=arguments.threads or 1)
    found = find(arguments.inputs)
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
        job = Job(found, part_policies, tagger, folder, done, began, clock)
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
        complete = _complete(folder)
        tally = Tally(labels=dict.fromkeys(tagger.tagger.labels, 0))
        sessions = {began: time.time() - clock}
        for record in complete.values():
            _add(tally, record["counts"])
            sessions[record["began"]] = max(record["seconds"], sessions.get(record["began"], 0.0))
            for line in record["notes"]:
                progress.note(line)
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
        folder.commit(set(complete), text)
    if arguments.run_json is not None:
        path = Path(arguments.run_json)
        with disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
    if not arguments.quiet:
        print(f"wrote {arguments.output}: {tally.line()}", file=sys.stderr)
    return 1 if tally.failed else 0


def _complete(folder: PartFolder) -> dict[str, Any]:
    """The records of all parts, in order.

    Raises:
        OutputError: there is no record of a part.
    """
    records = folder.records()
    found: dict[str, Any] = {}
    for number in count():
        name = part_name(number)
        if name not in records:
            raise OutputError(
                f"{folder.shown}: Ray lost a part of the inputs; the same command with --resume continues"
            )
        found[name] = records[name]
        if found[name]["last"]:
            return found
    raise AssertionError


def _add(tally: Tally, rows: Mapping[str, Any]) -> None:
    """Add the counts of a part, in the form of `Tally.rows`."""
    tally.documents += rows["documents"]["total"]
    tally.flagged += rows["documents"]["flagged"]
    tally.sentences += rows["sentences"]
    tally.unlabelled += rows["unlabelled"]
    for label, number in rows["labels"].items():
        tally.labels[label] += number
    tally.failures.update(rows["failures"])
    tally.flags.update(rows["flags"])

"""Load figures for docs/SERVICE.md: the service under wrk against the bare tagger, measured in the same run.

python -m tests.serving.load               # `make load`: about ten minutes, on a machine that does nothing else
python -m tests.serving.load --seconds 5   # tried in small
python -m tests.serving.load --isolation   # only what reading in a process of its own costs; seconds, without wrk

wrk (Debian's package of that name) keeps 1, 8 and 64 requests going over as many connections. The tagger is measured
in this process with as many threads, before and after, one text after the other; what it does for a text (extraction,
sentences, tokens, network, labels) is all that the service does but JSON, HTTP and the doubts about the document.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from clausetag.data.corpora.five import read_source
from clausetag.data.errors import ClausetagError
from clausetag.data.processes import WorkerProcess
from clausetag.model.runtime import available_cores
from clausetag.model.tagger import Tagger
from clausetag.serving.runtime.prepare import ModelFiles, PolicySource, TextLimits, prepare, prepared
from tests.serving.process import exchange, service

POLICIES = {"short": "000_sagenext", "long": "002_clicentrix"}
CLIENTS = (1, 8, 64)
KEPT = 0.8
OVERHEAD_MS = 5.0
ISOLATION_MS = 3.0
_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.body = file:read("*a")
done = function(summary, latency)
  local e = summary.errors
  io.stderr:write(string.format('{"requests": %d, "seconds": %f, "p50": %f, "p95": %f, "p99": %f, "failed": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk measured; times in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds


def under_load(url: str, body: Path, script: Path, clients: int, seconds: float) -> Load:
    """Keep `clients` requests going for a time."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{round(seconds)}s", "--timeout", "600s", "-s", str(script)]
    environment = {**os.environ, "BODY": str(body)}
    done = subprocess.run([*command, f"{url}predict"], env=environment, capture_output=True, text=True, check=True)
    return Load(**json.loads(done.stderr.strip().splitlines()[-1]))


def bare(tagger: Tagger, text: str, seconds: float) -> list[float]:
    """Milliseconds that the tagger takes for the text, again and again."""
    found: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(found) < 3:
        start = time.perf_counter()
        tagger.tag(text)
        found.append(1000 * (time.perf_counter() - start))
    return found


def isolation(tagger: Tagger, text: str, times: int = 100) -> tuple[float, float]:
    """Median milliseconds to prepare a text for the network (in this process, in another), one after the other."""
    model = ModelFiles(tagger.artifact.folder, tagger.hash)
    arguments = (model, PolicySource(text, "text", "text"), TextLimits(10**6, 10**6))
    process = WorkerProcess("clausetag.serving.preload", 10**9)
    here: list[float] = []
    there: list[float] = []
    for _ in range(times + 1):
        for found, call in ((here, prepare), (there, partial(process.call, prepare, seconds=60))):
            start = time.perf_counter()
            prepared(call(*arguments))
            found.append(1000 * (time.perf_counter() - start))
    process.close()
    return median(here[1:]), median(there[1:])  # without the first, which loads the tokenizer


def main() -> int:
    """Measure and print the table; returns 1 if the service keeps too little or adds too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement (60)")
    parser.add_argument("--threads", type=int, default=available_cores(), help="of the network (all cores)")
    parser.add_argument("--isolation", action="store_true", help="only what reading in another process costs")
    arguments = parser.parse_args()
    if not (arguments.isolation or shutil.which("wrk")):
        raise ClausetagError("this needs wrk: apt-get install wrk")
    rows: list[str] = []
    good = True
    for kind, policy in POLICIES.items():
        text = read_source(policy)
        tagger = Tagger.load(threads=arguments.threads)
        tagger.tag(text)
        here, there = isolation(tagger, text)
        print(f"{kind}: reading takes {here:.1f} ms in the process, {there:.1f} in another", file=sys.stderr)
        if arguments.isolation:
            good = good and there - here <= ISOLATION_MS
            continue
        alone = bare(tagger, text, arguments.seconds / 2)
        loads: list[Load] = []
        with (
            tempfile.TemporaryDirectory() as folder,
            service("--threads", str(arguments.threads), "--deadline-seconds", "600") as running,
        ):
            body, script = Path(folder) / "body.json", Path(folder) / "post.lua"
            body.write_text(json.dumps({"text": text}), encoding="utf-8")
            script.write_text(_SCRIPT, encoding="utf-8")
            exchange(running.address, body.read_bytes())
            loads = [under_load(running.url, body, script, clients, arguments.seconds) for clients in CLIENTS]
        alone += bare(tagger, text, arguments.seconds / 2)
        rate, latency = 1000 * len(alone) / sum(alone), median(alone)
        name = f"{kind} ({len(text.split()):,} words)"
        rows.append(f"| {name} | bare tagger | {latency:.0f} | | | {rate:.2f} | 100 % |")
        for clients, load in zip(CLIENTS, loads, strict=True):
            figures = f"{load.p50:.0f} | {load.p95:.0f} | {load.p99:.0f} | {load.rate:.2f}"
            rows.append(f"| {name} | {clients} | {figures} | {load.rate / rate:.0%} |".replace("%", " %"))
        extra = loads[0].p50 - latency
        failed = sum(load.failed for load in loads)
        print(f"{name}: one client {extra:+.1f} ms over the bare tagger, {failed} requests failed", file=sys.stderr)
        good = good and not failed and extra < OVERHEAD_MS and loads[-1].rate >= KEPT * rate
    if not rows:
        return 0 if good else 1
    print("| policy | clients | p50, ms | p95, ms | p99, ms | policies a second | of the bare tagger |")
    print("|---|---|---|---|---|---|---|", *rows, sep="\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""Hostile documents beside small requests, and kills of readers and workers: evidence for docs/SERVICE.md.

python -m tests.serving.attack                 # 500 documents, four at a time; about half an hour on two cores
python -m tests.serving.attack --documents 50  # tried in small
python -m tests.serving.attack --kills 600     # 600 seconds of load, with processes killed at random

In the first, each document is of one of the kinds below, with a length and a variant drawn at random, and every 200 ms
somebody sends a small request of another kind. It fails if one of those is not answered with 200 within 2 seconds, if
the memory of all processes together exceeds what docs/SERVICE.md says, or if SIGTERM does not end the service. In the
second, every request must be answered with 200 or cleanly refused, but for those whose connection a killed worker held.
Linux only (/proc).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from clausetag.data.corpora.five import FIVE, read_source
from tests.data.documents.pdf_fixture import typeset, write_pdf
from tests.serving.process import Answer, Process, exchange, service
from tests.serving.runtime.test_kills import children

SMALL_SECONDS = 2.0
MEMORY_MB = 2800.0
CLIENTS = 4
REFUSED = {400, 413, 415, 422, 429, 504}
Attack = tuple[str, bytes]
_SMALL: tuple[Attack, ...] = (
    ("application/json", b'{"text": "We encrypt it. You may opt out."}'),
    ("application/json", b'{"html": "<h1>Privacy</h1><p>We keep logs for 30 days.</p>"}'),
    ("text/markdown", b"# Privacy\n\nWe never [sell](/x) your data."),
    ("application/json", b'{"sentences": ["We encrypt it.", "You may opt out."]}'),
)


def _repeated(kind: str, part: bytes, end: bytes = b"") -> Callable[[int], Attack]:
    return lambda size: (kind, part * (size // len(part)) + end)


def _json(key: str, part: str) -> Callable[[int], Attack]:
    return lambda size: ("application/json", json.dumps({key: part * (size // len(part))}).encode())


def _word_bomb(size: int) -> Attack:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"<w:p>" * size)
        archive.writestr("[Content_Types].xml", b" " * size)
    return "application/vnd.openxmlformats-officedocument.wordprocessingml.document", packed.getvalue()


def _form(size: int) -> Attack:
    head = b'--a\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    return "multipart/form-data; boundary=a", head + b"\r\n--" * (size // 4) + b"\r\n--a--\r\n"


def _pdf(size: int) -> Attack:
    return "application/pdf", write_pdf(typeset([("We keep your data. " * 8, "paragraph")] * (size // 2000 + 1)))


_HTML, _MARKDOWN, _TEXT = "text/html", "text/markdown", "text/plain"
ATTACKS: dict[str, Callable[[int], Attack]] = {
    "paragraphs": _repeated(_HTML, b"<p>a b"),
    "nested": _repeated(_HTML, b"<div>"),
    "inline": _repeated(_HTML, b"<b><i>a "),
    "tables": _repeated(_HTML, b"<table><tr><td>a b"),
    "comments": _repeated(_HTML, b"<!-- -->"),
    "open comments": _repeated(_HTML, b"<!--"),
    "open scripts": _repeated(_HTML, b"<script>"),
    "attributes": lambda size: (_HTML, b"<p " + b"a=b " * (size // 4) + b">We keep it"),
    "entities": _repeated(_HTML, b"&amp;lt;"),
    "menus": _repeated(_HTML, b"<ul><li><a href=/x>We collect your data</a>"),
    "headings": _repeated(_HTML, b"<h1>Privacy</h1><p>We collect your personal information here."),
    "links": _repeated(_MARKDOWN, b"[a]("),
    "brackets": _repeated(_MARKDOWN, b"["),
    "quotes": _repeated(_MARKDOWN, b"> "),
    "emphasis": _repeated(_MARKDOWN, b"*a_ "),
    "lists": _repeated(_MARKDOWN, b"* a\n"),
    "ticks": _repeated(_MARKDOWN, b"`a``"),
    "rows": _repeated(_MARKDOWN, b"|a|b|\n|-|-|\n"),
    "pages in text": _repeated(_TEXT, b"<p>a\n"),
    "stops": _repeated(_TEXT, b"A. "),
    "spaces": _repeated(_TEXT, b" \n\t", b"We keep it."),
    "one word": _repeated(_TEXT, b"a"),
    "controls": _repeated(_TEXT, b"\0\x01"),
    "json text": _json("text", "U.S. v. e.g. "),
    "json page": _json("html", "<p>a <b>b</b>"),
    "json list": lambda size: ("application/json", b'{"sentences": [' + b'"a",' * (size // 4) + b'"a"]}'),
    "json depth": _repeated("application/json", b'{"text":['),
    "form": _form,
    "word": _word_bomb,
    "pdf": _pdf,
    "not a pdf": _repeated("application/pdf", b"%PDF-1.4 1 0 obj <<"),
}


def memory(running: Process) -> float:
    """Megabytes of all processes of the service; what they share counts once."""
    total = 0
    for pid in {running.process.pid, *children(running.process.pid)}:
        with suppress(OSError):
            rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
    return total / 1000


def attacked(running: Process, documents: int, seed: int) -> bool:
    """Send hostile documents and small requests; whether all small ones were answered in time."""
    rng = random.Random(seed)
    waiting = [(rng.choice(list(ATTACKS)), int(10 ** rng.uniform(2, 6.98))) for _ in range(documents)]
    current: list[tuple[str, int]] = []
    statuses: Counter[int] = Counter()
    small: list[Answer] = []
    most = [0.0]

    def attack() -> None:
        while True:
            try:
                name, size = waiting.pop()
            except IndexError:
                return
            kind, body = ATTACKS[name](size)
            current.append((name, size))
            statuses[exchange(running.address, body, kind).status] += 1
            current.remove((name, size))

    def ask(number: int) -> None:
        kind, body = _SMALL[number % len(_SMALL)]
        beside = list(current)
        small.append(exchange(running.address, body, kind))
        if small[-1].seconds > SMALL_SECONDS / 2:
            print(f"{body!r} took {small[-1].seconds:.2f} s beside {beside}", flush=True)

    attackers = [threading.Thread(target=attack) for _ in range(CLIENTS)]
    asking: list[threading.Thread] = []
    for thread in attackers:
        thread.start()
    while any(thread.is_alive() for thread in attackers):
        asking.append(threading.Thread(target=ask, args=(len(asking),)))
        asking[-1].start()
        if len(asking) % 5 == 0:
            most[0] = max(most[0], memory(running))
        if len(asking) % 100 == 0:
            slowest = max(answer.seconds for answer in small)
            print(f"{len(waiting):4} left, slowest small request {slowest:.2f} s, {most[0]:.0f} MB", flush=True)
        time.sleep(0.2)
    for thread in [*attackers, *asking]:
        thread.join()
    times = sorted(answer.seconds for answer in small)
    print(f"{documents} documents: {dict(sorted(statuses.items()))}")
    print(f"{len(small)} small requests: {dict(Counter(answer.status for answer in small))}")
    print(
        f"median {times[len(times) // 2]:.3f} s, 99 % {times[int(0.99 * len(times))]:.2f} s, slowest {times[-1]:.2f} s"
    )
    print(f"most memory of all processes {most[0]:.0f} MB")
    good = all(answer.status == 200 for answer in small) and times[-1] <= SMALL_SECONDS
    return good and most[0] <= MEMORY_MB and statuses.keys() <= {200, *REFUSED}


def killed(running: Process, seconds: float, seed: int) -> bool:
    """Load, with readers and workers killed at random; whether every request was answered or cleanly refused."""
    rng = random.Random(seed)
    bodies: list[Attack] = [("text/plain", read_source(policy)[:4000].encode()) for policy in FIVE]
    bodies += [*_SMALL, _pdf(20_000)]
    statuses: Counter[int] = Counter()
    kills: Counter[str] = Counter()
    end = threading.Event()

    def ask_on() -> None:
        while not end.is_set():
            kind, body = rng.choice(bodies)
            statuses[exchange(running.address, body, kind).status] += 1

    clients = [threading.Thread(target=ask_on) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        time.sleep(rng.uniform(0.5, 3))
        first = children(running.process.pid, deep=False)
        workers = [pid for pid in first if children(pid)]
        readers = [pid for worker in workers for below in children(worker, deep=False) for pid in children(below)]
        kind, pids = ("worker", workers) if rng.random() < 0.1 else ("reader", readers)
        if pids:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(sorted(pids)), signal.SIGKILL)
                kills[kind] += 1
    end.set()
    for client in clients:
        client.join()
    print(f"killed {dict(kills)}; answers by status (0: connection closed): {dict(sorted(statuses.items()))}")
    return statuses.keys() <= {0, 200, 422, 429, 503} and statuses[0] <= CLIENTS * kills["worker"]


def main() -> int:
    """Run one of the two; returns 0 if the service withstood."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--kills", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    options = ("--workers", "2") if arguments.kills else ()
    with service(*options, "--grace-seconds", "5") as running:
        if arguments.kills:
            good = killed(running, arguments.kills, arguments.seed)
        else:
            good = attacked(running, arguments.documents, arguments.seed)
        running.process.send_signal(signal.SIGTERM)
        good = running.wait() == 0 and good
    print("passed" if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

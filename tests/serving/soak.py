"""A soak: the service under mixed requests for ten minutes; its memory and its open files stay where they were.

python -m tests.serving.soak               # 600 seconds; `make soak`
python -m tests.serving.soak 60            # tried in small

Six clients send what clients send: policies as text, HTML, sentences, lists and PDF, requests that are wrong, too large
or given up half-way, and more at once than the queue holds. After the first minute, and not before each client has sent
each request once, the memory of all processes together may not grow by more than a tenth until the end, nor the
number of open files of the first by more than a few. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from statistics import median

from clausetag.data.corpora.five import FIVE, read_source
from tests.data.documents.pdf_fixture import typeset, write_pdf
from tests.serving.attack import memory
from tests.serving.process import Process, exchange, service

CLIENTS = 6
WARM_UP = 60.0
GROWTH = 0.10
MORE_FILES = 3
EXPECTED = {200, 400, 413, 415, 422, 429}


def _requests() -> list[tuple[bytes, str]]:
    texts = [read_source(policy) for policy in FIVE]
    html = "<h1>Privacy</h1>" + "".join(f"<p>{line}</p>" for line in texts[1].splitlines())
    lines = [line for line in texts[2].splitlines() if line.strip()][:40]
    values: list[object] = [
        *({"text": text} for text in texts),
        {"text": texts[0], "scores": False, "head": "opp115"},
        {"html": html, "categories": ["Data Security"]},
        {"sentences": lines},
        {"sentences": lines, "context": False},
        {"policies": [{"id": "a", "text": texts[3]}, {"id": "b", "html": "<p></p>"}]},
        {"text": 1},
        {"text": "a" * 1_100_000},
    ]
    pdf = write_pdf(typeset([(line, "paragraph") for line in lines]))
    return [
        *((json.dumps(value).encode(), "application/json") for value in values),
        (b"{", "application/json"),
        (b" " * 3_000_000, "text/plain"),
        (texts[4].encode(), "text/markdown"),
        (pdf, "application/pdf"),
        (pdf[:500], "application/pdf"),
        (b"GIF89a", "image/gif"),
    ]


def _ask_on(running: Process, seed: int, end: threading.Event, seen: Counter[int], warm: list[int]) -> None:
    chance, kinds = random.Random(seed), _requests()
    for body, kind in chance.sample(kinds, len(kinds)):
        while exchange(running.address, body, kind).status == 429 and not end.wait(0.2):
            pass
    warm.append(seed)
    while not end.is_set():
        body, kind = chance.choice(kinds)
        if chance.random() < 0.1:  # hangs up in the middle of its body
            with socket.create_connection(running.address, timeout=60) as client:
                client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n")
                client.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body[: len(body) // 2])
            continue
        status = exchange(running.address, body, kind).status
        seen[status] += 1
        if status == 429:
            end.wait(chance.uniform(0.1, 0.5))


def main() -> int:
    """Run it; returns 0 if nothing grew and every answer was one that the requests deserve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", nargs="?", type=float, default=600.0)
    seconds = parser.parse_args().seconds
    seen: Counter[int] = Counter()
    warm: list[int] = []
    warm_up = seconds
    measured: list[tuple[float, float, int]] = []
    end = threading.Event()
    with service("--max-queue", "4", "--max-body-bytes", "2000000", "--deadline-seconds", "300") as running:
        pid = running.process.pid
        clients = [
            threading.Thread(target=_ask_on, args=(running, seed, end, seen, warm), daemon=True)
            for seed in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        start = time.monotonic()
        while (now := time.monotonic() - start) < seconds and running.process.poll() is None:
            if len(warm) == CLIENTS and now > min(WARM_UP, seconds / 3):
                warm_up = min(warm_up, now)
            measured.append((now, memory(running), len(os.listdir(f"/proc/{pid}/fd"))))
            if len(measured) % 60 == 0:
                print(
                    f"{now:5.0f} s  {measured[-1][1]:6.0f} MB  {measured[-1][2]:3} files  {seen.total():,} answers",
                    flush=True,
                )
            time.sleep(1)
        end.set()
        for client in clients:
            client.join(120)
        alive = running.process.poll() is None
    if warm_up > seconds - 20:
        print(f"FAILED: not every client had an answer to each request after {warm_up:.0f} s; give it more seconds")
        return 1
    # Ten seconds each, as one moment can fall into a large request.
    early = [row for row in measured if warm_up <= row[0] < warm_up + 10]
    late = measured[-10:]
    (before, files_before), (after, files_after) = (
        (median(row[1] for row in rows), median(row[2] for row in rows)) for rows in (early, late)
    )
    growth = after / before - 1
    print(f"answers by status: {dict(sorted(seen.items()))}")
    print(f"memory after {warm_up:.0f} s {before:.0f} MB, after {seconds:.0f} s {after:.0f} MB: {growth:+.1%}")
    print(f"open files {files_before:g}, then {files_after:g}")
    good = alive and growth <= GROWTH and files_after <= files_before + MORE_FILES and seen.keys() <= EXPECTED
    print("passed" if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

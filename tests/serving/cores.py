"""How busy the scheduler keeps 2 to 64 cores, simulated with a network that only sleeps.

python -m tests.serving.cores              # about a minute
python -m tests.serving.cores --cores 8    # one number alone

Twice as many clients as cores, at least eight, each with short and long policies (the five's numbers of windows), one
after the other. A core is busy while the network sleeps. The scheduler's own work needs a real core: on a machine that
does much else, the shares are lower.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from itertools import cycle

import numpy as np

from clausetag.model.windows import Unit, Window
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.scheduler import Scheduler

CORES = (2, 4, 8, 16, 32, 64)
WINDOWS = (5, 8, 9, 14, 19)
"""Of each of the five policies, about."""
LEAST = 0.95
_RESULT = np.zeros((1, 1, 1), dtype=np.float32)


async def simulate(cores: int, window_seconds: float, seconds: float) -> tuple[float, float]:
    """(busy share of the cores, policies a second) with two clients for each core."""
    busy = [0.0]
    answered = [0]
    stop = time.monotonic() + seconds

    def infer(_: Window) -> np.ndarray:
        start = time.perf_counter()
        time.sleep(window_seconds)
        busy[0] += time.perf_counter() - start  # of many threads, but under the global lock within a microsecond
        return _RESULT

    scheduler = Scheduler(infer, cores, Metrics())
    windows = [Window((0,) * 200, (Unit(0, 0, 1),), ())]

    async def client(first: int) -> None:
        for number in cycle(WINDOWS[first % len(WINDOWS) :] + WINDOWS[: first % len(WINDOWS)]):
            if time.monotonic() > stop:
                return
            await scheduler.run(windows * number)
            answered[0] += 1

    start = time.perf_counter()
    tasks = [asyncio.create_task(client(number)) for number in range(max(8, 2 * cores))]
    await asyncio.sleep(seconds)
    share, rate = busy[0] / (cores * (time.perf_counter() - start)), answered[0] / seconds
    await asyncio.gather(*tasks)
    await scheduler.close()
    return share, rate


def main() -> int:
    """Print the table; returns 1 if cores are idle for more than a twentieth of the time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, nargs="*", default=list(CORES))
    parser.add_argument("--milliseconds", type=float, default=8.0, help="of a window (8)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each simulation (8)")
    arguments = parser.parse_args()
    print("| cores | busy | policies a second |", "|---|---|---|", sep="\n")
    good = True
    for cores in arguments.cores:
        share, rate = asyncio.run(simulate(cores, arguments.milliseconds / 1000, arguments.seconds))
        print(f"| {cores} | {100 * share:.1f} % | {rate:.0f} |", flush=True)
        good = good and share >= LEAST
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

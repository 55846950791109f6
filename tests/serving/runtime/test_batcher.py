"""Batching by itself, with a network that is a function of the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

import numpy as np
import pytest

from clausetag.model.windows import Unit, Window
from clausetag.serving.errors import ApiError
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.batcher import Batcher


def window(name: int, tokens: int = 10) -> Window:
    return Window((0,) * tokens, (Unit(name, 0, 1),), ())


class Network:
    """Answers each window with its name; keeps what it was given, and can be held back."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.poison: int | None = None

    def __call__(self, windows: Sequence[Window]) -> list[Any]:
        names = [w.sentences[0].row for w in windows]
        self.batches.append(names)
        assert self.gate.wait(30)
        if self.poison in names:
            raise RuntimeError("the text of a policy")
        return [np.full((1, 1, 1), name) for name in names]


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


def names(results: list[Any]) -> list[int]:
    return [int(result[0, 0, 0]) for result in results]


async def begun(network: Network, count: int) -> None:
    while len(network.batches) < count:
        await asyncio.sleep(0.001)


def test_a_lone_request_is_one_batch() -> None:
    async def test() -> None:
        network = Network()
        batcher = Batcher(network, 100, Metrics())
        assert names(await batcher.run([window(n) for n in range(10)])) == list(range(10))
        assert network.batches == [list(range(10))]
        assert await batcher.run([]) == []
        await batcher.close()

    run(test())


def test_what_waits_shares_batches_within_the_budget() -> None:
    async def test() -> None:
        network = Network()
        batcher = Batcher(network, 40, Metrics())
        network.gate.clear()
        first = asyncio.create_task(batcher.run([window(0)]))
        await begun(network, 1)
        others = [asyncio.create_task(batcher.run([window(n)])) for n in range(1, 7)]
        await asyncio.sleep(0.01)
        network.gate.set()
        assert names(await first) == [0]
        assert [names(result) for result in await asyncio.gather(*others)] == [[n] for n in range(1, 7)]
        assert network.batches == [[0], [1, 2, 3, 4], [5, 6]]
        await batcher.close()

    run(test())


def test_a_piece_larger_than_the_budget_goes_alone() -> None:
    async def test() -> None:
        network = Network()
        batcher = Batcher(network, 40, Metrics())
        assert names(await batcher.run([window(1), window(2, 500), window(3)])) == [1, 2, 3]
        assert network.batches == [[1], [2], [3]]
        await batcher.close()

    run(test())


def test_short_requests_overtake_a_long_one_which_still_goes_on() -> None:
    async def test() -> None:
        network = Network()
        batcher = Batcher(network, 40, Metrics())
        network.gate.clear()
        done: list[str] = []
        long = asyncio.create_task(batcher.run([window(n) for n in range(100, 112)]))
        long.add_done_callback(lambda _: done.append("long"))
        await begun(network, 1)
        short = [asyncio.create_task(batcher.run([window(n)])) for n in range(6)]
        for number, task in enumerate(short):
            task.add_done_callback(lambda _, number=number: done.append(f"short {number}"))
        await asyncio.sleep(0.01)
        network.gate.set()
        assert names(await long) == list(range(100, 112))
        assert done == [*(f"short {n}" for n in range(6)), "long"]
        assert network.batches[1] == [104, 105, 0, 1]  # half for the oldest
        await batcher.close()

    run(test())


def test_of_the_others_those_with_least_left_come_first() -> None:
    async def test() -> None:
        network = Network()
        batcher = Batcher(network, 40, Metrics())
        network.gate.clear()
        long = asyncio.create_task(batcher.run([window(n) for n in range(100, 108)]))
        await begun(network, 1)
        others = [asyncio.create_task(batcher.run([window(10 * k + n) for n in range(k)])) for k in (3, 1, 2)]
        await asyncio.sleep(0.01)
        network.gate.set()
        await asyncio.gather(long, *others)
        assert network.batches == [[100, 101, 102, 103], [104, 105, 10, 20], [106, 107, 21, 30], [31, 32]]
        await batcher.close()

    run(test())


def test_a_cancelled_request_is_dropped() -> None:
    async def test() -> None:
        network = Network()
        batcher = Batcher(network, 20, Metrics())
        network.gate.clear()
        first = asyncio.create_task(batcher.run([window(n) for n in range(6)]))
        await begun(network, 1)
        waiting = asyncio.create_task(batcher.run([window(50)]))
        other = asyncio.create_task(batcher.run([window(60)]))
        await asyncio.sleep(0.01)
        first.cancel()
        waiting.cancel()
        await asyncio.gather(first, waiting, return_exceptions=True)
        network.gate.set()
        assert names(await other) == [60]
        assert network.batches == [[0, 1], [60]]
        await batcher.close()

    run(test())


def test_a_bad_request_harms_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        network = Network()
        batcher = Batcher(network, 100, Metrics())
        network.gate.clear()
        first = asyncio.create_task(batcher.run([window(0)]))
        await begun(network, 1)
        network.poison = 2
        tasks = [asyncio.create_task(batcher.run([window(n), window(n + 10)])) for n in (1, 2, 3)]
        await asyncio.sleep(0.01)
        network.gate.set()
        await first
        one, two, three = await asyncio.gather(*tasks, return_exceptions=True)
        assert not isinstance(one, BaseException) and names(one) == [1, 11]
        assert isinstance(two, ApiError) and (two.status, two.code) == (500, "inference_failed")
        assert not isinstance(three, BaseException) and names(three) == [3, 13]
        assert names(await batcher.run([window(7)])) == [7]
        await batcher.close()

    run(test())
    assert "the text of a policy" not in caplog.text


def test_a_dead_worker_is_replaced() -> None:
    async def test() -> None:
        network = Network()
        batcher = Batcher(network, 100, Metrics())
        network.gate.clear()
        lost = asyncio.create_task(batcher.run([window(1)]))
        await begun(network, 1)
        (worker,) = (task for task in asyncio.all_tasks() if task.get_name() == "batcher")
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        network.gate.set()
        assert names(await batcher.run([window(2)])) == [2]
        lost.cancel()
        await batcher.close()

    run(test())


def test_of_two_threads_one_goes_on_while_the_other_is_held() -> None:
    async def test() -> None:
        network = Network()
        batcher = Batcher(network, 20, Metrics(), threads=2)
        network.gate.clear()
        long = asyncio.create_task(batcher.run([window(n) for n in range(5)]))
        await begun(network, 2)
        await asyncio.sleep(0.01)
        assert sorted(network.batches) == [[0, 1], [2, 3]]  # and no third
        network.gate.set()
        assert names(await long) == list(range(5))
        assert network.batches[2] == [4]
        await batcher.close()

    run(test())


@pytest.mark.parametrize("threads", [1, 2])
def test_closing_lets_nobody_wait(threads: int) -> None:
    async def test() -> None:
        network = Network()
        batcher = Batcher(network, 100, Metrics(), threads=threads)
        network.gate.clear()
        tasks = [asyncio.create_task(batcher.run([window(n)])) for n in range(2)]
        await begun(network, 1)
        closing = asyncio.create_task(batcher.close())
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in found)
        network.gate.set()
        await closing

    run(test())

"""Scheduling by itself, with a network that is a function of the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from clausetag.model.windows import Unit, Window
from clausetag.serving.errors import ApiError
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.scheduler import Scheduler


def window(name: int) -> Window:
    return Window((0,) * 10, (Unit(name, 0, 1),), ())


class Network:
    """Answers each window with its name; keeps what it was given, and can be held back."""

    def __init__(self) -> None:
        self.names: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.poison: int | None = None

    def __call__(self, window: Window) -> Any:
        name = window.sentences[0].row
        self.names.append(name)
        assert self.gate.wait(30)
        if self.poison == name:
            raise RuntimeError("the text of a policy")
        return np.full((1, 1, 1), name)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


def names(results: list[Any]) -> list[int]:
    return [int(result[0, 0, 0]) for result in results]


async def begun(network: Network, count: int) -> None:
    while len(network.names) < count:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_results_are_in_the_order_of_the_windows(threads: int) -> None:
    async def test() -> None:
        network = Network()
        scheduler = Scheduler(network, threads, Metrics())
        found = await asyncio.gather(*(scheduler.run([window(100 * k + n) for n in range(10)]) for k in range(20)))
        assert [names(each) for each in found] == [[100 * k + n for n in range(10)] for k in range(20)]
        assert await scheduler.run([]) == []
        await scheduler.close()

    run(test())


def test_short_requests_come_first_and_the_oldest_still_goes_on() -> None:
    async def test() -> None:
        network = Network()
        scheduler = Scheduler(network, 1, Metrics())
        network.gate.clear()
        long = asyncio.create_task(scheduler.run([window(n) for n in range(100, 106)]))
        await begun(network, 1)
        others = [asyncio.create_task(scheduler.run([window(10 * k + n) for n in range(k)])) for k in (3, 1, 2)]
        await asyncio.sleep(0.01)
        network.gate.set()
        await asyncio.gather(long, *others)
        # Of the others, those with the fewest windows left; every fourth window is the oldest request's.
        assert network.names == [100, 10, 20, 101, 21, 30, 31, 102, 32, 103, 104, 105]
        await scheduler.close()

    run(test())


def test_the_oldest_request_is_answered_however_many_short_ones_keep_coming() -> None:
    async def test() -> None:
        scheduler = Scheduler(Network(), 1, Metrics())
        long = asyncio.create_task(scheduler.run([window(n) for n in range(50)]))

        async def keep_coming() -> None:
            while not long.done():
                await scheduler.run([window(0)])

        crowd = [asyncio.create_task(keep_coming()) for _ in range(20)]
        assert names(await long) == list(range(50))
        await asyncio.gather(*crowd)
        await scheduler.close()

    run(test())


def test_each_thread_takes_a_window_of_its_own() -> None:
    async def test() -> None:
        network = Network()
        scheduler = Scheduler(network, 3, Metrics())
        network.gate.clear()
        task = asyncio.create_task(scheduler.run([window(n) for n in range(5)]))
        await begun(network, 3)
        await asyncio.sleep(0.01)
        assert sorted(network.names) == [0, 1, 2]
        network.gate.set()
        assert names(await task) == list(range(5))
        await scheduler.close()

    run(test())


def test_a_cancelled_request_is_dropped() -> None:
    async def test() -> None:
        network, metrics = Network(), Metrics()
        scheduler = Scheduler(network, 1, metrics)
        network.gate.clear()
        first = asyncio.create_task(scheduler.run([window(n) for n in range(6)]))
        await begun(network, 1)
        waiting = asyncio.create_task(scheduler.run([window(50)]))
        other = asyncio.create_task(scheduler.run([window(60)]))
        await asyncio.sleep(0.01)
        assert b"clausetag_queue_windows 7.0" in metrics.text()
        first.cancel()
        waiting.cancel()
        await asyncio.gather(first, waiting, return_exceptions=True)
        assert b"clausetag_queue_windows 1.0" in metrics.text()
        network.gate.set()
        assert names(await other) == [60]
        assert network.names == [0, 60]
        assert b"clausetag_queue_windows 0.0" in metrics.text()
        await scheduler.close()

    run(test())


def test_a_bad_request_harms_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        network = Network()
        scheduler = Scheduler(network, 2, Metrics())
        network.poison = 2
        tasks = [scheduler.run([window(n), window(n + 10)]) for n in (1, 2, 3)]
        one, two, three = await asyncio.gather(*tasks, return_exceptions=True)
        assert not isinstance(one, BaseException) and names(one) == [1, 11]
        assert isinstance(two, ApiError) and (two.status, two.code) == (500, "inference_failed")
        assert not isinstance(three, BaseException) and names(three) == [3, 13]
        assert names(await scheduler.run([window(7)])) == [7]
        await scheduler.close()

    run(test())
    assert "the text of a policy" not in caplog.text


def test_a_stream_comes_in_order_and_waits_for_who_takes_it() -> None:
    async def test() -> None:
        network, metrics = Network(), Metrics()
        scheduler = Scheduler(network, 4, metrics)
        stream = scheduler.stream([window(n) for n in range(20)], ahead=3)
        assert names([await anext(stream)]) == [0]
        await asyncio.sleep(0.05)
        assert sorted(network.names) == [0, 1, 2]
        assert names(await scheduler.run([window(50)])) == [50], "others don't wait for it"
        assert names([result async for result in stream]) == list(range(1, 20))
        given_up = scheduler.stream([window(n) for n in range(100, 120)], ahead=2)
        await anext(given_up)
        await given_up.aclose()
        assert b"clausetag_queue_windows 0.0" in metrics.text()
        network.poison = 3
        with pytest.raises(ApiError):
            [result async for result in scheduler.stream([window(n) for n in range(9)], ahead=3)]
        await scheduler.close()

    run(test())


@pytest.mark.parametrize("threads", [1, 2])
def test_closing_lets_nobody_wait(threads: int) -> None:
    async def test() -> None:
        network = Network()
        scheduler = Scheduler(network, threads, Metrics())
        network.gate.clear()
        tasks = [asyncio.create_task(scheduler.run([window(n)])) for n in range(3)]
        await begun(network, threads)
        closing = asyncio.create_task(scheduler.close())
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in found)
        await closing  # although the network has not returned
        network.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await scheduler.run([window(0)])

    run(test())

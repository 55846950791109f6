"""The lanes of reader processes: who waits for whom, and what becomes of calls that take long or break a process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from clausetag.data.errors import DocumentError
from clausetag.serving.errors import ApiError
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.admission import ConcurrencyLimiter
from clausetag.serving.runtime.readers import ReaderLimits, Readers
from tests.data import calls

posix = pytest.mark.skipif(os.name != "posix", reason="asks by signal 0 whether a process is there")
Test = Callable[[Readers], Awaitable[None]]


def in_loop(test: Test, *, quick: int = 1, long: int = 1, seconds: float = 60, waiting: int = 8) -> None:
    async def whole() -> None:
        limits = ReaderLimits(quick, long, seconds, memory=500_000_000)
        limiter = ConcurrencyLimiter(waiting, "taking long to read", Metrics().long_readings)
        readers = Readers(limits, limiter, partial(calls.echo, b""))
        await readers.start()
        try:
            await test(readers)
        finally:
            await readers.close()

    asyncio.run(asyncio.wait_for(whole(), 60))


async def pid(readers: Readers, size: int = 0) -> int:
    return await readers.run(calls.pid, size=size, decode=int)


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.01)


def exited(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_processes_are_reused_and_large_calls_have_their_own() -> None:
    async def test(readers: Readers) -> None:
        quick, again, long = await pid(readers), await pid(readers), await pid(readers, 10**6)
        assert quick == again != long == await pid(readers, 10**6)

    in_loop(test)


def test_a_call_that_takes_long_holds_up_no_short_one(tmp_path: Path) -> None:
    async def test(readers: Readers) -> None:
        long = asyncio.create_task(readers.run(calls.sleep, str(tmp_path / "pids"), size=10, decode=len))
        spinning = asyncio.create_task(readers.run(calls.spin, size=10, decode=len))
        for _ in range(5):
            await pid(readers)
        assert not long.done() and not spinning.done()
        for each in (long, spinning):
            each.cancel()
        await asyncio.gather(long, spinning, return_exceptions=True)

    in_loop(test)


def test_a_short_call_that_gets_no_core_for_a_while_is_no_long_one() -> None:
    async def test(readers: Readers) -> None:
        assert await readers.run(calls.wait, 1.0, size=150_000, decode=int) == await pid(readers)

    in_loop(test)


@posix
def test_cancelling_ends_the_process_that_works_on_it(tmp_path: Path) -> None:
    async def test(readers: Readers) -> None:
        pids = tmp_path / "pids"
        call = asyncio.create_task(readers.run(calls.sleep, str(pids), size=10**6, decode=len))
        await until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await until(lambda: all(exited(int(each)) for each in pids.read_text().split()))
        assert await pid(readers, 10**6), "another takes its place"

    in_loop(test)


def test_what_a_call_does_to_its_process_is_an_error_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    async def test(readers: Readers) -> None:
        for function, argument, code in (
            (calls.crash, (), "unreadable"),
            (calls.spin, (), "unreadable"),
            (calls.fill, (600_000_000,), "too_large"),
            (calls.fail, (0,), "failed"),
        ):
            for size in (0, 10**6):
                with pytest.raises(DocumentError) as caught:
                    await readers.run(function, *argument, size=size, decode=len)
                assert caught.value.code == code
                assert await pid(readers, size)

    in_loop(test, seconds=1)
    assert "a message" not in caplog.text


def test_no_more_calls_wait_in_the_long_lane_than_allowed() -> None:
    async def test(readers: Readers) -> None:
        waiting = [asyncio.create_task(readers.run(calls.spin, size=10**6, decode=len)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as caught:
            await pid(readers, 10**6)
        assert (caught.value.status, caught.value.code) == (429, "overloaded")
        await pid(readers)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await pid(readers, 10**6)

    in_loop(test, waiting=3)


def test_small_calls_are_served_before_large_ones_that_came_first() -> None:
    async def test(readers: Readers) -> None:
        order: list[int] = []

        async def call(size: int) -> None:
            await pid(readers, size)
            order.append(size)

        spinning = asyncio.create_task(readers.run(calls.spin, size=0, decode=len))
        await asyncio.sleep(0)
        await asyncio.gather(*(call(size) for size in (200_000, 100_000, 10)))
        assert order == [10, 100_000, 200_000]
        spinning.cancel()
        await asyncio.gather(spinning, return_exceptions=True)

    in_loop(test)


@posix
def test_processes_that_somebody_kills_are_replaced() -> None:
    async def test(readers: Readers) -> None:
        for size in (0, 10**6):
            victim = await pid(readers, size)
            os.kill(victim, 9)
            await until(lambda victim=victim: exited(victim))  # type: ignore[misc]
            assert await pid(readers, size) != victim

    in_loop(test)


def test_closing_lets_nobody_wait() -> None:
    async def test(readers: Readers) -> None:
        tasks = [asyncio.create_task(readers.run(calls.spin, size=size, decode=len)) for size in (0, 10**6) * 3]
        await asyncio.sleep(0.1)
        await readers.close()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError | DocumentError) for each in found)

    in_loop(test)

"""Batches in a thread: order, errors, cancellation, and when there is anything to wait for."""

import asyncio
import threading
from collections.abc import Sequence
from time import perf_counter

import pytest

from streamer.turn_embedding.batcher import Batcher
from streamer.turn_embedding.fair_queue import Priority, Urgency


def final() -> Priority:
    return Priority(Urgency.FINAL)


class Doubler:
    """Doubles numbers, slowly if it is held; breaks on 13."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()

    def work(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        assert self.free.wait(10)
        if 13 in numbers:
            raise ValueError("unlucky")
        return [2 * number for number in numbers]


async def test_what_comes_together_is_done_together() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler.work, "test", limit=4, gather_s=0.05)
    batcher.streams = 9
    results = await asyncio.gather(*(batcher.do(stream, stream, final()) for stream in range(6)))
    assert results == [0, 2, 4, 6, 8, 10]
    assert doubler.batches == [[0, 1, 2, 3], [4, 5]]


async def test_with_one_stream_nothing_is_waited_for() -> None:
    batcher = Batcher(Doubler().work, "test", limit=4, gather_s=5.0)
    batcher.streams = 1
    began = perf_counter()
    assert await batcher.do("only", 1, final()) == 2
    batcher.streams = 2
    both = [batcher.do(stream, 1, final()) for stream in ("one", "other")]
    assert await asyncio.gather(*both) == [2, 2]
    assert perf_counter() - began < 4


async def test_what_is_not_urgent_waits_longer_the_more_streams_there_are() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler.work, "test", limit=9, gather_s=0.05)
    batcher.streams = 160  # half a second

    async def both(priority: Priority) -> float:
        began = perf_counter()
        one = asyncio.create_task(batcher.do("one", 1, priority))
        await asyncio.sleep(0.15)
        assert await batcher.do("other", 2, priority) == 4
        assert await one == 2
        return perf_counter() - began

    assert await both(Priority(Urgency.SPECULATIVE)) > 0.45
    assert doubler.batches == [[1, 2]]
    doubler.batches.clear()
    await both(final())
    assert doubler.batches == [[1], [2]]


async def test_one_streams_error_is_not_the_others() -> None:
    batcher = Batcher(Doubler().work, "test", limit=4, gather_s=0.01)
    batcher.streams = 9
    results = await asyncio.gather(
        *(batcher.do(number, number, final()) for number in (1, 13, 3)), return_exceptions=True
    )
    assert isinstance(results[1], ValueError)
    assert [results[0], results[2]] == [2, 6]


async def test_what_is_cancelled_before_it_began_is_not_done_and_the_urgent_goes_first() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler.work, "test")
    doubler.free.clear()
    running = asyncio.create_task(batcher.do("a", 1, final()))
    ahead = Priority(Urgency.SPECULATIVE)
    dropped, kept, urgent = (
        asyncio.create_task(batcher.do("a", number, priority))
        for number, priority in ((2, ahead), (3, ahead), (4, final()))
    )
    while not doubler.batches:
        await asyncio.sleep(0.01)
    dropped.cancel()
    await asyncio.sleep(0.01)
    assert batcher.lag_s(Urgency.FINAL) > 0
    doubler.free.set()
    assert [await each for each in (running, kept, urgent)] == [2, 6, 8]
    assert doubler.batches == [[1], [4], [3]]
    assert batcher.lag_s(Urgency.PARTIAL) == 0
    with pytest.raises(asyncio.CancelledError):
        await dropped


class Broken:
    """Fails as it is told to, on what is negative."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def work(self, numbers: Sequence[int]) -> list[int]:
        if min(numbers) < 0:
            raise self.error
        return list(numbers)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        SystemError("error return without exception set"),
        RecursionError(),
        StopIteration(),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        BaseException("of no kind"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_happens_in_the_thread_its_jobs_are_answered_and_it_goes_on(
    error: BaseException,
) -> None:
    batcher = Batcher(Broken(error).work, "test", limit=4, gather_s=0.01)
    batcher.streams = 9
    async with asyncio.timeout(20):
        results = await asyncio.gather(
            *(batcher.do(number, number, final()) for number in (1, -2, 3)), return_exceptions=True
        )
        assert [results[0], results[2]] == [1, 3]
        assert isinstance(results[1], Exception)
        assert type(error).__name__ in repr(results[1])
        assert await batcher.do("later", 4, final()) == 4


async def test_too_few_results_are_an_error_of_those_that_have_none() -> None:
    def work(numbers: Sequence[int]) -> list[int]:
        return [number for number in numbers if number != 13]

    batcher = Batcher(work, "test", limit=4, gather_s=0.01)
    batcher.streams = 9
    async with asyncio.timeout(20):
        results = await asyncio.gather(
            *(batcher.do(number, number, final()) for number in (1, 13, 3)), return_exceptions=True
        )
    assert [results[0], results[2]] == [1, 3]
    assert isinstance(results[1], RuntimeError)


async def test_jobs_are_answered_where_the_thread_has_ended() -> None:
    batcher = Batcher(Doubler().work, "test")
    batcher.close()
    async with asyncio.timeout(20):
        with pytest.raises(RuntimeError):
            await batcher.do("a", 1, final())
